"""Training the jobs of a launch, each saved and tracked as soon as it is done."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from nnrun.config.settings import Job
from nnrun.pipeline import terminal
from nnrun.pipeline.finish import Planned
from nnrun.pipeline.launch import Launch
from nnrun.pipeline.plan import announce
from nnrun.records.record import Record
from nnrun.trials.cache import Cache
from nnrun.trials.forecast import wanted
from nnrun.trials.run import run_jobs


def show_plan(jobs: Sequence[Job]) -> None:
    """Print what jobs would train, what of it was trained before, and how long the rest takes."""
    todo, cache = wanted(jobs), Cache(use=jobs[0].cache)
    announce(todo, cache, jobs[0].executor, where=None, measure_from=0.0)


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
    cache, tally, clock = Cache(use=jobs[0].cache), launch.tally, launch.clock
    launch.open_runs(jobs[0])
    launch.plan += plan
    launch.keeps = cache.use == "use"
    with clock("train"), suppress(KeyboardInterrupt):
        with launch.interrupt.let_through():
            todo = wanted(jobs)
            announce(todo, cache, jobs[0].executor, launch.where)
            facts = launch.describe()
        check, given_up = launch.interrupt.check, launch.given_up
        for index, record in run_jobs(jobs, tally, cache, check, todo, given_up):
            with clock("store"):
                publish(index, record)
            paths = launch.gathered(record.setting)
            if paths and launch.runs:
                with launch.clock("mlflow"):
                    launch.runs.add_setting(paths, facts, record.setting)
    clock.move("train", "store", cache.seconds)
    spent = tally.train + tally.evaluate
    share = tally.evaluate / spent if spent else 0.0
    clock.move("train", "evaluate", share * clock.seconds["train"])
    for complaint in cache.complaints:
        terminal.warn(complaint)
