"""Trials trained again and watched at matched moments, as many as a bound on time allows."""

import math
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

import numpy as np

from nnrun.config.settings import Setting
from nnrun.errors import refused
from nnrun.pictures.film import DECADES, Film, shoot_together
from nnrun.text import number
from nnrun.training.stack import Stack, Trial, group, seconds
from nnrun.training.trainer import TrainingStopped, choose_engine
from nnrun.trials.cache import Cache

MOST_MOMENTS = 12


def matched_moments(settings: Sequence[Setting], most: int = MOST_MOMENTS) -> list[int]:
    """Choose samples seen at which every setting can be looked at.

    The first is before the first step, the others are spaced as a log over the last three decades,
    rounded to two digits, up to what all settings have seen. Each is a whole number of every
    setting's batches.

    Example:
        >>> from types import SimpleNamespace as S
        >>> matched_moments([S(seen=0, budget=1000, batch_size=b) for b in (5, 2)], 5)
        [0, 10, 50, 220, 1000]
    """
    step = math.lcm(*(s.batch_size for s in settings))
    seen = [s.seen for s in settings]
    # a number that only one of them has seen so far is no start for all
    start = seen[0] if len(set(seen)) == 1 else -(-max(seen) // step) * step
    end = min(s.budget for s in settings) // step * step
    if end <= start:
        return [start]
    wanted = np.geomspace(max(step, (end - start) / 10**DECADES), end - start, most - 1)
    counts = {step * round((start + _two_digits(float(value))) / step) for value in wanted[:-1]}
    return [start, *sorted(count for count in counts if start < count < end), end]


def _two_digits(value: float) -> float:
    """Round to two significant digits."""
    return round(value, 1 - math.floor(math.log10(value)))


PATIENCE = 4.0
"""How many times the bound filming may take after all, before it is given up: the estimate holds
for the machine that trained, and this may be a slower one."""


class Reel(NamedTuple):
    """What was filmed.

    Attributes:
        films: By setting id.
        reasons: Why a setting was not filmed, by its id.
    """

    films: dict[str, Film]
    reasons: dict[str, str]


def film_within(
    trials: Sequence[Trial],
    moments: Sequence[int],
    costs: Mapping[str, tuple[float, int]],
    most_seconds: float,
    stopped: Callable[[], bool] = lambda: False,
    cache: Cache | None = None,
) -> Reel:
    """Film trials, the first of them first, until the estimated time is spent.

    What is chosen does not depend on what the cache has: the same records make the same report.
    """
    chosen: list[Trial] = []
    reasons: dict[str, str] = {}
    for trial in trials:
        try:
            whole = filming_seconds([*chosen, trial], costs)
            if whole <= most_seconds:
                chosen.append(trial)
                continue
            more = whole - filming_seconds(chosen, costs)
            took = f"about {number(more, 2)} s of training, and {most_seconds:g} s may be spent"
            reasons[trial.setting.id] = f"its frames would take {took}"
        except Exception as error:
            reasons[trial.setting.id] = reason_of(error)
    until = monotonic() + max(PATIENCE * most_seconds, 1.0)
    films: dict[str, Film] = {}
    for stack in group(chosen):
        try:
            shot = shoot_together(
                stack.trials, moments, lambda: stopped() or monotonic() > until, cache
            )
            films |= {film.subject.setting.id: film for film in shot}
        except TrainingStopped:
            why = "filming was stopped" if stopped() else "its frames took longer than estimated"
            reasons |= {trial.setting.id: why for trial in stack.trials}
        except Exception as error:
            reasons |= {trial.setting.id: reason_of(error) for trial in stack.trials}
    return Reel(films, reasons)


def filming_seconds(trials: Sequence[Trial], costs: Mapping[str, tuple[float, int]]) -> float:
    """Estimate the seconds that filming takes: by shapes, and by what training took.

    It follows from the records alone: the same records give the same choice of what is filmed.
    """
    return sum((_stack_seconds(stack, costs) for stack in group(trials)), 0.0)


def reason_of(error: Exception) -> str:
    """Say in one line what went wrong."""
    words = refused(error) if isinstance(error, OSError) else str(error)
    return " ".join(words.split()) or type(error).__name__


def _stack_seconds(stack: Stack, costs: Mapping[str, tuple[float, int]]) -> float:
    """Take the larger of both estimates for one stack."""
    engine, setting, n = choose_engine(stack), stack.setting, len(stack.trials)
    width = engine.width
    # a few trials take as long as a full width of them
    side_by_side = -(-n // width) * width
    estimated = seconds(setting, side_by_side, engine.name)
    measured = 0.0
    for nanoseconds, trained in (costs.get(t.setting.id, (0.0, 1)) for t in stack.trials):
        # its mean over the trials that were trained together; these were not more than a width,
        # and as a rule not fewer than the setting has
        together = min(trained, width) * side_by_side / width
        whole = max(together, n) * nanoseconds * 1e-9 * (setting.budget - setting.seen)
        measured = max(measured, whole)
    return max(estimated, measured)
