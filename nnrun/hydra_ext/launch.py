"""A batch of Hydra jobs, as one nnrun sweep."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job, setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from nnrun.config import Job
from nnrun.errors import InputError, Issue
from nnrun.hydra_ext.complaints import in_our_words
from nnrun.pipeline.launch import Launch, train_and_publish
from nnrun.sweep.run import run_jobs
from nnrun.sweep.store import Record
from nnrun.validate import read, require_one_sweep


class BadJobs(InputError):
    """Some jobs of a sweep break rules; none was trained."""

    def __init__(self, bad: Sequence[tuple[str, InputError]], n_jobs: int) -> None:
        super().__init__(*(issue for _, error in bad for issue in error.issues))
        self._bad, self._n_jobs = bad, n_jobs

    def __str__(self) -> str:
        lines = [f"{len(self._bad)} of {self._n_jobs} jobs cannot run, so none was trained:"]
        for name, error in self._bad:
            lines.append(f"  {name}")
            lines += [f"    {issue}" for issue in error.issues]
        return "\n".join(lines)


def read_config(config: DictConfig) -> Job:
    """Turn a composed configuration, with or without its hydra node, into a checked job."""
    plain = OmegaConf.to_container(OmegaConf.masked_copy(config, _own_keys(config)), resolve=True)
    assert isinstance(plain, dict)
    return read({str(key): value for key, value in plain.items()})


def compose_batch(
    context: HydraContext, master: DictConfig, batch: Sequence[Sequence[str]], first: int
) -> list[tuple[DictConfig, Job]]:
    """Compose and check every job of a batch.

    Args:
        context: Hydra's, for its config loader.
        master: The composed configuration of the sweep.
        batch: The overrides of each job.
        first: Number of the first job.

    Returns:
        Each job's configuration, numbered, and the job made of it.

    Raises:
        BadJobs: With every job that breaks a rule.
    """
    composed: list[tuple[DictConfig, Job]] = []
    bad: list[tuple[str, InputError]] = []
    for number, overrides in enumerate(batch, start=first):
        try:
            config = context.config_loader.load_sweep_config(master, list(overrides))
            with open_dict(config):
                config.hydra.job.id = str(number)
                config.hydra.job.num = number
            composed.append((config, read_config(config)))
        except (InputError, HydraException, OmegaConfBaseException) as error:
            name = f"#{number} {' '.join(filter_overrides(overrides))}"
            bad.append((name, in_our_words(error)))
    if bad:
        raise BadJobs(bad, len(batch))
    require_one_sweep([job for _, job in composed])
    _require_own_folders([config for config, _ in composed])
    return composed


def launch_batch(
    context: HydraContext,
    master: DictConfig,
    launch: Launch,
    batch: Sequence[Sequence[str]],
    first: int,
) -> list[JobReturn]:
    """Train a batch of jobs together; give each its Hydra folder, log and record.

    A job's folder is made when the job is done, by Hydra's own ``run_job`` around the writing of
    the record, so that callbacks, logging and ``.hydra/`` are as any launcher leaves them.
    """
    setup_globals()
    configure_log(master.hydra.hydra_logging, master.hydra.verbose)
    with launch.clock("compose"):
        composed = compose_batch(context, master, batch, first)
    returns: dict[int, JobReturn] = {}

    def publish(index: int, record: Record) -> None:
        config = composed[index][0]

        def task(_: DictConfig) -> float | None:
            folder = Path(str(config.hydra.runtime.output_dir))
            return launch.write(record, first + index, list(config.hydra.overrides.task), folder)

        returns[index] = run_job(
            hydra_context=context,
            task_function=task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        configure_log(master.hydra.hydra_logging, master.hydra.verbose)

    plan = [(first + i, list(filter_overrides(o))) for i, o in enumerate(batch)]
    train_and_publish([job for _, job in composed], plan, launch, publish)
    return [returns[index] for index in sorted(returns)]


def run_job_alone(config: DictConfig, hydra: Any) -> float:
    """Train one job in the folder that Hydra made for it.

    A single run is finished here: tables, report, MLflow. A job of a sweep under a launcher that
    is not ours only leaves its record; the sweep is finished when all its jobs are done.

    Args:
        config: The job's configuration.
        hydra: Hydra's own configuration of the job.

    Returns:
        Mean samples until the target.
    """
    job = read_config(config)
    folder = Path(os.path.relpath(hydra.runtime.output_dir, hydra.runtime.cwd))
    if hydra.job.chdir:
        folder = Path(hydra.runtime.output_dir)
    overrides = list(hydra.overrides.task)
    launch = Launch(folder, overrides)
    alone = hydra.mode != RunMode.MULTIRUN
    number = 0 if alone else int(hydra.job.num)
    objective = [float("nan")]

    def publish(_: int, record: Record) -> None:
        objective[0] = launch.write(record, number, overrides, folder)

    if alone:
        try:
            train_and_publish([job], [(number, overrides)], launch, publish)
        except InputError:
            forget(folder, ".hydra", f"{hydra.job.name}.log")
            raise
    else:
        for index, record in run_jobs([job], launch.tally):
            publish(index, record)
    return objective[0]


def new_launch(master: DictConfig) -> Launch:
    """Begin the launch of a sweep."""
    return Launch(Path(str(master.hydra.sweep.dir)), list(master.hydra.overrides.task))


def _require_own_folders(configs: Sequence[DictConfig]) -> None:
    folders = Counter(str(config.hydra.sweep.subdir) for config in configs)
    for shared in [folder for folder, jobs in folders.items() if jobs > 1]:
        rule = "gives several jobs one folder"
        raise InputError(Issue("hydra.sweep.subdir", shared, rule, "use ${hydra.job.num} in it"))


def forget(folder: Path, *names: str) -> None:
    """Take back what Hydra put into a folder where nothing was trained, and the folder if empty."""
    for path in (folder / name for name in names):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _own_keys(config: DictConfig) -> list[Any]:
    return [key for key in config if key != "hydra"]
