"""Many tests at once: Holm's correction."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p: ArrayLike) -> Floats:
    """Correct p-values so that a family makes any false claim no more often than one test would.

    Args:
        p: One p-value a test of the family, shape (n_tests,); NaN where no test was made, which
            does not count in the family.

    Returns:
        Corrected p-values, at most 1, shape (n_tests,); NaN where ``p`` is.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])

    References:
        S. Holm: A simple sequentially rejective multiple test procedure, 1979.
    """
    values = np.asarray(p, dtype=np.float64)
    out = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    left = np.arange(order.size, 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(values[order] * left), 1.0)
    return out
