"""What counts as converged, from words such as ``val_acc>=0.9``, or from a number alone."""

import re
from typing import Any, NamedTuple

import numpy as np

from nnrun.errors import InputError, Issue
from nnrun.judging.frame import Curves

WORDS = re.compile(
    r"\s*(?P<name>.*?)\s*(?P<sign>>=|<=|≥|≤|=>|=<|>|<|:|==|=)\s*(?P<value>[^<>=≥≤:]*)"
)

MOSTLY = 0.9
"""Share of the curves that must lead one way for the direction to be taken from them."""

HINT = "say which way: 'val_acc>=0.9' or 'loss<=0.1'"


class Target(NamedTuple):
    """What counts as converged.

    Attributes:
        value: To be reached.
        rising: Whether at or above it counts, rather than at or below; None where the curves are
            to tell.
        y: The metric that the words name; empty for none.
    """

    value: float
    rising: bool | None = None
    y: str = ""

    def met(self, y: Any) -> Any:
        """Say where values of the metric, an array or one, are at the target or beyond it."""
        return y >= self.value if self.rising else y <= self.value


def read_target(words: str | float) -> Target:
    """Read a target.

    Raises:
        InputError: If it is none.

    Example:
        >>> read_target("val_acc >= 0.9"), read_target(0.1)
        (Target(value=0.9, rising=True, y='val_acc'), Target(value=0.1, rising=None, y=''))
    """
    text = str(words).strip()
    found = WORDS.fullmatch(text)
    name, sign, value = (found["name"], found["sign"], found["value"]) if found else ("", "", text)
    if sign and sign not in (">=", "<=", "≥", "≤", "=>", "=<"):
        raise InputError(Issue("target", words, f"has '{sign}', and takes >= or <=", HINT))
    try:
        number = float(value)
    except ValueError:
        rule = "is no number, and no metric with >= or <= and a number"
        raise InputError(Issue("target", words, rule, HINT)) from None
    if not np.isfinite(number):
        raise InputError(Issue("target", words, "must be a finite number", HINT))
    return Target(number, (sign in (">=", "≥", "=>")) if sign else None, name)


def directed(target: Target, curves: Curves, y: str) -> Target:
    """Take the direction of a target from the curves, where words do not say it.

    Nine tenths of the curves must end on the same side of where they began, and must begin short
    of the target.

    Raises:
        InputError: If the curves do not tell it.
    """
    if target.rising is not None:
        return target
    ends = curves.first + curves.lengths - 1
    begun, ended = curves.y[curves.first], curves.y[ends]
    known = np.isfinite(begun) & np.isfinite(ended) & (begun != ended)
    up = ended[known] > begun[known]
    share = float(up.mean()) if up.size else 0.5
    if MOSTLY > share > 1 - MOSTLY:
        rule = (
            f"has no direction, and {100 * share:.0f}% of the curves of {y} end above their start"
        )
        raise InputError(Issue("target", target.value, rule, HINT))
    rising = share >= MOSTLY
    short = begun[known] < target.value if rising else begun[known] > target.value
    if short.mean() < MOSTLY:
        side = "rise" if rising else "fall"
        rule = f"has no direction: the curves of {y} {side}, and many begin beyond it"
        raise InputError(Issue("target", target.value, rule, HINT))
    return target._replace(rising=bool(rising))
