"""Networks in files, whatever wrote them: the record of a run, or ``Model.save``.

A file holds layers and, unless a stranger wrote it, facts: what ``nnrun.model.load`` says of a
network besides its parameters. This part reads both and makes nothing of the facts.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nnrun.errors import InputError, Issue, listed, shown
from nnrun.network.mlp import Layer, Params, taken
from nnrun.records.archive import Array, checked, read_arrays
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
from nnrun.records.trials import layers_in

FORMAT, VERSION = "nnrun.network", 1
MOST_LISTED = 12
ANEW = f"it takes a folder or {RECORD} of a run, or a .npz or .json file of Model.save"

NETWORKS = {
    "meta": Array("u1", ("byte",), needed=False),
    "seeds": Array("i8", ("trial",), kinds="u"),
    "params/*/weights": Array("f8", ("trial", "fan_in*", "fan_out*"), kinds="iu"),
    "params/*/bias": Array("f8", ("trial", "..."), kinds="iu"),
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
}  # fmt: skip
"""What a file may say of its networks, all of which may be missing."""

OF_JSON = {**FACTS, "layers": [{"weights": [list], "bias": list}]}


@dataclass(frozen=True, eq=False)
class SavedNetworks:
    """The networks of one file: equal but for seed and parameters.

    Attributes:
        path: Of the file.
        facts: What they are besides their parameters; empty if the file does not say.
        seeds: Of each network; (None,) if the file does not say.
        params: Weights of shape (seed, fan_in, fan_out) and biases of shape (seed, fan_out).
    """

    path: Path
    facts: Mapping[str, Any]
    seeds: tuple[int | None, ...]
    params: Params

    @property
    def features(self) -> tuple[str, ...] | None:
        """Names of the network's inputs, a row of the first weights each; None if unknown."""
        features = self.facts.get("features")
        names = features.get("names") if isinstance(features, Mapping) else None
        return None if names is None else tuple(names)

    def at(self, seed: int | None) -> int:
        """Return the place of a seed's network, of the first if None.

        Raises:
            InputError: If there is none, with the seeds that there are.
        """
        if seed is None:
            return 0
        if seed in self.seeds:
            return self.seeds.index(seed)
        known = listed([str(s) for s in self.seeds]) if self.seeds != (None,) else "none is named"
        raise InputError(Issue("seed", seed, f"is not in {self.path}", f"known: {known}"))

    def taken(self, places: Sequence[int]) -> Params:
        """Return the parameters of some of the networks."""
        return taken(self.params, np.array(places, dtype=np.intp))


def read_networks(path: str | Path) -> SavedNetworks:
    """Read the networks of a run, of a job of a sweep, or of a file.

    Args:
        path: A folder with one record in it, the record itself, or a file of ``Model.save``. A
            JSON file of ``layers`` alone is fine, too.

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
        told = [f"{key}={shown(config.get(key))}" for key in keys]
        jobs.append(" ".join([path.parent.relative_to(folder).as_posix(), *told]))
    return "; ".join(jobs) + ("" if len(jobs) == len(records) else "; ...")


@lru_cache(maxsize=4)
def _read(file: Path, modified: int, size: int) -> SavedNetworks:
    """Read a file; the arguments tell a changed one from the one read before."""
    with reading("path", file, "network", ANEW):
        read = _of_json if file.suffix.lower() == ".json" else _of_npz
        return _checked(read(file))


def networks_of(record: Record) -> SavedNetworks:
    """Take the networks of a record that was read so far at least."""
    meta = record.meta
    if meta["error"]:
        raise _unreadable(record.path, "has no network: its training failed", "see its log")
    facts = {**meta.get("network", {}), **{k: meta[k] for k in ("setting", "config", "samples")}}
    seeds = tuple(record.seeds.tolist())
    return SavedNetworks(record.path, facts, seeds, _flat(record.trials.params))


def _of_npz(file: Path) -> SavedNetworks:
    arrays = read_arrays(file, {"meta": NETWORKS["meta"]})
    meta = parse_plain(arrays["meta"].tobytes(), FACTS) if arrays else {}
    if "schema" in meta:
        record = read_record(file, "networks", "path")
        require(record.meta.get("network", {}), FACTS, "network")
        return networks_of(record)
    arrays = read_arrays(file, NETWORKS)
    seeds = tuple(None if seed < 0 else seed for seed in arrays["seeds"].tolist())
    return SavedNetworks(file, meta, seeds, _flat(layers_in(arrays)))


def _of_json(file: Path) -> SavedNetworks:
    facts = read_plain(file, OF_JSON)
    arrays = {"seeds": np.zeros(1, np.int64)}
    for number, layer in enumerate(facts.pop("layers")):
        for part in Layer._fields:
            try:
                arrays[f"params/{number}/{part}"] = np.array(layer[part])[None]
            except ValueError:
                raise Damaged(f"the {part} of layer {number + 1} are ragged") from None
    params = _flat(layers_in(checked(arrays, NETWORKS)))
    return SavedNetworks(file, facts, (facts.pop("seed", None),), params)


def _flat(layers: Params) -> Params:
    """Return layers whose biases have the shape (seed, fan_out)."""
    return tuple(Layer(w, b.reshape(len(b), math.prod(b.shape[1:]))) for w, b in layers)


def _checked(networks: SavedNetworks) -> SavedNetworks:
    """Check version and shapes."""
    file, facts = networks.path, networks.facts
    require_version(facts.get("version", VERSION), VERSION, facts.get("versions"))
    if not networks.params or not networks.seeds:
        raise _unreadable(file, "has no layers in it")
    if len(set(networks.seeds)) < len(networks.seeds):
        raise Damaged("it has a seed twice")
    first = networks.params[0].weights
    if networks.features is not None and len(networks.features) != first.shape[1]:
        rule = f"names {len(networks.features)} inputs, and its weights have {first.shape[1]} rows"
        raise _unreadable(file, rule)
    extra = first.shape[1] if networks.facts.get("shortcut") else 0
    gets = first.shape[1]
    for number, (weights, bias) in enumerate(networks.params, 1):
        if weights.ndim != 3 or bias.shape != (len(networks.seeds), weights.shape[-1]):
            shapes = f"{weights.shape[1:]}, and biases of shape {bias.shape[1:]}"
            raise _unreadable(file, f"has weights of shape {shapes}, in layer {number}")
        if weights.shape[1] != gets:
            rule = f"has {weights.shape[1]} rows of weights in layer {number}, which gets {gets}"
            raise _unreadable(file, f"{rule} values")
        gets = weights.shape[2] + extra
    return networks


def _unreadable(file: Path, rule: str, hint: str = "") -> InputError:
    return InputError(Issue("path", file, rule, hint))
