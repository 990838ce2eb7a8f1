"""Training the jobs of a launch, each saved and tracked as soon as it is done."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from nnrun.config import Job
from nnrun.pipeline import terminal
from nnrun.pipeline.clock import Clock
from nnrun.pipeline.finish import Plan, finish
from nnrun.pipeline.track import Runs
from nnrun.sweep.interrupt import interrupts_held
from nnrun.sweep.provenance import provenance
from nnrun.sweep.run import Tally, run_jobs
from nnrun.sweep.store import Record, write_record
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
        write_record(record, folder)
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
    with launch.clock("mlflow"):
        runs = Runs.open(jobs[0].tracking, jobs[0].name, launch.folder.name, launch.provenance)
    facts = describe({job.setting.id: job.setting.flat for job in jobs})
    done: dict[int, Record] = {}
    interrupted = False
    try:
        with launch.clock("train"), interrupts_held() as check:
            for index, record in run_jobs(jobs, launch.tally, check):
                with launch.clock("store"):
                    publish(index, record)
                done[index] = record
                siblings = [i for i, job in enumerate(jobs) if job.setting.id == record.setting]
                if runs and all(i in done for i in siblings):
                    with launch.clock("mlflow"):
                        runs.add_setting([done[i] for i in siblings], facts)
    except KeyboardInterrupt:
        interrupted = True
    spent = launch.tally.train + launch.tally.evaluate
    launch.clock.split("train", "evaluate", launch.tally.evaluate / spent if spent else 0.0)
    finish(launch.folder, launch.overrides, launch.clock, launch.tally, runs, plan, interrupted)
    if interrupted:
        terminal.say_how_to_go_on([plan[i] for i in range(len(jobs)) if i not in done])
        raise SystemExit(130)
