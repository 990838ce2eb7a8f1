"""record.npz, what a job of a sweep has found: its only reader and writer."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from nnrun.errors import InputError, Issue
from nnrun.layout import A_RUN, write_atomically
from nnrun.records.archive import Array, Arrays, read_arrays, write_arrays
from nnrun.records.plain import (
    NUMBER,
    TEXT,
    Damaged,
    parse_plain,
    reading,
    require,
    require_version,
)
from nnrun.records.sweep import MARGIN, TARGET
from nnrun.records.trials import METRICS, Curves, Outcomes, Status, Trials, join

RECORD = "record.npz"
SCHEMA_VERSION = 1

ANEW = "delete it and train again: other trials are not lost"
"""What helps where a record is damaged."""

CURVE = Array("f8", ("trial", "evaluation"))
FATE = Array("f8", ("trial",))
TRIALS = {
    "seeds": Array("i8", ("trial",)),
    "curves/samples": Array("i8", ("evaluation",)),
    **{f"curves/{name}": CURVE for name in METRICS},
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
NUMERICS_VERSION = 2
"""Raised by hand whenever the same setting and seed would give other numbers than before: a test of
pinned curves says when that is due. Trials of another version are neither found in the cache nor
continued."""

ENGINES = ("compiled", "lanes", "reference", "none")
META_ARRAY = {"meta": Array("u1", ("byte",))}
DEPTHS = {
    "head": {key: TRIALS[key] for key in ("seeds", "curves/samples")},
    "networks": {key: TRIALS[key] for key in TRIALS if key.startswith(("seeds", "params"))},
    "trials": {**TRIALS, **OUTCOMES},
}
"""The arrays that are read, by how much is wanted of a record."""

META = {
    "setting": str, "config": dict, "engine": str, "task": str, "samples": int,
    "error": TEXT, "number?": int, "name?": TEXT,
    "seed?": int, "seeds?": int, "overrides?": [str], "report?": TEXT,
    "study?": TEXT, "require?": TEXT, "handout?": bool, "tracking?": (dict, type(None)),
    "within?": TEXT, "facet?": TEXT, "margin?": NUMBER,
    "auto?": ({"most": int, "block": int}, None),
    "network?": {"activations?": [dict]}, "sources?": (dict, type(None)), "started?": TEXT,
    "command?": TEXT, "git?": TEXT, "versions?": dict,
    "data?": ({"about?": ([str], None), "test?": ({"samples?": int}, None)}, None),
}  # fmt: skip
"""The plain values of a record."""

OF_A_JOB = {"number": int, "seed": int, "seeds": int, "overrides": [str]}
"""Those that a job of a sweep adds."""


@dataclass(frozen=True, eq=False)
class Record:
    """A job's trials: a setting with its seeds.

    Attributes:
        meta: Plain values: setting (id), config (flat), label-free job facts (number, overrides,
            name, status, error), engine, budget, and provenance.
        trials: What was trained; without evaluations and parameters if the job failed.
        outcomes: How each trial ended.
        path: Where it was read from.
    """

    meta: Mapping[str, Any]
    trials: Trials
    outcomes: Outcomes
    path: Path = Path(RECORD)

    @property
    def setting(self) -> str:
        """The setting's id."""
        return str(self.meta["setting"])

    @property
    def seeds(self) -> npt.NDArray[np.int64]:
        """The seeds of the trials, shape (trial,)."""
        return self.trials.seeds

    @property
    def samples(self) -> npt.NDArray[np.int64]:
        """Training samples seen at the evaluations, shape (n_evals,); none if the job failed."""
        return self.trials.curves.samples

    @property
    def horizon(self) -> int:
        """Samples up to which the trials are judged: the budget, if not fewer."""
        return int(self.meta.get("horizon", self.meta["samples"]))

    @property
    def trained(self) -> npt.NDArray[np.bool_]:
        """Whether each trial was trained, rather than stopped by an error, shape (trial,)."""
        ran: npt.NDArray[np.bool_] = self.outcomes.status != Status.FAILED.value
        return ran

    @property
    def whole(self) -> bool:
        """Whether all of it is here, and not its head alone."""
        return len(self.outcomes.status) == len(self.seeds)

    @property
    def head(self) -> Self:
        """What is read of it at the depth ``head``."""
        arrays = {"seeds": self.seeds, "curves/samples": self.samples}
        trials = Trials.from_arrays(arrays, self.trials.engine)
        return replace(self, trials=trials, outcomes=Outcomes(*[np.empty(0)] * 4))  # type: ignore[arg-type]


def write_record(record: Record, folder: Path) -> Record:
    """Write a record into ``folder``, or not at all; `nnrun.layout.wait_for_disk` is for later.

    Returns:
        The record as it is read back.
    """
    arrays = record.trials.to_arrays()
    arrays |= {f"outcomes/{k}": v for k, v in record.outcomes._asdict().items()}
    meta = json.dumps({"schema": SCHEMA_VERSION, **record.meta})
    arrays["meta"] = np.frombuffer(meta.encode(), dtype=np.uint8)
    path = folder / RECORD
    # compressed, it would take six tenths of the space and many times as long
    write_atomically(path, lambda file: write_arrays(file, arrays), sync=False)
    return replace(record, meta=json.loads(meta), path=path)


def read_record(
    path: Path, depth: Literal["head", "networks", "trials"] = "trials", key: str = "record"
) -> Record:
    """Read a record, or some of it.

    Args:
        path: Of the file.
        depth: ``head`` for the plain values of a job of a sweep, the seeds and at how many samples
            they were evaluated; ``networks`` for plain values, seeds and parameters; ``trials``
            for everything. What is not read is empty.
        key: What the record was named by.

    Raises:
        InputError: If it cannot be read, is damaged, or has another schema version.
    """
    with reading(key, path, "record", ANEW):
        arrays = read_arrays(path, {**META_ARRAY, **DEPTHS[depth]})
        meta = parse_plain(arrays.pop("meta").tobytes(), {"schema?": int})
        require_version(meta.get("schema"), SCHEMA_VERSION, meta.get("versions"))
        require(meta, {**META, **(OF_A_JOB if depth == "head" else {})})
        require(meta["config"], TARGET, "config")
        _require_sound(meta, arrays)
    trials = Trials.from_arrays(arrays, meta["engine"])
    fates = (arrays.get(f"outcomes/{field}", np.empty(0)) for field in Outcomes._fields)
    return Record(meta, trials, Outcomes(*fates), path)


def read_records(
    paths: Iterable[Path], depth: Literal["head", "networks", "trials"] = "trials"
) -> list[Record]:
    """Read records of jobs, in the order of their numbers."""
    return sorted((read_record(path, depth) for path in paths), key=lambda r: int(r.meta["number"]))


def find_records(path: Path, key: str) -> list[Path]:
    """List the records that a path stands for, job 2 before job 10.

    Args:
        path: A record, or a folder that has one, or else has some in folders below it.
        key: What the path was named by.

    Raises:
        InputError: If there is none.
    """
    if os.path.lexists(path) and not path.is_dir():
        return [path]
    found = [path / RECORD] if (path / RECORD).is_file() else records_below(path)
    if not found:
        rule = f"is not there; looked in {path.absolute().parent}"
        if path.is_dir():
            rule = f"holds no {RECORD}, so it is not the folder of a run, a job or a sweep"
        raise InputError(Issue(key, path, rule, f"for instance {A_RUN}"))
    return found


def records_below(folder: Path) -> list[Path]:
    """List the records in a folder and in those below it, job 2 before job 10."""
    return sorted(folder.rglob(RECORD), key=lambda path: [_ordered(part) for part in path.parts])


def join_records(records: Sequence[Record]) -> Record:
    """Put the records of one setting together, without their networks if there are several.

    Of a seed in several records one trial remains: the first that was trained, in the place where
    the seed stood first. Of a trial that was not trained the curves are NaN.

    Raises:
        InputError: If two records were evaluated at different numbers of samples.
    """
    first = records[0]
    if len(records) == 1:
        return first
    grid = next((record.samples for record in records if record.samples.size), first.samples)
    if any(record.samples.size and not np.array_equal(grid, record.samples) for record in records):
        rule = "has records of different evaluations: they are not of one sweep"
        raise InputError(Issue("setting", first.setting, rule))
    whole = join([_bare(record.trials, grid) for record in records])
    fates = zip(*(record.outcomes for record in records), strict=True)
    outcomes = Outcomes(*map(np.concatenate, fates))
    place: dict[int, int] = {}
    trained = outcomes.status != Status.FAILED.value
    for i, seed in enumerate(whole.seeds.tolist()):
        if seed not in place or (trained[i] and not trained[place[seed]]):
            place[seed] = i
    keep = list(place.values())
    return Record(first.meta, whole.rows(keep), Outcomes(*map(itemgetter(keep), outcomes)))


def _bare(trials: Trials, grid: npt.NDArray[np.int64]) -> Trials:
    """Leave out networks, and give trials without evaluations ones without values."""
    unmeasured = np.full((len(trials.seeds), len(grid)), np.nan)
    metrics = (m if m.shape[1] else unmeasured for m in trials.curves[1:])
    return replace(trials, curves=Curves(grid, *metrics), params=(), memory=())


def _ordered(part: str) -> tuple[int, int, str]:
    return (0, int(part), part) if part.isdecimal() else (1, 0, part)


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
    if not 0 < meta.get("margin", MARGIN) < 1:
        raise Damaged("its margin is no share between 0 and 1")
    if (auto := meta.get("auto")) and not 1 <= auto["block"] <= auto["most"]:
        raise Damaged("it has no block of seeds within the most")
    seeds = arrays.get("seeds")
    if seeds is not None and (not seeds.size or (seeds < 0).any()):
        raise Damaged("it has a negative seed" if seeds.size else "it has no trials")
    if seeds is not None and len(np.unique(seeds)) < len(seeds):
        raise Damaged("it has a seed twice")
    status = arrays.get("outcomes/status")
    if status is not None and not np.isin(status, list(Status)).all():
        raise Damaged("it has trials that ended in no known way")
