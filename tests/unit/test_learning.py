"""How a network learns: as a sweep's trial does, in batches and epochs, and from where it ended."""

import copy
import json
import math
import pickle
import re
from dataclasses import replace
from numbers import Real

import numpy as np
import pandas as pd
import pytest

from nnrun import InputError, NeuralNetwork, load_network
from nnrun.config.settings import Network
from nnrun.network.activations import ACTIVATIONS
from nnrun.network.initializers import Glorot
from nnrun.network.losses import LOSSES, BinaryCrossEntropy, Huber, SquaredError
from nnrun.network.optimizers import OPTIMIZERS, Adam, Momentum, Nesterov, Rmsprop
from nnrun.network.penalties import Clipping, Penalties
from nnrun.network.schedules import SCHEDULES, Cosine, InverseTime, OneCycle, Triangular
from nnrun.problem.planar_generators import Xor
from nnrun.records.trials import Trials
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run, samples_of
from tests.unit.test_model import table_setting, write_record

PLANE = ["x", "y", "x*y"]


def same(network: NeuralNetwork, trials: Trials, row: int = 0) -> None:
    for ours, theirs in zip(network.weights, trials.params, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights[row])
        np.testing.assert_array_equal(ours.bias, theirs.bias[row, 0])


def alike(one: NeuralNetwork, other: NeuralNetwork) -> None:
    for ours, theirs in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        np.testing.assert_array_equal(ours.bias, theirs.bias)


# A trial of a sweep, and the same by hand: what its setting says, and what the network is told

TWINS = {
    "the seed project's": ({"backprop": "raw_error"}, {}),
    "adam": (
        {"optimizer": Adam(beta1=0.8), "loss": BinaryCrossEntropy(), "batch_size": 16},
        {"optimizer": {"name": "adam", "beta1": 0.8}, "loss": "binary_crossentropy"},
    ),
    "momentum, falling": (
        {"optimizer": Momentum(), "schedule": InverseTime(decay=0.01), "batch_size": 5},
        {"optimizer": "momentum", "schedule": InverseTime(decay=0.01), "backprop": "exact"},
    ),
    "rmsprop, over the budget": (
        {"optimizer": Rmsprop(), "schedule": Cosine(warmup=10), "lr": 0.01},
        {"optimizer": "rmsprop", "schedule": {"name": "cosine", "warmup": 10}, "budget": 800},
    ),
    "nesterov, cycling, clipped": (
        {"optimizer": Nesterov(), "schedule": Triangular(period=40), "clip": Clipping(norm=0.1)},
        {"optimizer": "nesterov", "schedule": Triangular(period=40), "clip": {"norm": 0.1}},
    ),
    "huber, penalised": (
        {"loss": Huber(delta=0.3), "penalties": Penalties(l1=0.01, weight_decay=0.1)},
        {"loss": Huber(delta=0.3), "penalties": {"l1": 0.01, "weight_decay": 0.1}},
    ),
    "plus and minus": (
        {
            "loss": SquaredError(targets="plus_minus"),
            "network": Network((4,), "tanh", "tanh", shortcut=True),
            "init": Glorot(),
            "schedule": OneCycle(),
            "batch_size": 8,
        },
        {
            "loss": {"name": "squared_error", "targets": "plus_minus"},
            "activation": "tanh",
            "shortcut": True,
            "init": "glorot",
            "schedule": "one_cycle",
            "budget": 800,
        },
    ),
    "dropout without biases": (
        {"network": Network((6, 3), "relu", "sigmoid", bias=False, dropout=0.2), "batch_size": 4},
        {"activation": "relu", "bias": False, "dropout": 0.2, "backprop": "exact"},
    ),
}


def twins(name, seed=3, **changes):
    """Return a setting, and the network that stands for its trial of a seed."""
    parts, told = TWINS[name]
    setting = make_setting(budget=800, **{**parts, **changes})
    told = {"batch_size": setting.batch_size, **told}
    network = NeuralNetwork(PLANE, setting.network.hidden, 1, setting.lr, seed=seed, **told)
    return setting, network


@pytest.mark.parametrize("name", TWINS)
def test_it_ends_where_a_sweep_s_trial_ends_to_the_bit(name):
    setting, network = twins(name)
    trials = run(Stack(tuple(Trial(setting, seed) for seed in (3, 8))))
    inputs, targets = samples_of(setting.problem, 3, setting.budget)
    losses = network.learn(inputs, targets)
    same(network, trials)
    assert network.samples == 800
    curves = trials.curves
    spans = np.diff(curves.samples, prepend=0)
    assert losses[0] == pytest.approx((curves.train_loss[0] * spans).sum() / 800, rel=1e-12)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("name", TWINS)
def test_it_goes_on_where_it_ended(name, engine, tmp_path):
    setting, whole = twins(name)
    inputs, targets = samples_of(setting.problem, 3, setting.budget)
    _, parts = twins(name)
    for network in (whole, parts):
        network.progress.how = replace(network.progress.how, engine=engine)
    whole.learn(inputs, targets)
    assert whole.progress.engine == engine
    for ending, piece in (("npz", slice(0, 80)), ("json", slice(80, 320)), ("", slice(320, 800))):
        parts.learn(inputs[piece], targets[piece])
        parts.forward(inputs)
        parts = copy.deepcopy(pickle.loads(pickle.dumps(parts)))
        if ending:
            parts = NeuralNetwork.load(parts.save(tmp_path / f"net.{ending}"))
    assert parts.samples == 800
    alike(whole, parts)


@pytest.mark.parametrize("shuffle", [False, True])
def test_epochs_are_a_sweep_s_over_a_finite_set(shuffle):
    data = Xor(n_train=50, shuffle=shuffle)
    setting = make_setting(data=data, budget=400, batch_size=8, optimizer=Adam())
    trials = run(Stack((Trial(setting, 5),)))
    told = {"optimizer": "adam", "batch_size": 8, "seed": 5}
    network, parts = (NeuralNetwork(PLANE, [2, 1], 1, 0.1, **told) for _ in range(2))
    fifty = samples_of(replace(setting.problem, shuffle=False), 5, 50)
    losses = network.learn(*fifty, epochs=8, shuffle=shuffle)
    assert losses.shape == (8,)
    same(network, trials)
    # eight epochs in two calls, at whose ends batches are whole
    parts.learn(*fifty, epochs=4, shuffle=shuffle)
    parts.learn(*fifty, epochs=4, shuffle=shuffle)
    alike(network, parts)


def test_a_table_is_learned_from_as_it_is(tmp_path):
    frame, label = table_setting(tmp_path, label="price", drop=("kind",)), "price"
    setting = make_setting(**frame)
    trials = run(Stack((Trial(setting, 3),)))
    write_record(tmp_path / "run", trials.params, (3,), setting)
    network = load_network(tmp_path / "run")
    table = pd.read_csv(tmp_path / "t.csv")
    before = network.score(table, table[label])
    assert before == pytest.approx(
        1 - np.square(table[label] - network.predict(table)[:, 0]).sum()
        / np.square(table[label] - table[label].mean()).sum()
    )  # fmt: skip
    losses = network.learn(table, table[label], epochs=200)
    assert losses[-1] < losses[0]
    assert network.score(table, table[label]) > before
    one = network.learn(table.iloc[0], table[label].iloc[0])
    assert one.shape == ()


# Losses


def test_losses_by_hand():
    network = NeuralNetwork(1, [], 1, 0.1, output_activation="linear")
    network.weights = [([[1.0]], [0.0])]
    # w + b: 1, error 1, loss 1/2, so that both fall by 0.1; then 0.8, error -0.2
    losses = network.learn([[1.0], [1.0]], [0.0, 1.0])
    np.testing.assert_allclose(losses, [(0.5 + 0.02) / 2])
    network.weights = [([[1.0]], [0.0])]
    np.testing.assert_allclose(
        network.learn([[1.0], [1.0]], [0, 1], epochs=1, batch_size=2), [0.25]
    )
    # both errors are taken at the first weights: a step of 0.1 * (1 + 0) / 2
    np.testing.assert_allclose(network.weights[0].weights, [[0.95]])


def test_the_loss_of_a_lone_sample_is_computed_when_it_is_looked_at(rng):
    inputs, targets = rng.random((1500, 3)).tolist(), rng.integers(2, size=1500).tolist()
    told = {"optimizer": "adam", "dropout": 0.3, "seed": 2}
    network, other, patient = (NeuralNetwork(3, [4], 1, 0.1, **told) for _ in range(3))
    losses = [network.learn(x, y) for x, y in zip(inputs, targets, strict=True)]
    assert network.samples == 1500
    at_once = [float(other.learn(x, y)) for x, y in zip(inputs, targets, strict=True)]
    assert [float(loss) for loss in losses] == at_once
    alike(network, other)
    together = patient.learn(inputs, targets)
    assert together[0] == pytest.approx(np.mean(at_once))
    # a number like others
    loss = losses[-1]
    assert loss == at_once[-1]
    assert loss + 1 == 1 + at_once[-1]
    assert loss < 1e9
    assert f"{loss:.3f}" == f"{at_once[-1]:.3f}"
    assert round(loss, 2) == round(at_once[-1], 2)
    assert np.mean(losses) == pytest.approx(np.mean(at_once))
    assert sum(losses) == pytest.approx(sum(at_once))


def test_what_is_left_of_the_last_epoch_is_a_smaller_batch(rng):
    inputs, targets = rng.random((7, 3)), rng.random(7)
    network, parts = (NeuralNetwork(3, [2], 1, 0.5, backprop="exact") for _ in range(2))
    network.learn(inputs, targets, epochs=2, batch_size=4)
    twice = np.tile(inputs, (2, 1)), np.tile(targets, 2)
    parts.learn(twice[0][:12], twice[1][:12], batch_size=4)
    parts.learn(twice[0][12:], twice[1][12:], batch_size=2)
    alike(network, parts)
    whole = NeuralNetwork(3, [2], 1, 0.5, backprop="exact", batch_size=None)
    whole.learn(inputs, targets)
    parts = NeuralNetwork(3, [2], 1, 0.5, backprop="exact")
    parts.learn(inputs, targets, batch_size=100)
    alike(whole, parts)


def test_assigned_weights_begin_anew_and_so_does_fit(rng):
    inputs, targets = rng.random((60, 3)), rng.random(60)
    network = NeuralNetwork(3, [2], 1, 0.1, optimizer="adam", schedule="inverse_time")
    first = network.weights
    network.learn(inputs, targets)
    once = copy.deepcopy(network)
    network.learn(inputs, targets)
    network.weights = first
    assert network.samples == 0
    network.learn(inputs, targets)
    alike(network, once)
    assert network.fit(inputs, targets) is network
    alike(network, once)
    with pytest.raises(InputError):
        network.fit(inputs, targets[:3])
    alike(network, once)


def test_a_loss_is_a_number(rng):
    network = NeuralNetwork(1, [], 1, 0.1, output_activation="linear")
    network.weights = [([[0.0]], [0.0])]
    loss, none = network.learn([1.0], [2.0]), network.learn([0.0], [0.2])
    assert isinstance(loss, Real)
    assert (int(loss), bool(loss), hash(loss)) == (2, True, hash(2.0))
    assert not none
    assert type(pickle.loads(pickle.dumps(loss))) is float
    assert json.dumps(float(loss)) == "2.0"


PLUS_MINUS = {"name": "squared_error", "targets": "plus_minus"}


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "message"),
    [
        ("binary_crossentropy", 1, [7], "y: must be 0 or 1, or between, as the loss is of classes"),
        ("hinge", 1, [-1], "row 0 has -1 (classes are 0 and 1; squared_error takes other numbers)"),
        (PLUS_MINUS, 1, [-1], "y: must be 0 or 1, or between, as the loss is of classes; row 0"),
        ("categorical_crossentropy", 3, [-3, 9, 1], "row 0 has -3, 9, 1 (classes are 0 and 1"),
        ("categorical_crossentropy", 3, [1, 1, 0], "y: must sum to 1 in each sample, as the loss"),
    ],
)
def test_targets_that_are_no_classes_are_refused_where_the_loss_needs_some(
    loss, outputs, y, message
):
    network = NeuralNetwork(2, [], outputs, 0.1, loss=loss)
    for x, targets in (([1, 2], y), ([[1, 2]], [y]), (np.array([1, 2]), np.array(y))):
        with pytest.raises(InputError, match=re.escape(message)):
            network.learn(x, targets)
    assert network.samples == 0
    # classes that are likely, rather than certain
    network.learn([1, 2], [0.2] if outputs == 1 else [0.2, 0.7, 0.1])
    network.learn([[1, 2]], np.full((1, outputs), 1 / outputs, np.float32))
    assert network.samples == 2
    quantities = NeuralNetwork(2, [], 1, 0.1)
    quantities.learn([1, 2], -1)
    quantities.learn([[1, 2]], [7])


# What it is made of


@pytest.mark.parametrize(
    ("keyword", "registry"),
    [("optimizer", OPTIMIZERS), ("loss", LOSSES), ("activation", ACTIVATIONS)],
)
def test_every_entry_goes_by_name_by_fields_and_itself(keyword, registry, rng):
    inputs, targets = rng.random((12, 3)), np.eye(2)[rng.integers(2, size=12)]
    for name, entry in registry.items():
        each = []
        for told in (name, {"name": name}, entry()):
            usual = {"batch_size": None} if getattr(entry, "full_batch", False) else {}
            network = NeuralNetwork(3, [2], 2, 0.01, **{keyword: told}, **usual)
            network.progress.how = replace(
                network.progress.how, engine="reference"
            )  # nothing to compile
            network.learn(inputs, targets)
            each.append(network)
        alike(each[0], each[1])
        alike(each[0], each[2])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_that_go_by_the_budget_ask_for_it(schedule):
    if schedule in ("polynomial", "cosine", "one_cycle"):
        said = f"is what schedule={schedule} goes by (give the samples of the whole training)"
        with pytest.raises(InputError, match=re.escape(f"budget: {said}")):
            NeuralNetwork(2, [2], 1, 0.1, schedule=schedule)
    network = NeuralNetwork(2, [2], 1, 0.1, schedule=schedule, budget=10)
    network.learn(np.ones((20, 2)), np.ones(20))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"optimizer": "adm"}, "optimizer.name=adm: is not a known optimizer (did you mean 'adam'"),
        ({"optimizer": {"name": "adam", "beta": 1}}, "optimizer.beta=1: is not a known key (did"),
        ({"optimizer": {"name": "adam", "beta1": 2}}, "optimizer.beta1=2: must be less than 1"),
        ({"optimizer": 3}, "optimizer=3: must be a name, a mapping of a name and fields, or an en"),
        ({"loss": "hing"}, "loss.name=hing: is not a known loss (did you mean 'hinge'?)"),
        ({"activation": "ReLU"}, "activation=ReLU: is not a known activation (did you mean 'relu'"),
        (
            {"activation": ["relu", "relu"]},
            "must be one name, or one for each of the 1 hidden layers",
        ),
        ({"output_activation": ["relu"]}, "output_activation=[relu]: must be one activation"),
        (
            {"output_activation": "tanh", "loss": "binary_crossentropy"},
            "output_activation=tanh: loss=binary_crossentropy needs the output activation sigmoid",
        ),
        ({"loss": "categorical_crossentropy"}, "needs an output for each of several classes"),
        ({"init": "globot"}, "init.name=globot: is not a known init"),
        ({"schedule": {"name": "step", "every": 0}}, "schedule.every=0: must be greater than or"),
        ({"batch_size": 0}, "batch_size=0: must be a whole number of 1 or more, or None"),
        ({"optimizer": "rprop"}, "batch_size=1: optimizer=rprop compares gradients of whole tra"),
        (
            {"penalties": {"l3": 1}},
            "penalties.l3=1: is not a known key (known: l1, l2, weight_decay)",
        ),
        ({"penalties": 0.1}, "penalties=0.1: must be a mapping of numbers by name"),
        ({"clip": {"value": 1, "norm": 1}}, "clip.norm=1: cannot be combined with value=1"),
        ({"dropout": 1.5}, "dropout=1.5: must be less than 1"),
        ({"backprop": "exakt"}, "backprop=exakt: must be raw_error or exact (did you mean 'exact'"),
    ],
)
def test_what_makes_no_network_is_refused_in_the_command_line_s_words(told, message):
    with pytest.raises(InputError, match=re.escape(message)):
        NeuralNetwork(2, [3], 1, 0.1, **told)


def test_the_seed_project_s_rule_is_for_the_seed_project_s_networks():
    rules = {
        name: NeuralNetwork(2, [3], 1, 0.1, **told).progress.how.backprop
        for name, told in {
            "none": {},
            "spelt out": {"activation": ["sigmoid"], "loss": "squared_error"},
            "adam": {"optimizer": "adam"},
            "relu": {"activation": "relu"},
            "linear": {"output_activation": "linear"},
        }.items()
    }
    assert rules.pop("none") == rules.pop("spelt out") == "raw_error"
    assert set(rules.values()) == {"exact"}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"epochs": 0}, "epochs=0: must be a whole number of 1 or more"),
        ({"batch_size": 1.5}, "batch_size=1.5: must be a whole number of 1 or more, or None"),
        ({"shuffle": "no", "epochs": 2}, "shuffle=no: must be true or false"),
    ],
)
def test_how_it_cannot_learn(how, message):
    network = NeuralNetwork(2, [3], 1, 0.1)
    with pytest.raises(InputError, match=re.escape(message)):
        network.learn([[1, 2]], [1], **how)
    with pytest.raises(InputError, match="x: holds no samples"):
        network.learn(np.empty((0, 2)), np.empty((0, 1)))
    rprop = NeuralNetwork(2, [3], 1, 0.1, optimizer="rprop", batch_size=None)
    rprop.learn(np.ones((3, 2)), np.ones(3))
    with pytest.raises(InputError, match=re.escape("whole training sets (use batch_size=3)")):
        rprop.learn(np.ones((3, 2)), np.ones(3), batch_size=2)


# What it says


def test_layers_classes_chances_and_scores(rng):
    flowers = ["rose", "tulip", "daisy"]
    told = {"loss": "categorical_crossentropy", "optimizer": "adam", "activation": "tanh"}
    network = NeuralNetwork(["a", "b"], [5], flowers, 0.05, **told)
    inputs = rng.normal(size=(90, 2)) + np.repeat([[0, 3], [3, 0], [-3, -3]], 30, axis=0)
    labels = np.repeat(flowers, 30)
    network.learn(inputs, labels, epochs=40)
    assert network.classes == tuple(flowers)
    assert network.score(inputs, labels) > 0.95
    assert (network.classify(inputs) == labels).mean() == network.score(inputs, labels)
    hidden, chances = network.forward(inputs, layers=True)
    (w, b), _ = network.weights
    np.testing.assert_allclose(hidden, np.tanh(inputs @ w + b), rtol=1e-12)
    np.testing.assert_array_equal(chances, network.predict_proba(inputs))
    assert [layer.shape for layer in network.forward([1, 2], layers=True)] == [(5,), (3,)]
    twin = NeuralNetwork(["a", "b"], [5], flowers, 0.05, **told)
    frame = pd.DataFrame({"b": inputs[:, 1], "a": inputs[:, 0]})
    twin.learn(frame, np.eye(3)[np.repeat([0, 1, 2], 30)], epochs=40)
    alike(network, twin)
    with pytest.raises(InputError, match=re.escape("y=tulp: is none of the classes (did you mean")):
        network.learn(inputs, ["tulp"] * 90)
    line = NeuralNetwork(1, [], 1, 0.1, output_activation="linear")
    line.weights = [([[2.0]], [0.0])]
    assert line.score([[1], [2], [3]], [2, 4, 9]) == pytest.approx(1 - 9 / 26)
    assert math.isnan(line.score([[1], [2], [3]], [0.1, 0.1, 0.1]))
    assert not line.classes
    with pytest.raises(InputError, match="says no probabilities, which a single sigmoid does"):
        line.predict_proba([[1]])


def test_a_network_that_does_not_say_how_it_was_trained_only_computes(tmp_path):
    (tmp_path / "net.json").write_text(
        '{"layers": [{"weights": [[1]], "bias": [0]}], "task": "regression", "inputs": ["a"],'
        ' "encoder": null, "features": {"entry": {"name": "terms"}, "inputs": ["a"], "names":'
        ' ["a"], "shift": null, "scale": null}, "sizes": [1, 1], "activations": [{"name":'
        ' "linear"}], "shortcut": false, "bias": true, "outputs": ["b"], "boundary": 0.5}'
    )
    network = load_network(tmp_path / "net.json")
    assert network.forward([3.0]).tolist() == [3.0]
    said = "network: does not say how it was trained, so it cannot learn (make a NeuralNetwork"
    with pytest.raises(InputError, match=re.escape(said)):
        network.learn([1.0], [1.0])


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_state_of_another_shape_is_refused_and_the_weights_are_not_lost(engine, tmp_path):
    network = NeuralNetwork(2, [2], 1, 0.1, optimizer="adam")
    network.progress.how = replace(network.progress.how, engine=engine)
    network.learn([1, 2], [1])
    path = network.save(tmp_path / "net.json")
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "memory": [part[:1] for part in facts["memory"]]}))
    damaged = NeuralNetwork.load(path)
    with pytest.raises(InputError, match="network: cannot go on where its file ended: the saved"):
        damaged.learn([[1, 2]], [1])
    damaged.weights = damaged.weights
    damaged.learn([[1, 2]], [1])
    path.write_text(json.dumps({**facts, "memory": [[1, [2]]]}))
    with pytest.raises(InputError, match="the optimizer's state is ragged, or no numbers"):
        NeuralNetwork.load(path)


@pytest.mark.parametrize("label", [None, math.nan, "3", 3, True])
def test_what_is_no_class_is_refused(label):
    network = NeuralNetwork(1, [], ["0", "1", "2"], 0.1, loss="categorical_crossentropy")
    network.learn([[1], [2], [3], [4]], [0, 1.0, np.int64(2), "1"])
    with pytest.raises(InputError, match="is none of the classes"):
        network.learn([[1.0]], [label])
