"""Hydra's ``range`` and ``interval``: their rules, their rounding and their draws."""

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from nnrun.errors import Issue, as_typed, did_you_mean, listed
from nnrun.text import many

MOST_VALUES = 1_000_000
"""Of a range that is drawn from."""


def range_problem(override: Override, most: int = MOST_VALUES) -> Issue | None:
    """Return the rule that an override's range breaks, if it is a range and breaks one."""
    sweep, key = override.value(), override.get_key_element()
    if not isinstance(sweep, RangeSweep):
        return None
    ends = _range_ends(sweep)
    written = f"range({','.join(map(as_typed, ends))})"
    # a whole number may be larger than any float
    if not all(isinstance(end, int) or math.isfinite(end) for end in ends):
        return Issue(key, written, "needs ends and a step that are finite")
    if ends[2] == 0:
        return Issue(key, written, "needs a step other than 0")
    n = _n_values(*ends)
    if n <= 0:
        return Issue(key, written, "has no values: it goes from its first end up to its second")
    if n > most:
        drawn = f"interval({as_typed(ends[0])},{as_typed(ends[1])})"
        drawn = f"int({drawn})" if all(isinstance(end, int) for end in ends) else drawn
        hint = f"draw some of them: '{key}={drawn}' sweep.random=100" if n < 1e15 else ""
        rule = f"has {many(n)} values, and here a range has at most {most:,}"
        return Issue(key, written, rule, hint)
    return None


def _n_values(start: float, stop: float, step: float) -> float:
    """Count the values of a range, without making any; inf where that is more than a float."""
    if all(isinstance(end, int) for end in (start, stop, step)):
        return -((start - stop) // step)
    try:
        n = (stop - start) / step
        return math.ceil(n) if math.isfinite(n) else n
    except OverflowError:
        return math.inf if (stop > start) == (step > 0) else -math.inf


def rounding(override: Override) -> str:
    """Say where a range without problems holds other numbers than its steps are meant to give.

    Example:
        >>> from hydra.core.override_parser.overrides_parser import OverridesParser
        >>> (tenths,) = OverridesParser.create().parse_overrides(["lr=range(0.1,0.4,0.1)"])
        >>> print(rounding(tenths))
        lr=range(0.1,0.4,0.1) is rounded to 0.1, 0.2, 0.30000000000000004, 0.4; for exact steps: \
lr=0.1,0.2,0.3
    """
    sweep = override.value()
    if not isinstance(sweep, RangeSweep) or isinstance(sweep.range(), range):
        return ""
    start, stop, step = (Decimal(repr(value)) for value in _range_ends(sweep))
    count = max(0, math.ceil((stop - start) / step))
    exact = [repr(float(start + i * step)) for i in range(count)]
    found = [repr(value) for value in sweep.range()]
    if found == exact:
        return ""
    meant = f"{override.get_key_element()}={','.join(exact)}"
    hint = f"; for exact steps: {meant}" if len(exact) <= 20 else ""
    return f"{override.input_line} is rounded to {listed(found, 8)}{hint}"


def _range_ends(sweep: RangeSweep) -> tuple[float, float, float]:
    assert sweep.start is not None
    assert sweep.stop is not None
    return sweep.start, sweep.stop, sweep.step


LOG = "log"
"""The tag of an interval that is drawn from log-uniformly."""

MOST_WHOLE = 2**53
"""Beyond it not every whole number is a floating-point number."""

EXAMPLE = f"for instance 'lr=tag({LOG},interval(1e-3,1))'"


def interval_problems(key: str, interval: IntervalSweep) -> Iterator[Issue]:
    """Yield the rules that an interval breaks."""
    low, high, whole = _interval_ends(interval)
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
    """
    low, high, whole = _interval_ends(interval)
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


def _interval_ends(interval: IntervalSweep) -> tuple[float, float, bool]:
    """Return an interval's ends, and whether it is one of whole numbers."""
    low, high = interval.start, interval.end
    assert low is not None
    assert high is not None
    return low, high, isinstance(low, int) and isinstance(high, int)
