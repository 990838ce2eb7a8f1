"""Sweeps of our sweeper whose jobs are run by a launcher that is not ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig

from nnrun.errors import TrainingFailed
from nnrun.hydra_ext.callback import Check
from nnrun.hydra_ext.check import check_jobs
from nnrun.hydra_ext.compose import Composer
from nnrun.hydra_ext.tune_keys import Tuning
from nnrun.hydra_ext.tuning import tuned_batches
from nnrun.hydra_ext.yaml_text import write_masked
from nnrun.pipeline import terminal
from nnrun.pipeline.clock import Clock
from nnrun.pipeline.finish import Planned
from nnrun.pipeline.track import Runs
from nnrun.pipeline.train import show_plan
from nnrun.trials.provenance import provenance


def run_elsewhere(
    launcher: Launcher,
    context: HydraContext,
    master: DictConfig,
    batches: Sequence[Sequence[Sequence[str]]],
    tuning: Tuning | None = None,
    notes: Sequence[str] = (),
) -> list[Any]:
    """Check all jobs, then hand them to a launcher, as Hydra's basic sweeper does.

    Args:
        launcher: Runs the jobs.
        context: Hydra's.
        master: The composed configuration of the sweep.
        batches: The overrides of each job.
        tuning: What is chosen for each job first, by this process.
        notes: What is said of the jobs before they are trained.

    Returns:
        What the launcher returned of each batch.

    Raises:
        InputError: If the input is bad; nothing was trained, and nothing is left behind.
        TrainingFailed: If a job could not be tuned.
    """
    composer, tuned = Composer(context.config_loader, master), None
    if tuning is not None:
        batches, tuned = tuned_batches(composer, master, batches, tuning, Clock())
    overrides = [job for batch in batches for job in batch]
    jobs = check_jobs(composer, master, overrides, first=0)
    terminal.say_notes(notes)
    if jobs[0].plan_only:
        show_plan(jobs)
        return []
    if tuned is not None and tuned.given_up:  # the jobs are not ours to fail one by one
        raise TrainingFailed(next(iter(tuned.given_up.values())).strip())
    folder = Path(str(master.hydra.sweep.dir))
    sweep = Check.foreign_sweep
    assert sweep is not None
    asked = jobs[0].tracking
    sweep.runs = Runs.open(asked, jobs[0].name, folder.name, provenance(), uuid4().hex)
    if sweep.runs is not None:
        # such a launcher may fork: not in the middle of an import
        sweep.runs.await_opening()
    sweep.plan += [
        Planned(number, list(own), job.setting.id)
        for number, (own, job) in enumerate(zip(overrides, jobs, strict=True))
    ]
    sweep.asked |= {
        (number, job.setting.id, job.seed, job.seeds) for number, job in enumerate(jobs)
    }
    folder.mkdir(parents=True, exist_ok=True)
    if tuned is not None:
        tuned.write(folder)
        sweep.more = tuned.facts
    write_masked(master, folder / "multirun.yaml")
    returns, first = [], 0
    for batch in batches:
        # a failed job is in the results: it must not keep the others from being run
        returns.append(launcher.launch(batch, initial_job_idx=first))
        first += len(batch)
    return returns
