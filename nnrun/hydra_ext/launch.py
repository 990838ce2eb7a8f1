"""Sweeps: all their jobs trained together, or handed one by one to another's launcher."""

from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from nnrun.config.read import require_no_grid
from nnrun.config.settings import Job
from nnrun.errors import TrainingFailed
from nnrun.hydra_ext.callback import finish_later
from nnrun.hydra_ext.check import check_batch, check_jobs, plain
from nnrun.hydra_ext.compose import Composer
from nnrun.hydra_ext.folders import settle, take_back
from nnrun.hydra_ext.jobs import JobLog, mask_file, run_job, write_masked
from nnrun.hydra_ext.other_launchers import Handed
from nnrun.hydra_ext.planning import Tuning
from nnrun.hydra_ext.tuning import tuned_batches
from nnrun.interrupt import interrupts_held
from nnrun.launch import terminal
from nnrun.launch.claim import Claim, identity_of, take_unused
from nnrun.launch.launch import Launch, announce, show_plan, train_and_publish
from nnrun.launch.required import require_told
from nnrun.launch.tuning import Tuned
from nnrun.layout import new_folder
from nnrun.records.record import Record
from nnrun.records.sweep import SweepJob
from nnrun.trials.forecast import wanted
from nnrun.trials.progress import Clock
from nnrun.trials.run import cache_of

Batch = Sequence[Sequence[str]]
"""The overrides of each job of a batch."""


def run_sweep(
    context: HydraContext,
    master: DictConfig,
    batches: Sequence[Batch],
    tuning: Tuning | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Run a sweep whose jobs are all known: check, tune, find its folder, train, finish.

    Raises:
        InputError: If the input is bad; nothing was trained, and nothing is left behind.
        SystemExit: If the sweep was interrupted, or a job failed; it is finished first.
    """
    clock, composer = Clock(), Composer(context.config_loader, master)
    batches, jobs, tuned = _prepared(composer, master, batches, tuning, notes, clock)
    if jobs[0].plan_only:
        show_plan(jobs)
        return
    folder, claim = _claimed(master, identity_of(jobs))
    with interrupts_held() as interrupt:
        launch = Launch(folder, list(master.hydra.overrides.task), claim, interrupt, clock, jobs)
        with launch.closing():
            launch.open_mirror(jobs[0].tracking, jobs[0].name)
            launch.begin(jobs[0].name)
            if tuned is not None:
                tuned.write(folder)
                launch.more, launch.given_up = tuned.facts, tuned.given_up
            write_masked(master, folder / "multirun.yaml")
            sweep, first = Sweep(context, composer, master, launch), 0
            for batch in batches:
                mine = jobs[first : first + len(batch)]
                sweep.train(mine, batch, first)
                first += len(batch)
            code = launch.finish()
    if code:
        raise SystemExit(code)


def _prepared(
    composer: Composer,
    master: DictConfig,
    batches: Sequence[Batch],
    tuning: Tuning | None,
    notes: Sequence[str],
    clock: Clock,
) -> tuple[Sequence[Batch], list[Job], Tuned | None]:
    """Tune and check all jobs, and say what is to be said of them."""
    tuned = None
    if tuning is not None:
        batches, tuned = tuned_batches(composer, master, batches, tuning, clock)
    with clock("compose"):
        jobs = check_jobs(composer, master, list(chain(*batches)), first=0)
        if tuned is None:
            require_told(jobs)
    terminal.say_notes(notes)
    return batches, jobs, tuned


def _claimed(master: DictConfig, identity: str) -> tuple[Path, Claim]:
    """Choose a sweep's folder, that of an unfinished one with the same jobs if any, and take it."""
    unfinished: list[Claim] = []

    def choose(parent: Path) -> Path:
        if claim := Claim.unfinished(parent, identity):
            unfinished.append(claim)
            return claim.folder
        return new_folder(parent)

    folder = settle(master, "hydra.sweep.dir", choose)
    mine = [claim for claim in unfinished if claim.folder == folder]
    return folder, mine[0] if mine else Claim.take(folder, identity)


class Batches:
    """The batches that another's sweeper hands to our launcher, as one sweep.

    Tables and report are made when Hydra is done.
    """

    def __init__(self, context: HydraContext, master: DictConfig) -> None:
        require_no_grid(plain(master))
        self._context, self._master = context, master
        self._composer = Composer(context.config_loader, master)
        folder = Path(str(master.hydra.sweep.dir))
        self._lock = take_unused(folder)
        mask_file(folder / "multirun.yaml")
        self._launch = Launch(folder, list(master.hydra.overrides.task))
        finish_later(self._finish)

    def run(self, batch: Batch, first: int) -> list[JobReturn]:
        """Check and train a batch.

        Raises:
            InputError: If a job is bad; none of the batch was trained.
            SystemExit: If interrupted.
        """
        launch, returns = self._launch, dict[int, JobReturn]()
        with launch.clock("compose"):
            jobs = check_batch(self._composer, self._master, batch, first)
        with interrupts_held() as launch.interrupt:
            sweep = Sweep(self._context, self._composer, self._master, launch)
            sweep.train(jobs, batch, first, returns.__setitem__)
        if launch.interrupt.pressed():
            raise SystemExit(launch.interrupt.exit_code)
        return [returns[index] for index in sorted(returns)]

    def _finish(self) -> int:
        try:
            if not self._launch.plan:  # its input was bad: nothing was begun
                take_back(self._launch.folder, "multirun.yaml")
                return 0
            with interrupts_held(), self._launch.closing():
                return self._launch.finish()
        finally:
            self._lock.release()


@dataclass(frozen=True)
class Sweep:
    """What the batches of a sweep have in common.

    Attributes:
        context: Hydra's.
        composer: Composes a job's configuration.
        master: The composed configuration of the sweep.
        launch: Where results go.
    """

    context: HydraContext
    composer: Composer
    master: DictConfig
    launch: Launch

    def train(
        self,
        jobs: Sequence[Job],
        batch: Batch,
        first: int,
        returned: Callable[[int, JobReturn], None] = lambda index, job_return: None,
    ) -> None:
        """Train checked jobs together; give each its Hydra folder, log and record.

        A job's folder is made when the job is done, around the writing of the record, so that
        callbacks, logging and ``.hydra/`` are as any launcher leaves them.
        """
        setup_globals()
        self._log_to_terminal()
        plan = [
            SweepJob(first + i, list(filter_overrides(overrides)), job.setting.id)
            for i, (overrides, job) in enumerate(zip(batch, jobs, strict=True))
        ]

        cwd, log = Path.cwd(), JobLog()

        def publish(index: int, record: Record) -> None:
            number, overrides = plan[index].number, plan[index].overrides

            def task(folder: Path) -> float:
                with chdir(cwd):
                    return self.launch.write(record, number, overrides, folder)

            done = run_job(self.context, self.composer, batch[index], number, task, log)
            error = done._return_value
            if done.status != JobStatus.COMPLETED and not isinstance(error, TrainingFailed):
                raise error
            returned(index, done)

        try:
            train_and_publish(jobs, plan, self.launch, publish)
        finally:  # the last job's log is where the root logger still writes
            self._log_to_terminal()

    def _log_to_terminal(self) -> None:
        configure_log(self.master.hydra.hydra_logging, self.master.hydra.verbose)


def run_elsewhere(
    launcher: Handed,
    context: HydraContext,
    master: DictConfig,
    batches: Sequence[Batch],
    tuning: Tuning | None = None,
    notes: Sequence[str] = (),
) -> list[Any]:
    """Check all jobs, then hand them to a launcher, as Hydra's basic sweeper does.

    Raises:
        InputError: If the input is bad; nothing was trained, and nothing is left behind.
        TrainingFailed: If a job could not be tuned.
    """
    composer = Composer(context.config_loader, master)
    batches, jobs, tuned = _prepared(composer, master, batches, tuning, notes, Clock())
    if jobs[0].plan_only:
        show_plan(jobs)
        return []
    if tuned is not None and tuned.given_up:  # the jobs are not ours to fail one by one
        raise TrainingFailed(next(iter(tuned.given_up.values())).strip())
    folder = settle(master, "hydra.sweep.dir")
    launch = launcher.begin()
    launch.open_mirror(jobs[0].tracking, jobs[0].name)
    launch.expect(jobs, list(chain(*batches)), first=0)
    if tuned is not None:
        tuned.write(folder)
        launch.more = tuned.facts
    write_masked(master, folder / "multirun.yaml")
    if jobs[0].executor.name == "threads":  # each job has a cluster of its own to be told of
        announce(wanted(jobs), cache_of(jobs[0]), jobs[0].executor, launch.where, inf)
    returns, first = [], 0
    for batch in batches:
        # a failed job is in the results: it must not keep the others from being run
        returns.append(launcher.launch(batch, initial_job_idx=first))
        first += len(batch)
    return returns
