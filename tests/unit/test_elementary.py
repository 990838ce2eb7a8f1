"""Elementary functions in lane form against extended precision, and at special values."""

from functools import cache

import numpy as np
import pytest
from numba import njit

from nnrun.training.lanes import elementary
from nnrun.training.lanes import elementary as circular
from nnrun.training.lanes.forms import LANES
from nnrun.training.lanes.vector import load, store

FORMS = {
    **{name: getattr(elementary, name) for name in ("exp", "sigmoid", "tanh", "log", "log1p_exp")},
    **{name: getattr(circular, name) for name in ("sin", "cos", "arctan")},
    "expm1": elementary.expm1,
}
NUMPY = {
    "exp": np.exp,
    "expm1": np.expm1,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "log": np.log,
    "log1p_exp": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
}
BOUNDS = {
    **{"exp": 1.0, "sigmoid": 2.0, "tanh": 1.5, "log": 1.0, "log1p_exp": 2.0, "expm1": 3.0},
    **{"sin": 2.5, "cos": 2.5, "arctan": 1.0},
}
SPECIAL = [
    *(0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.0**-1022, 1e-300, 1e300, -1e300),
    *(709.7, 709.8, 710.0, -708.5, -745.1, -745.2, -746.0, 0.625, -0.625, 1.0, 2.0),
]
extended = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="no extended precision here"
)


@cache
def vectorised(function):
    """Apply a lane function to an array of any length."""

    @njit(error_model="numpy")
    def rows(x, y, n):
        for row in range(n):
            store(y, row, function(load(x, row)))

    def call(values):
        values = np.asarray(values, dtype=np.float64)
        n = -(-len(values) // LANES)
        x = np.ones(n * LANES)
        x[: len(values)] = values
        y = np.empty_like(x)
        rows(x, y, n)
        return y[: len(values)]

    return call


def grid(name):
    """Return numbers over the range in which the function keeps its bound."""
    rng = np.random.default_rng(1)
    magnitudes = np.geomspace(1e-308, 800, 50_000)
    x = np.concatenate(
        [np.linspace(-760, 720, 200_001), rng.normal(0, 3, 100_000), magnitudes, -magnitudes]
    )
    if name == "log":
        return np.concatenate([x[x > 0], np.geomspace(5e-324, 1.7e308, 100_000)])
    if name == "expm1":
        return x[x <= 0]
    if name == "sigmoid":
        return x[x > -709.7]  # below, e^-x overflows and 1 / (1 + e^-x) is 0, as in NumPy
    if name == "arctan":
        return np.concatenate([x, np.geomspace(0.01, 1.7e308, 100_000)])
    if name in ("sin", "cos"):
        # the hardest are the numbers next to multiples of π / 2
        hard = np.arange(-63_661, 63_662) * (np.pi / 2)
        beside = [np.nextafter(hard, np.inf), hard, np.nextafter(hard, -np.inf)]
        return np.concatenate([x, *beside, rng.uniform(-1e5, 1e5, 200_000)])
    return x


@extended
@pytest.mark.parametrize("name", sorted(FORMS))
def test_error_bounds(name):
    x = grid(name)
    with np.errstate(all="ignore"):
        got, wanted = vectorised(FORMS[name])(x), NUMPY[name](x.astype(np.longdouble))
        rounded = wanted.astype(np.float64)
        ulps = np.abs(got.astype(np.longdouble) - wanted) / np.spacing(np.abs(rounded))
    ulps = np.where(got == rounded, 0.0, ulps)
    assert np.nanmax(ulps) <= BOUNDS[name] + 0.01
    np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded))


@pytest.mark.parametrize("name", sorted(FORMS))
def test_limits_at_special_values(name):
    x = np.array(SPECIAL)
    if name == "expm1":
        x = x[~(x > 0)]
    if name in ("sin", "cos"):
        x = x[~(np.abs(x) == 1e300)]
    with np.errstate(all="ignore"):
        wanted = NUMPY[name](x)
    got = vectorised(FORMS[name])(x)
    np.testing.assert_allclose(got, wanted, rtol=1e-15, atol=1e-323)


@extended
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_waves_lose_digits_gracefully_beyond_their_range(name):
    x = np.geomspace(1e5, 1.7e308, 200_000)
    x = np.concatenate([x, -x])
    got, wanted = vectorised(FORMS[name])(x), NUMPY[name](x.astype(np.longdouble))
    assert (np.abs(got) <= 1).all()
    error = np.abs(got - wanted).astype(np.float64)
    assert (error <= np.maximum(np.abs(x), 2.0) * 2.0**-50).all()
