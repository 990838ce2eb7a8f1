"""Random numbers from Hydra's ``interval``: its rules, and the draws."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from hydra.core.override_parser.types import IntervalSweep

from nnrun.errors import Issue, did_you_mean

LOG = "log"
"""The tag of an interval that is drawn from log-uniformly."""

MOST_WHOLE = 2**53
"""Beyond it not every whole number is a floating-point number."""

EXAMPLE = f"for instance 'lr=tag({LOG},interval(1e-3,1))'"


def interval_problems(key: str, interval: IntervalSweep) -> Iterator[Issue]:
    """Yield the rules that an interval breaks.

    Args:
        key: What it is the interval of.
        interval: As Hydra's grammar reads it.
    """
    low, high, whole = _ends(interval)
    written = f"interval({low!r},{high!r})"
    for tag in sorted(interval.tags - {LOG}):
        yield Issue(key, written, f"'{tag}' is not a known tag", did_you_mean(tag, [LOG]))
    if whole and max(abs(low), abs(high)) > MOST_WHOLE:
        yield Issue(key, written, f"whole numbers are drawn up to {MOST_WHOLE:,}")
    elif not _finite(low, high):
        yield Issue(key, written, "needs ends that a number can lie between")
    elif low > high:
        yield Issue(key, written, "the lower end comes first", f"interval({high!r},{low!r})")
    elif LOG in interval.tags and low <= 0:
        yield Issue(key, written, "an interval with the tag log lies above 0", EXAMPLE)


def _finite(low: float, high: float) -> bool:
    try:
        return math.isfinite(float(high) - float(low))
    except OverflowError:  # a whole number that no float holds
        return False


def numbers(interval: IntervalSweep, n_draws: int, rng: np.random.Generator) -> list[Any]:
    """Draw numbers from an interval.

    Of whole numbers, both ends are drawn too; log-uniformly, the share of k is that of the real
    numbers from k to k + 1.

    Args:
        interval: Without problems.
        n_draws: How many to draw.
        rng: Where the randomness comes from.

    Returns:
        Python floats, or ints from ``int(interval(a,b))``.
    """
    low, high, whole = _ends(interval)
    if LOG in interval.tags:
        top = high + 1 if whole else high
        values = np.exp(rng.uniform(math.log(low), math.log(top), n_draws))
        # the exponential may round past an end
        values = np.clip(np.floor(values) if whole else values, low, high)
    elif whole:
        values = rng.integers(int(low), int(high), size=n_draws, endpoint=True)
    else:
        values = rng.uniform(low, high, n_draws)
    kind: type[int] | type[float] = int if whole else float
    return [kind(value) for value in values]


def _ends(interval: IntervalSweep) -> tuple[float, float, bool]:
    """Return an interval's ends, and whether it is one of whole numbers."""
    low, high = interval.start, interval.end
    assert low is not None
    assert high is not None
    return low, high, isinstance(low, int) and isinstance(high, int)
