"""exp, log, tanh and the like, sin, cos and arctan in lane form, with their error bounds.

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


TWO_OVER_PI, HALF_PI, QUARTER_PI = 0.6366197723675814, 1.5707963267948966, 0.7853981633974483
# π/2 in three parts, the first two of 33 bits: k times them is exact for k below 2^20
PI2_HIGH, PI2_MIDDLE, PI2_LOW = (
    1.57079632673412561417,
    6.07710050630396597660e-11,
    (2.02226624879595063154e-21),
)
HALF_PI_REST = 6.123233995736765886130e-17
"""What the double nearest to π/2 lacks of it."""
TAN_3PI_8 = 2.414213562373095


@njit(error_model="numpy")
def sin(x: Lanes) -> Lanes:
    """The sine within 2.5 ulp where |x| <= 1e5; NaN at ±inf.

    Beyond, the reduction by multiples of π/2 may lose digits: the absolute error stays below
    2^-50 |x|, so that above 1e15 nothing is left but a number from -1 to 1.
    """
    r, quarter = reduced(x)
    odd = quarter * quarter == 1.0
    y = where(odd, cos_near(r), sin_near(r))
    return where(quarter < 0.0, 0.0 - y, where(quarter > 1.5, 0.0 - y, y))


@njit(error_model="numpy")
def cos(x: Lanes) -> Lanes:
    """The cosine, to the same bounds as the sine."""
    r, quarter = reduced(x)
    y = where(quarter * quarter == 1.0, 0.0 - quarter * sin_near(r), cos_near(r))
    return where(quarter * quarter == 4.0, 0.0 - y, y)


@njit(error_model="numpy")
def reduced(x: Lanes) -> tuple[Lanes, Lanes]:
    """Take multiples of π/2 from x: the rest, at most π/4 in size, and their number.

    The number is from -2 to 2, as only its remainder by 4 matters.
    """
    k = (x * TWO_OVER_PI + ROUND) - ROUND
    r = ((x - k * PI2_HIGH) - k * PI2_MIDDLE) - k * PI2_LOW
    # a little more, for what the rounding of k x can leave; far more if x is too large
    r = where(r > 0.8, splat(0.8), r)
    r = where(r < -0.8, splat(-0.8), r)
    return r, k - ((k * 0.25 + ROUND) - ROUND) * 4.0


@njit(error_model="numpy")
def sin_near(r: Lanes) -> Lanes:
    """The sine where |r| <= 0.8.

    References:
        Sun Microsystems, Freely Distributable Mathematical Library, k_sin.c, 1993: the
        coefficients.
    """
    s = r * r
    p = s * 1.58969099521155010221e-10 + -2.50507602534068634195e-08
    p = p * s + 2.75573137070700676789e-06
    p = p * s + -1.98412698298579493134e-04
    p = p * s + 8.33333333332248946124e-03
    p = p * s + -1.66666666666666324348e-01
    return r + r * (s * p)


@njit(error_model="numpy")
def cos_near(r: Lanes) -> Lanes:
    """The cosine where |r| <= 0.8.

    References:
        Sun Microsystems, Freely Distributable Mathematical Library, k_cos.c, 1993: the
        coefficients.
    """
    s = r * r
    p = s * -1.13596475577881948265e-11 + 2.08757232129817482790e-09
    p = p * s + -2.75573143513906633035e-07
    p = p * s + 2.48015872894767294178e-05
    p = p * s + -1.38888888888741095749e-03
    p = p * s + 4.16666666666666019037e-02
    half = s * 0.5
    most = 1.0 - half
    # with what the rounding of 1 - s / 2 lost
    return most + (((1.0 - most) - half) + s * s * p)


@njit(error_model="numpy")
def arctan(x: Lanes) -> Lanes:
    """The arctangent within 1 ulp.

    For a large size π/2 - arctan(1 / x), near 1 π/4 + arctan((x - 1) / (x + 1)), else a rational
    function of x².

    References:
        Moshier, Cephes Mathematical Library, atan.c, 1984 to 1995: the coefficients.
    """
    size = where(x < 0.0, 0.0 - x, x)
    large, small = size > TAN_3PI_8, size < 0.66
    y = where(large, -1.0 / size, where(small, size, (size - 1.0) / (size + 1.0)))
    s = y * y
    top = s * -8.750608600031904122785e-1 + -1.615753718733365076637e1
    top = top * s + -7.500855792314704667340e1
    top = top * s + -1.228866684490136173410e2
    top = top * s + -6.485021904942025371773e1
    bottom = s + 2.485846490142306297962e1
    bottom = bottom * s + 1.650270098316988542046e2
    bottom = bottom * s + 4.328810604912902668951e2
    bottom = bottom * s + 4.853903996359136964868e2
    bottom = bottom * s + 1.945506571482613964425e2
    part = y * (s * (top / bottom)) + y
    base = where(large, splat(HALF_PI), where(small, splat(0.0), splat(QUARTER_PI)))
    rest = where(large, splat(HALF_PI_REST), where(small, splat(0.0), splat(0.5 * HALF_PI_REST)))
    result = base + (part + rest)
    return where(x < 0.0, 0.0 - result, result)
