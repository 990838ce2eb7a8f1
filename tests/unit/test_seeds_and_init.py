"""Randomness by role, and first weights that networks share where they can."""

import numpy as np
import pytest
from scipy import stats

from nnrun.errors import InputError
from nnrun.network.initializers import Uniform, initial_params
from nnrun.seeds import Role, Rows, generator


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
        Rows(0).at(0, "x").random(2), [0.5911370487560083, 0.193949756101502]
    )


def test_an_extra_input_does_not_move_the_weights_of_the_others():
    raw = initial_params(Uniform(), 7, ("x", "y"), (2, 1, 1))
    product = initial_params(Uniform(), 7, ("x", "x*y", "y"), (2, 1, 1))
    np.testing.assert_array_equal(product[0].weights[0, [0, 2]], raw[0].weights[0])
    for a, b in zip(raw, product, strict=True):
        np.testing.assert_array_equal(a.bias, b.bias)
    for a, b in zip(raw[1:], product[1:], strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)


def test_a_wider_layer_keeps_the_weights_of_the_units_it_shares():
    narrow = initial_params(Uniform(), 7, ("x", "y"), (2, 1))
    wide = initial_params(Uniform(), 7, ("x", "y"), (4, 1))
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
    params = initial_params(Uniform(-0.25, 0.75), 0, ("x", "y"), (400,))
    for array in params[0]:
        assert array.min() >= -0.25
        assert array.max() < 0.75
        assert array.mean() == pytest.approx(0.25, abs=0.06)


def test_uniform_refuses_an_empty_interval():
    with pytest.raises(InputError, match="low=1: must be below high=0"):
        Uniform(1, 0)
