"""Expected running time: what an arrival costs, the seeds that never arrive included."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def expected_running_time(spent: ArrayLike, arrived: ArrayLike) -> Floats:
    """Divide the samples spent by all trials by the number that arrived.

    It is what one arrival costs if a failed trial is started again from another seed. A trial that
    did not arrive has spent the whole common budget, a diverged one too: stopped at its divergence
    it would be cheap, and a setting that diverges early would look the better for it.

    Args:
        spent: Samples, the trials first, shape (n_trials, ...); sums or means do as well.
        arrived: Whether the target was reached, or how often, the same shape.

    Returns:
        Samples, shape (...); inf where none arrived.

    Example:
        >>> float(expected_running_time([100.0, 300.0, 1000.0], [True, True, False]))
        700.0

    References:
        N. Hansen, A. Auger, S. Finck, R. Ros: Real-parameter black-box optimization benchmarking
        2009: experimental setup, 2009, INRIA RR-6828.
    """
    total = np.asarray(spent, dtype=np.float64).sum(axis=0)
    return running_time_of(total, np.asarray(arrived, dtype=np.float64).sum(axis=0))


def running_time_of(spent: Floats, arrived: Floats) -> Floats:
    """Divide samples spent by arrivals, both sums or both means; inf where none arrived."""
    never = np.full(np.broadcast(spent, arrived).shape, np.inf)
    return np.divide(spent, arrived, out=never, where=np.asarray(arrived) > 0)
