"""What a launch has to do: its settings, its trials, and those that were trained before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt
from time import perf_counter
from typing import Any, NamedTuple

from nnrun.commands import run
from nnrun.config.settings import Job, Setting
from nnrun.text import duration, things
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
        client_shard: The client's, for each shard: half to hand it out, half to take it back. It
            handles one after the other.
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


def busy(training: float, workers: int, costs: Costs) -> int:
    """Return how many of some workers are given a shard: not more than the client feeds in time.

    Shards of equal work, one a worker, are done the soonest if handing them out, half of what they
    cost the client, takes as long as training one.

    Args:
        training: Seconds of one core that there are to train.
        workers: That are there.
        costs: Beside training.
    """
    return max(1, min(workers, int(sqrt(2 * training / costs.client_shard))))


def shard_seconds(workers: int, costs: Costs) -> float:
    """Return how long a shard should take where there is enough to do.

    Its own cost is then little, and one client has twice the time that it needs for all workers.

    Args:
        workers: That train side by side.
        costs: Beside training.
    """
    return max(costs.shard / SMALL, 2 * workers * costs.client_shard)


def expected(trials: int, each: float, workers: int, costs: Costs, size: int = 0) -> float:
    """Return the seconds that training takes: the workers' time, or the client's if that is longer.

    Args:
        trials: How many.
        each: Seconds of one core for each.
        workers: That are there.
        costs: Beside training.
        size: Trials a shard; 0 for as many as shards are given.
    """
    fed = busy(trials * each, workers, costs)
    if not size:
        several = max(1, round(trials * each / fed / shard_seconds(fed, costs)))
        size = -(-trials // (fed * several))
    n_shards = -(-trials // size)
    shard, rounds = costs.shard + each * size, ceil(n_shards * (1 + costs.lost) / fed)
    half = costs.client_shard / 2
    takes_back = n_shards * half + trials * costs.client_trial
    return max(
        # the last worker, from its first shard's being handed out to its last one's being taken
        fed * half + rounds * shard + takes_back / n_shards,
        # the client without a break, or with one until the first shard is trained
        n_shards * half + takes_back,
        shard + takes_back,
    )


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
        least: What of it is done whatever the results are; None for all of it.
    """

    trials: int
    cached: int
    seconds: float
    measured: bool
    least: "Forecast | None" = None


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
        time = expected(n_left, factor * sum(training) / n_left, workers, costs)
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


CORES = (2, 10, 100, 1_000, 10_000)


def table(each: float, costs: Costs = CLUSTER) -> str:
    """Say in Markdown how long so many trials take on so many cores of a cluster.

    Args:
        each: Seconds of one core for each.
        costs: Beside training.
    """
    head = ["trials", *(f"{cores:,} cores" for cores in CORES)]
    rows = [head, ["---"] * len(head)]
    for trials in (10**power for power in range(4, 10)):
        times = (expected(trials, each, cores, costs) for cores in CORES)
        rows.append([f"{trials:,}", *map(duration, times)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Print the time that sweeps take on clusters, by what a trial takes."""
    for each in (1e-4, 1e-2, 1.0):
        print(f"A trial takes {1e3 * each:g} ms of one core:\n\n{table(each)}\n")
    return 0


if __name__ == "__main__":
    run(main, json=False)
