"""From jobs to finished jobs: group trials, train the shards, put every job together again."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nnrun.config import Job
from nnrun.network.mlp import Layer
from nnrun.sweep.executors import run_all, workers
from nnrun.sweep.progress import meter
from nnrun.sweep.store import Record
from nnrun.training.convergence import Outcomes, Status, outcomes
from nnrun.training.engines import choose_engine
from nnrun.training.stack import Stack, Trial, group
from nnrun.training.trainer import Curves, Trained, train


@dataclass
class Tally:
    """What training cost, filled while it runs.

    Attributes:
        train: Seconds in training, added over threads.
        evaluate: Seconds in evaluations, added over threads.
        stacks: For each stack its trials, samples, engine and seconds of training.
    """

    train: float = 0.0
    evaluate: float = 0.0
    stacks: list[dict[str, Any]] = field(default_factory=list)


class Place(NamedTuple):
    """Where a trial's result is to be found."""

    trained: Trained
    row: int
    ns_per_sample: float


TrialKey = tuple[str, int]


def run_jobs(
    jobs: Sequence[Job], tally: Tally, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Record]]:
    """Train all trials of all jobs; yield each job's record as soon as its last trial is done.

    Trials that several jobs ask for are trained once. A shard that raises fails the jobs it
    belongs to, and no others.

    Args:
        jobs: Checked jobs; they share one executor.
        tally: Is filled with costs.
        check: Called often while training; what it raises ends it.

    Yields:
        Indices into ``jobs`` with their records; a failed job's record carries the traceback in
        ``meta["error"]``.
    """
    keys = {i: {(j.setting.id, seed) for seed in j.trial_seeds} for i, j in enumerate(jobs)}
    settings = {job.setting.id: job.setting for job in jobs}
    distinct = dict.fromkeys((job.setting.id, seed) for job in jobs for seed in job.trial_seeds)
    trials = [Trial(settings[setting], seed) for setting, seed in distinct]
    stacks = group(trials)
    n_workers = workers(jobs[0].executor)
    shards = [
        (number, shard)
        for number, stack in enumerate(stacks)
        for shard in stack.shards(choose_engine(stack).width, n_workers)
    ]
    tally.stacks = [_stack_facts(stack) for stack in stacks]
    places: dict[TrialKey, Place] = {}
    samples = sum(stack["samples"] for stack in tally.stacks)
    with meter(len(trials), samples) as advance:
        work = _work(advance)
        for (number, shard), result in run_all(work, shards, jobs[0].executor, check):
            done = {(trial.setting.id, trial.seed) for trial in shard.trials}
            concerned = [index for index, left in keys.items() if left & done]
            if isinstance(result, Exception):
                error = "".join(traceback.format_exception(result))
                for index in concerned:
                    del keys[index]
                    yield index, failed_record(jobs[index], error)
                continue
            places |= _places(shard, result)
            _count(tally, number, result)
            for index in concerned:
                keys[index] -= done
                if not keys[index]:
                    del keys[index]
                    yield index, _record(jobs[index], places)


def failed_record(job: Job, error: str) -> Record:
    """Return the record of a job whose training raised an error."""
    seeds = np.array(job.trial_seeds, dtype=np.int64)
    none, unknown = np.empty((len(seeds), 0)), np.full(len(seeds), np.nan)
    status = np.full(len(seeds), Status.FAILED.value, dtype="<U9")
    return Record(
        meta=_meta(job, engine="none", error=error),
        seeds=seeds,
        curves=Curves(np.empty(0, dtype=np.int64), none, none, none),
        outcomes=Outcomes(status, np.zeros(len(seeds), dtype=np.bool_), unknown, unknown),
        ns_per_sample=unknown,
        params=(),
    )


def _record(job: Job, places: Mapping[TrialKey, Place]) -> Record:
    found = [places[job.setting.id, seed] for seed in job.trial_seeds]
    samples = found[0].trained.curves.samples
    metrics = (
        np.stack([p.trained.curves[m][p.row] for p in found]) for m in range(1, len(Curves._fields))
    )
    curves = Curves(samples, *metrics)
    params = tuple(
        Layer(*(np.stack([p.trained.params[i][k][p.row] for p in found]) for k in range(2)))
        for i in range(len(job.setting.sizes))
    )
    return Record(
        meta=_meta(job, engine=found[0].trained.engine, error=None),
        seeds=np.array(job.trial_seeds, dtype=np.int64),
        curves=curves,
        outcomes=outcomes(curves, job.setting.target),
        ns_per_sample=np.array([p.ns_per_sample for p in found]),
        params=params,
    )


def _meta(job: Job, engine: str, error: str | None) -> dict[str, Any]:
    setting = job.setting
    return {
        "setting": setting.id,
        "config": setting.flat,
        "name": job.name,
        "seed": job.seed,
        "seeds": job.seeds,
        "engine": engine,
        "error": error,
        "tracking": asdict(job.tracking),
        "report": job.report.name,
        "task": str(setting.problem.task),
        "samples": setting.budget // setting.batch_size * setting.batch_size,
    }


def _work(
    advance: Callable[[int], None],
) -> Callable[[tuple[int, Stack], Callable[[], bool]], Trained]:
    return lambda item, stopped: train(item[1], choose_engine(item[1]), advance, stopped)


def _places(shard: Stack, result: Trained) -> dict[TrialKey, Place]:
    samples = len(shard.trials) * int(result.curves.samples[-1])
    cost = 1e9 * result.train_seconds / samples
    return {(t.setting.id, t.seed): Place(result, i, cost) for i, t in enumerate(shard.trials)}


def _stack_facts(stack: Stack) -> dict[str, Any]:
    samples = len(stack.trials) * int(stack.grid[-1])
    return {"trials": len(stack.trials), "samples": samples, "engine": None, "train_seconds": 0.0}


def _count(tally: Tally, number: int, result: Trained) -> None:
    tally.train += result.train_seconds
    tally.evaluate += result.evaluate_seconds
    tally.stacks[number]["engine"] = result.engine
    tally.stacks[number]["train_seconds"] += result.train_seconds
