"""From jobs to finished jobs: find or train every trial, put every job together again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from nnrun.config import Job
from nnrun.errors import masked
from nnrun.model.facts import network_facts
from nnrun.sweep.block import Block, joined
from nnrun.sweep.cache import Cache
from nnrun.sweep.datasets import data_facts
from nnrun.sweep.executors import run_all, workers
from nnrun.sweep.gather import Failure, gathering, train_apart
from nnrun.sweep.progress import meter
from nnrun.sweep.store import Record
from nnrun.sweep.todo import Wanted, missing, wanted
from nnrun.training.convergence import Outcomes, Status, loss_window, outcomes
from nnrun.training.cost import shards
from nnrun.training.engines import choose_engine
from nnrun.training.stack import Stack, Trial, group
from nnrun.training.trainer import Curves, Trained


@dataclass
class Tally:
    """What a launch cost, filled while it runs.

    Attributes:
        train: Seconds in training, added over threads.
        evaluate: Seconds in evaluations, added over threads.
        cached: Trials that were not trained because they had been before.
        stacks: For each stack its trials, samples, engine and seconds of training.
    """

    train: float = 0.0
    evaluate: float = 0.0
    cached: int = 0
    stacks: list[dict[str, Any]] = field(default_factory=list)


Item = tuple[int, Stack]
Result = tuple[int, list[tuple[Stack, Trained] | Failure]]


def run_jobs(
    jobs: Sequence[Job],
    tally: Tally,
    cache: Cache,
    check: Callable[[], None] = lambda: None,
    todo: Mapping[str, Wanted] | None = None,
    given_up: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[int, Record]]:
    """Find or train all trials of all jobs; yield each job's record when its setting is done.

    Trials that several jobs ask for are trained once. A setting that raises fails its own jobs
    and no others.

    Args:
        jobs: Checked jobs; they share one executor.
        tally: Is filled with costs.
        cache: Where earlier trials are found and new ones kept.
        check: Called often while training; what it raises ends it.
        todo: What the jobs ask for, if it is known already.
        given_up: Settings, by id, that are not to be trained, with the errors that say why.

    Yields:
        Indices into ``jobs`` with their records; a failed job's record carries the traceback in
        ``meta["error"]``.
    """
    todo = wanted(jobs) if todo is None else todo
    parts: dict[str, list[Block]] = {}
    trials: list[Trial] = []
    for key, want in todo.items():
        check()
        if key in given_up:
            yield from ((index, failed_record(jobs[index], given_up[key])) for index in want.jobs)
            continue
        block = cache.find(want.setting, want.engine, want.seeds)
        tally.cached += 0 if block is None else len(block.seeds)
        if block is not None and len(block.seeds) == len(want.seeds):
            yield from _records(jobs, want, block)
        else:
            parts[key] = [] if block is None else [block]
            trials += missing(want, () if block is None else block.seeds.tolist())
    for key, done in _trained(trials, jobs, tally, cache, check):
        if isinstance(done, Failure):
            for index in todo[key].jobs:
                yield index, failed_record(jobs[index], done.error)
        else:
            yield from _records(jobs, todo[key], joined([*parts.pop(key), done]))


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


def _trained(
    trials: Sequence[Trial],
    jobs: Sequence[Job],
    tally: Tally,
    cache: Cache,
    check: Callable[[], None],
) -> Iterator[tuple[str, Block | Failure]]:
    """Train trials; yield each setting's id with all of them, or with why it failed."""
    if not trials:
        return
    stacks = group(trials)
    tally.stacks += [_stack_facts(stack) for stack in stacks]
    first = len(tally.stacks) - len(stacks)
    threads = workers(jobs[0].executor)
    items = ((first + i, shard) for i, stack in enumerate(stacks) for shard in _cut(stack, threads))
    samples = sum(stack["samples"] for stack in tally.stacks[first:])
    doing = f"training {len(trials):,} trials"
    progress = meter(doing, samples, "samples", at_once=True)
    with gathering(trials, cache) as gathered, progress as advance:
        for number, results in run_all(_work(advance), items, jobs[0].executor, check):
            for result in results:
                if isinstance(result, Failure):
                    yield from gathered.fail(result)
                else:
                    _count(tally, number, result[1])
                    yield from gathered.add(*result)


def _records(jobs: Sequence[Job], want: Wanted, block: Block) -> Iterator[tuple[int, Record]]:
    for index in want.jobs:
        job = jobs[index]
        mine = block.taken(job.trial_seeds)
        window = loss_window(job.setting.problem.n_train)
        judged = outcomes(mine.curves, job.setting.target, window)
        yield index, Record.of(_meta(job, engine=block.engine, error=None), mine, judged)


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
        "tracking": asdict(replace(job.tracking, uri=masked(job.tracking.uri))),
        "report": job.report.name,
        "study": job.report.study,
        "animate": job.animate,
        "task": str(setting.problem.task),
        "network": network_facts(setting),
        "sources": setting.sources,
        "data": data_facts(setting),
        "samples": setting.budget // setting.batch_size * setting.batch_size,
    }


def _cut(stack: Stack, threads: int) -> Iterator[Stack]:
    engine = choose_engine(stack)
    return shards(stack, engine.name, engine.width, threads)


def _work(advance: Callable[[int], None]) -> Callable[[Item, Callable[[], bool]], Result]:
    def work(item: Item, stopped: Callable[[], bool]) -> Result:
        number, shard = item
        return number, train_apart(shard, advance, stopped)

    return work


def _stack_facts(stack: Stack) -> dict[str, Any]:
    samples = len(stack.trials) * (int(stack.grid[-1]) - stack.setting.seen)
    return {"trials": len(stack.trials), "samples": samples, "engine": None, "train_seconds": 0.0}


def _count(tally: Tally, number: int, result: Trained) -> None:
    tally.train += result.train_seconds
    tally.evaluate += result.evaluate_seconds
    tally.stacks[number]["engine"] = result.engine
    tally.stacks[number]["train_seconds"] += result.train_seconds
