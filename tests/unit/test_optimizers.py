"""Update rules by hand, on bowls and encoders, and trial by trial."""

from dataclasses import fields, replace
from itertools import pairwise
from typing import get_type_hints

import numpy as np
import pytest
from annotated_types import Ge, Gt, Lt
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.config.rules import fitted
from nnrun.errors import InputError
from nnrun.network.activations import Sigmoid
from nnrun.network.losses import SquaredError
from nnrun.network.mlp import Architecture, Layer, backward, forward
from nnrun.network.optimizers import (
    OPTIMIZERS,
    Adam,
    Adamw,
    Lion,
    Momentum,
    Nesterov,
    Quickprop,
    Rmsprop,
    Rprop,
    Sgd,
)
from nnrun.network.schedules import Constant
from nnrun.problem.planar_generators import Xor
from nnrun.training.stack import stacked
from tests.conftest import make_setting


def drawn_entry(name, rng):
    """Return an entry with every hyperparameter drawn within its bounds, near its default."""
    cls, values = OPTIMIZERS[name], {}
    for field in fields(cls):
        hint = get_type_hints(cls, include_extras=True)[field.name]
        if isinstance(field.default, bool):
            values[field.name] = bool(rng.integers(2))
            continue
        bounds = {type(bound): bound for bound in hint.__metadata__}
        low = bounds[Gt].gt if Gt in bounds else bounds[Ge].ge
        if Lt in bounds:
            values[field.name] = low + (bounds[Lt].lt - low) * rng.uniform(0.05, 0.995)
        elif field.default > low:
            values[field.name] = low + (field.default - low) * rng.uniform(0.5, 1.5)
        else:
            values[field.name] = low + rng.uniform(0, 0.1)
    return cls(**values)


def single(value):
    """Return the parameters of one trial with one weight; its bias is the weight's double."""
    return (Layer(np.full((1, 1, 1), value), np.full((1, 1, 1), 2 * value)),)


def walk(entry, slopes, rate, start=1.0):
    """Return where a weight goes on given slopes."""
    params, places = single(start), []
    state = entry.init(params)
    for slope in slopes:
        params, state = entry.step(params, single(slope), state, np.full((1, 1, 1), rate))
        places.append(params[0].weights.item())
    return places


def descend(entry, slope, start, rate, steps):
    """Return where a weight goes on the slopes that it meets."""
    params, places = single(start), [start]
    state = entry.init(params)
    for _ in range(steps):
        grads = single(slope(params[0].weights.item()))
        params, state = entry.step(params, grads, state, np.full((1, 1, 1), rate))
        places.append(params[0].weights.item())
    return places


def random_params(rng, n_trials):
    return tuple(
        Layer(rng.normal(size=(n_trials, a, b)), rng.normal(size=(n_trials, 1, b)))
        for a, b in ((3, 5), (5, 2))
    )


def taken(params, row):
    return tuple(Layer(a[row : row + 1], b[row : row + 1]) for a, b in params)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), n_trials=st.integers(2, 9), pick=st.integers(0, 8))
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_trial_is_bit_identical_alone_and_in_any_stack(name, seed, n_trials, pick):
    rng, row = np.random.default_rng(seed), pick % n_trials
    first = drawn_entry(name, rng)
    rigid = {f.name: getattr(first, f.name) for f in fields(first) if f.type is bool}
    entries = [first] + [replace(drawn_entry(name, rng), **rigid) for _ in range(n_trials - 1)]
    rates = rng.uniform(0.001, 1, (n_trials, 1, 1))
    together, alone = stacked(entries), entries[row]
    params = random_params(rng, n_trials)
    one = taken(params, row)
    states = [together.init(params), alone.init(one)]
    for step in range(30):
        grads = random_params(rng, n_trials)
        if step == 20:  # nothing to learn from
            grads = tuple(Layer(a * 0, b * 0) for a, b in grads)
        params, states[0] = together.step(params, grads, states[0], rates)
        one, states[1] = alone.step(one, taken(grads, row), states[1], rates[row : row + 1])
    for a, b in zip(params, one, strict=True):
        assert np.isfinite(b.weights).all()
        np.testing.assert_array_equal(a.weights[row], b.weights[0])
        np.testing.assert_array_equal(a.bias[row], b.bias[0])


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_updates_change_nothing_in_place(name, rng):
    entry = OPTIMIZERS[name]()
    params, grads = random_params(rng, 2), random_params(rng, 2)
    state = entry.init(params)
    results = []
    for _ in range(2):
        after, later = entry.step(params, grads, state, np.full((2, 1, 1), 0.1))
        results.append(entry.step(after, grads, later, np.full((2, 1, 1), 0.1))[0])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_lost_trial_stays_lost_and_alone(name, rng):
    entry, params = OPTIMIZERS[name](), random_params(rng, 2)
    state = entry.init(params)
    for step in range(4):
        grads = random_params(rng, 2)
        if step == 1:
            grads = tuple(Layer(a * [[[1]], [[np.nan]]], b) for a, b in grads)
        params, state = entry.step(params, grads, state, np.full((2, 1, 1), 0.01))
    for layer in params:
        assert np.isfinite(layer.weights[0]).all()
        assert np.isnan(layer.weights[1]).all()


RATES = {"sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.5, "adadelta": 4.0}
"""Learning rates for the bowl below; 0.03 for the others."""


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_rule_comes_down_into_a_bowl(name):
    # curvatures 1 and 4, from height 8.5 at (1, 2)
    entry, rate = OPTIMIZERS[name](), np.full((1, 1, 1), RATES.get(name, 0.03))
    params = single(1.0)
    state = entry.init(params)
    for _ in range(400):
        grads = (Layer(params[0].weights, 4 * params[0].bias),)
        params, state = entry.step(params, grads, state, rate)
    height = 0.5 * params[0].weights.item() ** 2 + 2 * params[0].bias.item() ** 2
    assert height < 0.01


def test_momentum_and_nesterov_by_hand():
    # v = 4, then 0.5 * 4 + 4 = 6
    np.testing.assert_allclose(walk(Momentum(0.5), [4, 4], 0.1), [0.6, 0.0], atol=1e-15)
    # steps 4 + 0.5 * 4 = 6, then 4 + 0.5 * 6 = 7
    np.testing.assert_allclose(walk(Nesterov(0.5), [4, 4], 0.1), [0.4, -0.3], atol=1e-15)
    assert walk(Momentum(0.0), [4, 2], 0.1) == walk(Sgd(), [4, 2], 0.1)


def test_rmsprop_forgets_and_its_first_step_is_longer():
    steps = -np.diff([1.0, *walk(Rmsprop(rho=0.75, epsilon=1e-300), [5.0] * 60, 0.1)])
    assert steps[0] == pytest.approx(0.1 / np.sqrt(0.25))
    assert steps[-1] == pytest.approx(0.1)


def test_adams_first_step_is_the_rate_and_longer_without_correction():
    slope = 1e-3
    corrected = walk(Adam(epsilon=1e-300), [slope], 0.1)
    raw = walk(Adam(epsilon=1e-300, bias_correction=False), [slope], 0.1)
    assert 1.0 - corrected[0] == pytest.approx(0.1)
    assert 1.0 - raw[0] == pytest.approx(0.1 * 0.1 / np.sqrt(0.001))
    # after ten thousand steps there is nothing left to correct
    late = [walk(Adam(bias_correction=c), [slope] * 10_000, 1e-5) for c in (True, False)]
    assert late[0][-2] - late[0][-1] == pytest.approx(late[1][-2] - late[1][-1], rel=1e-4)


def test_adamws_decay_is_outside_of_the_moments():
    # without a gradient only the decay acts: 1 - 0.5 * 0.1 a step
    np.testing.assert_allclose(walk(Adamw(weight_decay=0.1), [0, 0], 0.5), [0.95, 0.95**2])
    assert walk(Adamw(weight_decay=0.0), [3, -1, 2], 0.1) == walk(Adam(), [3, -1, 2], 0.1)


def test_lion_by_hand():
    # m: 0.2 after 0.9 * 0 + 0.1 * 2; c: 0.5 * 0 + 0.5 * 2 > 0, so down by 0.1 (1 + 0.5 * 1)
    # c: 0.5 * 0.2 + 0.5 * (-0.1) > 0: down though the gradient points up; m: 0.18 - 0.01 = 0.17
    # c: 0.5 * 0.17 + 0.5 * (-0.17) = 0: the decay alone
    rule = Lion(beta1=0.5, beta2=0.9, weight_decay=0.5)
    first = 1 - 0.1 * 1.5
    second = first - 0.1 * (1 + 0.5 * first)
    np.testing.assert_allclose(walk(rule, [2, -0.1], 0.1), [first, second], rtol=1e-15)
    assert walk(Lion(beta1=0.5, beta2=0.5), [2, -1], 0.25) == [0.75, 0.75]


def test_rprop_by_hand():
    # sizes 0.1, 0.12 and 0.144; the gradient turns: rest at half of it; then no growth
    places = walk(Rprop(), [3.0, 0.01, 7.0, -2.0, -2.0, -2.0], 0.1)
    np.testing.assert_allclose(places, [0.9, 0.78, 0.636, 0.636, 0.708, 0.7944], rtol=1e-14)
    # a gradient of 0 leaves size and place, and the next one finds nothing to compare with
    np.testing.assert_allclose(walk(Rprop(), [1, 0, 1, 1], 0.5), [0.5, 0.5, 0.0, -0.6], atol=1e-15)


def test_rprop_refuses_a_warm_up_of_its_one_step_from_the_learning_rate():
    setting = make_setting(
        data=Xor(n_train=20), batch_size=20, optimizer=Rprop(), schedule=Constant(warmup=3)
    )
    with pytest.raises(InputError) as refused:
        fitted(setting)
    assert str(refused.value) == (
        "schedule.warmup=3: would divide the one step that optimizer=rprop takes from lr"
        " (use schedule.warmup=0)"
    )
    assert fitted(replace(setting, schedule=Constant())).lr == setting.lr


def test_rprops_sizes_stay_within_their_bounds():
    np.testing.assert_allclose(walk(Rprop(max_step=0.5), [1, 1], 9.0), [0.5, 0.0])
    turning = walk(Rprop(min_step=0.2), [1, -1, -1, 1, 1], 0.3)
    np.testing.assert_allclose(turning, [0.7, 0.7, 0.9, 0.9, 0.7], rtol=1e-14)
    with pytest.raises(InputError, match="min_step=60: must not be above max_step=50"):
        Rprop(min_step=60.0)


def test_quickprop_by_hand():
    # slope x: the first step overshoots to -0.5; through slopes 1 and -0.5 the minimum is exact
    assert descend(Quickprop(), lambda x: x, 1.0, 1.5, 2) == [1.0, -0.5, 0.0]
    # 0.9 > 1.75 / 2.75: grow to 1.75 * -0.1, and descend by 0.1 * 0.9: 0.9 - 0.175 - 0.09 = 0.635
    # 0.635 > 0.9 * 0.636: 1.75 * -0.265 - 0.0635 = -0.52725
    # -0.52725 is beyond: jump by the parabola to the minimum
    places = descend(Quickprop(), lambda x: x, 1.0, 0.1, 3)
    np.testing.assert_allclose(places[1:], [0.9, 0.635, 0.10775], rtol=1e-14)
    # with p = 0.635 and s = 0.10775, d = -0.52725: d s / (p - s) = -0.10775, and 0.010775 more
    places = descend(Quickprop(), lambda x: x, 1.0, 0.1, 4)
    assert places[-1] == pytest.approx(-0.010775, rel=1e-12)
    # the decay adds 0.5 * 1 to the slope
    assert walk(Quickprop(weight_decay=0.5), [1.0], 0.1) == pytest.approx([0.85])


def test_quickprop_mirrors_itself_and_starts_again_from_rest():
    places = descend(Quickprop(), lambda x: x, 1.0, 0.1, 6)
    mirrored = descend(Quickprop(), lambda x: x, -1.0, 0.1, 6)
    np.testing.assert_array_equal(places, np.negative(mirrored))
    assert walk(Quickprop(), [1.0, 0.0, 0.0, 1.0], 0.1) == pytest.approx([0.9, 0.9, 0.9, 0.8])


def epochs_to_learn(entry, rate, sizes, patterns, targets, most, n_trials=20):
    """Return full-batch epochs until every output is on its side of 0.4 or 0.6; inf if never."""
    rng = np.random.default_rng(3)
    params = tuple(
        Layer(rng.uniform(-1, 1, (n_trials, a, b)), rng.uniform(-1, 1, (n_trials, 1, b)))
        for a, b in pairwise(sizes)
    )
    net = Architecture((Sigmoid(),) * len(params))
    state, epochs = entry.init(params), np.full(n_trials, np.inf)
    for epoch in range(most):
        run = forward(params, patterns, net)
        right = (np.abs(run.outputs - targets) < 0.4).all(axis=(1, 2))
        epochs = np.where(right & np.isinf(epochs), epoch, epochs)
        grads = backward(params, run, targets, net, SquaredError())
        params, state = entry.step(params, grads, state, np.full((n_trials, 1, 1), rate))
    return epochs


@pytest.mark.parametrize(
    ("entry", "rate"), [(Quickprop(), 2.0), (Rprop(), 0.1)], ids=["quickprop", "rprop"]
)
def test_full_batch_rules_learn_the_8_3_8_encoder_as_fast_as_published(entry, rate):
    # SNNS reports about 75 epochs for both, 300 with momentum and 750 for plain descent
    codes = np.eye(8)[None]
    with np.errstate(over="ignore"):
        epochs = epochs_to_learn(entry, rate, (8, 3, 8), codes, codes, 300)
    assert np.isfinite(epochs).mean() >= 0.8
    assert 25 <= np.median(epochs) <= 225


def test_full_batch_rules_say_so():
    assert {name for name in OPTIMIZERS if OPTIMIZERS[name].full_batch} == {"quickprop", "rprop"}
