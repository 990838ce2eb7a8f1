"""The records under some folders, sorted by the sweep or run that they are of."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nnrun.errors import InputError, Issue
from nnrun.records.lock import being_written, in_use
from nnrun.records.plain import reading
from nnrun.records.record import Record, find_records, read_records
from nnrun.records.sweep import read_sweep
from nnrun.results import SWEEP

MARKS = (SWEEP, "multirun.yaml")
"""Files by one of which the folder of a sweep is known."""


@dataclass(frozen=True)
class Source:
    """A sweep or a run on disk.

    Attributes:
        folder: Where it is.
        name: What it is called among others.
        heads: Of the records that can be read, in the order of their jobs.
        saved: What its sweep.json says; empty without one.
    """

    folder: Path
    name: str
    heads: Sequence[Record]
    saved: Mapping[str, Any]


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


def _saved(folder: Path, notes: list[str]) -> Mapping[str, Any]:
    """Read a sweep.json; one that cannot be read counts as none."""
    try:
        return read_sweep(folder) or {}
    except InputError as error:
        issue = error.issues[0]
        notes.append(f"{issue.value} {issue.rule}; how the sweep was run is not known.")
        return {}


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
        hint = f"did you mean '{path.parent / close[0]}'?" if close else "for instance outputs/runs"
        raise InputError(Issue("path", path, rule, hint))
