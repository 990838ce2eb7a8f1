"""Shortcuts, networks without biases, dropout, raw errors, penalties and clipping, both engines."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.config.settings import Network
from nnrun.errors import InputError
from nnrun.network.activations import Linear, Sigmoid, Tanh
from nnrun.network.initializers import Uniform
from nnrun.network.losses import LOSSES, SquaredError
from nnrun.network.mlp import Architecture, Layer, backward, forward, on_weights
from nnrun.network.optimizers import Adam, Sgd
from nnrun.network.penalties import Clipping, Penalties
from nnrun.problem.feature_sets import Terms
from nnrun.training.engine import first_params
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run

OPTIONS = {
    "shortcut": {"network": Network((3, 2), "tanh", "sigmoid", shortcut=True)},
    "no bias": {"network": Network((3, 2), "tanh", "sigmoid", bias=False)},
    "dropout": {"network": Network((4, 3), "tanh", "sigmoid", dropout=0.4)},
    "all": {"network": Network((4, 3), "relu", "sigmoid", shortcut=True, bias=False, dropout=0.3)},
    "raw error": {"backprop": "raw_error"},
    "raw error, fused": {
        "backprop": "raw_error",
        "loss": LOSSES["binary_crossentropy"](),
        "network": Network((3, 2), "tanh", "sigmoid", shortcut=True),
    },
    "penalties": {"penalties": Penalties(l1=0.01, l2=0.02, weight_decay=0.03)},
    "clipped values": {"clip": Clipping(value=0.01)},
    "clipped norm": {"clip": Clipping(norm=0.02)},
    "shortcut of a perceptron": {"network": Network((), "sigmoid", "sigmoid", shortcut=True)},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("optimizer", [Sgd(), Adam()])
def test_engines_agree(name, batch_size, optimizer):
    lr = 0.005 if isinstance(optimizer, Adam) else 0.05
    changes = {"batch_size": batch_size, "optimizer": optimizer, "lr": lr, **OPTIONS[name]}
    setting = make_setting(budget=200 * batch_size, **changes)
    stack = Stack(tuple(Trial(setting, seed) for seed in range(3)))
    lanes, reference = run(stack, "compiled"), run(stack, "reference")
    assert (lanes.engine, reference.engine) == ("compiled", "reference")
    for a, b in zip(lanes.curves[1:], reference.curves[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    for a, b in zip(lanes.params, reference.params, strict=True):
        np.testing.assert_allclose(a.weights, b.weights, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(a.bias, b.bias, rtol=1e-10, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(OPTIONS)),
    engine=st.sampled_from(["compiled", "reference"]),
    others=st.lists(st.integers(1, 40), max_size=35, unique=True),
    l2=st.sampled_from([0.0, 0.1]),
)
def test_a_trial_is_itself_with_every_option(name, engine, others, l2):
    setting = make_setting(budget=40, evals=4, **OPTIONS[name])
    beside = replace(setting, lr=0.3, penalties=replace(setting.penalties, l2=l2))
    trial = Trial(setting, 0)
    alone = run(Stack((trial,)), engine)
    among = run(Stack((trial, *(Trial(beside, seed) for seed in others))), engine)
    for a, b in zip(alone.curves[1:], among.curves[1:], strict=True):
        np.testing.assert_array_equal(a[0], b[0])
    for a, b in zip(alone.params, among.params, strict=True):
        np.testing.assert_array_equal(a.weights[0], b.weights[0])
        np.testing.assert_array_equal(a.bias[0], b.bias[0])


def test_a_shortcut_leads_the_inputs_to_every_layer():
    # 1-1-1, all weights given: hidden tanh(2x + 1), output 3 h + 5 x + 7
    params = (Layer(np.array([[[2.0]]]), np.array([[[1.0]]])),
              Layer(np.array([[[3.0], [5.0]]]), np.array([[[7.0]]])))  # fmt: skip
    net = Architecture((Tanh(), Linear()), shortcut=True)
    outputs = forward(params, np.array([[[0.5]]]), net).outputs
    assert outputs[0, 0, 0] == pytest.approx(3 * np.tanh(2.0) + 2.5 + 7, rel=1e-15)


@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_match_finite_differences(shortcut, masked, rng):
    extra = 2 if shortcut else 0
    fans = ((2, 3), (3 + extra, 4), (4 + extra, 1))
    params = tuple(Layer(rng.normal(size=(1, a, b)), rng.normal(size=(1, 1, b))) for a, b in fans)
    x, targets = rng.normal(size=(1, 5, 2)), rng.integers(2, size=(1, 5, 1)).astype(float)
    masks = [rng.integers(2, size=(1, 5, n)) / 0.5 for n in (3, 4)] if masked else None
    net = Architecture((Tanh(), Tanh(), Sigmoid()), shortcut=shortcut)
    loss = SquaredError()

    def value(changed):
        passed = forward(changed, x, net, masks)
        return loss.value(passed.z[-1], passed.outputs, targets).mean()

    grads = backward(params, forward(params, x, net, masks), targets, net, loss, masks)
    for index, layer in enumerate(params):
        for part, array in enumerate(layer):
            for place in np.ndindex(array.shape):
                ends = []
                for step in (1e-6, -1e-6):
                    bumped = array.copy()
                    bumped[place] += step
                    new = list(params)
                    new[index] = layer._replace(**{Layer._fields[part]: bumped})
                    ends.append(value(tuple(new)))
                numeric = (ends[0] - ends[1]) / 2e-6
                np.testing.assert_allclose(grads[index][part][place], numeric, rtol=1e-6, atol=1e-9)


def test_raw_errors_of_a_chain_by_hand():
    # 1-1-1 sigmoid, w1 = w2 = 1, no biases, x = 1, target 0: h = s(1), o = s(h); the seed project's
    # update is (o - t) o (1 - o) h on top, and below w2 (o - t) h (1 - h) x: no slope of the output
    h = 1 / (1 + np.exp(-1.0))
    o = 1 / (1 + np.exp(-h))
    params = tuple(Layer(np.ones((1, 1, 1)), np.zeros((1, 1, 1))) for _ in range(2))
    x, target = np.ones((1, 1, 1)), np.zeros((1, 1, 1))
    net = Architecture((Sigmoid(), Sigmoid()), raw_error=True)
    below, above = backward(params, forward(params, x, net), target, net, SquaredError())
    assert above.weights.item() == pytest.approx(o * o * (1 - o) * h, rel=1e-14)
    assert below.weights.item() == pytest.approx(o * h * (1 - h), rel=1e-14)
    exact = backward(params, forward(params, x, net), target, replace(net, raw_error=False),
                     SquaredError())  # fmt: skip
    assert exact[0].weights.item() == pytest.approx(o * o * (1 - o) * h * (1 - h), rel=1e-14)


def test_without_biases_they_stay_at_nothing():
    setting = make_setting(network=Network((3,), "tanh", "sigmoid", bias=False))
    assert setting.n_params == 3 * 3 + 3
    for engine in ("compiled", "reference"):
        trained = run(Stack((Trial(setting, 0),)), engine)
        assert all((layer.bias == 0).all() for layer in trained.params)
        assert trained.params[0].weights[0, 0, 0] != 0


def test_dropout_leaves_out_the_share_it_says_and_keeps_the_mean():
    from nnrun.training.sources import Source

    setting = make_setting()
    masks = Source(setting.problem, [5, 6, 5], n_hidden=8, dropout=0.3).take(0, 4000).masks
    assert masks.shape == (2, 4000, 8)
    assert set(np.unique(masks)) == {0.0, 1 / 0.7}
    # 64,000 draws of a share of 0.3: five standard errors are 0.009
    assert (masks == 0).mean() == pytest.approx(0.3, abs=0.009)
    assert not np.array_equal(masks[0], masks[1])


def test_dropout_does_not_shift_the_data_or_the_weights():
    plain = make_setting(network=Network((4,), "tanh", "sigmoid"))
    dropped = replace(plain, network=replace(plain.network, dropout=0.5))
    from nnrun.training.sources import Source

    a = Source(plain.problem, [1]).take(0, 50)
    b = Source(dropped.problem, [1], 4, 0.5).take(0, 50)
    np.testing.assert_array_equal(a.inputs, b.inputs)


def test_penalties_by_hand():
    params = (Layer(np.array([[[2.0], [-1.0], [0.0]]]), np.array([[[3.0]]])),)
    grads = (Layer(np.array([[[0.5], [0.5], [0.5]]]), np.array([[[0.25]]])),)
    (moved,) = on_weights(Penalties(l1=0.1, l2=0.01).gradient, params, grads)
    np.testing.assert_allclose(moved.weights[0, :, 0], [0.62, 0.39, 0.5], rtol=1e-15)
    assert moved.bias.item() == 0.25
    rate = np.array([[[0.1]]])
    (decayed,) = on_weights(lambda w: Penalties(weight_decay=0.5).decayed(w, rate), params)
    np.testing.assert_allclose(decayed.weights[0, :, 0], [1.9, -0.95, 0.0], rtol=1e-15)
    assert decayed.bias.item() == 3.0


def test_clipping_by_hand():
    grads = (Layer(np.array([[[3.0]]]), np.array([[[-4.0]]])),)
    (halved,) = Clipping(norm=2.5).clip(grads)
    assert (halved.weights.item(), halved.bias.item()) == (1.5, -2.0)
    (bounded,) = Clipping(value=3.5).clip(grads)
    assert (bounded.weights.item(), bounded.bias.item()) == (3.0, -3.5)
    (same,) = Clipping(norm=5.0).clip(grads)
    assert (same.weights.item(), same.bias.item()) == (3.0, -4.0)
    with pytest.raises(InputError, match="cannot be combined"):
        Clipping(value=1.0, norm=1.0)


@pytest.mark.parametrize("size", [1e200, 3e307, 1.7e308])
def test_gradients_whose_squares_are_no_numbers_are_clipped_by_norm(size):
    long = np.array([3.0, 3.0])[:, None, None] * [[[size / 3]], [[1.0]]]
    grads = (Layer(long, np.array([[[-size]], [[-4.0]]])),)
    with np.errstate(over="ignore"):
        (clipped,) = Clipping(norm=2.5).clip(grads)
    both = 2.5 / np.sqrt(2)
    np.testing.assert_allclose(clipped.weights.ravel(), [both, 1.5], rtol=1e-14)
    np.testing.assert_allclose(clipped.bias.ravel(), [-both, -2.0], rtol=1e-14)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(("norm", "taken"), [(0.5, 0.5), (1e300, None)])
def test_a_step_of_a_huge_gradient_has_the_length_of_the_norm(engine, norm, taken):
    # outputs near 1e100 make a loss of 1e200 and, times the inputs, gradients of 1e200
    setting = make_setting(
        budget=1, evals=1, features=Terms(("x*1e100", "y*1e100")), lr=0.01,
        network=Network((), output="linear"), clip=Clipping(norm=norm),
    )  # fmt: skip
    stack = Stack((Trial(setting, 0),))
    (before,), (after,) = first_params(stack), run(stack, engine).params
    step = np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)])
    if taken is None:
        assert np.abs(step).max() > 1e190
    else:
        assert np.linalg.norm(step) == pytest.approx(0.01 * taken, rel=1e-12)


def test_clipping_by_norm_and_decay_match_pytorch(rng):
    torch = pytest.importorskip("torch")
    setting = make_setting(
        lr=0.05, budget=50, penalties=Penalties(l2=0.1), clip=Clipping(norm=0.05), init=Uniform()
    )
    stack = Stack((Trial(setting, 0),))
    from nnrun.training.engine import first_params
    from nnrun.training.sources import Source

    params = [
        torch.tensor(array[0], requires_grad=True) for lay in first_params(stack) for array in lay
    ]
    taken = Source(setting.problem, [0]).take(0, 50)
    for x, t in zip(taken.inputs[0], taken.targets[0], strict=True):
        a = torch.tensor(x[None])
        for i in range(0, len(params), 2):
            a = torch.sigmoid(a @ params[i] + params[i + 1])
        loss = 0.5 * ((a - torch.tensor(t)) ** 2).sum()
        (loss + 0.05 * sum((w**2).sum() for w in params[::2])).backward()
        torch.nn.utils.clip_grad_norm_(params, 0.05)
        with torch.no_grad():
            for p in params:
                p -= 0.05 * p.grad
                p.grad = None
    ours = [array[0] for layer in run(stack, "compiled").params for array in layer]
    for a, b in zip(ours, params, strict=True):
        # PyTorch divides by the norm + 1e-6
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=2e-5)
