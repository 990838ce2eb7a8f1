"""exp, log, tanh, sin and the like of rows, with their error bounds; and Threefry's random words.

Bounds are against the exact result, in units in the last place (ulp), with fused operations; they
are tested on dense grids and special values. NaN passes through; limits at ±inf are exact.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.rows.trace import COMPOSED, Row, Untraceable

LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has zeros at its end, so that k times it is exact
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
ROUND = 1.5 * 2.0**52
"""Added and taken away again, it rounds to a whole number, whose bits are then its last."""
BIAS, DIGITS = 1023, 52
"""Of a float64: what its exponent is raised by, and the bits of its fraction."""
SQRT_2, INF, TINY = 2**0.5, float("inf"), 2.0**-1022

# of q in e^r = 1 + r + r² q(r), |r| <= ln 2 / 2: within 2^-56
EXP = (
    2.5100424157005067e-08, 2.7620138719733994e-07, 2.7557268378684192e-06, 2.480152119021773e-05,
    0.00019841269863105968, 0.0013888888917281794, 0.008333333333330051, 0.04166666666662399,
    0.16666666666666669, 0.5000000000000001,
)  # fmt: skip


def horner(x: Any, coefficients: Sequence[float]) -> Any:
    """Return a polynomial's value, the highest power's coefficient first."""
    total: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        total = x * total + coefficient
    return total


def _split(x: Any, less: int = 0) -> tuple[Any, Any]:
    """Return 2^(k - less) and r, for x = k ln 2 + r with r from -ln 2 / 2 to ln 2 / 2."""
    shifted = x * LOG2_E + ROUND
    k = shifted - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    power = ((shifted.view(np.uint64) + (BIAS - less)) << DIGITS).view(np.float64)
    return power, r


def exp(x: Any) -> Any:
    """Return e^x within 1 ulp; inf above 709.78, and 0 below -707."""
    power, r = _split(clip(x, -709.0, 710.0), less=1)
    y = horner(r, (*EXP, 1.0, 1.0)) * power * 2.0  # half of it never overflows
    return np.where(x < -707.0, 0.0, y)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent within 2 ulp: m / (m + 2), m = e^2x - 1."""
    power, r = _split(clip(2.0 * x, -40.0, 40.0))
    m = power * (r * r * horner(r, EXP) + r) + (power - 1.0)
    return m / (m + 2.0)


def expm1(x: Any) -> Any:
    """Return e^x - 1 within 3 ulp, near 0 by way of tanh(x / 2): 2 t / (1 - t)."""
    half = tanh(clip(x, -2.0, 2.0) * 0.5)
    return np.where(np.abs(x) < 1.0, half * 2.0 / (1.0 - half), exp(x) - 1.0)


LOG = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
    2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
    6.666666666666735130e-01,
)  # fmt: skip


def log(x: Any) -> Any:
    """Return the natural logarithm within 1 ulp; -inf at 0, NaN below.

    x = 2^k m with m in [√½, √2), and log m = 2 artanh(s), s = (m - 1) / (m + 1), as a series in s².

    References:
        Sun Microsystems, Freely Distributable Mathematical Library, e_log.c, 1993: the scheme
        and the coefficients.
    """
    small = x < TINY  # a subnormal number is made a normal one first
    bits = np.where(small, x * 2.0**54, x).view(np.uint64)
    m = ((bits & (2**DIGITS - 1)) | (BIAS << DIGITS)).view(np.float64)
    # as digits of 2^52 + exponent, which float64 holds exactly
    k = ((bits >> DIGITS) | ((BIAS + DIGITS) << DIGITS)).view(np.float64) - (2.0**DIGITS + BIAS)
    k = np.where(small, k - 54.0, k)
    high = m > SQRT_2
    m, k = np.where(high, 0.5 * m, m), np.where(high, k + 1.0, k)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    half = 0.5 * f * f
    y = k * LN2_HIGH - ((half - (s * (half + horner(z, LOG) * z) + k * LN2_LOW)) - f)
    y = np.where(x == INF, x, y)
    # of numbers below 0, and of NaN, it is NaN
    return np.where(x > 0.0, y, np.where(x == 0.0, -INF, np.nan))


def log1p(x: Any) -> Any:
    """Return log(1 + x) within 2 ulp: of the rounded 1 + x, put right by what rounding lost."""
    whole = 1.0 + x
    lost = np.where(whole == INF, 0.0, (x - (whole - 1.0)) / whole)
    return np.where(whole == 0.0, -INF, log(whole) + lost)


def logaddexp(a: Any, b: Any) -> Any:
    """Return log(e^a + e^b) without overflow."""
    apart = np.where(np.equal(a, b), 0.0, np.abs(a - b))  # of two equal infinities, too
    return np.maximum(a, b) + log1p(exp(-apart))


TWO_OVER_PI, HALF_PI, QUARTER_PI = 0.6366197723675814, 1.5707963267948966, 0.7853981633974483
# π/2 in three parts, the first two of 33 bits: k times them is exact for k below 2^20
PI2 = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
HALF_PI_REST = 6.123233995736765886130e-17
"""What the double nearest to π/2 lacks of it."""
TAN_3PI_8 = 2.414213562373095

# Sun Microsystems, Freely Distributable Mathematical Library, k_sin.c and k_cos.c, 1993
SIN = (
    1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
    -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
)  # fmt: skip
COS = (
    -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
    2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
)  # fmt: skip


def _quarters(x: Any) -> tuple[Any, Any, Any]:
    """Return sine and cosine of what x has beyond k quarter turns, and k, from -2 to 2.

    Of the quarters only the remainder by 4 matters.
    """
    k = (x * TWO_OVER_PI + ROUND) - ROUND
    r = ((x - k * PI2[0]) - k * PI2[1]) - k * PI2[2]
    # a little more, for what the rounding of k x can leave; far more if x is too large
    r = clip(r, -0.8, 0.8)
    s = r * r
    half = 0.5 * s
    most = 1.0 - half
    # with what the rounding of 1 - s / 2 lost
    near = most + (((1.0 - most) - half) + s * s * horner(s, COS))
    return r + r * (s * horner(s, SIN)), near, k - ((k * 0.25 + ROUND) - ROUND) * 4.0


def sin(x: Any) -> Any:
    """Return the sine within 2.5 ulp up to a size of 1e5; NaN at ±inf.

    Beyond, the absolute error stays below 2^-50 times the size: above 1e15 nothing is left but a
    number from -1 to 1.
    """
    sine, cosine, quarter = _quarters(x)
    y = np.where(quarter * quarter == 1.0, cosine, sine)
    return np.where((quarter < 0.0) | (quarter > 1.5), -y, y)


def cos(x: Any) -> Any:
    """Return the cosine, to the same bounds as the sine."""
    sine, cosine, quarter = _quarters(x)
    y = np.where(quarter * quarter == 1.0, -(quarter * sine), cosine)
    return np.where(quarter * quarter == 4.0, -y, y)


# Moshier, Cephes Mathematical Library, atan.c, 1984 to 1995
ATAN_TOP = (
    -8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
    -1.228866684490136173410e2, -6.485021904942025371773e1,
)  # fmt: skip
ATAN_BOTTOM = (
    1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
    4.853903996359136964868e2, 1.945506571482613964425e2,
)  # fmt: skip


def arctan(x: Any) -> Any:
    """Return the arctangent within 1 ulp.

    For a large size π/2 - arctan(1 / x), near 1 π/4 + arctan((x - 1) / (x + 1)), else a rational
    function of x².
    """
    size = np.abs(x)
    large, small = size > TAN_3PI_8, size < 0.66
    y = np.where(large, -1.0 / size, np.where(small, size, (size - 1.0) / (size + 1.0)))
    s = y * y
    part = y * (s * (horner(s, ATAN_TOP) / horner(s, ATAN_BOTTOM))) + y
    base = np.where(large, HALF_PI, np.where(small, 0.0, QUARTER_PI))
    rest = np.where(large, HALF_PI_REST, np.where(small, 0.0, 0.5 * HALF_PI_REST))
    result = base + (part + rest)
    return np.where(x < 0.0, -result, result)


def power(x: Any, exponent: Any) -> Any:
    """Return x to a plain number: whole ones up to 64 by products, √x, else e^(exponent log x)."""
    if isinstance(exponent, Row):
        return exp(exponent * log(x) if isinstance(x, Row) else exponent * float(np.log(x)))
    n = float(exponent)
    if n == 0.5:
        return np.sqrt(x)
    if not n.is_integer() or abs(n) > 64:
        return exp(n * log(x))
    result: Any = 1.0
    for bit in bin(abs(int(n)))[2:]:
        result = result * result * (x if bit == "1" else 1.0)
    return 1.0 / result if n < 0 else result


def remainder(x: Any, divisor: Any) -> Any:
    """Return what is left of whole divisors, with the divisor's sign."""
    return x - np.floor(x / divisor) * divisor


def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """Return what lies within bounds, and the bounds for the rest; NaN passes."""
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def arctan2(y: Any, x: Any) -> Any:
    """Return the angle of the point (x, y), from -π to π, within 2 ulp."""
    turned = np.where(_negative(y), -2.0 * HALF_PI, 2.0 * HALF_PI)
    angle = arctan(y / np.where(x == 0.0, 1.0, x))
    angle = np.where(_negative(x), angle + turned, angle)
    return np.where((x == 0.0) & (y != 0.0), 0.5 * turned, angle)


def _negative(x: Any) -> Any:
    """Say whether a number is below 0, or -0.0."""
    return (x.view(np.uint64) >> 63) == 1 if isinstance(x, Row) else np.signbit(x)


def matmul(a: Any, b: Any) -> Any:
    """Return a product of matrices, summed one after the other."""
    a, b = (part if isinstance(part, Row) else Row(part) for part in (a, b))
    if a.ndim == 1 or b.ndim == 1:
        return (a * b).sum(axis=-1) if b.ndim == 1 else (a[:, None] * b).sum(axis=-2)
    return (a[..., :, :, None] * b[..., None, :, :]).sum(axis=-2)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the length of vectors."""
    if ord not in (None, 2) or (axis is None and x.ndim > 1 and ord is not None):
        raise Untraceable(f"np.linalg.norm of order {ord}")
    return np.sqrt((x * x).sum(axis, keepdims))


def select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0.0) -> Any:
    """Return what stands at the first condition that holds."""
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        default = np.where(condition, choice, default)
    return default


def _like(value: float) -> Any:
    return lambda x, *rest, **options: Row(np.full(np.shape(x.cells), value, dtype=object))


def _sign(x: Any) -> Any:
    return np.where(x > 0.0, 1.0, np.where(x < 0.0, -1.0, x))


def _step(x: Any, at_zero: Any) -> Any:
    return np.where(x > 0.0, 1.0, np.where(x < 0.0, 0.0, np.where(x == 0.0, at_zero, x)))


COMPOSED |= {
    np.exp: exp,
    np.exp2: lambda x: exp(x * 0.6931471805599453),
    np.expm1: expm1,
    np.log: log,
    np.log1p: log1p,
    np.log2: lambda x: log(x) * LOG2_E,
    np.log10: lambda x: log(x) * 0.4342944819032518,
    np.logaddexp: logaddexp,
    np.tanh: tanh,
    np.sinh: lambda x: 0.5 * (exp(x) - exp(-x)),
    np.cosh: lambda x: 0.5 * (exp(x) + exp(-x)),
    np.sin: sin,
    np.cos: cos,
    np.tan: lambda x: sin(x) / cos(x),
    np.arctan: arctan,
    np.arctan2: arctan2,
    np.matmul: matmul,
    np.dot: matmul,
    np.linalg.norm: norm,
    np.select: select,
    np.power: power,
    np.float_power: power,
    np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1.0 / x,
    np.hypot: lambda x, y: np.sqrt(x * x + y * y),
    np.sign: _sign,
    np.heaviside: _step,
    np.remainder: remainder,
    np.floor_divide: lambda x, y: np.floor(x / y),
    np.ceil: lambda x: -np.floor(-x),
    np.trunc: lambda x: x.astype(np.int64),
    np.rint: lambda x: np.where(np.abs(x) < 2.0**51, (x + ROUND) - ROUND, x),
    np.isnan: lambda x: x != x,
    np.isfinite: lambda x: np.abs(x) < INF,
    np.isinf: lambda x: np.abs(x) == INF,
    np.clip: clip,
    np.zeros_like: _like(0.0),
    np.empty_like: _like(0.0),
    np.ones_like: _like(1.0),
    np.full_like: lambda x, value, **options: _like(value)(x),
}

ROTATIONS = ((16, 42, 12, 31), (16, 32, 24, 21))


def threefry(key: Sequence[Any], counter: Sequence[Any], rounds: int = 20) -> tuple[Any, Any]:
    """Return two random words of 64 bits: Threefry-2x64.

    Args:
        key: Two words; rows, or arrays of uint64.
        counter: Two words.
        rounds: As many as are wanted of the 20 that pass every test; 13 pass BigCrush.

    References:
        Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, 2011,
        doi:10.1145/2063384.2063405.
    """
    keys = (*key, key[0] ^ key[1] ^ 0x1BD11BDAA9FC1A22)
    a, b = counter[0] + keys[0], counter[1] + keys[1]
    for block in range(rounds // 4):
        for n in ROTATIONS[block % 2]:
            a = a + b
            b = ((b << n) | (b >> (64 - n))) ^ a
        a, b = a + keys[(block + 1) % 3], b + (keys[(block + 2) % 3] + (block + 1))
    return a, b


def unit(word: Any) -> Any:
    """Return a number in [0, 1) of the upper 52 bits of a word."""
    return ((word >> 12) | (BIAS << DIGITS)).view(np.float64) - 1.0


def require_float(value: Any) -> Row:
    """Return a row as it is; Untraceable if a component answers with anything else."""
    if not isinstance(value, Row):
        raise Untraceable(f"it returns a value of type {type(value).__name__}")
    return value
