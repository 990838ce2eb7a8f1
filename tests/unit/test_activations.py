"""Activation functions: values by hand, slopes by differences, limits, and trials of their own."""

from math import erf, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.network.activations import ACTIVATIONS, Elu, Gelu, LeakyRelu, Softmax

ENTRIES = [*(ACTIVATIONS[name]() for name in sorted(ACTIVATIONS)), LeakyRelu(0.3), Elu(0.5)]
ELEMENTWISE = [entry for entry in ENTRIES if entry != Softmax()]


def value(entry, z):
    return float(entry.forward(np.full((1, 1, 1), z, dtype=float))[0, 0, 0])


def slopes(entry, z):
    z = np.asarray(z, dtype=float)[None, None]
    return entry.backward(np.ones_like(z), z, entry.forward(z))[0, 0]


BY_HAND = {
    "sigmoid": [(0, 0.5), (log(3), 0.75), (-log(4), 0.2)],
    "tanh": [(0, 0), (log(2), 0.6), (-log(3), -0.8)],
    "relu": [(2.5, 2.5), (-2.5, 0), (0, 0)],
    "leaky_relu": [(2.5, 2.5), (-2.5, -0.025), (0, 0)],
    "elu": [(2.5, 2.5), (-log(4), -0.75), (0, 0)],
    "silu": [(0, 0), (log(3), 0.75 * log(3)), (-log(4), -0.2 * log(4))],
    "softplus": [(0, log(2)), (log(3), log(4)), (-log(4), log(1.25))],
    "softsign": [(1, 0.5), (-3, -0.75), (0, 0)],
    "arctan": [(1, 0.5), (-sqrt(3), -2 / 3), (0, 0)],
    "sine": [(pi / 6, 0.5), (-pi / 2, -1), (0, 0)],
    "linear": [(2.5, 2.5), (-2.5, -2.5)],
    # as PyTorch has it
    "gelu": [(0, 0), (1, 0.8411919906082768)],
    "softmax": [(7, 1)],
}


def test_every_activation_is_worked_by_hand():
    assert BY_HAND.keys() == set(ACTIVATIONS)


@pytest.mark.parametrize(("name", "z", "wanted"), [(n, *p) for n in BY_HAND for p in BY_HAND[n]])
def test_values_by_hand(name, z, wanted):
    assert value(ACTIVATIONS[name](), z) == pytest.approx(wanted, rel=1e-15, abs=1e-16)


def test_softmax_by_hand():
    z = np.array([[[0.0, log(3), 0.0, log(5)]]])
    np.testing.assert_allclose(Softmax().forward(z)[0, 0], [0.1, 0.3, 0.1, 0.5], rtol=1e-15)
    whole = np.array([[[0.0, 1.0, 2.0, 5.0]]])
    np.testing.assert_array_equal(Softmax().forward(whole - 900), Softmax().forward(whole + 900))


def test_fields_by_hand():
    assert value(LeakyRelu(slope=0.25), -2) == -0.5
    assert value(Elu(alpha=2), -log(4)) == pytest.approx(-1.5, rel=1e-15)
    assert slopes(LeakyRelu(slope=0.25), [-1, 1]).tolist() == [0.25, 1]
    np.testing.assert_allclose(slopes(Elu(alpha=2), [-log(4), 0, 1]), [0.5, 2, 1], rtol=1e-15)


def test_gelu_is_near_its_exact_form():
    z = np.linspace(-8, 8, 4001)
    exact = np.array([x * 0.5 * (1 + erf(x / sqrt(2))) for x in z])
    np.testing.assert_allclose(Gelu().forward(z), exact, rtol=0, atol=0.0005)


@pytest.mark.parametrize("entry", ELEMENTWISE, ids=repr)
def test_slopes_match_differences(entry):
    # no point within 1 / 128 of the kinks at 0
    z = np.concatenate([np.arange(-768, 768) / 64 + 1 / 128, [-40.5, 40.5]]).astype(np.longdouble)
    step = np.longdouble(2.0**-15)
    numeric = (entry.forward(z + step) - entry.forward(z - step)) / (2 * step)
    np.testing.assert_allclose(slopes(entry, z), numeric.astype(float), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.name in ("relu", "leaky_relu", "elu")])
def test_the_slope_at_a_kink_is_that_of_the_left(entry):
    np.testing.assert_allclose(slopes(entry, [0.0]), slopes(entry, [-1e-12]), rtol=1e-9)


LEFT, RIGHT = -1e300, 1e300
LIMITS = {
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
    "arctan": (-1, 1),
    "relu": (0, RIGHT),
    "leaky_relu": (LEFT / 100, RIGHT),
    "elu": (-1, RIGHT),
    "gelu": (0, RIGHT),
    "silu": (0, RIGHT),
    "softplus": (0, RIGHT),
    "linear": (LEFT, RIGHT),
}


def test_all_but_sine_and_softmax_have_limits():
    assert set(ACTIVATIONS) - LIMITS.keys() == {"sine", "softmax"}


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_activations_have_their_limits(name):
    entry, ends = ACTIVATIONS[name](), np.array([[[LEFT, RIGHT]]])
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(entry.forward(ends)[0, 0], LIMITS[name], rtol=1e-15)
        left, right = slopes(entry, [LEFT, RIGHT])
    bounded = abs(LIMITS[name][1]) == 1
    assert right == (0 if bounded else 1)
    assert left == {"leaky_relu": 0.01, "linear": 1}.get(name, 0)


@pytest.mark.parametrize("entry", ENTRIES, ids=repr)
def test_whatever_is_finite_stays_finite_and_nan_stays_nan(entry):
    sizes = np.geomspace(5e-324, 1.7e308, 4000)
    z = np.concatenate([sizes, -sizes, [0.0]])[None, None]
    with np.errstate(all="ignore"):
        for each in (np.swapaxes(z, 0, 2), z):
            a = entry.forward(each)
            assert np.isfinite(a).all()
            assert np.isfinite(entry.backward(np.ones_like(each), each, a)).all()
        nan = np.full((1, 1, 2), np.nan)
        assert np.isnan(entry.forward(nan)).all()
        assert np.isnan(entry.backward(nan, nan, nan)).all()


@settings(max_examples=60, deadline=None)
@given(
    entry=st.sampled_from(ENTRIES),
    place=st.integers(0, 8),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5)),
    seed=st.integers(0, 10**6),
    wild=st.sampled_from([1.0, 30.0, 1e5, 1e9, 1e300, np.nan, np.inf]),
)
def test_a_trial_is_itself_whatever_stands_beside_it(entry, place, shape, seed, wild):
    rng = np.random.default_rng(seed)
    alone, grad = rng.normal(0, 3, (1, *shape)), rng.normal(size=(1, *shape))
    z, g = rng.normal(size=(9, *shape)) * wild, rng.normal(size=(9, *shape))
    z[place], g[place] = alone[0], grad[0]
    with np.errstate(all="ignore"):
        a = entry.forward(z)
        np.testing.assert_array_equal(a[place], entry.forward(alone)[0])
        own = entry.backward(grad, alone, entry.forward(alone))[0]
        np.testing.assert_array_equal(entry.backward(g, z, a)[place], own)
