"""The swap test: had the seeds worn the arms' names the other way round, how often as far apart?"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nnrun.statistics.resampling import fitting

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
        moved = swaps @ (y - x)
        distance += np.log((x.sum(axis=0) + moved) / (y.sum(axis=0) - moved))
        seen += np.log(x.sum(axis=0) / y.sum(axis=0))
    # sums in another order differ by rounding: what is as far apart must count as such
    as_far = np.abs(distance) >= np.abs(seen) * (1 - 1e-9) - 1e-12 * blocks
    hits = as_far.sum(axis=0)
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
