"""Losses: values by hand and by scikit-learn, slopes by differences, limits and NaN."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from sklearn import metrics

from nnrun.network.activations import ACTIVATIONS, Linear
from nnrun.network.losses import (
    LOSSES,
    Absolute,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Hinge,
    Huber,
    SquaredError,
)
from tests.pairs import every_loss

ENTRIES = [*every_loss(), Huber(delta=0.25)]
RECODING = [Absolute(), Huber(), Huber(delta=0.25), SquaredError()]


def array(*values):
    return np.array([[values]], dtype=float)


def value(loss, z, targets, output=None):
    """Return the loss of one sample with these pre-activations."""
    z, targets = array(*z), array(*targets)
    return float(loss.value(z, activation(loss, output).forward(z), targets)[0, 0])


def slope(loss, z, targets, output=None):
    z, targets, act = array(*z), array(*targets), activation(loss, output)
    return loss.gradient(z, act.forward(z), targets, act)[0, 0]


def activation(loss, output=None):
    return ACTIVATIONS[output or loss.output or "linear"]()


BY_HAND = {
    "squared_error": [((0.5, 2), (0, 1), 0.625)],
    "absolute": [((0.5, 2), (0, 1), 1.5), ((-0.5, 1), (0, 1), 0.5)],
    # ½ 0.5² + (3 - ½), and both at the bend
    "huber": [((0.5, 4), (0, 1), 2.625), ((1, 0), (0, 1), 1.0)],
    # sigmoid(log 3) = 3/4
    "binary_crossentropy": [((0,), (1,), log(2)), ((log(3), log(3)), (0, 1), log(16 / 3))],
    "categorical_crossentropy": [
        ((0, 0, 0, 0), (0, 0, 1, 0), log(4)),
        ((log(3), 0), (1, 0), log(4 / 3)),
    ],
    # no cost from 1 on the right side on; the wrong side costs its distance and 1
    "hinge": [((1,), (1,), 0), ((0.25,), (1,), 0.75), ((2, -0.5, -3), (0, 0, 1), 3 + 0.5 + 4)],
}


def test_every_loss_is_worked_by_hand():
    assert BY_HAND.keys() == set(LOSSES)


@pytest.mark.parametrize(("name", "case"), [(n, c) for n in BY_HAND for c in BY_HAND[n]])
def test_values_by_hand(name, case):
    z, targets, wanted = case
    assert value(LOSSES[name](), z, targets) == pytest.approx(wanted, rel=1e-15)


def test_slopes_by_hand():
    assert slope(SquaredError(), (0.5, 2), (0, 1)).tolist() == [0.5, 1]
    assert slope(Absolute(), (0.5, 0, -1, 1), (0, 1, 0, 1)).tolist() == [1, -1, -1, 0]
    assert slope(Huber(), (0.5, 4, -3), (0, 1, 0)).tolist() == [0.5, 1, -1]
    assert slope(Huber(delta=0.25), (0.5, 0.125), (0, 0)).tolist() == [0.25, 0.125]
    assert slope(Hinge(), (0.5, 1, 2, 0.5, -1), (1, 1, 1, 0, 0)).tolist() == [-1, 0, 0, 1, 0]
    np.testing.assert_allclose(slope(BinaryCrossEntropy(), (log(3),), (1,)), [-0.25])
    np.testing.assert_allclose(
        slope(CategoricalCrossEntropy(), (log(3), 0), (0, 1)), [0.75, -0.75], rtol=1e-15
    )


@pytest.mark.parametrize("loss", ENTRIES, ids=repr)
def test_the_slope_goes_through_the_output_activation_as_differences_do(loss, rng):
    names = [loss.output] if loss.output else sorted(ACTIVATIONS)
    z = rng.normal(0, 1.5, (40, 3, 3))
    targets = np.eye(3)[rng.integers(3, size=(40, 3))]
    for name in names:
        act = ACTIVATIONS[name]()
        exact = loss.gradient(z, act.forward(z), targets, act)
        for j in range(3):
            step = np.zeros(3)
            step[j] = 1e-6
            up, down = (
                loss.value(moved, act.forward(moved), targets) for moved in (z + step, z - step)
            )
            np.testing.assert_allclose(exact[..., j], (up - down) / 2e-6, rtol=1e-6, atol=2e-9)


def test_scikit_learn_agrees(rng):
    z, t = rng.normal(0, 2, (1, 200, 1)), rng.integers(2, size=(1, 200, 1)).astype(float)
    p = ACTIVATIONS["sigmoid"]().forward(z)

    def mean(loss, outputs):
        return loss.value(z, outputs, t).mean()

    classes, decisions = t[0, :, 0], z[0, :, 0]
    assert mean(Hinge(), z) == pytest.approx(metrics.hinge_loss(classes, decisions), rel=1e-13)
    assert mean(BinaryCrossEntropy(), p) == pytest.approx(
        metrics.log_loss(classes, p[0, :, 0]), rel=1e-13
    )
    assert mean(Absolute(), z) == pytest.approx(metrics.mean_absolute_error(classes, decisions))
    assert mean(SquaredError(), z) == pytest.approx(
        metrics.mean_squared_error(classes, decisions) / 2
    )


def test_huber_is_between_squared_and_absolute(rng):
    z, t = rng.normal(0, 2, (2, 30, 3)), rng.integers(2, size=(2, 30, 3)).astype(float)
    np.testing.assert_allclose(Huber(delta=1e6).value(z, z, t), SquaredError().value(z, z, t))
    tiny = Huber(delta=1e-9)
    np.testing.assert_allclose(tiny.value(z, z, t) / 1e-9, Absolute().value(z, z, t), rtol=1e-8)
    signs = tiny.gradient(z, z, t, Linear()) / 1e-9
    np.testing.assert_allclose(signs, Absolute().gradient(z, z, t, Linear()), rtol=1e-15)


@pytest.mark.parametrize("loss", RECODING, ids=repr)
def test_plus_minus_asks_minus_one_and_one_of_the_outputs(loss, rng):
    z, t = rng.normal(size=(2, 20, 3)), rng.integers(2, size=(2, 20, 3)).astype(float)
    signs, tanh = np.where(t == 1, 1.0, -1.0), ACTIVATIONS["tanh"]()
    recoding = replace(loss, targets="plus_minus")
    a = tanh.forward(z)
    np.testing.assert_array_equal(recoding.value(z, a, t), loss.value(z, a, signs))
    np.testing.assert_array_equal(
        recoding.gradient(z, a, t, tanh), loss.gradient(z, a, signs, tanh)
    )


@pytest.mark.parametrize("loss", ENTRIES, ids=repr)
def test_the_boundary_is_where_both_classes_cost_the_same(loss):
    if loss.output == "softmax":
        return  # never a single output
    z = 0.0 if loss.output == "sigmoid" else loss.boundary
    assert activation(loss).forward(array(z))[0, 0, 0] == loss.boundary
    assert value(loss, (z,), (0,)) == pytest.approx(value(loss, (z,), (1,)))
    assert value(loss, (z + 0.1,), (1,)) < value(loss, (z + 0.1,), (0,))


@pytest.mark.parametrize("loss", ENTRIES, ids=repr)
def test_what_a_loss_asks_of_the_problem_and_the_output(loss):
    recodes = getattr(loss, "targets", "zero_one") == "plus_minus"
    assert loss.needs_classes == recodes
    assert loss.usual_output == (loss.output or ("tanh" if recodes else "sigmoid"))
    assert loss.boundary == (0.0 if recodes or loss == Hinge() else 0.5)


@pytest.mark.parametrize("loss", ENTRIES, ids=repr)
def test_losses_stay_finite_where_outputs_saturate_and_pass_nan(loss):
    for z in (800.0, -800.0):
        with np.errstate(over="ignore"):
            assert np.isfinite(value(loss, (z, -z, 0.0), (1.0, 0.0, 0.0)))
            assert np.isfinite(slope(loss, (z, -z, 0.0), (1.0, 0.0, 0.0))).all()
    with np.errstate(invalid="ignore"):
        assert np.isnan(value(loss, (np.nan, 0.0), (1.0, 0.0)))
        assert np.isnan(slope(loss, (np.nan, 0.0), (1.0, 0.0))[0])


def test_losses_are_infinite_where_outputs_are():
    for loss in (SquaredError(), Absolute(), Huber(), Hinge()):
        assert value(loss, (-np.inf,), (1.0,)) == np.inf


@pytest.mark.parametrize("loss", ENTRIES, ids=repr)
def test_a_trial_is_itself_whatever_stands_beside_it(loss, rng):
    act = activation(loss)
    z = rng.normal(size=(7, 3, 3)) * np.array([1, 1e3, 1, np.nan, 1, 1e300, 1])[:, None, None]
    targets = np.eye(3)[rng.integers(3, size=(7, 3))]
    with np.errstate(all="ignore"):
        values = loss.value(z, act.forward(z), targets)
        slopes = loss.gradient(z, act.forward(z), targets, act)
        for k in range(7):
            one, t = z[k : k + 1], targets[k : k + 1]
            np.testing.assert_array_equal(values[k], loss.value(one, act.forward(one), t)[0])
            own = loss.gradient(one, act.forward(one), t, act)[0]
            np.testing.assert_array_equal(slopes[k], own)
