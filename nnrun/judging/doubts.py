"""Curves that nothing can be learned from, though they could be judged."""

from collections.abc import Sequence

import numpy as np

from nnrun.errors import InputError, Issue
from nnrun.judging.frame import Curves
from nnrun.judging.target import Target
from nnrun.text import listing, number, things


def doubts(curves: Curves, target: Target, names: Sequence[str], y: str) -> list[str]:
    """Say what about curves a reader would doubt the verdict for.

    Args:
        curves: At least one.
        target: With its direction.
        names: What the settings are called.
        y: The metric.

    Returns:
        Sentences.

    Raises:
        InputError: If all curves begin at the target, or the seeds of no setting differ.
    """
    return [*_of_target(curves, target, y), *_of_seeds(curves, names)]


def _of_target(curves: Curves, target: Target, y: str) -> list[str]:
    known, begun = curves.y[np.isfinite(curves.y)], curves.y[curves.first]
    if target.met(begun).all():
        side, other = (">=", "<=") if target.rising else ("<=", ">=")
        words = f"{y}{side}{target.value:g}"
        span = f"{number(known.min())} to {number(known.max())}" if known.size else "none"
        rule = "is met by every curve at its first evaluation, so nothing can be told apart"
        hint = f"the values are {span}; is the unit right, or did you mean {y}{other}..?"
        raise InputError(Issue("target", words, rule, hint))
    if not known.size or target.met(known).any():
        return []
    best = known.max() if target.rising else known.min()
    return [f"No curve comes to the target: the best {y} is {number(best)}."]


def _of_seeds(curves: Curves, names: Sequence[str]) -> list[str]:
    """Name settings of which all seeds have the same curve: they are one seed."""
    spans = zip(curves.first.tolist(), (curves.first + curves.lengths).tolist(), strict=True)
    prints = [hash((curves.x[a:b].tobytes(), curves.y[a:b].tobytes())) for a, b in spans]
    of: list[list[int]] = [[] for _ in names]
    for place in np.flatnonzero(~curves.empty).tolist():
        of[curves.setting[place]].append(prints[place])
    several = [(name, mine) for name, mine in zip(names, of, strict=True) if len(mine) > 1]
    alike = [(name, len(mine)) for name, mine in several if len(set(mine)) == 1]
    if not alike:
        return []
    if len(alike) == len(several):
        name, n = alike[0]
        rule = f"has the same curve with each of its {n} seeds, and so has every setting"
        raise InputError(Issue("seed", name, rule, "does the program use its seed?"))
    told = listing([f"{name} ({things(n, 'seed')})" for name, n in alike], 5)
    return [f"All seeds have the same curve, so they say no more than one: {told}."]
