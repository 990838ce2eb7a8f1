"""Networks in files, whatever wrote them: the record of a run, or ``Model.save``.

A file holds layers and, unless a stranger wrote it, facts: what ``nnrun.model.facts`` says of a
network besides its parameters. This part reads both and makes nothing of the facts.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from nnrun.errors import InputError, Issue, listed, shown
from nnrun.network.mlp import Layer, Params
from nnrun.network.params import taken

RECORD = "record.npz"
FORMAT, VERSION = "nnrun.network", 1
MOST_LISTED = 12
ARCHIVE = b"PK"
"""How a file begins that is a zip archive, as .npz files are."""


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
    file = find_file(Path(path).expanduser())
    facts = file.stat()
    return _read(file, facts.st_mtime_ns, facts.st_size)


def layers_in(arrays: Mapping[str, Any]) -> Params:
    """Return the layers among the named arrays of a record; KeyError if one is not whole."""
    n_layers = sum(key.startswith("params/") and key.endswith("/bias") for key in arrays)
    each = ((arrays[f"params/{i}/{part}"] for part in Layer._fields) for i in range(n_layers))
    return tuple(Layer(*parts) for parts in each)


def find_file(path: Path) -> Path:
    """Return the one file that a path stands for.

    Raises:
        InputError: If there is none or more than one.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        rule = f"is not there; looked in {path.absolute().parent}"
        raise InputError(Issue("path", path, rule, "for instance outputs/runs/DATE_TIME"))
    if (path / RECORD).is_file():
        return path / RECORD
    records = sorted(path.rglob(RECORD), key=lambda p: (len(p.parent.name), str(p)))
    if len(records) == 1:
        return records[0]
    if not records:
        rule = f"holds no {RECORD}, so it is not the folder of a finished run or job"
        raise InputError(Issue("path", path, rule))
    hint = f"take the folder of one: {_differences(path, records)}"
    raise InputError(Issue("path", path, f"holds {len(records)} jobs", hint))


def _differences(folder: Path, records: Sequence[Path]) -> str:
    """List jobs with the keys in which they differ."""
    some = records[:MOST_LISTED]
    configs = [_meta(_opened(path)).get("config", {}) for path in some]
    keys = [k for k in configs[0] if any(c.get(k) != configs[0][k] for c in configs)]
    jobs = (
        " ".join(
            [path.parent.relative_to(folder).as_posix(), *(f"{k}={shown(c.get(k))}" for k in keys)]
        )
        for path, c in zip(some, configs, strict=True)
    )
    return "; ".join(jobs) + ("" if len(some) == len(records) else "; ...")


@lru_cache(maxsize=4)
def _read(file: Path, modified: int, size: int) -> SavedNetworks:
    """Read a file; the arguments tell a changed one from the one read before."""
    if file.suffix.lower() == ".json":
        return _of_json(file)
    arrays = _opened(file)
    meta = _meta(arrays)
    if meta.get("error"):
        raise _unreadable(file, "has no network: its training failed", "see its log")
    try:
        pairs = layers_in(arrays)
        seeds = tuple(None if seed < 0 else seed for seed in arrays["seeds"].tolist())
    except KeyError as error:
        raise _unreadable(file, f"has no {error} in it") from None
    if meta.get("format") != FORMAT:
        network = meta.get("network", {})
        meta = {**network, **{k: meta[k] for k in ("setting", "config", "samples") if k in meta}}
    params = tuple(Layer(w, b.reshape(len(b), -1)) for w, b in pairs)
    return _checked(SavedNetworks(file, meta, seeds, params))


def _of_json(file: Path) -> SavedNetworks:
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        layers = [(layer["weights"], layer["bias"]) for layer in facts.pop("layers")]
        params = tuple(
            Layer(np.array(w, dtype=np.float64)[None], np.array(b, dtype=np.float64)[None])
            for w, b in layers
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        rule = f"is not a saved network ({type(error).__name__}: {error})"
        raise _unreadable(file, rule) from None
    return _checked(SavedNetworks(file, facts, (facts.pop("seed", None),), params))


def _checked(networks: SavedNetworks) -> SavedNetworks:
    """Check version and shapes."""
    file, version = networks.path, networks.facts.get("version", VERSION)
    if version != VERSION:
        raise _unreadable(file, f"has version {version}, and this nnrun reads {VERSION}")
    if not networks.params:
        raise _unreadable(file, "has no layers in it")
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


def _opened(file: Path) -> dict[str, Any]:
    """Read the arrays that matter here."""
    try:
        with file.open("rb") as opened:
            if opened.read(len(ARCHIVE)) != ARCHIVE:
                rule = "is not a saved network: neither a .npz archive nor a .json file"
                raise _unreadable(file, rule)
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as arrays:
                wanted = (k for k in arrays.files if not k.startswith(("curves/", "outcomes/")))
                return {key: _array(file, arrays, key) for key in wanted}
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    except (EOFError, RuntimeError, BadZipFile, zlib.error) as error:
        reason = f"is not a saved network, or is damaged: {error}"
    raise _unreadable(file, reason)


def _array(file: Path, arrays: Mapping[str, Any], key: str) -> Any:
    """Read one array; NumPy's own messages advise to trust the file."""
    try:
        found = arrays[key]
    except ValueError:
        found = None
    if not isinstance(found, np.ndarray):
        rule = f"is not a saved network, or is damaged: '{key}' is no array of plain numbers"
        raise _unreadable(file, rule)
    return found


def _meta(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Read the plain values of a record or a saved network; empty if there are none."""
    try:
        found = json.loads(arrays["meta"].tobytes())
    except (KeyError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _unreadable(file: Path, rule: str, hint: str = "") -> InputError:
    return InputError(Issue("path", file, rule, hint))
