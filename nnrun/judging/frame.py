"""A table with a row an evaluation, from anywhere: read, checked and cut into curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from nnrun.errors import InputError, Issue, as_typed, did_you_mean
from nnrun.text import listing, things

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEEDS = ("seed", "random_state", "random_seed", "rng_seed")
STEPS = ("step", "epoch", "steps", "epochs", "iteration", "samples", "_step", "global_step")
"""What columns of seeds and of steps are called, where nobody says: the first that is there."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Which columns of a table are what.

    Attributes:
        setting: Those whose values tell settings apart.
        seed: Of seeds.
        x: Of steps, epochs, seconds: what the budget is counted in.
        y: Of the metric.
    """

    setting: Sequence[str]
    seed: str
    x: str
    y: str


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
        notes: What was understood of the table, or left out of it, in sentences.
    """

    levels: pd.DataFrame
    setting: Ints
    seed: Ints
    first: Ints
    x: Ints | Floats
    y: Floats
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


def columns_of(
    frame: pd.DataFrame,
    setting: str | Sequence[str],
    seed: str | None,
    x: str | None,
    y: str,
    notes: list[str],
) -> Columns:
    """Find the columns that are meant, and say which were guessed.

    Raises:
        InputError: If one is not there, or would have to be guessed and there is none, or several.
    """
    several = [setting] if isinstance(setting, str) else list(setting)
    if not several:
        rule = "names no column that tells settings apart"
        raise InputError(Issue("setting", None, rule, "for instance setting=['optimizer']"))
    found = Columns(
        several,
        _guessed("seed", SEEDS, frame, notes) if seed is None else seed,
        _guessed("x", STEPS, frame, notes) if x is None else x,
        y,
    )
    known = [str(name) for name in frame.columns]
    named = [("setting", name) for name in found.setting]
    issues = [
        Issue(key, name, "is no column of the table", did_you_mean(name, known))
        for key, name in [*named, ("seed", found.seed), ("x", found.x), ("y", found.y)]
        if name not in known
    ]
    used = [*found.setting, found.seed, found.x, found.y]
    issues += [
        Issue("column", name, "is asked for twice", "each of setting, seed, x and y is another")
        for name in dict.fromkeys(used)
        if used.count(name) > 1
    ]
    issues += [
        Issue("column", name, "is there twice", "rename one of them")
        for name in dict.fromkeys(used)
        if known.count(name) > 1
    ]
    if issues:
        raise InputError(*issues)
    return found


def _guessed(key: str, names: Sequence[str], frame: pd.DataFrame, notes: list[str]) -> str:
    there = [name for name in names if name in frame.columns]
    if len(there) != 1:
        rule = f"is one of {listing(there)}" if there else "is not named"
        hint = f"say which column: --{key} NAME"
        known = listing([str(name) for name in frame.columns], 12) if len(frame.columns) else "none"
        raise InputError(Issue(key, None, rule, hint if there else f"{hint}; columns: {known}"))
    if there[0] not in ("seed", "step"):
        notes.append(f"The column '{there[0]}' is taken for {key}.")
    return there[0]


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
    x, y = (_numbers(frame[name], key) for key, name in (("x", columns.x), ("y", columns.y)))
    if np.isnan(x).any() or np.isinf(x).any() or x.min() < 0:
        bad = x[~(x >= 0) | np.isinf(x)][0]
        rule = f"must be a finite number of 0 or more, and is {bad:g} in one row"
        raise InputError(Issue("x", columns.x, rule, "a row without one is no evaluation"))
    setting, levels = _settings(frame, columns.setting)
    seed = _seeds(frame[columns.seed], columns.seed, notes)
    keep = x > 0
    if not keep.all():
        notes.append(_before_training(int((~keep).sum()), columns.x))
    if budget is not None:
        keep &= x <= budget
    if not keep.any():
        rule = (
            "no evaluation lies above 0" if budget is None else f"none lies at {budget:g} or before"
        )
        raise InputError(
            Issue("x", columns.x, rule, "raise --budget" if budget is not None else "")
        )
    if not keep.all():
        setting, seed, x, y = setting[keep], seed[keep], x[keep], y[keep]
    setting, seed, x, y = _sorted(setting, seed, x, y)
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
    return Curves(levels, setting[first], seed[first], first, grid, y, notes)


def _before_training(n: int, x: str) -> str:
    return (
        f"{things(n, 'row')} at {x} 0 {'is' if n == 1 else 'are'} left out: a time of 0 has no "
        f"ratio. Where {x} 0 is the first evaluation after training began, count from 1."
    )


def _numbers(column: "pd.Series[Any]", key: str) -> Floats:
    """Read a column as numbers; NaN where there is none."""
    if column.infer_objects().dtype.kind in "mM":
        rule = "holds dates or durations, which count from no beginning of a curve"
        raise InputError(Issue(key, column.name, rule, "seconds since each began, as numbers"))
    if is_bool_dtype(column.dtype) or not is_numeric_dtype(column.dtype):
        read = pd.to_numeric(column, errors="coerce")
        bad = column[read.isna() & column.notna() & (column.astype(str).str.lower() != "nan")]
        if len(bad) or is_bool_dtype(column.dtype) or not is_numeric_dtype(read.dtype):
            what = repr(bad.iloc[0]) if len(bad) else str(column.dtype)
            rule = f"holds no numbers, but {what}"
            raise InputError(Issue(key, column.name, rule, "steps, epochs or seconds as numbers"))
        column = read
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _settings(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Ints, pd.DataFrame]:
    """Number the settings in order of first appearance, and list their values."""
    code = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        try:
            own, several = pd.factorize(frame[name], use_na_sentinel=False)
        except TypeError:  # lists, as of hidden layers
            own, several = pd.factorize(frame[name].map(as_typed), use_na_sentinel=False)
        code = pd.factorize(code * max(1, len(several)) + own)[0]
    _, where = np.unique(code, return_index=True)
    levels = frame[list(names)].iloc[where].reset_index(drop=True)
    return code, levels


def _seeds(column: "pd.Series[Any]", name: str, notes: list[str]) -> Ints:
    """Read seeds as whole numbers; other names of seeds are numbered, in their order."""
    if column.isna().any():
        rule = f"is missing in {things(int(column.isna().sum()), 'row')}"
        raise InputError(Issue("seed", name, rule, "each curve belongs to a seed"))
    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64)
        if (values == np.rint(values)).all() and np.abs(values).max(initial=0) < 2**53:
            return column.to_numpy().astype(np.int64)
    numbers, several = pd.factorize(column.astype(str), sort=True)
    notes.append(f"The {len(several):,} values of '{name}' are numbered 0 to {len(several) - 1:,}.")
    return numbers.astype(np.int64)


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
    return " ".join(f"{key}={as_typed(of[key])}" for key in levels.columns)


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
