"""The log-rank test: whether two arms arrive at different rates, over all times at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nnrun.statistics.distributions import chi_square_tail


class LogRank(NamedTuple):
    """What a log-rank test found.

    Attributes:
        statistic: Chi-square with one degree of freedom; 0 where nothing speaks for a difference.
        p: Probability of at least this statistic if both arms arrive at the same rate.
    """

    statistic: float
    p: float


def logrank(
    times_a: ArrayLike, observed_a: ArrayLike, times_b: ArrayLike, observed_b: ArrayLike
) -> LogRank:
    """Test whether two arms have the same distribution of times to target.

    It weighs all times alike, so that it loses power where the curves of the arms cross. Tied
    arrivals have the hypergeometric variance; a trial censored at a time is still at risk then.

    Args:
        times_a: Samples to the event or to the censoring, shape (n_a,), finite.
        observed_a: True where the event was seen, False where censored, shape (n_a,).
        times_b: As ``times_a``, of the other arm, shape (n_b,).
        observed_b: As ``observed_a``.

    Returns:
        The statistic and its p; 0 and 1 where no event was seen, or only one arm was at risk.

    Raises:
        ValueError: If an arm has no trial, or shapes disagree.

    Example:
        >>> found = logrank([100, 300], [True, False], [300, 300], [False, False])
        >>> found.statistic, round(found.p, 4)
        (1.0, 0.3173)

    References:
        N. Mantel: Evaluation of survival data and two new rank order statistics arising in its
        consideration, 1966. R. Peto, J. Peto: Asymptotically efficient rank invariant test
        procedures, 1972, doi:10.2307/2344317.
    """
    arms = [np.asarray(t, dtype=np.float64) for t in (times_a, times_b)]
    seen = [np.asarray(o, dtype=bool) for o in (observed_a, observed_b)]
    for t, o in zip(arms, seen, strict=True):
        if t.ndim != 1 or t.shape != o.shape or not t.size:
            raise ValueError(f"times {t.shape} and observed {o.shape}: need one shape (n,), n >= 1")
    when = np.unique(np.concatenate([t[o] for t, o in zip(arms, seen, strict=True)]))
    at_risk = [t.size - np.searchsorted(np.sort(t), when) for t in arms]
    events = [
        np.bincount(np.searchsorted(when, t[o]), minlength=when.size)
        for t, o in zip(arms, seen, strict=True)
    ]
    total, arrived = at_risk[0] + at_risk[1], events[0] + events[1]
    share = at_risk[0] / total
    spread = arrived * share * (1 - share) * (total - arrived) / np.maximum(total - 1, 1)
    variance, excess = float(spread.sum()), float((events[0] - arrived * share).sum())
    statistic = excess**2 / variance if variance > 0 else 0.0
    return LogRank(statistic, chi_square_tail(statistic))
