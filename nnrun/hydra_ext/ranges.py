"""Hydra's ``range(a,b,step)``: its rules, and what its rounding does to steps of tenths."""

import math
from decimal import Decimal

from hydra.core.override_parser.types import Override, RangeSweep

from nnrun.errors import Issue, listed, shown
from nnrun.words import many

MOST_VALUES = 1_000_000
"""Of a range that is drawn from."""


def range_problem(override: Override, most: int = MOST_VALUES) -> Issue | None:
    """Return the rule that an override's range breaks, if it is a range and breaks one.

    Args:
        override: Any.
        most: Values that a range may have.
    """
    sweep, key = override.value(), override.get_key_element()
    if not isinstance(sweep, RangeSweep):
        return None
    ends = _ends(sweep)
    written = f"range({','.join(map(shown, ends))})"
    # a whole number may be larger than any float
    if not all(isinstance(end, int) or math.isfinite(end) for end in ends):
        return Issue(key, written, "needs ends and a step that are finite")
    if ends[2] == 0:
        return Issue(key, written, "needs a step other than 0")
    n = _n_values(*ends)
    if n <= 0:
        return Issue(key, written, "has no values: it goes from its first end up to its second")
    if n > most:
        drawn = f"interval({shown(ends[0])},{shown(ends[1])})"
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
    start, stop, step = (Decimal(repr(value)) for value in _ends(sweep))
    count = max(0, math.ceil((stop - start) / step))
    exact = [repr(float(start + i * step)) for i in range(count)]
    found = [repr(value) for value in sweep.range()]
    if found == exact:
        return ""
    meant = f"{override.get_key_element()}={','.join(exact)}"
    hint = f"; for exact steps: {meant}" if len(exact) <= 20 else ""
    return f"{override.input_line} is rounded to {listed(found, 8)}{hint}"


def _ends(sweep: RangeSweep) -> tuple[float, float, float]:
    assert sweep.start is not None
    assert sweep.stop is not None
    return sweep.start, sweep.stop, sweep.step
