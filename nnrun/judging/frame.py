"""A table with a row an evaluation, from anywhere: checked and cut into curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.errors import InputError, Issue, as_typed
from nnrun.judging.columns import Columns, Floats, Ints, numbers, seeds, settings
from nnrun.text import things


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves one after the other, each with evaluations of its own.

    Attributes:
        levels: A row a setting, in order of first appearance: its values, by column.
        setting: The place of each curve's setting, shape (curve,).
        seed: Shape (curve,); no two curves of a setting share one.
        first: Where each curve begins, shape (curve,).
        x: Above 0 and increasing within a curve, shape (row,); whole numbers where all are.
        y: Shape (row,); NaN from a divergence on.
        empty: Which curves have no evaluation, shape (curve,): what they have stands for none.
        notes: What was understood of the table, or left out of it, in sentences.
    """

    levels: pd.DataFrame
    setting: Ints
    seed: Ints
    first: Ints
    x: Ints | Floats
    y: Floats
    empty: NDArray[np.bool_]
    notes: Sequence[str] = ()

    @property
    def lengths(self) -> Ints:
        """Evaluations of each curve, shape (curve,)."""
        return np.diff(self.first, append=len(self.x))

    def name(self, setting: int) -> str:
        """Name a setting by its values."""
        return _named(self.levels, setting)

    @property
    def last(self) -> Ints | Floats:
        """The last evaluation of each curve, shape (curve,)."""
        return self.x[self.first + self.lengths - 1]


def curves_of(frame: pd.DataFrame, columns: Columns, budget: float | None = None) -> Curves:
    """Cut a table into curves.

    Args:
        frame: A row an evaluation, in any order.
        columns: Which of its columns are what.
        budget: Evaluations beyond it are left out; None for none.

    Returns:
        The curves, by setting in order of first appearance, then by seed.

    Raises:
        InputError: If values cannot be taken for what they should be, or a curve has two at one x.
    """
    if frame.empty:
        raise InputError(Issue("table", None, "has no row", "a row is one evaluation of one curve"))
    notes: list[str] = []
    x, y = (numbers(frame[name], key) for key, name in (("x", columns.x), ("y", columns.y)))
    if np.isnan(x).any() or np.isinf(x).any() or x.min() < 0:
        bad = x[~(x >= 0) | np.isinf(x)][0]
        rule = f"must be a finite number of 0 or more, and is {bad:g} in one row"
        raise InputError(Issue("x", columns.x, rule, "a row without one is no evaluation"))
    setting, levels = settings(frame, columns.setting)
    seed = seeds(frame[columns.seed], columns.seed, notes)
    setting, seed, x, y = _sorted(setting, seed, x, y)
    x, y, keep, empty = _within(setting, seed, x, y, budget, columns.x, notes)
    setting, seed, x, y = setting[keep], seed[keep], x[keep], y[keep]
    first = _starts(setting, seed)
    y, keep = _evaluated(y, first)
    if not keep.all():
        setting, seed, x, y = setting[keep], seed[keep], x[keep], y[keep]
        first = _starts(setting, seed)
        notes.append(
            f"{things(int((~keep).sum()), 'row')} without a {columns.y} between rows that have one "
            "are no evaluations of it."
        )
    _require_increasing(x, first, setting, seed, levels, columns)
    gone = len(levels) - len(np.unique(setting))
    if gone:
        there = np.unique(setting)
        levels = levels.iloc[there].reset_index(drop=True)
        setting = np.searchsorted(there, setting)
        notes.append(f"{things(gone, 'setting')} without an evaluation are left out.")
    whole = bool((x == np.rint(x)).all()) and x.max() < 2**53
    grid: Any = x.astype(np.int64) if whole else x
    return Curves(levels, setting[first], seed[first], first, grid, y, empty, notes)


def _within(
    setting: Ints,
    seed: Ints,
    x: Floats,
    y: Floats,
    budget: float | None,
    name: str,
    notes: list[str],
) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Find the evaluations above 0 and up to the budget.

    A curve that has none of them, of a setting that has, must not vanish: what stopped it may well
    be what it did. It gets one without a value.

    Returns:
        x and y, with the values that such curves get; which rows are evaluations; and which of the
        curves that are left are such curves.

    Raises:
        InputError: If there is none at all.
    """
    keep = x > 0
    before = int((~keep).sum())
    if before:
        notes.append(_before_training(before, name))
    if budget is not None:
        keep &= x <= budget
    if not keep.any():
        upto = "lies above 0" if budget is None else f"lies at {budget:g} or before"
        rule = f"no evaluation {upto}" if budget is None else f"none {upto}"
        raise InputError(Issue("x", name, rule, "raise --budget" if budget is not None else ""))
    first = _starts(setting, seed)
    some = np.logical_or.reduceat(keep, first)
    known = np.isin(setting[first], setting[first[some]])
    without = first[~some & known]
    if without.size:
        x, y = x.copy(), y.copy()
        x[without], y[without], keep[without] = x[keep].min(), np.nan, True
        upto = "" if budget is None else f" and up to {budget:g}"
        notes.append(
            f"{things(len(without), 'curve')} of {int(known.sum()):,} without an evaluation above "
            f"{name} 0{upto} {'counts' if len(without) == 1 else 'count'} as not arriving."
        )
    return x, y, keep, ~some[known]


def _before_training(n: int, x: str) -> str:
    return (
        f"{things(n, 'row')} at {x} 0 {'is' if n == 1 else 'are'} left out: a time of 0 has no "
        f"ratio. Where {x} 0 is the first evaluation after training began, count from 1."
    )


def _sorted(setting: Ints, seed: Ints, x: Floats, y: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """Sort rows by setting, seed and x; most tables are so already."""
    same = setting[1:] == setting[:-1]
    tied = same & (seed[1:] == seed[:-1])
    ordered = (setting[1:] > setting[:-1]) | (same & (seed[1:] > seed[:-1]))
    if (ordered | (tied & (x[1:] >= x[:-1]))).all():
        return setting, seed, x, y
    order = np.lexsort((x, seed, setting))
    return setting[order], seed[order], x[order], y[order]


def _starts(setting: Ints, seed: Ints) -> Ints:
    new = np.ones(len(seed), dtype=np.bool_)
    new[1:] = (setting[1:] != setting[:-1]) | (seed[1:] != seed[:-1])
    return np.flatnonzero(new)


def _named(levels: pd.DataFrame, setting: int) -> str:
    of = levels.iloc[setting]
    # columns whose names tables have already are called otherwise
    keys = {key: str(key).removeprefix("setting.") for key in levels.columns}
    return " ".join(f"{name}={as_typed(of[key])}" for key, name in keys.items())


def _require_increasing(
    x: Floats, first: Ints, setting: Ints, seed: Ints, levels: pd.DataFrame, columns: Columns
) -> None:
    again = np.zeros(len(x), dtype=np.bool_)
    again[1:] = x[1:] == x[:-1]
    again[first] = False
    if not again.any():
        return
    row = int(np.flatnonzero(again)[0])
    rule = (
        f"is {x[row]:g} twice in the curve of {_named(levels, int(setting[row]))}, {columns.seed} "
        f"{seed[row]}, and so in {things(int(again.sum()), 'row')}"
    )
    hint = "one row an evaluation; do the settings differ in another column, too?"
    raise InputError(Issue("x", columns.x, rule, hint))


def _evaluated(y: Floats, first: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Tell what was not evaluated from what diverged.

    A curve that has no finite value after some row has diverged there. An empty value before a
    finite one says that the metric was not logged in that row, as where a training loss is logged
    more often; then so do all empty values of that curve, but for those at its end: where more rows
    are empty there than ever were between two values, it has diverged, in each row in which it
    would have been logged next. An infinite one before a finite one stays what it is: NaN would be
    a divergence, so it is made no number that meets a target.

    Returns:
        The values, NaN from a divergence on; and which rows are evaluations.

    Example:
        >>> nan = np.nan
        >>> y, keep = _evaluated(np.array([nan, 0.1, nan, 0.2, nan, nan, nan, nan]), np.array([0]))
        >>> y[keep]
        array([0.1, 0.2, nan, nan])
    """
    finite, rows = np.isfinite(y), np.arange(len(y))
    if finite.all():
        return y, np.ones(len(y), dtype=np.bool_)
    lengths = np.diff(first, append=len(y))
    end = np.maximum.reduceat(np.where(finite, rows, -1), first)
    before = rows < np.repeat(end, lengths)
    between = np.isnan(y) & before
    sparse = np.repeat(np.add.reduceat(between, first) > 0, lengths)
    # how many rows after the value before it each value stands, and the most of a curve
    there = np.flatnonzero(finite)
    of = np.searchsorted(first, there, side="right") - 1
    gap = there - np.maximum(np.concatenate([[-1], there[:-1]]), first[of] - 1)
    most, usual = np.zeros(len(first), dtype=np.int64), np.ones(len(first), dtype=np.int64)
    np.maximum.at(most, of, gap)
    usual[of] = gap  # the last value of each curve tells
    lost = first + lengths - 1 - end >= most
    after = rows - np.repeat(end, lengths)
    due = (after > 0) & (after % np.repeat(usual, lengths) == 0) & np.repeat(lost, lengths)
    keep = ~(np.isnan(y) & sparse) | (sparse & due)
    return np.where(finite | before, y, np.nan), keep
