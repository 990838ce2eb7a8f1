"""Why x·y makes XOR easy: one straight cut separates the classes with it, and none without."""

import numpy as np
import pytest
from scipy.optimize import linprog

from nnrun.network.activations import ACTIVATIONS
from nnrun.network.mlp import Architecture, Layer, forward
from nnrun.problem.feature_sets import Terms
from nnrun.problem.features import make_problem
from nnrun.problem.planar_generators import Xor

PRODUCT = make_problem(Xor(), Terms(terms=("x", "y", "x*y")))


def points(kind):
    if kind == "held out":
        return PRODUCT.held_out.inputs, PRODUCT.held_out.targets[:, 0]
    drawn = Xor().problem().draw(np.random.default_rng(5), 100_000)
    x, y = drawn.inputs.T
    return np.column_stack([x, y, x * y]), drawn.targets[:, 0]


@pytest.mark.parametrize("kind", ["held out", "drawn"])
def test_the_label_is_one_side_of_a_plane_in_x_y_and_their_product(kind):
    inputs, labels = points(kind)
    x, y, product = inputs.T
    assert len(labels) == (1024 if kind == "held out" else 100_000)
    assert 0.45 < labels.mean() < 0.55
    np.testing.assert_array_equal(labels, product - x / 2 - y / 2 + 1 / 4 < 0)


@pytest.mark.parametrize("kind", ["held out", "drawn"])
def test_a_perceptron_with_these_weights_is_right_everywhere(kind):
    inputs, labels = points(kind)
    weights, bias = np.array([[[0.5], [0.5], [-1.0]]]), np.array([[[-0.25]]])
    net = Architecture((ACTIVATIONS["sigmoid"](),))
    out = forward((Layer(weights, bias),), inputs[None], net).outputs[0, :, 0]
    np.testing.assert_array_equal(out > 0.5, labels == 1)


@pytest.mark.parametrize(("columns", "separable"), [(3, True), (2, False)])
def test_a_straight_cut_exists_with_the_product_and_not_without(columns, separable):
    inputs, labels = points("held out")
    side = np.where(labels == 1, 1.0, -1.0)[:, None]
    # find w and b with side * (w x + b) >= 1 for every point
    rows = -side * np.column_stack([inputs[:, :columns], np.ones(len(inputs))])
    found = linprog(np.zeros(columns + 1), rows, -np.ones(len(rows)), bounds=(None, None))
    assert (found.status == 0) is separable  # 2: infeasible
    assert found.status in (0, 2)
