"""Networks in files, whatever wrote them: the record of a run, or ``NeuralNetwork.save``.

A file holds layers and, unless a stranger wrote it, facts: what ``nnrun.model.load`` says of a
network besides its parameters. This part reads both and makes nothing of the facts.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nnrun.errors import InputError, Issue, as_typed, listed
from nnrun.network.mlp import Layer
from nnrun.records.archive import Array, Arrays, checked, read_arrays
from nnrun.records.plain import (
    NUMBER,
    TEXT,
    Damaged,
    parse_plain,
    read_plain,
    reading,
    require,
    require_version,
)
from nnrun.records.record import RECORD, Record, find_records, read_record
from nnrun.records.trials import Outcomes, Trials

FORMAT, VERSION = "nnrun.network", 1
MOST_LISTED = 12
ANEW = f"it takes a folder or {RECORD} of a run, or a .npz or .json file of NeuralNetwork.save"

NETWORKS = {
    "meta": Array("u1", ("byte",), needed=False),
    "seeds": Array("i8", ("trial",), kinds="u"),
    "params/*/weights": Array("f8", ("trial", "fan_in*", "fan_out*"), kinds="iu"),
    "params/*/bias": Array("f8", ("trial", "..."), kinds="iu"),
    "memory/*": Array("f8", ("trial", "...")),
}
"""The arrays of an archive that matter here."""

NAMES, SECTION = [str], {"name?": str, "_target_?": str}
SHIFTS = ([float], None)
COLUMN = {
    "name": str, "values?": NAMES, "fill?": (*NUMBER, *TEXT), "mean?": NUMBER, "spread?": NUMBER,
    "yes_no?": bool,
}  # fmt: skip
RULES = {"missing_words?": NAMES, "decimal?": str}
FACTS = {
    "format?": TEXT, "task?": str, "inputs?": NAMES, "outputs?": NAMES, "sizes?": [int],
    "activations?": [SECTION], "shortcut?": bool, "bias?": bool, "boundary?": NUMBER,
    "features?": {
        "entry?": SECTION, "inputs?": NAMES, "names?": NAMES, "shift?": SHIFTS, "scale?": SHIFTS,
    },
    "encoder?": (
        {
            "columns": [COLUMN], "label": str, "classes": NAMES, "mean?": NUMBER,
            "spread?": NUMBER, "rules?": RULES,
        },
        None,
    ),
    "setting?": TEXT, "config?": dict, "samples?": (int, type(None)), "seed?": (int, type(None)),
    "steps?": int, "engine?": str,
}  # fmt: skip
"""What a file may say of its networks, all of which may be missing."""

OF_JSON = {**FACTS, "layers": [{"weights": [list], "bias": list}], "memory?": [list]}


UNKNOWN = -1
"""Stands for a seed that a file does not say."""


def read_networks(path: str | Path) -> Record:
    """Read the networks of a run, of a job of a sweep, or of a file.

    Args:
        path: A folder with one record in it, the record itself, or a file of
            ``NeuralNetwork.save``. A JSON file of ``layers`` alone is fine, too.

    Returns:
        Seeds, ``UNKNOWN`` where the file names none, and parameters; ``meta`` says as much as the
        file does, and of the network under the key ``network``.

    Raises:
        InputError: If there is none, several jobs to choose from, or no network in it.
    """
    named = Path(path).expanduser()
    with reading("path", named, "network", ANEW):
        file, *others = find_records(named, "path")
        about = file.stat()
    if others:
        hint = f"take the folder of one: {_differences(named, [file, *others])}"
        raise InputError(Issue("path", named, f"holds {1 + len(others)} jobs", hint))
    return _read(file, about.st_mtime_ns, about.st_size)


def _differences(folder: Path, records: Sequence[Path]) -> str:
    """List jobs with the keys in which they differ."""
    configs: dict[Path, Mapping[str, Any]] = {}
    for path in records[:MOST_LISTED]:
        configs[path] = {}
        with suppress(InputError):
            configs[path] = read_record(path, "networks").meta["config"]
    first = configs[records[0]]
    keys = [key for key in first if any(c.get(key) != first[key] for c in configs.values())]
    jobs = []
    for path, config in configs.items():
        told = [f"{key}={as_typed(config.get(key))}" for key in keys]
        jobs.append(" ".join([path.parent.relative_to(folder).as_posix(), *told]))
    return "; ".join(jobs) + ("" if len(jobs) == len(records) else "; ...")


@lru_cache(maxsize=4)
def _read(file: Path, modified: int, size: int) -> Record:
    """Read a file; the arguments tell a changed one from the one read before."""
    with reading("path", file, "network", ANEW):
        read = _of_json if file.suffix.lower() == ".json" else _of_npz
        return _checked(read(file))


def _of_npz(file: Path) -> Record:
    arrays = read_arrays(file, {"meta": NETWORKS["meta"]})
    meta = parse_plain(arrays["meta"].tobytes(), FACTS) if arrays else {}
    if "schema" not in meta:
        return _made(file, meta, read_arrays(file, NETWORKS))
    record = read_record(file, "networks", "path")
    require(record.meta.get("network", {}), FACTS, "network")
    return record


def _of_json(file: Path) -> Record:
    facts = read_plain(file, OF_JSON)
    seed = facts.pop("seed", None)
    arrays = {"seeds": np.array([UNKNOWN if seed is None else seed])}
    for number, layer in enumerate(facts.pop("layers")):
        for part in Layer._fields:
            try:
                arrays[f"params/{number}/{part}"] = np.array(layer[part])[None]
            except ValueError:
                raise Damaged(f"the {part} of layer {number + 1} are ragged") from None
    for number, part in enumerate(facts.pop("memory", ())):
        try:
            arrays[f"memory/{number}"] = np.array(part, np.float64)[None]
        except (TypeError, ValueError):
            raise Damaged("the optimizer's state is ragged, or no numbers") from None
    return _made(file, facts, checked(arrays, NETWORKS))


def _made(file: Path, facts: Mapping[str, Any], arrays: Arrays) -> Record:
    """Make a record of what a file says that is none."""
    origin: dict[str, Any] = {"setting": None, "config": {}, "samples": None}
    meta = {**{key: facts.get(key, usual) for key, usual in origin.items()}, "error": None}
    arrays["seeds"] = np.maximum(arrays["seeds"], UNKNOWN)
    nothing = Outcomes(*[np.empty(0)] * 4)  # type: ignore[arg-type]
    trials = Trials.from_arrays(arrays, facts.get("engine", "none"))
    return Record({**meta, "network": facts}, trials, nothing, file)


def _checked(record: Record) -> Record:
    """Check version and shapes; biases of any shape become those of a stack."""
    file, facts, seeds = record.path, record.meta.get("network", {}), record.seeds
    if record.meta["error"]:
        raise _unreadable(file, "has no network: its training failed", "see its log")
    require_version(facts.get("version", VERSION), VERSION, facts.get("versions"))
    params = record.trials.params
    if not params or not len(seeds):
        raise _unreadable(file, "has no layers in it")
    if len(set(seeds.tolist())) < len(seeds):
        raise Damaged("it has a seed twice")
    gets = n_inputs = params[0].weights.shape[1]
    names = feature_names(record)
    if names is not None and len(names) != n_inputs:
        rule = f"names {len(names)} inputs, and its weights have {n_inputs} rows"
        raise _unreadable(file, rule)
    layers = []
    for number, (weights, bias) in enumerate(params, 1):
        flat = bias.reshape(len(bias), math.prod(bias.shape[1:]))
        if weights.ndim != 3 or flat.shape != (len(seeds), weights.shape[-1]):
            shapes = f"{weights.shape[1:]}, and biases of shape {flat.shape[1:]}"
            raise _unreadable(file, f"has weights of shape {shapes}, in layer {number}")
        if weights.shape[1] != gets:
            rule = f"has {weights.shape[1]} rows of weights in layer {number}, which gets {gets}"
            raise _unreadable(file, f"{rule} values")
        gets = weights.shape[2] + (n_inputs if facts.get("shortcut") else 0)
        layers.append(Layer(weights, flat[:, None]))
    return replace(record, trials=replace(record.trials, params=tuple(layers)))


def feature_names(record: Record) -> tuple[str, ...] | None:
    """Name a network's inputs, a row of the first weights each; None if unknown."""
    features = record.meta.get("network", {}).get("features")
    names = features.get("names") if isinstance(features, Mapping) else None
    return None if names is None else tuple(names)


def network_at(record: Record, seed: int | None) -> int:
    """Return the place of a seed's network, of the first if None.

    Raises:
        InputError: If there is none, with the seeds that there are.
    """
    seeds = record.seeds.tolist()
    if seed is None:
        return 0
    if seed in seeds and seed != UNKNOWN:
        return int(seeds.index(seed))
    known = listed([str(s) for s in seeds]) if seeds != [UNKNOWN] else "none is named"
    raise InputError(Issue("seed", seed, f"is not in {record.path}", f"known: {known}"))


def _unreadable(file: Path, rule: str, hint: str = "") -> InputError:
    return InputError(Issue("path", file, rule, hint))
