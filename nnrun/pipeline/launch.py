"""Training the jobs of a launch, each saved and tracked as soon as it is done."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from nnrun.config import Job
from nnrun.errors import InputError
from nnrun.pipeline import terminal
from nnrun.pipeline.claim import Claim
from nnrun.pipeline.clock import Clock
from nnrun.pipeline.finish import Ending, Planned, finish
from nnrun.pipeline.track import Runs
from nnrun.results import SWEEP
from nnrun.sweep.cache import Cache
from nnrun.sweep.executors import workers
from nnrun.sweep.interrupt import Interrupt
from nnrun.sweep.provenance import command, provenance
from nnrun.sweep.run import Tally, run_jobs
from nnrun.sweep.store import Record, write_record, write_text
from nnrun.sweep.tables import describe
from nnrun.sweep.todo import Wanted, forecast, wanted

log = logging.getLogger(__name__)

MEASURE_FROM = 5.0
"""Estimated seconds of training from which on a moment is spent on a better estimate."""


class TrainingFailed(Exception):
    """A job's training raised an error; its record holds the traceback."""


class CannotGoOn(OSError):
    """The system refused something in the middle of a sweep, such as space on its disk."""


class Launch:
    """Where a launch writes, where it comes from, what it costs and how it ends.

    Args:
        folder: Of the sweep, or of the single run.
        overrides: As given on the command line.
        claim: On the folder; None for a single run.
        interrupt: Says whether the user wants an end.
        clock: Counts its stages; None for a new one.

    Attributes:
        plan: The number and overrides of each job that was begun.
        written: The records that were written.
        runs: Its MLflow runs; None if tracking is off, or nothing was begun.
    """

    def __init__(
        self,
        folder: Path,
        overrides: Sequence[str],
        claim: Claim | None = None,
        interrupt: Interrupt | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.folder = folder
        self.overrides = list(overrides)
        self.claim = claim
        self.interrupt = interrupt or Interrupt()
        self.clock = clock or Clock()
        self.tally = Tally()
        self.plan: list[Planned] = []
        self.written: list[Path] = []
        self.runs: Runs | None = None
        self.provenance = {
            **provenance(),
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        }

    def begin(self, name: str) -> None:
        """Leave word in the folder that a sweep is under way, and whose it is."""
        facts = {"name": name, "status": "running", "overrides": self.overrides}
        text = json.dumps({"schema": 1, **facts, **self.provenance}, indent=1)
        write_text(self.folder / SWEEP, text + "\n")

    def write(self, record: Record, number: int, overrides: Sequence[str], folder: Path) -> float:
        """Write a job's record into its folder, and a line into its log.

        Returns:
            The mean number of samples until the target, unreached ones counted at the budget: what
            an optimising sweeper should minimise.

        Raises:
            TrainingFailed: If the record is of a failed job; it is written first.
        """
        about = {"number": number, "overrides": list(overrides), **self.provenance}
        record = replace(record, meta={**record.meta, **about})
        self.written.append(write_record(record, folder))
        if record.meta["error"]:
            log.error("%s", record.meta["error"])
            raise TrainingFailed(record.meta["error"].strip().splitlines()[-1])
        counts = Counter(record.outcomes.status.tolist())
        log.info(
            "setting %s, %d trials: %s; engine %s, %.0f ns a sample",
            record.setting,
            len(record.seeds),
            ", ".join(f"{count} {name}" for name, count in counts.items()),
            record.meta["engine"],
            record.ns_per_sample.mean(),
        )
        times = record.outcomes.samples_to_target
        return float(np.where(np.isnan(times), record.meta["samples"], times).mean())

    def open_runs(self, job: Job) -> None:
        """Open the MLflow store, unless it is open.

        Raises:
            InputError: If it cannot be used.
        """
        if self.runs is None:
            with self.clock("mlflow"):
                go_on = self.claim is not None and self.claim.continued
                self.runs = Runs.open(
                    job.tracking, job.name, self.folder.name, self.provenance, go_on
                )

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Give back whatever is held when the ``with`` block ends.

        The folder is left as it was found on bad input, and free to be continued on other errors.
        """
        try:
            yield
        except InputError:
            if self.claim is not None and not self.written:
                self.claim.withdraw()
            raise
        except OSError as error:
            raise CannotGoOn(
                f"{error}. What was trained is kept: with the cause removed, "
                f"the same command goes on.\n  {command()}"
            ) from error
        finally:
            if self.runs is not None:
                self.runs.close()
            if self.claim is not None:
                self.claim.release(finished=False)

    def finish(self) -> int:
        """Make tables, report and the sweep's MLflow run of what was written; say how it ended.

        Returns:
            The exit code of the process: 0, 1 if a job failed, 128 + the signal if interrupted.
        """
        left = len(self.plan) - len(self.written)

        def ended_early() -> bool:
            return left > 0 and self.interrupt.pressed()

        ending = Ending(self.folder, self.overrides, self.plan, self.written)
        failed = finish(ending, self.clock, self.tally, self.runs, ended_early)
        if self.claim is not None:
            self.claim.release(finished=not left)
        if self.interrupt.pressed():
            terminal.say_how_to_go_on(left, len(self.plan))
        return self.interrupt.exit_code or (1 if failed else 0)


def show_plan(jobs: Sequence[Job]) -> None:
    """Print what jobs would train, what of it was trained before, and how long the rest takes."""
    todo, cache = wanted(jobs), Cache(use=jobs[0].cache)
    _announce(jobs, todo, cache, folder=None, measure_from=0.0)


def train_and_publish(
    jobs: Sequence[Job],
    plan: Sequence[Planned],
    launch: Launch,
    publish: Callable[[int, Record], None],
) -> None:
    """Train jobs, publish and track each as it is done, until all are or an end is asked for.

    Args:
        jobs: Checked jobs that may share a sweep.
        plan: The number and overrides of each.
        launch: Where to and where from.
        publish: Called with an index into ``jobs`` and its record; sees to its being written.

    Raises:
        InputError: If the MLflow store cannot be used; nothing was trained.
    """
    todo, cache, tally, clock = wanted(jobs), Cache(use=jobs[0].cache), launch.tally, launch.clock
    launch.open_runs(jobs[0])
    launch.plan += plan
    with clock("train"):
        _announce(jobs, todo, cache, launch.folder, MEASURE_FROM)
        facts = describe({key: want.setting.flat for key, want in todo.items()})
        done: dict[str, list[Record]] = {}
        with suppress(KeyboardInterrupt):
            for index, record in run_jobs(jobs, tally, cache, launch.interrupt.check, todo):
                with clock("store"):
                    publish(index, record)
                siblings = done.setdefault(record.setting, [])
                siblings.append(record)
                if len(siblings) == len(todo[record.setting].jobs):
                    _track(launch, done.pop(record.setting), facts)
    clock.move("train", "store", cache.seconds)
    spent = tally.train + tally.evaluate
    share = tally.evaluate / spent if spent else 0.0
    clock.move("train", "evaluate", share * clock.seconds["train"])
    for complaint in cache.complaints:
        terminal.warn(complaint)


def _announce(
    jobs: Sequence[Job],
    todo: Mapping[str, Wanted],
    cache: Cache,
    folder: Path | None,
    measure_from: float,
) -> None:
    threads = workers(jobs[0].executor)
    expected = forecast(todo, cache, threads, measure_from)
    terminal.announce([want.setting for want in todo.values()], expected, threads, folder)


def _track(launch: Launch, records: Sequence[Record], facts: Mapping[str, Any]) -> None:
    if launch.runs:
        with launch.clock("mlflow"):
            launch.runs.add_setting(records, facts)
