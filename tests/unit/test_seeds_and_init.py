"""Randomness by role, and first weights that networks share where they can."""

from zlib import crc32

import numpy as np
import pytest
from scipy import stats

from nnrun.errors import InputError
from nnrun.network.initializers import INITIALIZERS, Constant, Orthogonal, Uniform
from nnrun.network.randomness import Role, Rows, generator


def test_roles_have_generators_of_their_own():
    first = {role: generator(3, role).random() for role in Role}
    assert len(set(first.values())) == len(Role)
    assert generator(3, Role.DATA).random() == first[Role.DATA]
    assert generator(4, Role.DATA).random() != first[Role.DATA]


def test_numerics_are_pinned():
    # these change only together with NUMERICS_VERSION
    np.testing.assert_array_equal(
        generator(0, Role.DATA).random(2), [0.6771968569751019, 0.2429867485428212]
    )
    np.testing.assert_array_equal(
        Rows(0).at(0, "x").random(2), [0.3087098345957132, 0.4041142553310181]
    )


def test_an_extra_input_does_not_move_the_weights_of_the_others():
    raw = Uniform().params(7, ("x", "y"), (2, 1, 1))
    product = Uniform().params(7, ("x", "x*y", "y"), (2, 1, 1))
    np.testing.assert_array_equal(product[0].weights[0, [0, 2]], raw[0].weights[0])
    for a, b in zip(raw, product, strict=True):
        np.testing.assert_array_equal(a.bias, b.bias)
    for a, b in zip(raw[1:], product[1:], strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)


def test_inputs_whose_checksums_are_one_have_weights_of_their_own():
    assert crc32(b"plumless") == crc32(b"buckeroo")
    (layer,) = Uniform().params(7, ("plumless", "x", "buckeroo"), (4,))
    assert len(np.unique(layer.weights)) == 12
    (turned,) = Uniform().params(7, ("buckeroo", "plumless", "x"), (4,))
    np.testing.assert_array_equal(turned.weights[0, [1, 2, 0]], layer.weights[0])


@pytest.mark.parametrize("shortcut", [False, True])
def test_what_shares_no_checksum_stays_where_it_was(shortcut):
    (alone, *_) = Uniform().params(7, ("buckeroo", "x"), (4, 1), shortcut)
    (both, *above) = Uniform().params(7, ("plumless", "buckeroo", "x"), (4, 1), shortcut)
    np.testing.assert_array_equal(both.weights[0, 1:], alone.weights[0])
    assert np.unique(above[0].weights).size == above[0].weights.size


def test_an_input_called_as_the_biases_has_weights_of_its_own():
    (layer,) = Uniform().params(7, (" bias", "x"), (4,))
    assert not np.isin(layer.weights, layer.bias).any()


def test_a_wider_layer_keeps_the_weights_of_the_units_it_shares():
    narrow = Uniform().params(7, ("x", "y"), (2, 1))
    wide = Uniform().params(7, ("x", "y"), (4, 1))
    np.testing.assert_array_equal(wide[0].weights[:, :, :2], narrow[0].weights)
    np.testing.assert_array_equal(wide[1].weights[:, :2], narrow[1].weights)


def test_rows_are_uniform_and_uncorrelated():
    draws = np.array([Rows(seed).at(layer, unit).random() for seed in range(40)
                      for layer in range(3) for unit in range(20)])  # fmt: skip
    assert stats.kstest(draws, "uniform").pvalue > 0.001
    matrix = draws.reshape(40, 60)
    correlation = np.corrcoef(matrix.T)[np.triu_indices(60, 1)]
    # 1,770 correlations of 40 pairs each: their spread is that of independent draws
    assert correlation.std() == pytest.approx(1 / np.sqrt(39), rel=0.1)


def test_uniform_draws_weights_and_biases_from_its_interval():
    params = Uniform(-0.25, 0.75).params(0, ("x", "y"), (400,))
    for array in params[0]:
        assert array.min() >= -0.25
        assert array.max() < 0.75
        assert array.mean() == pytest.approx(0.25, abs=0.06)


def test_uniform_refuses_an_empty_interval():
    with pytest.raises(InputError, match="low=1: must be below high=0"):
        Uniform(1, 0)


WIDE = 200
"""Inputs and half the units of a layer whose weights are many enough to be measured."""

VARIANCES = {  # of a weight of a layer of 200 inputs and 400 units, from the papers
    "uniform": 1 / 3,
    "normal": 1.0,
    "glorot": 2 / 600,
    "he": 2 / 200,
    "lecun": 1 / 200,
    "orthogonal": 1 / 400,  # rows of length 1
    "constant": 0.0,
}
DRAWN = sorted(set(INITIALIZERS) - {"saved"})


def wide_layer(entry):
    inputs = tuple(f"x{i}" for i in range(WIDE))
    return entry.params(3, inputs, (2 * WIDE,))[0]


@pytest.mark.parametrize("name", DRAWN)
def test_weights_have_the_variance_of_the_paper(name):
    weights = wide_layer(INITIALIZERS[name]()).weights
    # 80,000 weights: five standard errors of a normal variance are 2.5%
    assert weights.var() == pytest.approx(VARIANCES[name], rel=0.025)
    assert weights.mean() == pytest.approx(0, abs=5 * np.sqrt(VARIANCES[name] / 80_000))


@pytest.mark.parametrize("name", ["glorot", "he", "lecun"])
def test_uniform_and_normal_forms_have_the_same_variance_and_their_shapes(name):
    for distribution, kurtosis in (("uniform", -1.2), ("normal", 0.0)):
        entry = INITIALIZERS[name](distribution=distribution, gain=3.0)
        weights = wide_layer(entry).weights.ravel()
        assert weights.var() == pytest.approx(9 * VARIANCES[name], rel=0.025)
        assert stats.kurtosis(weights) == pytest.approx(kurtosis, abs=0.1)


@pytest.mark.parametrize("name", ["glorot", "he"])
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_scales_are_those_of_pytorch(name, distribution):
    torch = pytest.importorskip("torch")
    theirs = {"glorot": "xavier", "he": "kaiming"}[name]
    draw = getattr(torch.nn.init, f"{theirs}_{distribution}_")
    torch.manual_seed(0)
    other = draw(torch.empty(2 * WIDE, WIDE)).numpy()  # PyTorch's weights lie the other way round
    ours = wide_layer(INITIALIZERS[name](distribution=distribution)).weights
    assert ours.std() == pytest.approx(other.std(), rel=0.02)
    if distribution == "uniform":
        assert np.abs(ours).max() == pytest.approx(np.abs(other).max(), rel=0.001)


@pytest.mark.parametrize(("n_inputs", "n_units"), [(3, 5), (5, 3), (4, 4), (1, 1)])
def test_orthogonal_weights_are_orthogonal(n_inputs, n_units):
    inputs = tuple(f"x{i}" for i in range(n_inputs))
    weights = Orthogonal(gain=2.0).params(0, inputs, (n_units,))[0].weights[0]
    product = weights.T @ weights if n_inputs >= n_units else weights @ weights.T
    np.testing.assert_allclose(product, 4.0 * np.eye(min(n_inputs, n_units)), atol=1e-14)


def test_orthogonal_matrices_have_no_preferred_direction():
    # the first entry of a random rotation in the plane is the cosine of a uniform angle
    firsts = [Orthogonal().params(s, ("x", "y"), (2,))[0].weights[0, 0, 0] for s in range(2000)]
    assert stats.kstest(np.arccos(firsts) / np.pi, "uniform").pvalue > 0.001


@pytest.mark.parametrize("name", DRAWN)
def test_biases_are_as_asked_for(name):
    layer = wide_layer(INITIALIZERS[name](bias=0.1))
    assert (layer.bias == 0.1).all()
    assert layer.bias.shape == (1, 1, 2 * WIDE)
    without = INITIALIZERS[name]().params(0, ("x",), (3,), bias=False)
    assert (without[0].bias == 0).all()


def test_constant_weights_are_constant():
    assert (wide_layer(Constant(value=0.6)).weights == 0.6).all()


def test_shortcuts_add_rows_and_leave_the_others_where_they_were():
    plain = Uniform().params(7, ("x", "y"), (3, 2, 1))
    short = Uniform().params(7, ("x", "y"), (3, 2, 1), shortcut=True)
    assert [layer.weights.shape for layer in short] == [(1, 2, 3), (1, 5, 2), (1, 4, 1)]
    for a, b in zip(plain, short, strict=True):
        np.testing.assert_array_equal(a.weights, b.weights[:, : a.weights.shape[1]])
