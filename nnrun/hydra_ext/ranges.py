"""Hydra's ``range(a,b,step)``: its rules, and what its rounding does to steps of tenths."""

import math
from decimal import Decimal

from hydra.core.override_parser.types import Override, RangeSweep

from nnrun.errors import Issue, listed

MOST_VALUES = 1_000_000
"""Of a range, and jobs of a sweep."""


def range_problem(override: Override) -> Issue | None:
    """Return the rule that an override's range breaks, if it is a range and breaks one."""
    sweep, key = override.value(), override.get_key_element()
    if not isinstance(sweep, RangeSweep):
        return None
    start, stop, step = _ends(sweep)
    written = f"range({start:g},{stop:g},{step:g})"
    if not all(map(math.isfinite, (start, stop, step))):
        return Issue(key, written, "needs ends and a step that are finite")
    if step == 0:
        return Issue(key, written, "needs a step other than 0")
    if (stop - start) / step <= 0:
        return Issue(key, written, "has no values: it goes from its first end up to its second")
    if (stop - start) / step > MOST_VALUES:
        return Issue(key, written, f"has more than {MOST_VALUES:,} values")
    return None


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
