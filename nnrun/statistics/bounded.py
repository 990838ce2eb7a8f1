"""Intervals of means that are known to lie between bounds, where a bootstrap has little to draw.

A bootstrap knows of no failure but those that were seen, and of no more than were: with one to four
failures, or arrivals, its intervals of a restricted mean are too narrow.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnrun.statistics.resampling import fitting
from nnrun.statistics.survival import expected_running_time

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEW = 4
"""Failures, or arrivals, up to which intervals of restricted means are those of this module."""

_STREAM = 1905


class Bounds(NamedTuple):
    """95% intervals of settings, in samples, shape (setting,) each.

    Attributes:
        rmst_low: Of the restricted mean time.
        rmst_high: Likewise.
        ert_low: Of the expected running time.
        ert_high: Likewise; inf where it cannot be told from never.
    """

    rmst_low: Floats
    rmst_high: Floats
    ert_low: Floats
    ert_high: Floats


def few(arrived: Bools) -> Bools:
    """Mark settings of which so few trials arrive, or so few fail; shape (seed, setting).

    Example:
        >>> few(np.arange(20)[:, None] < [0, 1, 4, 5, 15, 16, 20])
        array([False,  True,  True, False, False,  True, False])
    """
    found = arrived.sum(axis=0)
    failed = len(arrived) - found
    fewest = np.minimum(found, failed)
    return (fewest >= 1) & (fewest <= FEW)


def bounded_means(times: Floats, arrived: Bools, horizon: float) -> Bounds:
    """Bound restricted mean and expected running time, knowing only that times end at the horizon.

    Shares of the times' distribution between trials, put in order, are spread as the spacings of
    uniform numbers are. For the upper bound all of a share counts as the trial at its upper end,
    the last one, beyond all trials, as a failure; for the lower bound as that at its lower end,
    the first one as an arrival at once. Bounds are quantiles over drawn shares. Of times that are
    0 or the horizon they are those of Clopper and Pearson, which hold for certain; of others it was
    never seen that they do not.

    Args:
        times: Samples to the target or the horizon, shape (seed, setting).
        arrived: Whether the target was reached by then, shape (seed, setting).
        horizon: Samples.

    References:
        E. Learned-Miller, P. S. Thomas: A new confidence interval for the mean of a bounded random
        variable, 2019, arXiv:1905.06208. M. Phan, P. S. Thomas, E. Learned-Miller: Towards
        practical mean bounds for small samples, 2021, arXiv:2106.03163 (proof of a variant).
        C. J. Clopper, E. S. Pearson: The use of confidence or fiducial limits illustrated in the
        case of the binomial, 1934, doi:10.1093/biomet/26.4.404.
    """
    shares = _spacings(len(times))
    spent, found, beyond = shares[:, :-1] @ times, shares[:, :-1] @ arrived, shares[:, -1:]
    most = spent + horizon * beyond
    lower = spent, expected_running_time(spent, found + beyond)
    upper = most, expected_running_time(most, found)
    # between two of the draws nothing is interpolated: the upper may be inf
    low = [np.quantile(values, 0.025, axis=0, method="lower") for values in lower]
    high = [np.quantile(values, 0.975, axis=0, method="higher") for values in upper]
    return Bounds(low[0], high[0], low[1], high[1])


@lru_cache(maxsize=3)
def _spacings(n: int) -> Floats:
    """Draw what uniform numbers leave between them, shape (resamples, n + 1); rows sum to 1."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_STREAM, n])))
    drawn = rng.standard_exponential((fitting(n + 1), n + 1))
    drawn /= drawn.sum(axis=1, keepdims=True)
    drawn.flags.writeable = False
    return drawn
