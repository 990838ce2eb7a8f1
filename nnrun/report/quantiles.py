"""Quantiles in which a failure counts as infinitely slow, or infinitely wrong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def quantile_with_failures(values: ArrayLike, q: float) -> float:
    """Take a quantile in which a failure counts as infinitely slow (or infinitely wrong).

    Between two order statistics it is linear, as in NumPy; with any weight on a failure it is inf.

    Args:
        values: Shape (n_trials,); inf or NaN is a failure.
        q: Between 0 and 1.

    Returns:
        The quantile, inf where it falls on a failure; never NaN.

    Raises:
        ValueError: If there is no value.

    Example:
        >>> quantile_with_failures([1.0, 3.0, float("nan")], 0.5)
        3.0
    """
    row = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if row.size == 0:
        raise ValueError("values: holds no trial; a quantile needs at least one")
    row = np.sort(np.where(np.isnan(row), np.inf, row), axis=1)
    return float(row_quantiles(row, np.array([row.shape[1]]), q)[0])


def row_quantiles(rows: Floats, counts: Ints, q: float) -> Floats:
    """Take the quantile of the first entries of each row; inf where it touches inf.

    Args:
        rows: Shape (n_rows, n_trials), each row increasing, without NaN.
        counts: How many entries of a row count, shape (n_rows,), at least 1.
        q: Between 0 and 1.

    Returns:
        Quantiles, shape (n_rows,), never NaN.
    """
    position = q * (counts - 1)
    # 0.55 * 100 is 55.00000000000001: without rounding it would touch the entry after its own.
    whole = np.rint(position)
    position = np.where(np.abs(position - whole) < 1e-9, whole, position)
    below = np.floor(position).astype(np.int64)
    weight = position - below
    index = np.arange(len(rows))
    low, high = rows[index, below], rows[index, np.minimum(below + 1, counts - 1)]
    between = (weight > 0) & np.isfinite(high)
    out: Floats = np.where(weight > 0, np.inf, low)
    out[between] = low[between] + weight[between] * (high[between] - low[between])
    return out
