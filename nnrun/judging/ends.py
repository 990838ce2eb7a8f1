"""Where curves end: which had arrived by then, and up to where all are judged."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnrun.errors import InputError, Issue
from nnrun.judging.columns import Ints
from nnrun.judging.frame import Curves
from nnrun.judging.target import Target
from nnrun.text import exactly, things

NEAR = 0.1
"""Share of the budget by which a curve may end before it, and count as followed to it."""

TOUCHING = 0.25
"""Share of a setting's curves from which on ends at the target are no accident."""

CUT = 0.5
"""Share of the longest curve that a budget which another setting sets should come to."""


class Ends(NamedTuple):
    """How curves end.

    Attributes:
        arrived: Which meet the target at the last evaluations, as many as it takes to hold. What
            would have come cannot change when they arrived: they limit no budget, and beyond their
            end they keep their last value. Shape (curve,).
        budget: Up to where all are judged.
        short: Which end before the budget by more than `NEAR`, shape (curve,).
        open: Of which it is not known where they would have been evaluated later, shape (curve,):
            those that are short, and those that stopped because they arrived.
        notes: What is decided of the budget, in sentences.
    """

    arrived: NDArray[np.bool_]
    budget: float
    short: NDArray[np.bool_]
    open: NDArray[np.bool_]
    notes: list[str]


def ends_of(curves: Curves, target: Target, hold: int, unit: str, upto: float | None) -> Ends:
    """Look at where curves end.

    The budget is what all settings come to: the smallest, over settings, of their longest curve,
    those settings left aside whose curves all end with the target held. A larger one may be asked
    for, up to the longest curve of any.

    Args:
        curves: As `nnrun.judging.frame.curves_of` cuts them.
        target: With a direction.
        hold: Evaluations in a row at which it must be met.
        unit: What x counts, in the plural.
        upto: The budget that was asked for; None for the one that all settings share.

    Raises:
        InputError: If the settings share no budget, or many curves end as they first meet the
            target, so that nobody knows whether it would have held.
    """
    since = _met_since(curves, target)
    arrived = since >= hold
    _require_held(curves, since, hold)
    notes: list[str] = []
    budget = _budget(curves, arrived, unit, upto, notes)
    last = curves.last
    short = last < budget / (1 + NEAR)
    n = len(curves.levels)
    shortest, longest = np.full(n, np.inf), np.zeros(n)
    np.minimum.at(shortest, curves.setting, last)
    np.maximum.at(longest, curves.setting, last)
    # where all curves of a setting end at one point, that is where its grid ends
    stopped = arrived & (last < budget) & (shortest < longest)[curves.setting]
    return Ends(arrived, budget, short, short | stopped | curves.empty, notes)


def _met_since(curves: Curves, target: Target) -> Ints:
    """Count at how many evaluations in a row up to its end each curve meets the target."""
    y = curves.y
    missed = ~target.met(y)
    missed_last = np.maximum.reduceat(np.where(missed, np.arange(len(y)), -1), curves.first)
    ends = curves.first + curves.lengths - 1
    return ends - np.maximum(missed_last, curves.first - 1)


def _require_held(curves: Curves, since: Ints, hold: int) -> None:
    """Refuse curves that were stopped as soon as they met a target that has to hold."""
    last = curves.last
    touching = (since > 0) & (since < hold) & (last < last.max() / (1 + NEAR))
    for setting in np.unique(curves.setting[touching]):
        own = curves.setting == setting
        # ends at one point are where training was to end anyway
        n, several = int((own & touching).sum()), len(np.unique(last[own & touching])) > 1
        if several and n >= TOUCHING * own.sum():
            rule = (
                f"is not seen: {n:,} of {int(own.sum()):,} curves of {curves.name(int(setting))} "
                f"end as they meet the target, before {hold} evaluations in a row have"
            )
            hint = "1 judges by the first that meets it; or go on with training until it has held"
            raise InputError(Issue("hold", hold, rule, hint))


def _budget(
    curves: Curves, arrived: NDArray[np.bool_], unit: str, upto: float | None, notes: list[str]
) -> float:
    """Find up to where all settings can be judged."""
    n = len(curves.levels)
    longest, several = np.zeros(n), np.zeros(n, dtype=np.bool_)
    np.maximum.at(longest, curves.setting, curves.last)
    # one that breaks off among many that arrived does not end where all of its setting would
    np.logical_or.at(several, curves.setting, ~arrived & ~curves.empty)
    limits = np.where(several, longest, np.inf)
    most = float(longest.max())
    budget = float(limits.min()) if np.isfinite(limits).any() else most
    if upto is not None and budget < upto / (1 + NEAR):
        if most < upto / (1 + NEAR):
            rule = f"is beyond the {exactly(most)} {unit} of the longest curve"
            raise InputError(Issue("budget", upto, rule, f"at most {most:g}"))
        budget = most
    begin = np.full(n, np.inf)
    np.minimum.at(begin, curves.setting, curves.x[curves.first])
    if begin.max() > longest.min():
        rule = (
            f"is not shared: one setting ends at {exactly(float(longest.min()))} {unit}, and "
            f"another begins at {exactly(float(begin.max()))}"
        )
        raise InputError(Issue("budget", None, rule, "are they counted alike?"))
    if upto is None and budget < CUT * most:
        notes.append(
            f"All are judged up to the {exactly(budget)} {unit} of the longest curve of "
            f"{curves.name(int(limits.argmin()))}, though others go on to {exactly(most)}. Where "
            f"its training broke off for what it did, a budget of {exactly(most)} counts those of "
            "its curves that had not met the target as not arriving."
        )
    return budget


def told(
    curves: Curves, ends: Ends, early: NDArray[np.bool_], met: NDArray[np.bool_], hold: int,
    unit: str,
) -> Iterator[str]:  # fmt: skip
    """Say what is decided of curves that end before the budget.

    Args:
        curves: Of which all are told.
        ends: How they end.
        early: Which of them count as not arriving for it, shape (curve,).
        met: Whether each meets the target at each point, shape (curve, n_points).
        hold: At how many points in a row it must.
        unit: What x counts, in the plural.
    """
    yield from ends.notes
    budget = f"{exactly(ends.budget)} {unit}"
    n = int((early & ~curves.empty).sum())
    if n:
        yield (
            f"{things(n, 'curve')} of {len(early):,} {'ends' if n == 1 else 'end'} before the "
            f"{budget} up to which all are judged, without having met the target. What would have "
            "come is not known: they count as not arriving, as diverged ones do. Where they were "
            "stopped for a reason that has nothing to do with what they did, leave them out of the "
            "table, or judge up to where they end."
        )
    touching = int((early & met.any(axis=1)).sum())
    if touching and hold > 1:
        yield (
            f"{touching:,} of these met the target, but not at {hold} evaluations in a row before "
            "their end; if training was stopped because they met it, hold=1 counts them."
        )
    kept = int((ends.arrived & ends.open).sum())
    if kept:
        verb, keep = ("ends", "it keeps") if kept == 1 else ("end", "they keep")
        yield (
            f"{things(kept, 'curve')} of {len(early):,} {verb} before the {budget} with the target "
            f"held; from there on {keep} the last value."
        )
