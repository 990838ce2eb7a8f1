"""The interquartile mean: the mean of the middle half, in which a failure is infinitely wrong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


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
