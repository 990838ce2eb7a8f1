"""The seed project's library by its public name: what it computes and takes, and how quickly."""

import copy
import math
import pickle
import random
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun import InputError, NeuralNetwork
from nnrun.model.learning import Learner
from nnrun.training.engine import Reference, first_params
from nnrun.training.sources import Handed
from nnrun.training.stack import Stack, Trial
from tests.reference.test_exact_trace import MAX_ERROR

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CORNERS, XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])


def quadrants(rng, n):
    """Return points of the unit square with x*y, and whether they are in unlike halves."""
    points = rng.random((n, 2))
    labels = (points[:, 0] < 0.5) != (points[:, 1] < 0.5)
    return np.column_stack([points, points.prod(axis=1)]), labels.astype(float)


def same(a, b):
    for one, other in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.bias, other.bias)


def test_the_example_of_the_readme_runs_as_it_stands_and_learns_xor(rng, capsys):
    (example,) = re.findall(r"```python\n(import random\n.*?)```", README, re.DOTALL)
    random.seed(1)
    names = {}
    exec(example, names)
    inputs, labels = quadrants(rng, 5000)
    assert ((names["network"].forward(inputs)[:, 0] > 0.5) == labels).mean() > 0.9
    high, low = (float(line.strip("[]")) for line in capsys.readouterr().out.splitlines())
    assert high > 0.9
    assert low < 0.1


def test_the_published_trace_of_2_2_1():
    network = NeuralNetwork(2, [2], 1, 0.1, backprop="exact")
    # a bias input of -1 with the weight 0.6 is a bias of -0.6
    network.weights = [(np.full(w.shape, 0.6), np.full(b.shape, -0.6)) for w, b in network.weights]
    for expected in MAX_ERROR:
        for corner, target in zip(CORNERS, XOR, strict=True):
            network.learn(corner, [target])
        errors = np.abs(network.forward(CORNERS)[:, 0] - XOR)
        assert errors.max() == pytest.approx(expected, abs=1e-13)


def seed_rule(layers, x, targets, rate):
    """Learn one sample as the seed project does: W·error handed down, slopes at each update."""
    outputs = [x]
    for weights, bias in layers:
        sums = [
            sum(v * w[j] for v, w in zip(outputs[-1], weights, strict=True)) + bias[j]
            for j in range(len(bias))
        ]
        outputs.append([1 / (1 + math.exp(-z)) for z in sums])
    error = [t - o for t, o in zip(targets, outputs[-1], strict=True)]
    for (weights, bias), below, own in zip(
        layers[::-1], outputs[-2::-1], outputs[:0:-1], strict=True
    ):
        handed_down = [sum(w * e for w, e in zip(row, error, strict=True)) for row in weights]
        for j, (e, a) in enumerate(zip(error, own, strict=True)):
            step = rate * e * a * (1 - a)
            bias[j] += step
            for row, v in zip(weights, below, strict=True):
                row[j] += step * v
        error = handed_down


@pytest.mark.parametrize(
    ("hidden", "n", "engine"), [([4, 2], 40, "compiled"), ([600, 600], 1, "reference")]
)
def test_by_default_it_learns_by_the_seed_project_s_rule(hidden, n, engine, rng):
    network = NeuralNetwork(3, hidden, 2, 0.7, seed=3)
    layers = [(weights.tolist(), bias.tolist()) for weights, bias in network.weights]
    for x, y in zip(rng.random((n, 3)).tolist(), rng.random((n, 2)).tolist(), strict=True):
        seed_rule(layers, x, y, 0.7)
        network.learn(x, y)
    assert network.progress.engine == engine
    for (weights, bias), ours in zip(layers, network.weights, strict=True):
        np.testing.assert_allclose(ours.weights, weights, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(ours.bias, bias, rtol=1e-12)


@pytest.mark.parametrize("backprop", ["raw_error", "exact"])
@pytest.mark.parametrize("hidden", [(), (2, 1), (5,)])
def test_it_trains_as_the_reference_engine_does(backprop, hidden, rng):
    network = NeuralNetwork(3, hidden, 2, 0.5, backprop=backprop, seed=4)
    setting = replace(network.progress.how, backprop=backprop, engine="reference")
    stack, engine = Stack((Trial(setting, 4),)), Reference()
    inputs, targets = rng.random((300, 3)), rng.random((300, 2))
    source = Handed([4])
    source.hand(inputs[None], targets[None])
    started = engine.begin(stack, source, first_params(stack))
    started.train(300)
    expected = started.params()
    network.learn(inputs, targets)
    for ours, theirs in zip(network.weights, expected, strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights[0], rtol=1e-12)
        np.testing.assert_allclose(ours.bias, theirs.bias[0, 0], rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(pieces=st.lists(st.integers(1, 40) | st.just(0), min_size=1, max_size=6))
def test_pieces_of_any_size_come_to_the_same(pieces):
    inputs, labels = quadrants(np.random.default_rng(0), sum(max(n, 1) for n in pieces))
    whole, parts = NeuralNetwork(3, [2, 1], 1, 0.5), NeuralNetwork(3, [2, 1], 1, 0.5)
    whole.learn(inputs, labels)
    start = 0
    for n in pieces:
        if n:
            parts.learn(inputs[start : start + n], labels[start : start + n, None])
        else:
            parts.learn(inputs[start].tolist(), [labels[start]])
        start += max(n, 1)
    same(whole, parts)


def test_samples_that_wait_are_learned_before_anybody_looks(rng):
    inputs, labels = quadrants(rng, 3000)
    one_by_one, rows = NeuralNetwork(3, [2, 1], 1, 0.5), NeuralNetwork(3, [2, 1], 1, 0.5)
    for x, y in zip(inputs.tolist(), labels.tolist(), strict=True):
        one_by_one.learn(x, [y])
    rows.learn(inputs, labels)
    np.testing.assert_array_equal(one_by_one.forward(inputs[0]), rows.forward(inputs[0]))
    one_by_one.learn(inputs[0], labels[:1])
    rows.learn(inputs[:1], labels[:1])
    for twin in (pickle.loads(pickle.dumps(one_by_one)), copy.deepcopy(one_by_one)):
        same(twin, rows)


def test_a_sample_may_be_written_in_many_ways():
    networks = []
    for x, y in (
        ([1, 0, 0.5], [1]),
        ((1, 0, 0.5), 1),
        (np.array([1, 0, 0.5]), np.array([True])),
        (np.array([[1, 0, 0.5]], dtype=np.float32), [1.0]),
        ([[1, 0, 0.5]], [[1]]),
        (np.array([1, 0, 0.5]), np.float64(1.0)),
        (pd.Series([1, 0, 0.5], index=["a", "b", "c"]), np.bool_(True)),
        (pd.DataFrame({"a": [1], "b": [0], "c": [0.5]}), pd.Series([1])),
    ):
        networks.append(NeuralNetwork(3, [2, 1], 1, 0.5))
        networks[-1].learn(x, y)
    for other in networks[1:]:
        same(networks[0], other)
    first = NeuralNetwork(3, [2, 1], 1, 0.5)
    assert (networks[0].weights[-1].bias != first.weights[-1].bias).all()


def test_sizes_of_any_magnitude_are_no_error():
    network = NeuralNetwork(2, [3], 1, 1e300)
    for _ in range(3):
        network.learn(np.array([1e308, 1e308]), [1e308])
    assert network.forward([1e308, -1e308]).shape == (1,)


def test_a_sample_s_outputs_do_not_depend_on_the_rows_beside_it(rng):
    network = NeuralNetwork(3, [20], 2, 0.5)
    rows = rng.random((9000, 3))
    outputs = network.forward(rows)
    assert outputs.shape == (9000, 2)
    for i in (0, 4095, 4096, 8999):
        np.testing.assert_array_equal(network.forward(rows[i]), outputs[i])
    assert network.forward(np.empty((0, 3))).shape == (0, 2)


def test_first_weights_are_uniform_and_go_by_the_seed():
    first, again, other = (NeuralNetwork(50, [40, 30], 3, 0.1, seed=s) for s in (5, 5, 6))
    same(first, again)
    drawn = np.concatenate([part.ravel() for layer in first.weights for part in layer])
    assert drawn.size == 51 * 40 + 41 * 30 + 31 * 3
    assert -1 <= drawn.min() < -0.99
    assert 0.99 < drawn.max() < 1
    assert drawn.var() == pytest.approx(1 / 3, rel=0.05)
    assert not np.isin(drawn, np.concatenate([w.ravel() for w, _ in other.weights])).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [2], 1, 0.1), "inputs=0: must be a whole number of 1 or more"),
        ((2, 4, 1, 0.1), "hidden_layers=4: must be a list of whole numbers of 1 or more (did you"),
        ((2, [2, 0], 1, 0.1), "hidden_layers=[2,0]: must be a list of whole numbers of 1 or more"),
        ((2, "ab", 1, 0.1), "hidden_layers=ab: must be a list"),
        ((2, None, 1, 0.1), "hidden_layers=null: must be a list"),
        ((2, [2], True, 0.1), "outputs=true: must be a whole number of 1 or more"),
        ((2, [2], 1, -0.1), "learning_rate=-0.1: must be a finite number above 0"),
        ((2, [2], 1, math.inf), "learning_rate=inf: must be a finite number above 0"),
        ((2, [10**6, 10**6], 1, 0.1), "nnrun trains at most 33,554,432"),
    ],
)
def test_what_makes_no_network_is_refused(arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        NeuralNetwork(*arguments)


def test_every_wrong_argument_is_named_at_once():
    with pytest.raises(InputError) as refused:
        NeuralNetwork(1.5, [2], 1, "quick", backprop="exakt", seed=-1)
    assert [issue.key for issue in refused.value.issues] == [
        "inputs", "learning_rate", "seed", "backprop"
    ]  # fmt: skip
    assert "did you mean 'exact'?" in str(refused.value)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1], "x: has the shape (2,), and the network 3 inputs ((3,) for one sample"),
        ([1, 2, 3], [1, 2], "y: has the shape (2,), and the network 1 output"),
        ([1, 2, 3], [[1]], "y: has the shape (1, 1), and the network 1 output ((1,) for one"),
        ([[1, 2, 3]] * 2, [1], "y: has 1 sample, and x 2: each needs its own"),
        ([1, 2, math.nan], [1], "column=x2: has no value in row 0"),
        ([math.inf, -math.inf, 0], [1], "column=x0: is infinite in row 0\ncolumn=x1: is inf"),
        (np.array([np.inf, -np.inf, 0]), 1, "column=x1: is infinite in row 0"),
        ([[1, 2, 3], [1, 2, math.inf]], [1, 1], "column=x2: is infinite in row 1"),
        (["a", "b", "c"], [1], "x: must hold numbers: could not convert string to float: 'a'"),
        ({1, 2, 3}, [1], "x: must hold numbers"),
        ([10**400, 2, 3], [1], "x: must hold numbers: int too large to convert to float"),
        ([1, 2, 3], None, "y: must hold finite numbers"),
    ],
)  # fmt: skip
def test_samples_that_do_not_fit_are_refused_and_nothing_is_learned(x, y, message):
    network = NeuralNetwork(3, [2], 1, 0.5)
    network.learn([0.1, 0.2, 0.3], [1])
    before = copy.deepcopy(network)
    with pytest.raises(InputError, match=re.escape(message)):
        network.learn(x, y)
    same(network, before)


def test_params_of_other_shapes_are_refused():
    network = NeuralNetwork(3, [2], 1, 0.5)
    for wrong in ([1], network.weights[:1], [(w.T, b) for w, b in network.weights]):
        with pytest.raises(InputError, match="must be pairs of weights and biases of the shapes"):
            network.weights = wrong


def test_samples_given_one_at_a_time_are_trained_a_thousand_at_once(rng, monkeypatch):
    network, pieces = NeuralNetwork(3, [2, 1], 1, 0.03), []
    train = Learner.train

    def counted(learner, inputs, targets, size):
        pieces.append(len(inputs) // size)
        return train(learner, inputs, targets, size)

    monkeypatch.setattr(Learner, "train", counted)
    for x, y in zip(*(part.tolist() for part in quadrants(rng, 2500)), strict=True):
        network.learn(x, y)
    network.forward([0, 0, 0])
    assert pieces == [1024, 1024, 452]


def test_assigned_weights_are_copied():
    network, weights, bias = NeuralNetwork(2, [], 1, 0.5), np.ones((2, 1)), np.zeros(1)
    network.weights = [(weights, bias)]
    weights[:], bias[:] = 50, 50
    assert network.weights[0].weights.tolist() == [[1], [1]]
    assert network.weights[0].bias.tolist() == [0]


def test_an_interrupt_loses_no_sample_and_no_loss(rng, monkeypatch):
    inputs, labels = (part.tolist() for part in quadrants(rng, 40))
    network, other = NeuralNetwork(3, [2], 1, 0.5), NeuralNetwork(3, [2], 1, 0.5)
    losses = [network.learn(x, y) for x, y in zip(inputs, labels, strict=True)]
    expected = [float(other.learn(x, y)) for x, y in zip(inputs, labels, strict=True)]
    train, calls = Learner.train, []

    def interrupted(learner, *samples):
        total = train(learner, *samples)
        calls.append(total)
        if len(calls) in (1, 5):  # as the samples are learned, and as the losses are found out
            raise KeyboardInterrupt
        return total

    monkeypatch.setattr(Learner, "train", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            float(losses[3])
        assert network.samples == 40
    assert [float(loss) for loss in losses] == expected
    same(network, other)
    before = copy.deepcopy(network)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        network.fit(inputs, labels)
    with pytest.raises(TypeError):
        network.fit(inputs, labels, bogus=1)
    same(network, before)


def test_threads_that_share_a_network_lose_nothing(rng):
    network = NeuralNetwork(3, [2], 1, 0.5)

    def feed(seed):
        points = np.random.default_rng(seed).random((3000, 3)).tolist()
        losses = [network.learn(x, 1) for x in points]
        return [float(loss) for loss in losses[::50]]

    with ThreadPoolExecutor(4) as pool:
        losses = list(pool.map(feed, range(4)))
    assert network.samples == 12000
    assert np.isfinite(losses).all()
    assert network.progress.state.steps == 12000
