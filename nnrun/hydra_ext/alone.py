"""One job, trained where Hydra runs it: a single run, or a sweep under another's launcher."""

import os
from collections.abc import Callable
from contextlib import chdir, nullcontext, suppress
from pathlib import Path
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig

from nnrun.config import Job
from nnrun.errors import InputError, TrainingFailed
from nnrun.hydra_ext.check import forget, read_config
from nnrun.pipeline import terminal
from nnrun.pipeline.finish import Planned
from nnrun.pipeline.launch import Launch
from nnrun.pipeline.train import show_plan, train_and_publish
from nnrun.results import SWEEP
from nnrun.sweep.cache import Cache
from nnrun.sweep.interrupt import interrupts_held
from nnrun.sweep.run import run_jobs
from nnrun.sweep.store import Record


def run_job_alone(config: DictConfig, hydra: Any) -> float:
    """Train one job in the folder that Hydra made for it.

    A single run is finished here: tables, report, MLflow. A job of a sweep under a launcher that
    is not ours only leaves its record; the sweep is finished when all its jobs are done.

    Args:
        config: The job's configuration.
        hydra: Hydra's own configuration of the job.

    Returns:
        Mean samples until the target.

    Raises:
        SystemExit: If interrupted, or if a single run failed; that is finished first.
        TrainingFailed: If a sweep's job failed.
    """
    job = read_config(config)
    # outputs/ and relative paths of data are where the command was given, in sweeps, too
    with chdir(hydra.runtime.cwd), interrupts_held() as interrupt:
        launch = Launch(
            output_folder(hydra), list(hydra.overrides.task), interrupt=interrupt, jobs=[job]
        )
        objective = [float("nan")]
        alone = hydra.mode != RunMode.MULTIRUN
        number = 0 if alone else int(hydra.job.num)

        def publish(_: int, record: Record) -> None:
            with suppress(TrainingFailed) if alone else nullcontext():
                objective[0] = launch.write(record, number, launch.overrides, launch.folder)

        if alone:
            _run_whole(job, launch, publish, f"{hydra.job.name}.log")
        else:
            _run_one_of_many(job, launch, publish)
    return objective[0]


def output_folder(hydra: Any) -> Path:
    """Return a job's folder as the user would write it, relative to where the command was given."""
    return Path(os.path.relpath(hydra.runtime.output_dir, hydra.runtime.cwd))


def _run_one_of_many(job: Job, launch: Launch, publish: Callable[[int, Record], None]) -> None:
    """Train a job of a sweep whose launcher is not ours, and leave its record."""
    cache = Cache(use=job.cache)
    with suppress(KeyboardInterrupt):
        for done in run_jobs([job], launch.tally, cache, launch.interrupt.check):
            publish(*done)
    for complaint in cache.complaints:
        terminal.warn(complaint)
    if launch.interrupt.pressed():
        raise SystemExit(launch.interrupt.exit_code)


def _run_whole(
    job: Job, launch: Launch, publish: Callable[[int, Record], None], log_file: str
) -> None:
    if job.plan_only:
        show_plan([job])
        forget(launch.folder, ".hydra", log_file)
        return
    launch.begin(job.name)
    try:
        train_and_publish([job], [Planned(0, launch.overrides, job.setting.id)], launch, publish)
    except InputError:
        forget(launch.folder, ".hydra", log_file, SWEEP)
        raise
    with launch.closing():
        code = launch.finish()
    if code:
        raise SystemExit(code)
