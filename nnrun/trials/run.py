"""From jobs to finished jobs: find or train every trial, put every job together again."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, repeat
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np

from nnrun.config.settings import Job
from nnrun.masking import masked
from nnrun.model.load import network_facts
from nnrun.records.record import Record
from nnrun.records.trials import Curves, Outcomes, Status, Trials, gather, join
from nnrun.text import things
from nnrun.training.blas import one_thread
from nnrun.training.convergence import loss_window, outcomes
from nnrun.training.stack import Pace, Stack, Trial, group, seconds, shards
from nnrun.training.trainer import Trained, choose_engine
from nnrun.trials.cache import Cache
from nnrun.trials.executors import Threads, Workers, at_work, connected, run_all
from nnrun.trials.forecast import Wanted, busy, shard_seconds, wanted
from nnrun.trials.progress import meter
from nnrun.trials.provenance import data_facts
from nnrun.trials.shard import Piece, train_shard

KEEP_EVERY = 2.0
"""Seconds after which trained trials are kept even if their setting is not done."""


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

    def add(self, stack: int, trained: Trained) -> None:
        """Count what training some trials of a stack took."""
        self.train += trained.train_seconds
        self.evaluate += trained.evaluate_seconds
        self.stacks[stack]["engine"] = trained.trials.engine
        self.stacks[stack]["train_seconds"] += trained.train_seconds


class Failure(NamedTuple):
    """A setting whose training raised an error, with the traceback."""

    setting: str
    error: str


def cache_of(job: Job) -> Cache:
    """Return the cache that a job may use: trials of this machine's kind, and of its workers'."""
    return Cache(use=job.cache, others=connected(job.executor).processors)


def run_jobs(
    jobs: Sequence[Job],
    tally: Tally,
    cache: Cache,
    check: Callable[[], None] = lambda: None,
    todo: Mapping[str, Wanted] | None = None,
    given_up: Mapping[str, str] = MappingProxyType({}),
    one_of_many: bool = False,
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
        one_of_many: Whether others follow at once, so that the display of this one does not stay.

    Yields:
        Indices into ``jobs`` with their records; a failed job's record carries the traceback in
        ``meta["error"]``.
    """
    todo = wanted(jobs) if todo is None else todo
    parts: dict[str, list[Trials]] = {}
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
            found = set() if block is None else set(block.seeds.tolist())
            trials += [Trial(want.setting, seed) for seed in want.seeds if seed not in found]
    for key, done in _trained(trials, jobs, tally, cache, check, one_of_many):
        if isinstance(done, Failure):
            for index in todo[key].jobs:
                yield index, failed_record(jobs[index], done.error)
        else:
            yield from _records(jobs, todo[key], join([*parts.pop(key), done]))


def failed_record(job: Job, error: str) -> Record:
    """Return the record of a job whose training raised an error."""
    seeds = np.array(job.trial_seeds, dtype=np.int64)
    none, unknown = np.empty((len(seeds), 0)), np.full(len(seeds), np.nan)
    status = np.full(len(seeds), Status.FAILED.value, dtype="<U9")
    curves = Curves(np.empty(0, dtype=np.int64), none, none, none)
    return Record(
        meta=_meta(job, engine="none", error=error),
        trials=Trials(seeds, curves, (), unknown, "none"),
        outcomes=Outcomes(status, np.zeros(len(seeds), dtype=np.bool_), unknown, unknown),
    )


def _trained(
    trials: Sequence[Trial],
    jobs: Sequence[Job],
    tally: Tally,
    cache: Cache,
    check: Callable[[], None],
    one_of_many: bool,
) -> Iterator[tuple[str, Trials | Failure]]:
    """Train trials; yield each setting's id with all of them, or with why it failed."""
    if not trials:
        return
    with one_thread(), at_work(jobs[0].executor) as workers, Gathered(trials, cache) as gathered:
        first, cut, done = len(tally.stacks), _shards(trials, tally, workers), [0]
        samples = sum(stack["samples"] for stack in tally.stacks[first:])

        def more() -> str:
            return f" ({done[0]:,} of {things(len(cut), 'shard')}, {workers.words()})"

        doing = f"training {len(trials):,} trials"
        lasting = not one_of_many
        with meter(doing, samples, "samples", lasting, more, lasting) as advance:

            def submit(item: Shard, stopped: Callable[[], bool]) -> Future[list[Piece]]:
                return workers.submit(train_shard, item.trials, advance, stopped)

            for shard, pieces in run_all(submit, cut, lambda: workers.room, check):
                done[0] += 1
                for piece in pieces:
                    mine = shard.trials.part(piece.rows)
                    if piece.trained is None:
                        yield from gathered.fail(Failure(mine.setting.id, piece.error))
                        continue
                    tally.add(shard.stack, piece.trained)
                    yield from gathered.add(mine, piece.trained.trials, piece.processor)


class Shard(NamedTuple):
    """Trials that one worker trains at once, and the number of the stack that they are of."""

    stack: int
    trials: Stack


def _shards(trials: Sequence[Trial], tally: Tally, workers: Workers) -> list[Shard]:
    """Group trials into stacks, which are noted, and cut these for those who train them."""
    first, cuts, stacks = len(tally.stacks), [], group(trials)
    engines = [choose_engine(stack) for stack in stacks]
    sizes = [(stack.setting, len(stack.trials)) for stack in stacks]
    training = sum(seconds(*size, engine.name) for size, engine in zip(sizes, engines, strict=True))
    fed = busy(training, workers.slots, workers.costs)
    pace = Pace(
        workers=-(-fed // len(stacks)),
        length=shard_seconds(fed, workers.costs),
        room=workers.room,
        apart=not isinstance(workers, Threads),
    )
    for number, (stack, engine) in enumerate(zip(stacks, engines, strict=True), first):
        tally.stacks.append(
            {
                "trials": len(stack.trials),
                "samples": stack.samples,
                "engine": None,
                "train_seconds": 0.0,
            }
        )
        cuts.append(map(Shard, repeat(number), shards(stack, engine.name, engine.width, pace)))
    return [*chain(*cuts)]


class Part(NamedTuple):
    """Trials of one setting in the result of a shard.

    Attributes:
        of: The shard's.
        rows: The setting's.
        processor: That trained them; empty for this machine's.
    """

    of: Trials
    rows: list[int]
    processor: str

    @property
    def first(self) -> int:
        """The first seed."""
        return int(self.of.seeds[self.rows[0]])


class Gathered:
    """Trained trials until their settings are done; kept in the cache early enough.

    When its ``with`` block ends, however it does, what is trained is kept.

    Args:
        trials: All that will be trained.
        cache: Where they are kept.
    """

    def __init__(self, trials: Iterable[Trial], cache: Cache) -> None:
        self._cache = cache
        self._left = Counter(trial.setting.id for trial in trials)
        self._settings = {trial.setting.id: trial.setting for trial in trials}
        self._parts: dict[str, list[Part]] = {}
        self._fresh: dict[str, list[Part]] = {}
        self._kept = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.keep()

    def add(self, shard: Stack, trained: Trials, by: str = "") -> Iterator[tuple[str, Trials]]:
        """Take in a result of a type of processor; yield the settings that it completes."""
        rows: dict[str, list[int]] = {}
        for row, trial in enumerate(shard.trials):
            rows.setdefault(trial.setting.id, []).append(row)
        done = []
        for key, mine in rows.items():
            part = Part(trained, mine, by)
            self._fresh.setdefault(key, []).append(part)
            if key in self._left:
                self._parts.setdefault(key, []).append(part)
                self._left[key] -= len(mine)
                if not self._left[key]:
                    done.append(key)
        for key in done:
            # in the order of their seeds, in which the record has them
            parts = sorted(self._parts.pop(key), key=lambda part: part.first)
            whole = _joined(parts)
            if len(parts) == len(self._fresh[key]) and {part.processor for part in parts} == {""}:
                del self._fresh[key]
                self._cache.keep(self._settings[key], whole)
            else:
                self._keep(key)
            del self._left[key]
            yield key, whole
        if monotonic() - self._kept > KEEP_EVERY:
            self.keep()

    def fail(self, failure: Failure) -> Iterator[tuple[str, Failure]]:
        """Give a setting up, once."""
        if self._left.pop(failure.setting, 0):
            self._parts.pop(failure.setting, None)
            yield failure.setting, failure

    def keep(self) -> None:
        """Keep what is trained, whether its setting is done or not."""
        for key in list(self._fresh):
            self._keep(key)
        self._kept = monotonic()

    def _keep(self, key: str) -> None:
        """Keep what is new of a setting."""
        parts = self._fresh.pop(key)
        for by in dict.fromkeys(part.processor for part in parts):
            mine = _joined([part for part in parts if part.processor == by])
            self._cache.keep(self._settings[key], mine, by=by)


def _joined(parts: Sequence[Part]) -> Trials:
    return gather([(part.of, part.rows) for part in parts])


def _records(jobs: Sequence[Job], want: Wanted, block: Trials) -> Iterator[tuple[int, Record]]:
    for index in want.jobs:
        job = jobs[index]
        mine = block.take(job.trial_seeds)
        window = loss_window(job.setting.problem.n_train)
        judged = outcomes(mine.curves, job.setting.target, window)
        yield index, Record(_meta(job, engine=block.engine, error=None), mine, judged)


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
        "require": job.report.require,
        "handout": job.report.handout,
        "auto": asdict(job.auto) if job.auto else None,
        "within": job.report.within,
        "facet": job.report.facet,
        "margin": job.report.margin,
        "animate": job.animate,
        "task": str(setting.problem.task),
        "network": network_facts(setting),
        "sources": setting.sources,
        "data": data_facts(setting),
        "samples": setting.budget // setting.batch_size * setting.batch_size,
    }
