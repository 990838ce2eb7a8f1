"""Quantiles and interquartile means in which a failure counts as infinitely slow, or wrong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnrun.statistics.resampling import percentile, seed_weights

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
    row = np.asarray(values, dtype=np.float64).ravel()
    if row.size == 0:
        raise ValueError("values: holds no trial; a quantile needs at least one")
    return float(group_quantiles(row, np.zeros(row.size, dtype=np.int64), 1, (q,))[0, 0])


def group_quantiles(
    values: ArrayLike, group: NDArray[np.integer], n_groups: int, qs: tuple[float, ...]
) -> Floats:
    """Take quantiles within each group, failures counting as inf.

    Args:
        values: Shape (n,); inf or NaN is a failure.
        group: The group of each value, shape (n,), from 0 to ``n_groups - 1``.
        n_groups: How many groups there are.
        qs: Each between 0 and 1.

    Returns:
        Shape (len(qs), n_groups); NaN for a group without a value, and only there.

    Example:
        >>> group_quantiles([1.0, 5.0, 3.0], np.array([0, 2, 0]), 3, (0.5,))
        array([[ 2., nan,  5.]])
    """
    known = np.asarray(values, dtype=np.float64)
    known = np.where(np.isnan(known), np.inf, known)
    known = known[np.lexsort((known, group))]
    counts = np.bincount(group, minlength=n_groups).astype(np.int64)
    first = np.cumsum(counts) - counts
    some = counts > 0
    out: Floats = np.full((len(qs), n_groups), np.nan)
    for row, q in zip(out, qs, strict=True):
        row[some] = sorted_quantiles(known, first[some], counts[some], q)
    return out


def sorted_quantiles(values: Floats, first: Ints, counts: Ints, q: float) -> Floats:
    """Take the quantile of each run of sorted values; inf, or -inf, where it touches that.

    Args:
        values: Runs of increasing values one after another, shape (n,), without NaN.
        first: Where each run starts in ``values``, shape (n_runs,).
        counts: How many values a run has, shape (n_runs,), at least 1.
        q: Between 0 and 1.

    Returns:
        Quantiles, shape (n_runs,), never NaN.
    """
    position = q * (counts - 1)
    # 0.55 * 100 is 55.00000000000001: without rounding it would touch the entry after its own.
    whole = np.rint(position)
    position = np.where(np.abs(position - whole) < 1e-9, whole, position)
    below = np.floor(position).astype(np.int64)
    weight = position - below
    low, high = values[first + below], values[first + np.minimum(below + 1, counts - 1)]
    between = (weight > 0) & np.isfinite(high) & np.isfinite(low)
    out: Floats = np.where((weight > 0) & (low > -np.inf), np.inf, low)
    out[between] = low[between] + weight[between] * (high[between] - low[between])
    return out


def interquartile_means(values: ArrayLike, group: NDArray[np.integer], n_groups: int) -> Floats:
    """Take the mean of the middle half of each group: a quarter is cut off at either end.

    Of n values the whole part of n / 4 is cut at either end, as SciPy's ``trim_mean`` does.

    Args:
        values: Shape (n,); inf or NaN is a failure.
        group: The group of each value, shape (n,), from 0 to ``n_groups - 1``.
        n_groups: How many groups there are.

    Returns:
        Shape (n_groups,); inf where a failure is in the middle half, NaN for a group without a
        value, and only there.

    Example:
        >>> interquartile_means([1.0, 2.0, 4.0, float("nan")], np.array([0, 0, 0, 0]), 2)
        array([ 3., nan])

    References:
        R. Agarwal, M. Schwarzer, P. S. Castro, A. Courville, M. G. Bellemare: Deep reinforcement
        learning at the edge of the statistical precipice, 2021, arXiv:2108.13264.
    """
    known = np.asarray(values, dtype=np.float64)
    known = np.where(np.isnan(known), np.inf, known)
    order = np.lexsort((known, group))
    sorted_group = np.asarray(group)[order]
    counts = np.bincount(sorted_group, minlength=n_groups)
    rank = np.arange(known.size) - (np.cumsum(counts) - counts)[sorted_group]
    cut = counts // 4
    middle = (rank >= cut[sorted_group]) & (rank < (counts - cut)[sorted_group])
    totals = np.bincount(sorted_group[middle], known[order][middle], minlength=n_groups)
    kept = counts - 2 * cut
    return np.divide(totals, kept, out=np.full(n_groups, np.nan), where=kept > 0)


def interquartile_interval(values: ArrayLike) -> tuple[float, float]:
    """Bound an interquartile mean by bootstrapping seeds: 95%, percentile, widened for few seeds.

    Args:
        values: Shape (n,); inf or NaN is a failure.

    Returns:
        The bounds, inf where failures are in the middle half; NaN with fewer than two values.
    """
    known = np.asarray(values, dtype=np.float64)
    known = np.sort(np.where(np.isnan(known), np.inf, known))
    n = len(known)
    if n < 2:
        return float("nan"), float("nan")
    cut, drawn = n // 4, np.rint(seed_weights(n) * n)
    upto = np.cumsum(drawn, axis=1)
    kept = np.minimum(upto, n - cut) - np.maximum(upto - drawn, cut)
    kept = np.maximum(kept, 0)
    lost = np.isinf(known)
    means = kept @ np.where(lost, 0.0, known) / (n - 2 * cut)
    means[kept[:, lost].any(axis=1)] = np.inf
    low, high = percentile(means[:, None], n)
    return float(low[0]), float(high[0])
