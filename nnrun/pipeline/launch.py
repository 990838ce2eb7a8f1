"""Training the jobs of a launch, each saved and tracked as soon as it is done."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from nnrun.config import Job
from nnrun.errors import InputError, Issue
from nnrun.pipeline import terminal
from nnrun.pipeline.clock import Clock
from nnrun.pipeline.finish import Ending, Plan, finish
from nnrun.pipeline.track import Runs
from nnrun.results import SWEEP
from nnrun.sweep.interrupt import interrupts_held
from nnrun.sweep.provenance import provenance
from nnrun.sweep.run import Tally, run_jobs
from nnrun.sweep.store import RECORD, Record, write_record
from nnrun.sweep.tables import describe

log = logging.getLogger(__name__)


class TrainingFailed(Exception):
    """A job's training raised an error; its record holds the traceback."""


class Launch:
    """Where a launch writes, where it comes from, and what it costs.

    Args:
        folder: Of the sweep, or of the single run.
        overrides: As given on the command line.
    """

    def __init__(self, folder: Path, overrides: Sequence[str]) -> None:
        self.folder = folder
        self.overrides = list(overrides)
        self.clock = Clock()
        self.tally = Tally()
        self.written: list[Path] = []
        self.plan: list[tuple[int, list[str]]] = []
        self.provenance = {
            **provenance(),
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        }

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


def require_unused(folder: Path) -> None:
    """Check that a folder is not that of another run or sweep.

    Raises:
        InputError: If it holds results, which would be overwritten or mixed with new ones.
    """
    if (folder / SWEEP).exists() or (folder / RECORD).exists():
        rule = "holds the results of another run or sweep"
        raise InputError(Issue("output folder", folder, rule, "choose another, or move it away"))


def train_and_publish(
    jobs: Sequence[Job], plan: Plan, launch: Launch, publish: Callable[[int, Record], None]
) -> None:
    """Train jobs, publish and track each as it is done, and finish the launch.

    Args:
        jobs: Checked jobs that may share a sweep.
        plan: The number and overrides of each.
        launch: Where to and where from.
        publish: Called with an index into ``jobs`` and its record; sees to its being written.

    Raises:
        InputError: If the MLflow store cannot be used; nothing was trained.
        SystemExit: With code 130 if interrupted, after what is complete was saved.
    """
    terminal.announce(jobs, launch.folder)
    facts = describe({job.setting.id: job.setting.flat for job in jobs})
    done: dict[int, Record] = {}
    with interrupts_held() as interrupt:
        with launch.clock("mlflow"):
            runs = Runs.open(jobs[0].tracking, jobs[0].name, launch.folder.name, launch.provenance)
        with suppress(KeyboardInterrupt), launch.clock("train"):
            for index, record in run_jobs(jobs, launch.tally, interrupt.check):
                with launch.clock("store"):
                    publish(index, record)
                done[index] = record
                if runs:
                    _track(runs, jobs, done, record, facts, launch.clock)
        spent = launch.tally.train + launch.tally.evaluate
        launch.clock.split("train", "evaluate", launch.tally.evaluate / spent if spent else 0.0)
        launch.plan += plan
        finish(Ending(launch.folder, launch.overrides, launch.plan, launch.written),
               launch.clock, launch.tally, runs, interrupt.pressed)  # fmt: skip
    if interrupt.pressed():
        terminal.say_how_to_go_on([plan[i] for i in range(len(jobs)) if i not in done])
        raise SystemExit(130)


def _track(
    runs: Runs,
    jobs: Sequence[Job],
    done: Mapping[int, Record],
    last: Record,
    facts: Mapping[str, Any],
    clock: Clock,
) -> None:
    """Track the setting of the job that was done last, if its other jobs are done, too."""
    siblings = [i for i, job in enumerate(jobs) if job.setting.id == last.setting]
    if all(i in done for i in siblings):
        with clock("mlflow"):
            runs.add_setting([done[i] for i in siblings], facts)
