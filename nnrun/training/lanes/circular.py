"""sin, cos and arctan in lane form, with their error bounds, as in ``elementary``."""

from numba import njit

from nnrun.training.lanes.vector import ROUND, Lanes, splat, where

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
