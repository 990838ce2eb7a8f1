"""record.npz, what a job of a sweep has found: its arrays, its plain values, its version."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from nnrun.layout import write_atomically
from nnrun.network.mlp import Params
from nnrun.records.archive import Array, Arrays, read_arrays
from nnrun.records.plain import TEXT, Damaged, parse_plain, reading, require, require_version
from nnrun.records.sweep import TARGET
from nnrun.records.trials import Block, Curves, Outcomes

RECORD = "record.npz"
SCHEMA_VERSION = 1

ANEW = "delete it and train again: other trials are not lost"
"""What helps where a record is damaged."""

CURVE = Array("f8", ("trial", "evaluation"))
FATE = Array("f8", ("trial",))
TRIALS = {
    "seeds": Array("i8", ("trial",)),
    "curves/samples": Array("i8", ("evaluation",)),
    **{f"curves/{name}": CURVE for name in ("train_loss", "test_loss", "accuracy")},
    "params/*/weights": Array("f8", ("trial", "fan_in*", "fan_out*")),
    "params/*/bias": Array("f8", ("trial", "1", "fan_out*")),
    "memory/*": Array("f8", ("trial", "...")),
    "ns_per_sample": FATE,
}
"""The arrays of trained trials of one setting."""

OUTCOMES = {
    "outcomes/status": Array("U", ("trial",)),
    "outcomes/plateaued": Array("b1", ("trial",)),
    "outcomes/samples_to_target": FATE,
    "outcomes/first_hit": FATE,
}
HEAD = ("curves/samples",)
"""What is read of a record beside its plain values where its trials can wait."""

ENGINES = ("lanes", "reference", "none")
STATUSES = ("reached", "exhausted", "diverged", "failed")
META_ARRAY = {"meta": Array("u1", ("byte",))}
SHAPES = {**META_ARRAY, **TRIALS, **OUTCOMES}

META = {
    "setting": str, "config": dict, "engine": str, "task": str, "samples": int,
    "error": TEXT, "number?": int, "name?": TEXT,
    "seed?": int, "seeds?": int, "overrides?": [str], "report?": TEXT,
    "study?": TEXT, "tracking?": (dict, type(None)), "network?": dict,
    "sources?": (dict, type(None)), "started?": TEXT,
    "command?": TEXT, "git?": TEXT, "versions?": dict,
    "data?": ({"about?": ([str], None)}, None),
}  # fmt: skip
"""The plain values of a record."""

OF_A_JOB = {"number": int, "seed": int, "seeds": int, "overrides": [str]}
"""Those that a job of a sweep adds."""


class Parts(NamedTuple):
    """What was read of a record.

    Attributes:
        meta: Its plain values.
        arrays: Those of its arrays that were asked for.
    """

    meta: dict[str, Any]
    arrays: Arrays


def read_parts(
    path: Path, wanted: Iterable[str] = SHAPES, of_a_job: bool = False, key: str = "record"
) -> Parts:
    """Read a record.

    Args:
        path: Of the file.
        wanted: Which of its arrays, as ``SHAPES`` names them.
        of_a_job: Whether it must say which job of a sweep it is of.
        key: What the record was named by.

    Raises:
        InputError: If it cannot be read, is damaged, or has another schema version.
    """
    with reading(key, path, "record", ANEW):
        arrays = read_arrays(path, {**META_ARRAY, **{name: SHAPES[name] for name in wanted}})
        meta = parse_plain(arrays.pop("meta").tobytes(), {"schema?": int})
        require_version(meta.get("schema"), SCHEMA_VERSION, meta.get("versions"))
        require(meta, {**META, **(OF_A_JOB if of_a_job else {})})
        require(meta["config"], TARGET, "config")
        _require_sound(meta, arrays)
        return Parts(meta, arrays)


def _require_sound(meta: dict[str, Any], arrays: Arrays) -> None:
    """Check what neither types nor shapes tell."""
    samples = arrays.get("curves/samples")
    if samples is not None and not meta["error"] and not samples.size:
        raise Damaged("it has no evaluations")
    if samples is not None and (np.diff(samples, prepend=0) <= 0).any():
        raise Damaged("its evaluations are not in order")
    if meta["engine"] not in ENGINES:
        raise Damaged(f"its engine is none of {', '.join(ENGINES)}")
    if meta["samples"] < 1:
        raise Damaged("its budget is no number of samples")
    seeds = arrays.get("seeds")
    if seeds is not None and (not seeds.size or (seeds < 0).any()):
        raise Damaged("it has a negative seed" if seeds.size else "it has no trials")
    if seeds is not None and len(np.unique(seeds)) < len(seeds):
        raise Damaged("it has a seed twice")
    status = arrays.get("outcomes/status")
    if status is not None and not np.isin(status, STATUSES).all():
        raise Damaged("it has trials that ended in no known way")


@dataclass(frozen=True)
class Record:
    """A job's trials: a setting with its seeds.

    Attributes:
        meta: Plain values: setting (id), config (flat), label-free job facts (number, overrides,
            name, status, error), engine, budget, and provenance.
        seeds: Shape (trial,).
        curves: Measurements; no evaluations if the job failed.
        outcomes: How each trial ended.
        ns_per_sample: Training cost of each trial in nanoseconds, shape (trial,).
        params: Last parameters of every trial; empty if the job failed.
        memory: The optimizer's state of every trial, where it is kept.
    """

    meta: Mapping[str, Any]
    seeds: npt.NDArray[np.int64]
    curves: Curves
    outcomes: Outcomes
    ns_per_sample: npt.NDArray[np.float64]
    params: Params
    memory: tuple[npt.NDArray[np.float64], ...] = ()

    @classmethod
    def of(cls, meta: Mapping[str, Any], block: Block, outcomes: Outcomes) -> Self:
        """Make a record of trained trials that were judged."""
        cost, params, memory = block.ns_per_sample, block.params, block.memory
        return cls(meta, block.seeds, block.curves, outcomes, cost, params, memory)

    @property
    def block(self) -> Block:
        """The trials, without the judgement."""
        engine = str(self.meta["engine"])
        cost, params, memory = self.ns_per_sample, self.params, self.memory
        return Block(self.seeds, self.curves, params, cost, engine, memory)

    @property
    def setting(self) -> str:
        """The setting's id."""
        return str(self.meta["setting"])


def write_record(record: Record, folder: Path) -> Path:
    """Write a record as ``record.npz`` in ``folder``, or not at all."""
    arrays = record.block.to_arrays()
    arrays |= {f"outcomes/{k}": v for k, v in record.outcomes._asdict().items()}
    meta = json.dumps({"schema": SCHEMA_VERSION, **record.meta})
    arrays["meta"] = np.frombuffer(meta.encode(), dtype=np.uint8)
    path = folder / RECORD
    # compressed, it would take six tenths of the space and four times as long
    write_atomically(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    return path


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        InputError: If the file is none, is damaged, or has another schema version.
    """
    meta, arrays = read_parts(path)
    outcomes = Outcomes(*(arrays[f"outcomes/{key}"] for key in Outcomes._fields))
    return Record.of(meta, Block.from_arrays(arrays, meta["engine"]), outcomes)


def read_records(paths: Iterable[Path]) -> list[Record]:
    """Read records, in the order of their job numbers."""
    return sorted((read_record(path) for path in paths), key=lambda r: int(r.meta["number"]))
