"""The records under some folders, sorted by the sweep or run that they are of."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnrun.errors import InputError, Issue
from nnrun.layout import A_RUN
from nnrun.records.lock import being_written, in_use
from nnrun.records.plain import reading
from nnrun.records.record import RECORD, Record, find_records, read_record, read_records
from nnrun.records.sweep import SWEEP, Sweep, read_sweep
from nnrun.results.tabulate import judged
from nnrun.text import setting_name

MARKS = (SWEEP, "multirun.yaml")
"""Files by one of which the folder of a sweep is known."""


@dataclass(frozen=True)
class Source:
    """A sweep or a run on disk.

    Attributes:
        folder: Where it is.
        name: What it is called among others.
        heads: Of the records that can be read, in the order of their jobs; whole ones need not be
            read again.
        saved: What its sweep.json says; None without one.
    """

    folder: Path
    name: str
    heads: Sequence[Record]
    saved: Sweep | None


def read_sources(paths: Sequence[Path], notes: list[str]) -> list[Source]:
    """Read what there is under some folders; each record once, however often it is named.

    Args:
        paths: Folders of sweeps, of runs, or of many of these.
        notes: Is told of what cannot be read.

    Raises:
        InputError: If a folder does not exist, holds no record or is being written, or if none can
            be read.
    """
    found: dict[Path, list[Record]] = {}
    seen = set[str]()
    for path in paths:
        with reading("path", path, "folder", ""):
            _require_folder(path)
            _require_quiet(path)
            inside = find_records(path, "path")
        for record in inside:
            if (real := os.path.realpath(record)) not in seen:
                seen.add(real)
                home = root_of(record, path)
                if home not in found:
                    _require_quiet(home)
                found.setdefault(home, []).extend(_heads([record], notes))
    folders = [folder for folder, heads in found.items() if heads]
    if not folders:
        raise none_left(notes)
    names = [folder.resolve().name for folder in folders]
    return [
        Source(
            folder,
            name if names.count(name) == 1 else str(folder),
            sorted(found[folder], key=lambda head: head.meta["number"]),
            _saved(folder, notes),
        )
        for folder, name in zip(folders, names, strict=True)
    ]


def root_of(record: Path, top: Path) -> Path:
    """Find the folder of the sweep or run that a record is of.

    Args:
        record: Its path.
        top: The folder that was searched; nothing above it is looked at.
    """
    home = record.parent
    inside = [folder for folder in (home, *home.parents) if folder.is_relative_to(top)]
    for folder in inside:
        if _is_marked(folder):
            return folder
    # Hydra names the folder of a job by its number
    return home.parent if home.name.isdecimal() and home != top else home


AskedTrials = tuple[int, str, int, int]
"""Number of a job, id of its setting, first seed and number of seeds."""

State = tuple[int, int]
"""When a file was written, and its number in its file system."""


def written_in(folder: Path) -> dict[Path, State]:
    """Tell the records in and below a folder, and what changes when one is written anew.

    The times of files are the file system's own: no clock of this machine is compared with them.
    """
    found = {path: path.stat() for path in folder.rglob(RECORD)}
    return {path: (about.st_mtime_ns, about.st_ino) for path, about in found.items()}


def found_since(
    folder: Path, before: Mapping[Path, State], asked: Collection[AskedTrials]
) -> list[Record]:
    """Choose the records of a sweep among all in its folder, one a job; read their heads.

    Where its jobs are known, by what records say: whoever wrote them, and whatever the time there
    was. Else those that came or changed since it began.
    """
    found: dict[int, Record] = {}
    now = written_in(folder)
    for path in sorted(now, key=lambda path: before.get(path) != now[path]):  # new ones win
        with suppress(InputError):  # a damaged one is missing
            (head,) = read_records([path], "head")
            meta = head.meta
            trials = int(meta["number"]), head.setting, int(meta["seed"]), int(meta["seeds"])
            if trials in asked or (not asked and before.get(path) != now[path]):
                found[trials[0]] = head
    return [found[number] for number in sorted(found)]


def unread(path: Path, error: InputError) -> str:
    """Say in a sentence that a record could not be read."""
    return f"The record {path} {error.issues[0].rule}; it is left out."


def none_left(notes: Sequence[str]) -> InputError:
    """Say that no record could be read, and why."""
    return InputError(Issue("records", None, "none can be read", " ".join(notes)))


def _heads(records: Iterable[Path], notes: list[str]) -> list[Record]:
    heads = []
    for record in records:
        try:
            heads += read_records([record], "head")
        except InputError as error:
            notes.append(unread(record, error))
    return heads


def _saved(folder: Path, notes: list[str]) -> Sweep | None:
    """Read a sweep.json; one that cannot be read counts as none."""
    try:
        return read_sweep(folder)
    except InputError as error:
        issue = error.issues[0]
        notes.append(f"{issue.value} {issue.rule}; how the sweep was run is not known.")
        return None


def _require_quiet(folder: Path) -> None:
    """Check that nobody writes into a folder, or into the sweep that it is part of."""
    above = [place for place in folder.absolute().parents if _is_marked(place)]
    for place in (folder, *above):
        if being_written(place):
            raise in_use(place)


def _is_marked(folder: Path) -> bool:
    return any((folder / mark).is_file() for mark in MARKS)


def _require_folder(path: Path) -> None:
    if not path.is_dir():
        rule = "is a file, not a folder" if path.exists() else "does not exist"
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        close = get_close_matches(path.name, near, n=1)
        hint = (
            f"did you mean '{path.parent / close[0]}'?"
            if close
            else f"for instance {Path(A_RUN).parent}"
        )
        raise InputError(Issue("path", path, rule, hint))


class Joiner:
    """Reads the records of several sweeps a setting at a time, and notes what clashes.

    Args:
        sweep: Of the report, for its settings and their labels.
        heads: Of all records with the names of their sweeps, in the order in which they count.
        judge_anew: Whether the targets in the heads are not those that the records were judged by.
        notes: Is told of records that cannot be read.

    Attributes:
        clashes: Sentences, filled while the settings are read.
    """

    def __init__(
        self,
        sweep: Sweep,
        heads: Iterable[tuple[str, Record]],
        judge_anew: bool,
        notes: list[str],
    ) -> None:
        self.clashes: list[str] = []
        self._settings = sweep.settings
        self._judge_anew = judge_anew
        self._notes = notes
        self._of: dict[str, list[tuple[str, Record]]] = {}
        for name, head in heads:
            self._of.setdefault(head.meta["setting"], []).append((name, head))

    def __iter__(self) -> Iterator[list[Record]]:
        """Yield the records of each setting that has any, in the order of the report."""
        empty = True
        for setting in self._settings:
            found = self._joined(setting_name(setting.label), self._of[setting.id])
            if found:
                empty = False
                yield found
        if empty:
            raise none_left(self._notes)

    def _joined(self, label: str, heads: Sequence[tuple[str, Record]]) -> list[Record]:
        kept: list[tuple[str, Record]] = []
        for name, head in heads:
            try:
                record = head if head.whole else read_record(head.path)
            except InputError as error:
                self._notes.append(unread(head.path, error))
                continue
            record = replace(record, meta=head.meta)
            if self._judge_anew:
                record = judged(record)
            where = f"job {head.meta['number']} of {name}"
            if kept and (why := _unlike(kept[0][1], record)):
                self.clashes.append(f"{label}: {where} {why}; it is left out.")
                continue
            for other, first in kept:
                seeds = differing(first, record)
                if seeds:
                    self.clashes.append(
                        f"{label}, {_spans(seeds)}: {other} and {where} hold different numbers; "
                        f"those of {other} are used."
                    )
            kept.append((where, record))
        return [record for _, record in kept]


def differing(first: Record, second: Record) -> list[int]:
    """List the seeds that two records of one setting both trained, with different numbers."""
    place = {int(first.seeds[i]): i for i in np.flatnonzero(first.trained)}
    rows = [
        (place[seed], i)
        for i in np.flatnonzero(second.trained)
        if (seed := int(second.seeds[i])) in place
    ]
    if not rows:
        return []
    a, b = np.array(rows).T
    same = np.ones(len(rows), dtype=np.bool_)
    for x, y in zip(_numbers(first), _numbers(second), strict=True):
        mine, other = x[a].reshape(len(a), -1), y[b].reshape(len(b), -1)
        same &= ((mine == other) | (np.isnan(mine) & np.isnan(other))).all(axis=1)
    return [int(seed) for seed in second.seeds[b[~same]]]


def _numbers(record: Record) -> list[NDArray[np.float64]]:
    """All that training found, each array with the trials first."""
    layers = [part for layer in record.trials.params for part in layer]
    return [*record.trials.curves[1:], *layers]


def _unlike(first: Record, second: Record) -> str:
    """Say why two records of one id cannot be of one setting; empty if they can."""
    if first.meta.get("sources") != second.meta.get("sources"):
        return "was trained with other data or own components under the same name"
    grids = [record.samples for record in (first, second)]
    if all(grid.size for grid in grids) and not np.array_equal(grids[0], grids[1]):
        return "was evaluated at other numbers of samples"
    return ""


def _spans(seeds: Sequence[int]) -> str:
    """Write seeds as spans: ``seed 3``, ``seeds 0–9, 20``."""
    numbers = np.unique(seeds)
    pieces = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    told = ", ".join(f"{p[0]}–{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in pieces)
    return f"seed {told}" if len(numbers) == 1 else f"seeds {told}"
