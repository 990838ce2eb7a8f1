"""The bootstrap over seeds: which seeds are drawn, and the interval made of what they give.

A statistic that is a function of means over seeds is resampled as one matrix product: the weights
of `seed_weights` times the values of the seeds, for any number of settings at once.
"""

from collections.abc import Iterator
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
MOST_WEIGHTS = 20_000_000
"""Most entries of a matrix of weights that is held (160 MB): more than 2,000 seeds get fewer
resamples, and more than 20,000 theirs piece by piece."""

_STREAM = 6_1987
_NORMAL = NormalDist()


@lru_cache(maxsize=3)
def seed_weights(n: int, resamples: int = RESAMPLES) -> Floats:
    """Draw seeds with replacement, many times: how often each was drawn, divided by ``n``.

    The same ``n`` always gives the same draws, whatever was drawn before.

    Args:
        n: Seeds, at least 1.
        resamples: Draws of ``n`` seeds; with more than 2,000 seeds there are fewer, down to 1,000,
            to hold no more than ``MOST_WEIGHTS`` weights.

    Returns:
        Shape (resamples, n), read-only; each row sums to 1.

    Raises:
        ValueError: If ``n`` is less than 1.

    Example:
        >>> seed_weights(4).shape
        (10000, 4)
    """
    weights = np.empty((fitting(n, resamples), n))
    start = 0
    for part in _weights(n, len(weights)):
        weights[start : start + len(part)] = part
        start += len(part)
    weights.flags.writeable = False
    return weights


def resampled_means(values: Floats) -> Floats:
    """Take the means of resampled seeds: ``seed_weights`` times the values, in whatever memory.

    Args:
        values: Shape (n, k), the seeds first.

    Returns:
        Shape (resamples, k).

    Example:
        >>> resampled_means(np.array([[1.0], [3.0]])).mean().round(1)
        np.float64(2.0)
    """
    n = len(values)
    rows = fitting(n)
    if rows * n <= MOST_WEIGHTS:
        return seed_weights(n) @ values
    return np.concatenate([part @ values for part in _weights(n, rows)])


def _weights(n: int, rows: int) -> Iterator[Floats]:
    """Yield the rows of the weights, some at a time."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_STREAM, n])))
    step = max(1, 2_000_000 // n)
    for start in range(0, rows, step):
        shape = min(step, rows - start), n
        drawn = rng.integers(n, size=shape) + n * np.arange(shape[0])[:, None]
        counts = np.bincount(drawn.ravel(), minlength=shape[0] * n).reshape(shape)
        yield counts / n


def fitting(n: int, resamples: int = RESAMPLES) -> int:
    """Say how many resamples of ``n`` seeds are made: all that are asked for, if they fit.

    Raises:
        ValueError: If ``n`` is less than 1.
    """
    if n < 1:
        raise ValueError(f"n: {n} seeds; a resample needs at least one")
    return min(resamples, max(1_000, MOST_WEIGHTS // n))


def leave_one_out_means(values: ArrayLike) -> Floats:
    """Take the mean over all seeds but one, for each seed: the means of a jackknife.

    Example:
        >>> leave_one_out_means([1.0, 2.0, 6.0])
        array([4. , 3.5, 1.5])
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    return x.copy() if n == 1 else (x.sum(axis=0) - x) / (n - 1)


def bca(
    estimates: ArrayLike,
    resampled: ArrayLike,
    jackknife: ArrayLike,
    confidence: float = 0.95,
    expanded: bool = False,
) -> tuple[Floats, Floats]:
    """Bound estimates by the bias-corrected and accelerated bootstrap, many at once.

    Where all resamples equal the estimate the interval is that point. A value that is inf (a
    failure is infinitely slow) counts as larger than any other.

    Args:
        estimates: Shape (k,); may be inf. NaN gives NaN bounds.
        resampled: The estimates of the resamples, shape (resamples, k); may be inf.
        jackknife: The estimates with one seed left out, shape (n, k); may be inf.
        confidence: Coverage of the interval, between 0 and 1.
        expanded: Widen the interval for small ``n``: a bootstrap over seeds is too narrow by
            the factor sqrt((n - 1) / n), and the normal quantile by that of Student's t.

    Returns:
        Lower and upper bounds, shape (k,) each.

    Example:
        >>> times = np.array([[1.0], [2.0], [6.0], [7.0], [9.0], [11.0]])
        >>> low, high = bca(
        ...     times.mean(axis=0), seed_weights(6) @ times, leave_one_out_means(times)
        ... )
        >>> bool(2 < low[0] < 6 < high[0] < 9)
        True

    References:
        B. Efron: Better bootstrap confidence intervals, 1987,
        doi:10.1080/01621459.1987.10478410. T. Hesterberg: What teachers should know about the
        bootstrap, 2015, doi:10.1080/00031305.2015.1089789 (the expansion).
    """
    point = np.asarray(estimates, dtype=np.float64)
    ordered = np.sort(np.asarray(resampled, dtype=np.float64), axis=0)
    left_out = np.asarray(jackknife, dtype=np.float64)
    bias, acceleration = _bias(point, ordered), _acceleration(left_out)
    tail = _tail(len(left_out), confidence, expanded)
    flat = (ordered[0] == point) & (ordered[-1] == point)
    bounds = []
    for z in (-tail, tail):
        found = _at(ordered, _adjusted(z, bias, acceleration))
        bounds.append(np.where(np.isnan(point), np.nan, np.where(flat, point, found)))
    return bounds[0], bounds[1]


def percentile(resampled: ArrayLike, n: int, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Bound estimates, shape (k,), by percentiles of their resamples, widened for few seeds.

    Of the bootstrap's intervals the one that, for ratios of restricted means of paired seeds, held
    the truth most nearly as often as it says (`nnrun.statistics.calibration`): the corrections of
    `bca` are estimated from the same few seeds and cost it up to three in a hundred there.

    Args:
        resampled: The estimates of the resamples, shape (resamples, k); may be inf.
        n: Seeds that were resampled, at least 2.
        confidence: Coverage of the interval, between 0 and 1.

    References:
        T. Hesterberg: What teachers should know about the bootstrap, 2015,
        doi:10.1080/00031305.2015.1089789 (the expanded percentile interval).
    """
    ordered = np.sort(np.asarray(resampled, dtype=np.float64), axis=0)
    tail = _NORMAL.cdf(-_tail(n, confidence, expanded=True))
    everywhere = np.ones(ordered.shape[1])
    return _at(ordered, tail * everywhere), _at(ordered, (1 - tail) * everywhere)


def _tail(n: int, confidence: float, expanded: bool) -> float:
    """Standard errors from the estimate to a bound."""
    upper = 0.5 + confidence / 2
    if not expanded or n < 2:
        return _NORMAL.inv_cdf(upper)
    return float((n / (n - 1)) ** 0.5 * t_quantile(upper, n - 1))


def _bias(point: Floats, ordered: Floats) -> Floats:
    """The normal quantile of the share of resamples below the estimate, ties counted half."""
    known = np.where(np.isfinite(point), point, 0.0)
    low, high = (np.where(np.isfinite(end), end, known) for end in (ordered[0], ordered[-1]))
    near = 1e-9 * np.abs(high - low)  # a matrix product rounds as its shape has it
    below, above = (ordered < point - near).sum(axis=0), (ordered > point + near).sum(axis=0)
    share = 0.5 + (below - above) / (2 * len(ordered))
    edge = 0.5 / len(ordered)
    share = np.clip(share, edge, 1 - edge)
    return np.array([_NORMAL.inv_cdf(x) for x in share.ravel()]).reshape(share.shape)


def _acceleration(left_out: Floats) -> Floats:
    """A sixth of the skewness of the jackknife; beside an infinite value all others are equal."""
    endless = np.isposinf(left_out)
    values = np.where(endless.any(axis=0), endless, left_out)
    distance = values.mean(axis=0) - values
    scale = np.abs(distance).max(axis=0)
    distance = np.divide(distance, scale, out=np.zeros_like(distance), where=scale > 0)
    spread = (distance**2).sum(axis=0)
    skew = (distance**3).sum(axis=0)
    return np.divide(skew, 6 * spread**1.5, out=np.zeros_like(skew), where=spread > 0)


def _adjusted(z: float, bias: Floats, acceleration: Floats) -> Floats:
    """The share of resamples below a bound."""
    raw = bias + z
    slope = 1 - acceleration * raw
    shifted = bias + raw / np.where(slope > 0, slope, 1.0)
    shifted = np.where(slope > 0, shifted, np.copysign(np.inf, raw))
    return np.array([_NORMAL.cdf(x) for x in shifted.ravel()]).reshape(shifted.shape)


def _at(ordered: Floats, share: Floats) -> Floats:
    """The quantile of each column, linear between values; inf with any weight on inf."""
    position = share * (len(ordered) - 1)
    below = np.floor(position).astype(np.int64)
    weight = position - below
    column = np.arange(ordered.shape[1])
    low = ordered[below, column]
    high = ordered[np.minimum(below + 1, len(ordered) - 1), column]
    step = np.subtract(high, low, out=np.zeros_like(low), where=(weight > 0) & (high != low))
    return low + np.where(step != 0, weight, 0.0) * step


@lru_cache(maxsize=1024)
def t_quantile(share: float, degrees: int) -> float:
    """Find the value below which Student's t lies with a probability.

    Args:
        share: Probability, from 0.5 to less than 1.
        degrees: Degrees of freedom, at least 1.

    Raises:
        ValueError: If ``share`` or ``degrees`` is out of range.

    Example:
        >>> round(t_quantile(0.975, 19), 4)
        2.093
    """
    if not 0.5 <= share < 1 or degrees < 1:
        raise ValueError(
            f"share {share!r}, degrees {degrees!r}: need 0.5 <= share < 1 and at least 1 degree"
        )
    from scipy.special import stdtrit  # only here: it takes a while to load

    return float(stdtrit(degrees, share))
