"""What a launch has to do: its settings, its trials, and those that were trained before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, NamedTuple

from nnrun.config.settings import Job, Setting
from nnrun.text import things
from nnrun.training.stack import Stack, Trial, group, seconds, shape_key
from nnrun.training.trainer import Choice, choose_engine, engine_of, train
from nnrun.trials.cache import Cache
from nnrun.trials.progress import meter

SMALL = 0.01
"""Share of a shard's time that may go to what it costs beside training."""

SAMPLE = 4096
"""Trials, in equal parts of all settings but at least 32 of each, among which those are chosen that
a calibration trains."""

CALIBRATED = 6
"""Most stacks that a calibration tries."""

CALIBRATION_SECONDS = 0.1
"""About what trying one of them may take."""


class Costs(NamedTuple):
    """What it takes to have trials trained, beside training them: seconds of one core.

    Attributes:
        shard: A worker's, for each shard.
        client_shard: The client's, for each shard; it handles one after the other.
        client_trial: The client's, for each trial: to put it together with others, keep it in the
            cache and record it.
        lost: Share of shards that are trained twice, since their worker was lost.
    """

    shard: float
    client_shard: float
    client_trial: float
    lost: float = 0.0


THREADS = Costs(shard=2.5e-3, client_shard=0.5e-3, client_trial=8e-6)
CLUSTER = Costs(shard=10e-3, client_shard=5e-3, client_trial=10e-6)


def shard_seconds(workers: int, costs: Costs) -> float:
    """Return how long a shard should take: so that its cost is small, and the client not late.

    Args:
        workers: That train side by side.
        costs: Beside training.
    """
    return max(costs.shard / SMALL, 2 * workers * costs.client_shard)


def expected(trials: int, each: float, size: int, workers: int, costs: Costs) -> float:
    """Return the seconds that training takes: the workers' time, or the client's if that is longer.

    Args:
        trials: How many.
        each: Seconds that a core takes to train one.
        size: Trials a shard.
        workers: That train side by side.
        costs: Beside training.
    """
    n_shards = -(-trials // size)
    shard = costs.shard + each * min(size, trials)
    rounds = -(-n_shards // workers) * (1 + costs.lost)
    client = costs.client_shard * n_shards + costs.client_trial * trials
    # the client sees to the last shard when its training is done
    return max(rounds * shard, client) + client / n_shards


@dataclass(frozen=True)
class Wanted:
    """A setting with all the seeds that its jobs ask for.

    Attributes:
        setting: What is trained.
        seeds: Ascending.
        engine: Name of the engine that trains it.
        slower: What NumPy has to do, and why, where compiled code was meant to; else empty.
        jobs: Indices of its jobs.
    """

    setting: Setting
    seeds: tuple[int, ...]
    engine: str
    slower: str
    jobs: tuple[int, ...]


class Forecast(NamedTuple):
    """What a launch will do.

    Attributes:
        trials: Distinct trials.
        cached: Of these, those that were trained before.
        seconds: Estimated time to train the others.
        measured: Whether a calibration corrected the estimate.
    """

    trials: int
    cached: int
    seconds: float
    measured: bool


def wanted(jobs: Sequence[Job]) -> dict[str, Wanted]:
    """Collect what jobs ask for, by setting id, in order of first appearance."""
    asked: dict[str, list[int]] = {}
    for index, job in enumerate(jobs):
        asked.setdefault(job.setting.id, []).append(index)
    engines: dict[object, Choice] = {}
    found = {}
    for key, indices in asked.items():
        setting = jobs[indices[0]].setting
        shape = shape_key(setting)
        if shape not in engines:
            engines[shape] = engine_of(Stack((Trial(setting, 0),)))
        seeds = sorted({seed for i in indices for seed in jobs[i].trial_seeds})
        found[key] = Wanted(setting, tuple(seeds), *engines[shape], tuple(indices))
    return found


def forecast(
    todo: Mapping[str, Wanted],
    cache: Cache,
    workers: int,
    measure_from: float,
    costs: Costs = THREADS,
) -> Forecast:
    """Say what a launch will do.

    Args:
        todo: What its jobs ask for.
        cache: Where earlier trials are.
        workers: That train.
        measure_from: Estimated seconds from which on training for a moment corrects the estimate.
        costs: Beside training.
    """
    some, left, cached = list[Trial](), dict[str, int](), 0
    of_each = max(32, SAMPLE // max(1, len(todo)))
    doing = f"looking up {things(len(todo), 'setting')} in the cache"
    with meter(doing, len(todo), "settings") as advance:
        for key, want in todo.items():
            held = cache.held(want.setting, want.engine, want.seeds)
            cached += held
            left[key] = len(want.seeds) - held
            some += [Trial(want.setting, seed) for seed in want.seeds[: min(left[key], of_each)]]
            advance(1)
    stacks, n_left = group(some), sum(left.values())
    training = [
        seconds(
            stack.setting,
            sum(left[key] for key in {trial.setting.id for trial in stack.trials}),
            todo[stack.setting.id].engine,
        )
        for stack in stacks
    ]
    measured = bool(stacks) and sum(training) / workers >= measure_from
    factor = calibration(stacks, training) if measured else 1.0
    time = 0.0
    if stacks:
        each = factor * sum(training) / n_left
        size = min(shard_seconds(workers, costs) / each, -(-n_left // workers))
        time = expected(n_left, each, max(1, int(size)), workers, costs)
    return Forecast(sum(len(want.seeds) for want in todo.values()), cached, time, measured)


def calibration(stacks: Sequence[Stack], costs: Sequence[float]) -> float:
    """Return how much longer training takes here than estimated, from the costliest stacks."""
    ranked = sorted(range(len(stacks)), key=costs.__getitem__, reverse=True)
    measured = estimated = 0.0
    for stack in (stacks[i] for i in ranked[:CALIBRATED]):
        engine = choose_engine(stack)
        each = seconds(stack.setting, 32, engine.name) / 32
        several = max(engine.width, 32, int(CALIBRATION_SECONDS / each))
        sample = next(stack.cut(several))
        share = min(1.0, CALIBRATION_SECONDS / (each * len(sample.trials)))
        budget = int(sample.setting.budget * share)
        try:
            train(_shortened(sample.part([0]), 1), choose_engine(stack))  # compiled, if need be
            short = _shortened(sample, budget)
            started = perf_counter()
            train(short, engine)
        except Exception:  # it will fail again where it is told whose fault it is
            continue
        measured += perf_counter() - started
        estimated += seconds(short.setting, len(short.trials), engine.name)
    return measured / estimated if estimated else 1.0


def _shortened(stack: Stack, budget: int) -> Stack:
    """Return trials with another budget, one batch at least, trained from the start."""
    changes: dict[str, Any] = {
        "budget": max(stack.setting.batch_size, budget), "continue_from": None
    }  # fmt: skip
    settings = {t.setting.id: replace(t.setting, **changes) for t in stack.trials}
    return Stack(tuple(Trial(settings[t.setting.id], t.seed) for t in stack.trials))
