"""The few probability distributions that the statistics need, without SciPy."""

import math


def chi_square_tail(statistic: float) -> float:
    """Compute the probability that chi-square with one degree of freedom is at least this.

    Example:
        >>> round(chi_square_tail(3.841459), 6)
        0.05
    """
    return math.erfc(math.sqrt(statistic / 2)) if not math.isnan(statistic) else math.nan


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
    low, high = 0.0, 1.0
    while _t_centre(high, degrees) < 2 * share - 1:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if _t_centre(middle, degrees) < 2 * share - 1:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_centre(t: float, degrees: int) -> float:
    """P(-t < T < t), by the finite series in the angle (Abramowitz and Stegun, 26.7.3-4)."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine = math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for j in range(2 + odd, degrees - 1, 2):
        term *= (j - 1) / j * cosine**2
        total += term
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
