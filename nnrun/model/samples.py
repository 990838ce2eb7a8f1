"""Samples as the user has them, as rows of finite numbers: what X may be without an encoder."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.errors import InputError, Issue
from nnrun.problem.encoder import require_columns, shaped, table_of
from nnrun.problem.problem import Array


def rows_of(values: Any, names: Sequence[str]) -> Array:
    """Return finite numbers, shape (n, name), from a DataFrame with these columns or an array.

    Raises:
        InputError: If columns are missing, or the values are no finite numbers of that shape.
    """
    try:
        if hasattr(values, "columns") or hasattr(values, "to_frame"):
            frame = table_of(values, names)
            require_columns(list(frame.columns), names)
            found = frame[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            found = np.asarray(values, dtype=np.float64)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(Issue("X", None, f"must hold numbers: {error}")) from None
    found = np.ascontiguousarray(shaped(found, names))
    _require_finite(found, names, row_names(values, len(found)))
    return found


def row_names(values: Any, n: int) -> Sequence[Any]:
    """Say what n rows go by in messages: a table's index, or else their places from 0."""
    if hasattr(values, "columns"):
        return list(values.index)
    return [values.name] if hasattr(values, "to_frame") else range(n)


def _require_finite(values: Array, names: Sequence[str], rows: Sequence[Any]) -> None:
    """Check an array of shape (n, name), telling each bad column's first bad row."""
    issues = []
    for name, column in zip(names, values.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            first = bad.argmax()
            rule = "has no value" if np.isnan(column[first]) else "is infinite"
            issues.append(Issue("column", name, f"{rule} in row {rows[first]}"))
    if issues:
        raise InputError(*issues)
