"""One job, trained where Hydra runs it: a single run, or a sweep under another's launcher."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig

from nnrun.config.settings import Executor, Job
from nnrun.errors import InputError, TrainingFailed
from nnrun.hydra_ext.check import read_config
from nnrun.hydra_ext.folders import HYDRAS, clear, take_back
from nnrun.hydra_ext.jobs import hide, mask_file
from nnrun.interrupt import interrupts_held, launches
from nnrun.launch import terminal
from nnrun.launch.claim import KEY
from nnrun.launch.launch import Launch, show_plan, train_and_publish
from nnrun.launch.required import require_told
from nnrun.records.lock import FolderLock, alone_in
from nnrun.records.record import Record
from nnrun.records.sweep import SWEEP, SweepJob, read_sweep
from nnrun.trials.executors import connected
from nnrun.trials.run import cache_of, run_jobs

WAIT = 0.3
"""Seconds between two looks at whether a sweep has ended, or a job's folder is free."""


def run_job_alone(config: DictConfig, hydra: Any) -> float:
    """Train one job in the folder that Hydra made for it.

    A single run is finished here: tables, report, MLflow. A job of a sweep under a launcher that
    is not ours only leaves its record; the sweep is finished when all its jobs are done.

    Raises:
        SystemExit: If interrupted, or if a single run failed; that is finished first.
        TrainingFailed: If a sweep's job failed.
    """
    alone = hydra.mode != RunMode.MULTIRUN
    for name in HYDRAS if hydra.output_subdir else ():
        mask_file(Path(hydra.runtime.output_dir) / hydra.output_subdir / name)
    if not alone and hydra.job.num == 0:  # the sweep may be killed before it masks what is Hydra's
        mask_file(Path(hydra.runtime.cwd, hydra.sweep.dir, "multirun.yaml"))
    # outputs/ and relative paths are where the command was given, in sweeps, too
    with (
        _where_started(hydra.runtime.cwd),
        alone_in(output_folder(hydra), KEY) if alone else nullcontext(),
        interrupts_held() as interrupt,
    ):
        with _forgotten_if_bad(hydra):
            job = read_config(config)
            if alone:
                require_told([job])
            with interrupt.let_through():
                connected(job.executor)
        launch = Launch(
            output_folder(hydra), list(hydra.overrides.task), interrupt=interrupt, jobs=[job]
        )
        objective = [float("nan")]
        number = 0 if alone else int(hydra.job.num)

        def publish(_: int, record: Record) -> None:
            with suppress(TrainingFailed) if alone else nullcontext():
                objective[0] = launch.write(record, number, launch.overrides, launch.folder)

        if alone:
            _run_whole(job, launch, publish, hydra)
        else:
            hide(config.tracking)  # launchers keep what a job was made of
            _run_one_of_many(job, launch, publish, Path(hydra.sweep.dir))
    return objective[0]


@contextmanager
def _where_started(cwd: str) -> Iterator[None]:
    """Work where the command was given; hydra.job.chdir asks for the job's folder afterwards."""
    before = os.getcwd()  # noqa: PTH109  (Hydra goes back to where it was by itself)
    os.chdir(cwd)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):  # a plan leaves no folder
            os.chdir(before)


@contextmanager
def _forgotten_if_bad(hydra: Any, *more: str) -> Iterator[None]:
    """Leave nothing of a run whose input turns out to be bad."""
    try:
        yield
    except InputError:
        _forget(hydra, *more)
        raise


def _forget(hydra: Any, *more: str) -> None:
    subdir = [hydra.output_subdir] if hydra.output_subdir else []
    take = take_back if hydra.mode != RunMode.MULTIRUN else clear
    take(output_folder(hydra), *subdir, f"{hydra.job.name}.log", *more)


def output_folder(hydra: Any) -> Path:
    """Return a job's folder as the user would write it, relative to where the command was given."""
    return Path(os.path.relpath(hydra.runtime.output_dir, hydra.runtime.cwd))


def _run_one_of_many(
    job: Job, launch: Launch, publish: Callable[[int, Record], None], sweep: Path
) -> None:
    """Train a job of a sweep whose launcher is not ours, and leave its record.

    Raises:
        InterruptedError: If its process is another's, and is to end, or the sweep has ended.
        SystemExit: If its process is the sweep's, and is to end.
    """
    cache, check = cache_of(job), launch.interrupt.check
    if not launches():
        job, check = replace(job, executor=_shared(job.executor)), _Watch(launch, sweep)
    with suppress(KeyboardInterrupt), _waited_for(launch.folder, check):
        for done in run_jobs([job], launch.tally, cache, check):
            publish(*done)
    for complaint in cache.complaints:
        terminal.warn(complaint)
    if launch.interrupt.pressed():
        if launches():
            raise SystemExit(launch.interrupt.exit_code)
        number = launch.interrupt.number
        raise InterruptedError(f"ended by signal {number}; what is trained is kept")


@contextmanager
def _waited_for(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Have a job's folder alone: a launcher may run it anew while it still runs elsewhere."""
    lock = FolderLock(folder)
    while not lock.acquire():
        check()
        sleep(WAIT)
    try:
        yield
    finally:
        lock.release()


def _shared(executor: Executor) -> Executor:
    """Use no more threads than the launcher gives each job, if it says so as joblib does."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    own = executor.workers is None and executor.name == "threads" and given.isdecimal()
    return replace(executor, workers=max(1, int(given))) if own else executor


class _Watch:
    """Ends a job in another process when its sweep has ended: to be called often.

    Its sweep.json is where they both see, on whichever machine. A sweep that is killed says nothing
    there, but workers that it started have another parent then.
    """

    def __init__(self, launch: Launch, sweep: Path) -> None:
        self._interrupt, self._sweep, self._due = launch.interrupt, sweep, 0.0
        self._parent = os.getppid()

    def __call__(self) -> None:
        self._interrupt.check()
        if monotonic() < self._due:
            return
        self._due = monotonic() + WAIT
        if os.getppid() != self._parent:
            raise InterruptedError("what started it is gone; what is trained is kept")
        with suppress(InputError):
            found = read_sweep(self._sweep)
            if found is not None and found.status != "running":
                raise InterruptedError("its sweep has ended; what is trained is kept")


def _run_whole(
    job: Job, launch: Launch, publish: Callable[[int, Record], None], hydra: Any
) -> None:
    if job.plan_only:
        show_plan([job])
        _forget(hydra)
        return
    launch.begin(job.name)
    with _forgotten_if_bad(hydra, SWEEP):
        train_and_publish([job], [SweepJob(0, launch.overrides, job.setting.id)], launch, publish)
    with launch.closing():
        code = launch.finish()
    if code:
        raise SystemExit(code)
