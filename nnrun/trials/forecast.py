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

CALIBRATED = 6
"""Most stacks that a calibration tries."""

CALIBRATION_SECONDS = 0.1
"""About what trying one of them may take."""


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
    todo: Mapping[str, Wanted], cache: Cache, threads: int, measure_from: float
) -> Forecast:
    """Say what a launch will do.

    Args:
        todo: What its jobs ask for.
        cache: Where earlier trials are.
        threads: That train.
        measure_from: Estimated seconds from which on training for a moment corrects the estimate.
    """
    left, cached = [], 0
    doing = f"looking up {things(len(todo), 'setting')} in the cache"
    with meter(doing, len(todo), "settings") as advance:
        for want in todo.values():
            held = cache.held(want.setting, want.engine, want.seeds)
            cached += held
            left += [Trial(want.setting, seed) for seed in want.seeds[: len(want.seeds) - held]]
            advance(1)
    stacks = group(left)
    costs = [seconds(s.setting, len(s.trials), todo[s.setting.id].engine) for s in stacks]
    measured = bool(stacks) and sum(costs) / threads >= measure_from
    factor = calibration(stacks, costs) if measured else 1.0
    trials = sum(len(want.seeds) for want in todo.values())
    return Forecast(trials, cached, factor * sum(costs) / threads, measured)


def calibration(stacks: Sequence[Stack], costs: Sequence[float]) -> float:
    """Return how much longer training takes here than estimated, from the costliest stacks."""
    ranked = sorted(range(len(stacks)), key=costs.__getitem__, reverse=True)
    measured = estimated = 0.0
    for stack in (stacks[i] for i in ranked[:CALIBRATED]):
        engine = choose_engine(stack)
        sample = next(stack.cut(max(engine.width, 32)))
        full = seconds(sample.setting, len(sample.trials), engine.name)
        share = min(1.0, CALIBRATION_SECONDS / full)
        budget = max(sample.setting.batch_size, int(sample.setting.budget * share))
        changes: dict[str, Any] = {"budget": budget, "continue_from": None}
        started = perf_counter()
        try:
            settings = (replace(t.setting, **changes) for t in sample.trials)  # from the start
            short = Stack(tuple(map(Trial, settings, sample.seeds)))
            train(short, engine)
        except Exception:  # it will fail again where it is told whose fault it is
            continue
        measured += perf_counter() - started
        estimated += seconds(short.setting, len(short.trials), engine.name)
    return measured / estimated if estimated else 1.0
