"""Columns of a table: which is what, and what stands in them as numbers."""

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


def numbers(column: "pd.Series[Any]", key: str) -> Floats:
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


def settings(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Ints, pd.DataFrame]:
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


def seeds(column: "pd.Series[Any]", name: str, notes: list[str]) -> Ints:
    """Read seeds as whole numbers; other names of seeds are numbered, in their order."""
    if column.isna().any():
        rule = f"is missing in {things(int(column.isna().sum()), 'row')}"
        raise InputError(Issue("seed", name, rule, "each curve belongs to a seed"))
    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64)
        if (values == np.rint(values)).all() and np.abs(values).max(initial=0) < 2**53:
            return column.to_numpy().astype(np.int64)
    numbered, several = pd.factorize(column.astype(str), sort=True)
    notes.append(f"The {len(several):,} values of '{name}' are numbered 0 to {len(several) - 1:,}.")
    return numbered.astype(np.int64)
