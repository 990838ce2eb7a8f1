"""Tests of two arms, log-rank and by swaps within seeds, and Holm's correction for many."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnrun.statistics.resampling import fitting


class LogRank(NamedTuple):
    """What a log-rank test found.

    Attributes:
        statistic: Chi-square with one degree of freedom; 0 where nothing speaks for a difference.
        p: Probability of at least this statistic if both arms arrive at the same rate.
    """

    statistic: float
    p: float


def logrank(times: ArrayLike, observed: ArrayLike) -> LogRank:
    """Test whether two arms, paired by seed, have the same distribution of times to target.

    It weighs all arrivals alike, so that it loses power where the curves of the arms cross. Excess
    is what the log-rank test makes it: arrivals of the first arm less those expected among all
    trials at risk. Its variance is that of swaps of the arms within seeds: the usual one takes all
    trials for independent, and is too large where seeds make both arms slow, or both quick.
    To stratify by seed would leave of a pair only which trial is first, which is the sign test.

    Args:
        times: Samples to the event or to the censoring, shape (n_pairs, 2), finite.
        observed: True where the event was seen, False where censored, shape (n_pairs, 2).

    Returns:
        The statistic and its p; 0 and 1 where no pair differs.

    Raises:
        ValueError: If there is no pair, or shapes disagree.

    Example:
        >>> found = logrank([[100, 300], [200, 300]], [[True, False], [True, False]])
        >>> round(found.statistic, 4), round(found.p, 4)
        (1.96, 0.1615)

    References:
        N. Mantel: Evaluation of survival data and two new rank order statistics arising in its
        consideration, 1966. P. C. O'Brien, T. R. Fleming: A paired Prentice-Wilcoxon test for
        censored paired data, 1987, doi:10.2307/2531957. S.-H. Jung: Rank tests for matched survival
        data, 1999, doi:10.1023/A:1009635201363.
    """
    t, seen = np.asarray(times, dtype=np.float64), np.asarray(observed, dtype=bool)
    if t.ndim != 2 or t.shape[1] != 2 or t.shape != seen.shape or not t.size:
        raise ValueError(
            f"times {t.shape} and observed {seen.shape}: need one shape (n_pairs, 2), n_pairs >= 1"
        )
    when, arrived = np.unique(t[seen], return_counts=True)
    at_risk = t.size - np.searchsorted(np.sort(t, axis=None), when)
    hazard = np.concatenate([[0.0], np.cumsum(arrived / at_risk)])
    scores = seen - hazard[np.searchsorted(when, t, side="right")]
    apart = scores[:, 0] - scores[:, 1]
    variance, excess = float((apart**2).sum()), float(apart.sum())
    statistic = excess**2 / variance if variance > 0 else 0.0
    # the tail of chi-square with one degree of freedom
    return LogRank(statistic, math.erfc(math.sqrt(statistic / 2)))


Floats = NDArray[np.float64]

ENUMERATED = 13
"""With so many pairs or fewer all swaps are made, each once, rather than a sample of them."""

_STREAM = 1935


def swap_test(a: Floats, b: Floats) -> Floats:
    """Test by swapping the arms within seeds whether the restricted mean times differ.

    If an arm's name makes no difference, every way to swap the two times of some of the seeds is as
    likely as what was seen. The statistic is the size of the log ratio of the restricted means,
    averaged over blocks; all blocks of a seed are swapped together.

    Args:
        a: Restricted times, shape (seed, contrast, block), positive and finite.
        b: Likewise, of the other arm.

    Returns:
        p-values, shape (contrast,): the share of swaps at least as far apart, ties included. Up to
        13 pairs all swaps are made; with more 10,000 are drawn, and what was seen is counted with
        them, so that p is at least 1 in 10,001.

    Example:
        >>> fast, slow = np.full((5, 1, 1), 10.0), np.full((5, 1, 1), 30.0)
        >>> swap_test(fast, slow)
        array([0.0625])

    References:
        R. A. Fisher: The Design of Experiments, 1935. B. Phipson, G. K. Smyth: Permutation
        p-values should never be zero, 2010, doi:10.2202/1544-6115.1585.
    """
    n, contrasts, blocks = a.shape
    swaps = _swaps(n)
    distance = np.zeros((len(swaps), contrasts))
    seen = np.zeros(contrasts)
    for block in range(blocks):
        x, y = a[:, :, block], b[:, :, block]
        moved, sums = swaps @ (y - x), (x.sum(axis=0), y.sum(axis=0))
        if blocks == 1:  # the sums' total is fixed: their difference ranks swaps as the ratio does
            total = sums[0] + sums[1]
            distance, seen = (2 * moved + sums[0] - sums[1]) / total, (sums[0] - sums[1]) / total
        else:
            distance += np.log((sums[0] + moved) / (sums[1] - moved))
            seen += np.log(sums[0] / sums[1])
    # sums in another order differ by rounding: what is as far apart must count as such
    as_far = np.abs(distance) >= np.abs(seen) * (1 - 1e-9) - 1e-12 * blocks
    hits = as_far.sum(axis=0)
    return hits / len(swaps) if n <= ENUMERATED else (1 + hits) / (1 + len(swaps))


def order_test(first: Floats) -> Floats:
    """Test by swapping the arms within seeds whether one of them arrives first more often.

    The sign test, with all blocks of a seed swapped together: how much sooner an arm arrives counts
    for nothing, so that a few seeds that get stuck cannot outweigh all others.

    Args:
        first: 1 where the one arm arrives first, -1 where the other does, 0 where they tie, shape
            (seed, contrast, block).

    Returns:
        p-values, shape (contrast,), two-sided; of one block exact, else as of `swap_test`.

    Example:
        >>> order_test(np.ones((5, 1, 1)))
        array([0.0625])

    References:
        W. J. Dixon, A. M. Mood: The statistical sign test, 1946,
        doi:10.1080/01621459.1946.10501898.
    """
    blocks, first = first.shape[2], first.sum(axis=2)
    if blocks == 1:
        from scipy.special import bdtr  # only here: it takes a while to load

        wins, losses = (first > 0).sum(axis=0), (first < 0).sum(axis=0)
        return np.minimum(1.0, 2 * bdtr(np.minimum(wins, losses), wins + losses, 0.5))
    return _flipped(first)


def interaction_test(apart: Floats) -> float:
    """Test whether an effect depends on the level of another factor.

    If it does not, the effects that a seed shows at the levels may change places: they are
    permuted within each seed (between two levels: the sign of their difference is). The statistic
    is the variance of the levels' mean effects.

    Args:
        apart: The effect, for instance a log ratio of times, shape (seed, level), two levels or
            more.

    Returns:
        p: 10,000 permutations, or as many as there is room for; all of them between two levels of
        up to 13 seeds.

    Example:
        >>> interaction_test(np.array([[0.0, 1.0]] * 6))
        0.03125

    References:
        R. A. Fisher: The Design of Experiments, 1935. F. Pesarin: Multivariate Permutation Tests,
        2001 (synchronised permutations within units).
    """
    n, levels = apart.shape
    if levels == 2:
        return float(_flipped(apart[:, :1] - apart[:, 1:])[0])
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_STREAM, n, levels])))
    seen = apart.mean(axis=0).var()
    total, hits, step = fitting(n * levels), 0, max(1, 1_000_000 // apart.size)
    for start in range(0, total, step):
        shape = (min(step, total - start), n, levels)
        drawn = rng.permuted(np.broadcast_to(apart, shape), axis=2)
        hits += int((drawn.mean(axis=1).var(axis=1) >= seen * (1 - 1e-9)).sum())
    return (1 + hits) / (1 + total)


def _flipped(values: Floats) -> Floats:
    """How often sums over seeds are as far from 0 with random signs; shape (contrast,)."""
    n = len(values)
    swaps, seen = _swaps(n), np.abs(values.sum(axis=0))
    sums = np.abs((1 - 2 * swaps) @ values)
    hits = (sums >= seen * (1 - 1e-9) - 1e-12).sum(axis=0)
    return hits / len(swaps) if n <= ENUMERATED else (1 + hits) / (1 + len(swaps))


@lru_cache(maxsize=3)
def _swaps(n: int) -> Floats:
    """Which seeds are swapped (1) or not (0), shape (swaps, n), read-only."""
    if n <= ENUMERATED:
        swaps = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float64)
    else:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_STREAM, n])))
        swaps = rng.integers(2, size=(fitting(n), n), dtype=np.int8).astype(np.float64)
    swaps.flags.writeable = False
    return swaps


def holm(p: ArrayLike, family: ArrayLike = 0) -> Floats:
    """Correct p-values so that a family makes any false claim no more often than one test would.

    Args:
        p: One p-value a test, shape (n_tests,); NaN where no test was made, which does not count in
            the family.
        family: The number of the family of each test, shape (n_tests,), or of all of them.

    Returns:
        Corrected p-values, at most 1, shape (n_tests,); NaN where ``p`` is.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
        >>> holm([0.01, 0.04, 0.03], [0, 1, 0])
        array([0.02, 0.04, 0.03])

    References:
        S. Holm: A simple sequentially rejective multiple test procedure, 1979.
    """
    values = np.asarray(p, dtype=np.float64)
    families = np.broadcast_to(np.asarray(family), values.shape)
    out = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.lexsort((values[tested], families[tested]))]
    _, first, sizes = np.unique(families[order], return_index=True, return_counts=True)
    step = np.arange(order.size) - np.repeat(first, sizes)
    raised = values[order] * (np.repeat(sizes, sizes) - step)
    # no p falls below that of an earlier step: a running maximum, step by step of all families
    for k in range(1, int(sizes.max(initial=0))):
        at = first[sizes > k] + k
        raised[at] = np.maximum(raised[at], raised[at - 1])
    out[order] = np.minimum(raised, 1.0)
    return out
