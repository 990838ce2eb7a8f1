"""Training that goes on: the state in which an earlier run left its trials.

A run with ``keep_state=true`` leaves the optimizer's state in its record, beside parameters and
curves. A run with ``continue_from`` starts there and ends, to the last bit, where one of the larger
budget would have ended.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnrun.errors import InputError, Issue, listed, shown
from nnrun.network.mlp import Params
from nnrun.records.plain import reading, require
from nnrun.records.record import ANEW, RECORD, TRIALS, read_parts
from nnrun.records.trials import layers_in

MAY_DIFFER = ("budget", "evals", "target.", "engine", "keep_state", "continue_from")
"""Keys in which a run may differ from the one that it continues."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class SavedState:
    """Where the trials of a setting were left.

    Attributes:
        seeds: Of its trials.
        engine: Name of the engine that trained, which is the one to go on.
        samples: Samples seen at the evaluations so far, shape (n_evals,).
        curves: The metrics at them by name, shape (trial, n_evals).
        params: Weights and biases of each layer, shapes (trial, fan_in, fan_out) and
            (trial, 1, fan_out).
        memory: The optimizer's state, each array with the trials first; the engine's affair.
        config: The setting, flat.
        digest: Hexadecimal digits for all of it.
    """

    seeds: tuple[int, ...]
    engine: str
    samples: npt.NDArray[np.int64]
    curves: Arrays
    params: Params
    memory: tuple[npt.NDArray[np.float64], ...]
    config: Mapping[str, Any]
    digest: str

    @property
    def seen(self) -> int:
        """Samples that every trial has seen."""
        return int(self.samples[-1])

    def rows(self, seeds: Sequence[int]) -> list[int]:
        """Return the places of these seeds."""
        return [self.seeds.index(seed) for seed in seeds]


def find_state(
    path: str, wanted: Mapping[str, Any], sources: Mapping[str, Any] | None = None
) -> SavedState:
    """Find the state from which a setting can go on.

    Args:
        path: A record, or the folder of a run, of a job, or of a sweep with a job of the same
            setting.
        wanted: The setting, flat.
        sources: What it reads from files, as hashes: these must be the same, too.

    Raises:
        InputError: With the key ``continue_from``, if there is none.
    """
    with reading("continue_from", Path(path), "record", ""):
        found = _records(Path(path).expanduser())
        records = {record: record.stat().st_mtime_ns for record in found}
    wanted = json.loads(json.dumps(wanted))  # lists for tuples, as in the records
    nearest: list[str] | None = None
    damaged: InputError | None = None
    for record, changed in records.items():
        try:
            state = _read(str(record), changed)
        except InputError as error:  # another one may be it
            damaged = damaged or error
            continue
        unlike = _differing(state.config, wanted)
        if not unlike:
            _require_whole(path, state, sources)
            assert state.state is not None
            return state.state
        nearest = unlike if nearest is None or len(unlike) < len(nearest) else nearest
    if damaged is not None:
        raise damaged
    told = listed([f"{key}={shown(wanted.get(key))}" for key in nearest or ()], 5)
    rule = f"holds no such setting; the nearest differs from {told}"
    raise _refused(path, rule, "only budget, evals, target and seeds may differ")


@dataclass(frozen=True, eq=False)
class _Read:
    config: Mapping[str, Any]
    sources: Mapping[str, Any] | None
    state: SavedState | None  # None if the training failed


def _require_whole(path: str, read: _Read, sources: Mapping[str, Any] | None) -> None:
    """Check that a record of the right setting can be continued."""
    if read.state is None:
        raise _refused(path, "has no state to go on from: its training failed")
    if not read.config.get("keep_state"):
        rule, hint = "does not hold the optimizer's state", "train it with keep_state=true"
        raise _refused(path, rule, hint)
    if sources is not None and read.sources != sources:
        changed = [k for k, v in sources.items() if (read.sources or {}).get(k) != v]
        what = "data" if "data" in changed else "own components"
        raise _refused(path, f"was trained with other {what} under the same name")


@lru_cache(maxsize=4096)
def _read(path: str, changed: int) -> _Read:
    """Read a record that was last changed at some time."""
    meta, arrays = read_parts(Path(path), TRIALS, key="continue_from")
    with reading("continue_from", Path(path), "record", ANEW):
        require(meta["config"], {"budget": int, "keep_state?": bool}, "config")
    if meta["error"]:
        return _Read(meta["config"], meta.get("sources"), None)
    n_leaves = sum(key.startswith("memory/") for key in arrays)
    state = SavedState(
        seeds=tuple(arrays["seeds"].tolist()),
        engine=meta["engine"],
        samples=arrays["curves/samples"],
        curves={k: arrays[f"curves/{k}"] for k in ("train_loss", "test_loss", "accuracy")},
        params=layers_in(arrays),
        memory=tuple(arrays[f"memory/{i}"] for i in range(n_leaves)),
        config=meta["config"],
        digest=_digest(arrays),
    )
    return _Read(meta["config"], meta.get("sources"), state)


def _digest(arrays: Arrays) -> str:
    """Hash what training goes on from, and nothing else: neither times nor names."""
    found = hashlib.sha256()
    for key in sorted(arrays):
        if key.startswith(("curves/", "params/", "memory/", "seeds")):
            found.update(key.encode() + repr(arrays[key].shape).encode())
            found.update(np.ascontiguousarray(arrays[key]).data)
    return found.hexdigest()[:32]


def _records(path: Path) -> list[Path]:
    """List the records at a path."""
    if os.path.lexists(path) and not path.is_dir():
        return [path]
    if (path / RECORD).is_file():
        return [path / RECORD]
    found = sorted(path.glob(f"*/{RECORD}"), key=lambda p: (len(p.parent.name), p.parent.name))
    if not found:
        rule = "is not the folder of a run or a sweep" if path.is_dir() else "does not exist"
        raise _refused(str(path), rule, "for instance outputs/runs/DATE_TIME")
    return found


def _differing(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """List the keys in which a setting differs from one that it may continue."""
    keys = dict.fromkeys((*wanted, *kept))
    return [k for k in keys if not k.startswith(MAY_DIFFER) and kept.get(k) != wanted.get(k)]


def _refused(path: str, rule: str, hint: str = "") -> InputError:
    return InputError(Issue("continue_from", path, rule, hint))
