"""Back-propagation against central finite differences, over every registered combination."""

from itertools import pairwise

import numpy as np
import pytest

from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import LOSSES
from nnrun.network.mlp import Layer, backward, forward

HIDDEN = {"perceptron": (), "one": (4,), "two": (3, 4), "seed": (2, 1)}
STEP = 1e-6


def network(rng, sizes, n_trials=2):
    fans = pairwise(sizes)
    return tuple(
        Layer(rng.normal(0, 0.8, (n_trials, a, b)), rng.normal(0, 0.5, (n_trials, 1, b)))
        for a, b in fans
    )


def targets_for(loss, rng, shape):
    if loss == "categorical_crossentropy":
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    return rng.integers(2, size=shape).astype(float)


def outputs_for(loss):
    fused = LOSSES[loss].output
    return [fused] if fused else sorted(ACTIVATIONS)


CASES = [
    (hidden, activation, loss, output)
    for hidden in HIDDEN
    for activation in (sorted(ACTIVATIONS) if HIDDEN[hidden] else ["sigmoid"])
    for loss in sorted(LOSSES)
    for output in outputs_for(loss)
]


@pytest.mark.parametrize(("hidden", "activation", "loss", "output"), CASES)
def test_gradient_matches_finite_differences(hidden, activation, loss, output, rng):
    sizes = (3, *HIDDEN[hidden], 3)
    params = network(rng, sizes)
    x = rng.normal(size=(2, 5, 3))
    targets = targets_for(loss, rng, (2, 5, 3))
    functions = tuple(ACTIVATIONS[activation]() for _ in HIDDEN[hidden])
    functions += (ACTIVATIONS[output](),)
    rule = LOSSES[loss]()

    def mean_loss(changed):
        run = forward(changed, x, functions)
        return rule.value(run.z[-1], run.outputs, targets).mean(axis=1)

    grads = backward(params, forward(params, x, functions), targets, functions, rule)
    for index, layer in enumerate(params):
        for part in range(2):
            array = layer[part]
            for place in np.ndindex(array.shape[1:]):
                moved = []
                for sign in (1, -1):
                    bumped = array.copy()
                    bumped[(slice(None), *place)] += sign * STEP
                    new = list(params)
                    new[index] = layer._replace(**{Layer._fields[part]: bumped})
                    moved.append(mean_loss(tuple(new)))
                numeric = (moved[0] - moved[1]) / (2 * STEP)
                exact = grads[index][part][(slice(None), *place)]
                np.testing.assert_allclose(exact, numeric, rtol=2e-6, atol=2e-9)


@pytest.mark.parametrize("loss", sorted(name for name in LOSSES if LOSSES[name].output))
def test_fused_losses_stay_finite_where_outputs_saturate(loss):
    z = np.array([[[800.0, -800.0, 0.0]]])
    targets = np.array([[[1.0, 0.0, 0.0]]])
    output = ACTIVATIONS[LOSSES[loss].output]()
    with np.errstate(over="ignore"):
        value = LOSSES[loss]().value(z, output.forward(z), targets)
    assert np.isfinite(value).all()


def test_cross_entropies_by_hand():
    # -log(sigmoid(0)) = log 2, and a uniform softmax over four classes costs log 4
    zero = np.zeros((1, 1, 1))
    binary = LOSSES["binary_crossentropy"]().value(zero, zero + 0.5, np.ones((1, 1, 1)))
    assert binary[0, 0] == pytest.approx(np.log(2), abs=1e-15)
    flat = np.zeros((1, 1, 4))
    hot = np.array([[[0.0, 0.0, 1.0, 0.0]]])
    categorical = LOSSES["categorical_crossentropy"]().value(flat, flat + 0.25, hot)
    assert categorical[0, 0] == pytest.approx(np.log(4), abs=1e-15)


def test_squared_error_is_half_the_sum_of_squares():
    outputs, targets = np.array([[[0.5, 2.0]]]), np.array([[[0.0, 1.0]]])
    assert LOSSES["squared_error"]().value(outputs, outputs, targets)[0, 0] == 0.625


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_pass_nan_and_have_their_limits(name):
    limits = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf), "linear": (-np.inf, np.inf)}
    with np.errstate(all="ignore"):
        assert np.isnan(ACTIVATIONS[name]().forward(np.array([[[np.nan]]]))).all()
        if name in limits:
            ends = ACTIVATIONS[name]().forward(np.array([[[-np.inf, np.inf]]]))
            np.testing.assert_array_equal(ends[0, 0], limits[name])
