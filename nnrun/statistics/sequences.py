"""Tests and intervals of paired seeds that hold however often results are looked at.

A p-value and an interval are made for one look at a number of seeds that was fixed beforehand. Who
looks, adds seeds and looks again until a claim can be made makes false ones far more often than 5%.
Here both hold at all looks together, so that one may stop at any of them, in two ways:

- Nothing is planned (seeds are added by hand, or the most of them are far away): a bet against the
  arms' being alike, pair by pair (an e-process). Its stake of 1 grows to 1/p or more with a
  probability of at most p, at however many looks.
- Looks after each block up to a planned number of seeds: the largest of all looks is held against
  what it comes to where the arms are alike (a group-sequential test). With `MOST_LOOKS` looks or
  fewer it decides earlier, where the plan fits the difference.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnrun.records.sweep import Sweep
from nnrun.statistics.resampling import t_quantile

Floats = NDArray[np.float64]

BETS = (0.2, 0.5, 1.2)
"""Differences that are bet on, in root mean squares of those that were seen."""

MOST_LOOKS = 60
"""With more looks than this the bets decide as early as the planned test, and need no plan."""

SHAPE = 0.1
"""How the planned test's bound falls with the share of seeds: 0 Pocock's, 1/2 O'Brien-Fleming's."""

SOONEST = 5.0
"""Pairs from which on, times eight or so, the sequence's intervals are narrowest."""

_STREAM = 1945
_PATHS = 100_000


class Looks(NamedTuple):
    """At which numbers of pairs results are looked at.

    Attributes:
        every: Pairs between looks; 0 where they are not planned.
        most: Pairs at the last planned look; 0 likewise.
    """

    every: int = 0
    most: int = 0

    @property
    def planned(self) -> bool:
        """Whether there are few enough planned looks for the planned test."""
        return self.every > 0 and -(-self.most // self.every) <= MOST_LOOKS

    def until(self, pairs: int) -> NDArray[np.int64]:
        """List the planned looks up to a number of pairs, which is one of them."""
        at = np.append(np.arange(self.every, self.most, self.every), self.most)
        return np.unique(np.append(at[at < pairs], min(pairs, self.most)))


def looks_of(sweep: Sweep) -> Looks | None:
    """Tell at which looks a sweep's results must hold; None where they are looked at once."""
    auto = sweep.auto
    if auto is None:
        return Looks() if len(sweep.looks) > 1 else None
    every, most = auto["block"], auto["most"]
    # looks that the plan did not foresee undo it, as another plan before it does
    foreseen = all(n == most or (n % every == 0 and n < most) for n in sweep.looks)
    foreseen = foreseen and not auto.get("replanned")
    return Looks(every, most) if foreseen else Looks()


def sequential_test(apart: Floats, looks: Looks) -> tuple[Floats, Floats]:
    """Test at all looks so far whether the sign of paired differences is a matter of chance.

    Where the arms are alike the difference of a pair is as likely as its negative, whatever its
    size. The smallest p of all looks is returned, which is one for any of them.

    Args:
        apart: How far apart the arms are in each pair, as the log ratio of times, in an order that
            the results have no part in, as that of seeds; shape (pair, contrast).
        looks: Planned or not.

    Returns:
        p-values, shape (contrast,): the chance that what speaks against it would ever come to this;
        and for which sign it speaks, -1, 0 or 1.

    Example:
        >>> alternating, same = np.tile([1.0, -1.0], 10), np.ones(20)
        >>> p, side = sequential_test(np.stack([alternating, same], axis=1), Looks())
        >>> float(p[0]), bool(p[1] < 0.001), float(side[1])
        (1.0, True, 1.0)

    References:
        J. Ville: Étude critique de la notion de collectif, 1939. A. Ramdas, P. Grünwald, V. Vovk,
        G. Shafer: Game-theoretic statistics and safe anytime-valid inference, 2023,
        doi:10.1214/23-STS894. S. K. Wang, A. A. Tsiatis: Approximately optimal one-parameter
        boundaries for group sequential trials, 1987, doi:10.2307/2531959.
    """
    if not looks.planned:
        made = evidence(apart)
        total = np.logaddexp(*made) - np.log(2)
        last = total.argmax(axis=0)[None]
        for_more, for_less = (np.take_along_axis(side, last, axis=0)[0] for side in made)
        return np.minimum(1.0, np.exp(-total.max(axis=0))), np.sign(for_more - for_less)
    at = looks.until(len(apart))
    sums, squares = (np.cumsum(x, axis=0)[at - 1] for x in (apart, apart**2))
    weight = ((at / looks.most) ** SHAPE)[:, None]
    distance = weight * sums / np.sqrt(np.where(squares > 0, squares, 1.0))
    largest = np.abs(distance).max(axis=0)
    side = np.take_along_axis(distance, np.abs(distance).argmax(axis=0)[None], axis=0)[0]
    reached = _null_maxima(looks)
    beyond = len(reached) - np.searchsorted(reached, largest * (1 - 1e-9))
    return (1 + beyond) / (1 + len(reached)), np.sign(side)


def evidence(apart: Floats) -> tuple[Floats, Floats]:
    """Bet pair by pair against the arms' being alike: on positive differences, and on negative.

    Each bet multiplies its stake by 1 + tanh(b u) for a pair, u being the difference over the root
    mean square of all so far: if the sign of u is a toss, so is who gains. tanh(b u) is the best
    bet on normal differences of mean b. The stakes are spread evenly over `BETS`.

    Args:
        apart: As of `sequential_test`.

    Returns:
        The logarithm of what a stake of 1 has become after each pair, shape (pair, contrast), of
        the two directions.
    """
    counts = np.arange(1, len(apart) + 1).reshape(-1, *[1] * (apart.ndim - 1))
    scale = np.sqrt(np.cumsum(apart**2, axis=0) / counts)
    u = apart / np.where(scale > 0, scale, 1.0)
    made = []
    for bet in BETS:
        # log(1 + tanh x), and log(1 + tanh(-x)), which is 2x less
        gained = np.log(2) - np.logaddexp(0, -2 * bet * u)
        made.append([np.cumsum(gained - lost, axis=0) for lost in (0, 2 * bet * u)])
    for_more, for_less = (
        np.logaddexp.reduce(side) - np.log(len(BETS)) for side in zip(*made, strict=True)
    )
    return for_more, for_less


def standard_errors(pairs: int, looks: Looks, confidence: float = 0.95) -> float:
    """Say how many standard errors an interval reaches that is to hold at every look.

    Planned looks: the planned test's bound. Else the bound of a normal mixture, which a sum of
    normal values ever crosses with a probability of 1 - ``confidence``. Either is taken over
    to Student's t at the same tail, for the error is estimated.

    Args:
        pairs: That the interval is made of, at least 2.
        looks: Planned or not.
        confidence: That it holds at all looks.

    Example:
        >>> round(standard_errors(100, Looks()), 2), round(standard_errors(100, Looks(20, 100)), 2)
        (3.16, 2.31)

    References:
        I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas: Time-uniform central limit
        theory and asymptotic confidence sequences, 2024, doi:10.1214/24-AOS2408. C. Jennison,
        B. W. Turnbull: Interim analyses: the repeated confidence interval approach, 1989.
    """
    from scipy.special import ndtr  # only here: it takes a while to load

    if looks.planned:
        largest = np.quantile(_null_maxima(looks), confidence)
        normal = largest * (min(pairs, looks.most) / looks.most) ** -SHAPE
    else:
        more = (pairs + SOONEST) / pairs
        normal = np.sqrt(more * np.log(more * pairs / SOONEST / (1 - confidence) ** 2))
    return t_quantile(float(ndtr(normal)), pairs - 1)


def share_interval(total: Floats, n: int, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Bound the mean of scores between 0 and 1, such as a share of successes, at every look.

    The bounds are the means against which a bet that is spread over all others, as Jeffreys' prior
    spreads it, has not yet made 1/(1 - ``confidence``) of its stake. Scores between 0 and 1 can
    only earn it less.

    Args:
        total: Sum of the scores, any shape.
        n: Scores, at least 1.
        confidence: That the interval holds at all looks.

    Returns:
        Lower and upper bounds, shaped as ``total``.

    Example:
        >>> low, high = share_interval(np.array([18.0]), 20)
        >>> [round(float(x), 2) for x in (low[0], high[0])]
        [0.59, 1.0]

    References:
        H. Robbins: Statistical methods related to the law of the iterated logarithm, 1970.
    """
    from scipy.special import betaln

    total = np.asarray(total, dtype=np.float64)
    made = betaln(total + 0.5, n - total + 0.5) - betaln(0.5, 0.5) + np.log(1 - confidence)

    def within(share: Floats) -> NDArray[np.bool_]:
        with np.errstate(divide="ignore", invalid="ignore"):
            against = np.where(total > 0, total * np.log(share), 0.0)
            against += np.where(total < n, (n - total) * np.log1p(-share), 0.0)
        return np.asarray(made <= against)

    bounds = []
    for end in (0.0, 1.0):
        outside, inside = np.full(total.shape, end), total / n
        for _ in range(36):
            middle = (outside + inside) / 2
            held = within(middle)
            inside, outside = np.where(held, middle, inside), np.where(held, outside, middle)
        bounds.append(np.where(total == end * n, end, outside))
    return bounds[0], bounds[1]


@lru_cache(maxsize=8)
def _null_maxima(looks: Looks) -> Floats:
    """The largest weighted distance of all looks where arms are alike, ascending, read-only."""
    at = looks.until(looks.most)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_STREAM, *at.tolist()])))
    walk, largest = np.zeros((2, _PATHS))
    for step, n in zip(np.diff(at, prepend=0), at, strict=True):
        walk += np.sqrt(step) * rng.standard_normal(_PATHS)
        distance = np.abs(walk) / np.sqrt(n) * (n / looks.most) ** SHAPE
        np.maximum(largest, distance, out=largest)
    largest.sort()
    largest.flags.writeable = False
    return largest
