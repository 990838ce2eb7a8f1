"""record.npz, what a job of a sweep has found: its arrays, its plain values, its version."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnrun.files.archive import Array, Arrays, read_arrays
from nnrun.files.plain import TEXT, parse_plain, require
from nnrun.files.reading import Damaged, reading, require_version
from nnrun.files.sweep import TARGET

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
