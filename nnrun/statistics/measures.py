"""How far apart two arms are: ratio, difference and share sooner, with intervals and tests."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nnrun.statistics.hypothesis_tests import order_test, swap_test
from nnrun.statistics.resampling import (
    MOST_WEIGHTS,
    fitting,
    percentile,
    resampled_means,
    t_quantile,
)
from nnrun.statistics.sequences import Looks, sequential_test, share_interval, standard_errors

Floats = NDArray[np.float64]

DISCORDANT = 8  # pairs that must differ before their spread says how small a ratio could be shown
TOGETHER = 64  # contrasts whose resamples are held at once

MEASURES = (
    *("ratio", "ratio_low", "ratio_high", "difference", "difference_low", "difference_high"),
    *("sooner", "sooner_low", "sooner_high", "tied", "p", "p_order", "error", "discordant"),
)


def measure(
    a: Floats, b: Floats, points: Floats | None = None, looks: Looks | None = None
) -> dict[str, Floats]:
    """Compare arms, for many contrasts that have the same number of seeds and blocks.

    Seeds are drawn and swapped with all of their blocks.

    Args:
        a: Restricted times in samples, shape (seed, contrast, block), positive and finite.
        b: Likewise, of the arm it is held against.
        points: Evaluations of which neighbours tie where it is asked who is first, if any do.
        looks: At which intervals and tests must hold; None where there is one.

    Returns:
        ``MEASURES``, shape (contrast,) each: the ratio of the restricted means (geometric mean
        over blocks), their difference in samples (mean over blocks), the share of seeds in which
        ``a`` is sooner (ties count one half), each with its 95% interval (NaN with a single seed);
        ``tied``, the share of ties, in which often neither arrives; ``p`` of `swap_test`;
        ``p_order`` of `order_test`; ``error`` of the log ratio; ``discordant`` pairs. With looks
        both p are of `sequential_test`, for the log ratios of paired times and for who is first (1
        where the looks together lean to another side than the means, or the share, do now).
    """
    step = TOGETHER if looks is None else a.shape[1]
    parts = [
        _measure(a[:, start : start + step], b[:, start : start + step], points, looks)
        for start in range(0, a.shape[1], step)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in MEASURES}


def sooner_interval(scores: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Bound the mean of scores between 0 and 1 by Wilson's interval with their own variance.

    With scores of 0 and 1 it is Wilson's interval. Ties (scores of 1/2) make it narrower, by as
    much as they vary less; it never shrinks to a point, not even where all scores are equal.
    Scores have shape (seed, ...), bounds (...).

    Example:
        >>> low, high = sooner_interval(np.ones(10))
        >>> round(float(low), 3), float(high)
        (0.722, 1.0)
    """
    n, total = len(scores), scores.sum(axis=0)
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    squares = ((scores - scores.mean(axis=0)) ** 2).sum(axis=0)
    half = np.sqrt(z2 * (squares + z2 / 4))
    low, high = (total + z2 / 2 - half) / (n + z2), (total + z2 / 2 + half) / (n + z2)
    return np.where(total == 0, 0.0, low), np.where(total == n, 1.0, high)


def log_ratio_error(a: Floats, b: Floats) -> Floats:
    """Estimate the standard error of the log ratio, linearised.

    Returns:
        Shape (contrast,); NaN with a single seed.
    """
    n = len(a)
    if n < 2:
        return np.full(a.shape[1], np.nan)
    return _influence(a, b).std(axis=0, ddof=1) / np.sqrt(n)


def detectable(
    error: float, pairs: int, discordant: float, level: float, censored: float = 0.0
) -> float:
    """Find the smallest ratio above 1 that this spread and so many seeds would likely show.

    That is with 80% power: by a two-sided t-test of the log ratio, corrected by what simulated
    sweeps found missing (`nnrun.statistics.calibration`). With few seeds the error is known
    badly, and an arm that is sooner is censored less, so that its times spread more than was seen.

    Args:
        error: Standard error of the log ratio, as seen between the arms.
        pairs: Of seeds.
        discordant: Pairs whose times differ.
        level: Of the test, corrected for the number of contrasts.
        censored: Share of the times that are censored.

    Returns:
        The ratio; NaN where fewer than ``DISCORDANT`` pairs differ: then the spread says nothing.
    """
    if not discordant >= DISCORDANT or not error > 0:
        return float("nan")
    errors = t_quantile(1 - level / 2, pairs - 1) + t_quantile(0.8, pairs - 1)
    missing = (1 + 0.5 / pairs**0.5) * (1 + 0.7 * censored)
    return float(np.exp(errors * error * missing))


def _measure(a: Floats, b: Floats, points: Floats | None, looks: Looks | None) -> dict[str, Floats]:
    apart = _apart(a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True))
    low, high = _bounds(a, b, apart, looks)
    first = np.sign(b - a)
    if points is not None and points.size:
        steps = np.searchsorted(points, b) - np.searchsorted(points, a)
        first[abs(steps) < 2] = 0.0
    scores = (0.5 + first / 2).mean(axis=2)
    if looks is None:
        p, p_order = swap_test(a, b), order_test(first)
        sooner_low, sooner_high = sooner_interval(scores)
    else:
        p, side = sequential_test(np.log(a / b).mean(axis=2), looks)
        p = np.where(side == np.sign(apart[0][0]), p, 1.0)
        p_order, side = sequential_test(first.mean(axis=2), looks)
        p_order = np.where(side == np.sign(scores.mean(axis=0) - 0.5), p_order, 1.0)
        sooner_low, sooner_high = share_interval(scores.sum(axis=0), len(a))
    with np.errstate(over="ignore"):  # of two pairs hardly anything is known
        ratio_low, ratio_high = np.exp(low[0]), np.exp(high[0])
    return {
        "ratio": np.exp(apart[0][0]),
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
        "difference": apart[1][0],
        "difference_low": low[1],
        "difference_high": high[1],
        "sooner": scores.mean(axis=0),
        "sooner_low": sooner_low,
        "sooner_high": sooner_high,
        "tied": (first == 0).mean(axis=(0, 2)),
        "p": p,
        "p_order": p_order,
        "error": log_ratio_error(a, b),
        "discordant": (a != b).any(axis=2).sum(axis=0).astype(np.float64),
    }


def _bounds(
    a: Floats, b: Floats, apart: tuple[Floats, Floats], looks: Looks | None
) -> tuple[Floats, Floats]:
    """Bound log ratios and differences of means: lower and upper bounds, shape (2, contrast)."""
    n, contrasts, _ = a.shape
    if n < 2:
        nothing = np.full((2, contrasts), np.nan)
        return nothing, nothing
    if looks is None:
        found = [percentile(drawn, n) for drawn in _drawn(a, b)]
        return np.array([f[0] for f in found]), np.array([f[1] for f in found])
    seen, scale = np.concatenate(apart), np.stack([a, b]).mean(axis=(0, 1, 3))
    each = np.stack([_influence(a, b), (a - b).mean(axis=2)])
    squares = ((each - each.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    # as if two more pairs were a factor of 2 apart, either way: no spread seen is not none
    squares += 2 * np.log(2) ** 2 * np.stack([np.ones(contrasts), scale**2])
    away = standard_errors(n, looks) * np.sqrt(squares / (n + 1) / n)
    return seen - away, seen + away


def _influence(a: Floats, b: Floats) -> Floats:
    """How far each seed moves the log ratio of the means, shape (seed, contrast)."""
    return np.asarray((a / a.mean(axis=0) - b / b.mean(axis=0)).mean(axis=2))


def _apart(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Log ratio and difference of means of shape (..., block), averaged over the blocks."""
    return np.log(a / b).mean(axis=-1), (a - b).mean(axis=-1)


def _drawn(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Log ratios and differences of all resamples, shape (resamples, contrast) each."""
    n, contrasts, blocks = a.shape
    ratio, difference = np.zeros((2, fitting(n), contrasts))
    together = n * fitting(n) > MOST_WEIGHTS  # then draws are made anew each time
    for block in range(blocks):
        if together:
            both = resampled_means(np.concatenate([a[:, :, block], b[:, :, block]], axis=1))
            x, y = both[:, :contrasts], both[:, contrasts:]
        else:
            x, y = resampled_means(a[:, :, block]), resampled_means(b[:, :, block])
        difference += x - y
        ratio += np.log(np.divide(x, y, out=x))
    return ratio / blocks, difference / blocks
