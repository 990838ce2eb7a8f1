"""exp, log, sigmoid and tanh in lane form, with their error bounds.

Bounds are against the exact result, in units in the last place (ulp); they are tested on dense
grids and special values against extended precision. NaN passes through; limits at ±inf are exact.
"""

from math import factorial

from numba import njit

from nnrun.training.lanes.vector import (
    ROUND,
    Lanes,
    exponent_of,
    mantissa_of,
    scale_by_power,
    splat,
    where,
)

LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has zeros at its end, so that k times it is exact
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = (1 / factorial(n) for n in range(3, 14))
SQRT_2, INF, TINY = 2**0.5, float("inf"), 2.0**-1022
LARGEST, SMALLEST = 710.0, -746.0
"""Beyond these exp is inf and 0."""


@njit(error_model="numpy")
def exp(x: Lanes) -> Lanes:
    """e^x within 1 ulp; gradual underflow and overflow as IEEE 754 has them.

    x = k ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^k e^r by 13 terms of the series, whose rest is
    below 2^-57.
    """
    x = where(x < SMALLEST, splat(SMALLEST), x)
    x = where(x > LARGEST, splat(LARGEST), x)
    rounded = x * LOG2_E + ROUND
    k = rounded - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    # Horner's scheme: LLVM turns each line into one fused instruction
    p = r * C13 + C12
    p = p * r + C11
    p = p * r + C10
    p = p * r + C9
    p = p * r + C8
    p = p * r + C7
    p = p * r + C6
    p = p * r + C5
    p = p * r + C4
    p = p * r + C3
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return scale_by_power(p, rounded)


@njit(error_model="numpy")
def expm1(x: Lanes) -> Lanes:
    """e^x - 1 within 3 ulp for x <= 0, by way of tanh(x / 2): 2 t / (1 - t).

    The difference itself would lose what is small.
    """
    half = tanh(x * 0.5)
    return where(x < -1.0, exp(x) - 1.0, half * 2.0 / (1.0 - half))


@njit(error_model="numpy")
def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + e^-x) within 2 ulp; 0 below -709.8, where e^-x overflows."""
    return 1.0 / (exp(0.0 - x) + 1.0)


@njit(error_model="numpy")
def tanh(x: Lanes) -> Lanes:
    """The hyperbolic tangent within 1 ulp.

    Near 0 a rational function of x², which keeps full relative accuracy; else 1 - 2 / (e^2|x| + 1).

    References:
        Moshier, Cephes Mathematical Library, tanh.c, 1984 to 1995: the coefficients.
    """
    size = where(x < 0.0, 0.0 - x, x)
    far = 1.0 - 2.0 / (exp(size * 2.0) + 1.0)
    far = where(x < 0.0, 0.0 - far, far)
    s = x * x
    top = (s * -9.64399179425052238628e-1 + -9.92877231001918586564e1) * s + (
        -1.61468768441708447952e3
    )
    bottom = ((s + 1.12811678491632931402e2) * s + 2.23548839060100448583e3) * s + (
        4.84406305325125486048e3
    )
    near = x + x * (s * (top / bottom))
    return where(size < 0.625, near, far)


@njit(error_model="numpy")
def log(x: Lanes) -> Lanes:
    """The natural logarithm within 1 ulp; -inf at 0, NaN below.

    x = 2^k m with m in [√½, √2), and log m = 2 artanh(s), s = (m - 1) / (m + 1), as a series in s²
    whose rest is below 2^-58.

    References:
        Sun Microsystems, Freely Distributable Mathematical Library, e_log.c, 1993: the scheme
        and the coefficients.
    """
    # a subnormal number is made a normal one first
    normal = where(x < TINY, x * 2.0**54, x)
    k = where(x < TINY, exponent_of(normal) - 54.0, exponent_of(normal))
    m = mantissa_of(normal)
    high = m > SQRT_2
    m = where(high, m * 0.5, m)
    k = where(high, k + 1.0, k)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    p = z * 1.479819860511658591e-01 + 1.531383769920937332e-01
    p = p * z + 1.818357216161805012e-01
    p = p * z + 2.222219843214978396e-01
    p = p * z + 2.857142874366239149e-01
    p = p * z + 3.999999999940941908e-01
    p = p * z + 6.666666666666735130e-01
    half = f * f * 0.5
    result = k * LN2_HIGH - ((half - (s * (half + p * z) + k * LN2_LOW)) - f)
    result = where(x == INF, x, result)
    result = where(x == 0.0, splat(-INF), result)
    # false for NaN, too, which (x - x) / 0 hands on
    return where(x >= 0.0, result, (x - x) / 0.0)


@njit(error_model="numpy")
def log1p_exp(x: Lanes) -> Lanes:
    """log(1 + e^x) without overflow: max(x, 0) + log1p(e^-|x|), within 2 ulp."""
    size = where(x < 0.0, 0.0 - x, x)
    y = exp(0.0 - size)
    one_more = y + 1.0
    # log(1 + y) for a rounded 1 + y, put right by what the rounding lost
    small = log(one_more) + (y - (one_more - 1.0)) / one_more
    # from NaN both sides are NaN
    return where(x > 0.0, x, splat(0.0)) + small
