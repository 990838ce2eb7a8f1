"""At which samples seen settings are looked at side by side."""

import math
from collections.abc import Sequence

import numpy as np

from nnrun.config import Setting

MOST_MOMENTS = 12
DECADES = 3
"""How far back the moments reach from the end; before, little has happened yet."""


def matched_moments(settings: Sequence[Setting], most: int = MOST_MOMENTS) -> list[int]:
    """Choose samples seen at which every setting can be looked at.

    The first is before the first step, the others are spaced as a log over the last three decades,
    rounded to two digits, up to what all settings have seen. Each is a whole number of every
    setting's batches.

    Args:
        settings: At least one.
        most: Moments, at most.

    Returns:
        Samples seen, increasing; the first alone if no later number suits all.

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
