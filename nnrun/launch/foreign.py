"""Sweeps whose jobs were run one by one by a launcher of another: found, and then finished."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, unmasked
from nnrun.interrupt import Ended, Interrupt, interrupts_held
from nnrun.launch import terminal
from nnrun.launch.finish import Launched, finish
from nnrun.launch.sources import Source
from nnrun.layout import STORE
from nnrun.records.lock import FolderLock
from nnrun.records.record import RECORD, Record, read_records
from nnrun.records.sweep import Sweep, SweepJob
from nnrun.tracking.process import MirrorProcess
from nnrun.trials.progress import Clock

Trials = tuple[int, str, int, int]
"""Number of a job, id of its setting, first seed and number of seeds."""

State = tuple[int, int]
"""When a file was written, and its number in its file system."""


@dataclass
class ForeignSweep:
    """A sweep of a launcher that is not ours.

    Attributes:
        folder: Of the sweep.
        overrides: As given on the command line.
        before: The records that were in the folder before it began, as ``states`` told them.
        lock: On the folder.
        plan: Its jobs, filled when they are checked.
        asked: The trials that these are to leave records of; empty where jobs are not known.
        runs: Its MLflow runs, opened before the first job where our sweeper makes the jobs.
        more: What else its sweep.json says.
    """

    folder: Path
    overrides: Sequence[str]
    before: Mapping[Path, State]
    lock: FolderLock
    plan: list[SweepJob] = field(default_factory=list)
    asked: set[Trials] = field(default_factory=set)
    runs: MirrorProcess | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def begun(self) -> bool:
        """Tell whether jobs were planned or run; not so where the input was bad."""
        return bool(self.plan) or states(self.folder) != self.before

    def addresses(self) -> Iterator[str | None]:
        """Yield what may be the store's, with its password: records do not keep that."""
        yield os.environ.get(STORE)
        yield from (given.partition("=")[2].strip("'\"") for given in self.overrides)


def states(folder: Path) -> dict[Path, State]:
    """Tell the records in and below a folder, and what changes when one is written anew.

    The times of files are the file system's own: no clock of this machine is compared with them.
    """
    found = {path: path.stat() for path in folder.rglob(RECORD)}
    return {path: (about.st_mtime_ns, about.st_ino) for path, about in found.items()}


def finish_foreign_sweep(sweep: ForeignSweep) -> int:
    """Finish a sweep whose jobs were run one by one by a launcher that is not ours.

    Args:
        sweep: It has begun.

    Returns:
        The exit code of the process: 0, 1 if a job failed or left no record, 128 + the signal if
        interrupted.
    """
    with interrupts_held() as interrupt:
        return _finish(sweep, interrupt)


def _finish(sweep: ForeignSweep, interrupt: Interrupt) -> int:
    clock = Clock()
    heads, runs = _found(sweep), sweep.runs
    if heads and runs is None:
        first = heads[0].meta
        with clock("mlflow"):
            tracking = Tracking(**first["tracking"])
            tracking = replace(tracking, uri=unmasked(tracking.uri, sweep.addresses()))
            with suppress(Ended), interrupt.let_through():
                runs = MirrorProcess.open(
                    tracking, first["name"], sweep.folder.name, first, uuid4().hex
                )
    left = len(sweep.plan) - len(heads)
    status = "interrupted" if left > 0 else "complete"
    asked = Sweep(
        status,
        overrides=sweep.overrides,
        jobs=sweep.plan,
        stacks=[],
        tracking=runs.facts if runs else None,
        **sweep.more,
    )
    finished = finish(
        [Source(sweep.folder, sweep.folder.name, heads, asked)],
        launched=Launched(clock, runs, interrupt),
    )
    finished.show()
    if left > 0 or interrupt.pressed():
        page = None if finished.whole else sweep.folder
        terminal.say_how_to_go_on(left, len(sweep.plan), kept=True, page=page)
    return interrupt.exit_code or int(finished.failed or left > 0)


def _found(sweep: "ForeignSweep") -> list[Record]:
    """Choose the records of a sweep among all in its folder, one a job.

    Where its jobs are known, by what records say: whoever wrote them, and whatever the time there
    was. Else those that came or changed since it began.
    """
    found: dict[int, Record] = {}
    now = states(sweep.folder)
    for path in sorted(now, key=lambda path: sweep.before.get(path) != now[path]):  # new ones win
        with suppress(InputError):  # a damaged one is missing
            (head,) = read_records([path], "head")
            if trials_of(head.meta) in sweep.asked or (
                not sweep.asked and sweep.before.get(path) != now[path]
            ):
                found[int(head.meta["number"])] = head
    return [found[number] for number in sorted(found)]


def trials_of(meta: Mapping[str, Any]) -> Trials:
    """Tell which trials a record, or a job, is of."""
    return int(meta["number"]), str(meta["setting"]), int(meta["seed"]), int(meta["seeds"])
