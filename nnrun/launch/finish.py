"""From the records on disk to tables, report and sweep.json."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, masked, refused, unmasked
from nnrun.interrupt import Ended, Interrupt, interrupts_held
from nnrun.launch import terminal
from nnrun.launch.animations import draw_animations
from nnrun.launch.clock import Clock
from nnrun.launch.sweeps import page_facts, sweep_facts
from nnrun.layout import INDEX, KINDS, OUTPUTS, STORE, study_template, together, write_text
from nnrun.records.lock import FolderLock
from nnrun.records.record import RECORD, Record, read_records
from nnrun.records.sweep import SWEEP
from nnrun.report.index import write_index
from nnrun.report.verdict import verdict
from nnrun.results.results import Findings
from nnrun.results.tabulate import (
    by_setting,
    common_facts,
    records_of,
    tabulate,
)
from nnrun.tracking.mirror import Runs
from nnrun.trials.progress import waiting
from nnrun.trials.run import Tally

SOON = 1.2
"""Seconds after a signal until which MLflow is waited for."""

Trials = tuple[int, str, int, int]
"""Number of a job, id of its setting, first seed and number of seeds."""

State = tuple[int, int]
"""When a file was written, and its number in its file system."""


class Planned(NamedTuple):
    """A job that was asked for.

    Attributes:
        number: In the sweep.
        overrides: Its own.
        setting: Id of its setting.
    """

    number: int
    overrides: list[str]
    setting: str


class Ending(NamedTuple):
    """What a launch leaves to be finished.

    Attributes:
        folder: Of the sweep or run.
        overrides: As given on the command line.
        plan: The jobs that were asked for; those without a record are listed as missing.
        records: The records that were written.
        more: What else its sweep.json says.
    """

    folder: Path
    overrides: Sequence[str]
    plan: Sequence[Planned]
    records: Sequence[Path]
    more: Mapping[str, Any] = MappingProxyType({})


class Finished(NamedTuple):
    """A launch that is over.

    Attributes:
        facts: The content of its sweep.json.
        findings: Of its records; None if there is no record.
        undrawn: Whether a setting could not be animated, or a study's page not be filled.
        whole: Whether all was drawn that was asked for, before an end was.
    """

    facts: Mapping[str, Any]
    findings: Findings | None
    undrawn: bool = False
    whole: bool = True

    @property
    def failed(self) -> bool:
        """Whether a job failed, or what was to be drawn could not be."""
        return self.undrawn or any(job["status"] == "failed" for job in self.facts["jobs"])

    def show(self, folder: Path) -> None:
        """Say on the terminal what was found, and where it is."""
        if self.findings is not None:
            terminal.show_results(self.findings, self.facts, folder)


def finish(
    ending: Ending,
    clock: Clock,
    tally: Tally,
    runs: Runs | None,
    interrupt: Interrupt,
    early: bool = False,
) -> "Finished":
    """Make everything that is made of records; after a signal only what is quick.

    Tables and sweep.json are always made. The page is not, and MLflow is told what it takes in the
    rest of two seconds.

    Args:
        ending: What there is to finish.
        clock: Counts the stages.
        tally: What training cost.
        runs: The launch's MLflow runs; None if tracking is off.
        interrupt: Whether an end is asked for.
        early: Whether it was, before all jobs were done.

    Returns:
        What there is to be shown.
    """
    folder = ending.folder
    folder.mkdir(parents=True, exist_ok=True)
    # sweep.json once before the report: whatever happens then, the tables can be loaded
    with together(folder) as new:
        with clock("tables"):
            heads = read_records(ending.records, "head")
            planned = [
                {**job._asdict(), "overrides": [*map(masked, job.overrides)]} for job in ending.plan
            ]
            facts = sweep_facts(heads, folder, ending.overrides, planned, ending.more)
            if early:
                facts["status"] = "interrupted"
            facts["stacks"] = tally.stacks
            facts["tracking"] = runs and runs.facts
            facts["common_grid"] = common_facts(heads)
            if heads:
                findings = tabulate(by_setting(heads), facts, new)
        write_sweep(new, facts, clock)
    if not heads:
        return Finished(facts, None)
    if runs:
        with clock("mlflow"):
            runs.add_settings(records_of(heads), facts)
    undrawn = False
    drawn = False
    if heads[0].meta["report"] != "off":
        facts["verdict"] = verdict(replace(findings, sweep=page_facts(facts)))
    with suppress(Ended), interrupt.let_through():
        undrawn = _drawn(facts, findings, heads, folder, clock, interrupt.pressed)
        drawn = True
    if runs:
        with clock("mlflow"):
            _track(runs, facts, findings, folder, interrupt)
    write_sweep(folder, facts, clock)
    with suppress(Ended), interrupt.let_through():
        if heads[0].meta["report"] != "off":
            _list_in_index(folder)
    return Finished(facts, findings, undrawn, drawn or heads[0].meta["report"] == "off")


def _drawn(
    facts: dict[str, Any],
    findings: Findings,
    heads: Sequence[Record],
    folder: Path,
    clock: Clock,
    stopped: Callable[[], bool],
) -> bool:
    """Draw the page and the animations that were asked for; tell whether one could not be."""
    undrawn = False
    if heads[0].meta["report"] != "off":
        with clock("report"):
            told = replace(findings, sweep=page_facts(facts))
            undrawn = not _reported(told, heads, folder, stopped)
    if heads[0].meta.get("animate"):
        with clock("animate"):
            facts["animations"], failed = draw_animations(heads, folder, stopped)
            undrawn |= failed
    return undrawn


def _track(
    runs: Runs, facts: Mapping[str, Any], findings: Findings, folder: Path, interrupt: Interrupt
) -> None:
    """Tell MLflow of the sweep; after a signal for as long as there is time."""
    if interrupt.pressed():
        runs.hurry(interrupt.left(SOON))
        runs.add_sweep(facts, findings, folder)
    else:
        with suppress(Ended), interrupt.let_through():
            runs.add_sweep(facts, findings, folder)
        runs.hurry(interrupt.left(SOON) if interrupt.pressed() else inf)
    runs.close()


def _reported(
    told: Findings, heads: Sequence[Record], folder: Path, stopped: Callable[[], bool]
) -> bool:
    """Write the report; tell whether all that was asked of it could be done."""
    from nnrun.report.write import write_report  # it draws: matplotlib takes a second

    study = told.sweep.get("study")  # of the jobs that were just run: the user's own
    template = study_template(study) if study else None
    try:
        with waiting() as say:
            write_report(told, folder, records_of(heads), say, stopped, template)
    except InputError as error:  # the results are there, whatever a study's page cannot say
        terminal.warn(str(error))
        return False
    return True


def _list_in_index(folder: Path) -> None:
    """Write the index of all sweeps anew, where this one stands among them; it may fail."""
    if folder.parent.name in KINDS and folder.parents[1].name == OUTPUTS:
        try:
            write_index(folder.parents[1])
        except OSError as error:
            terminal.warn(refused(error))
        except Exception as error:  # whatever a file of another sweep holds: this one is done
            terminal.warn(f"{folder.parents[1] / INDEX} was not written: {error}")


def states(folder: Path) -> dict[Path, State]:
    """Tell the records in and below a folder, and what changes when one is written anew.

    The times of files are the file system's own: no clock of this machine is compared with them.
    """
    found = {path: path.stat() for path in folder.rglob(RECORD)}
    return {path: (about.st_mtime_ns, about.st_ino) for path, about in found.items()}


def finish_foreign_sweep(sweep: "ForeignSweep") -> int:
    """Finish a sweep whose jobs were run one by one by a launcher that is not ours.

    Args:
        sweep: It has begun.

    Returns:
        The exit code of the process: 0, 1 if a job failed or left no record, 128 + the signal if
        interrupted.
    """
    with interrupts_held() as interrupt:
        return _finish_foreign(sweep, interrupt)


def _finish_foreign(sweep: "ForeignSweep", interrupt: Interrupt) -> int:
    clock = Clock()
    heads, runs = _found(sweep), sweep.runs
    if heads and runs is None:
        first = heads[0].meta
        with clock("mlflow"):
            tracking = Tracking(**first["tracking"])
            tracking = replace(tracking, uri=unmasked(tracking.uri, sweep.addresses()))
            with suppress(Ended), interrupt.let_through():
                runs = Runs.open(tracking, first["name"], sweep.folder.name, first, uuid4().hex)
    left = len(sweep.plan) - len(heads)
    ended_early = left > 0
    paths = [head.path for head in heads]
    ending = Ending(sweep.folder, sweep.overrides, sweep.plan, paths, sweep.more)
    finished = finish(ending, clock, Tally(), runs, interrupt, ended_early)
    finished.show(sweep.folder)
    if ended_early or interrupt.pressed():
        page = None if finished.whole else sweep.folder
        terminal.say_how_to_go_on(left, len(sweep.plan), kept=True, page=page)
    return interrupt.exit_code or int(finished.failed or ended_early)


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
    plan: list[Planned] = field(default_factory=list)
    asked: set[Trials] = field(default_factory=set)
    runs: Runs | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def begun(self) -> bool:
        """Tell whether jobs were planned or run; not so where the input was bad."""
        return bool(self.plan) or states(self.folder) != self.before

    def addresses(self) -> Iterator[str | None]:
        """Yield what may be the store's, with its password: records do not keep that."""
        yield os.environ.get(STORE)
        yield from (given.partition("=")[2].strip("'\"") for given in self.overrides)


def write_sweep(folder: Path, facts: dict[str, Any], clock: Clock) -> None:
    """Write sweep.json with the seconds of all stages so far."""
    folder.mkdir(parents=True, exist_ok=True)
    facts["stages"] = clock.report()
    write_text(folder / SWEEP, json.dumps(facts, indent=1) + "\n")
