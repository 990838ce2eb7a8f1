"""Training against PyTorch in float64, over every pair of the registries' entries.

Pairs of optimizers, schedules, losses, hidden and output activations, and depths; an entry that is
added to a registry is in the matrix, and needs its counterpart here or its place in the list of
those that PyTorch has not, each of which has a test of its own by hand.
"""

from itertools import pairwise

import numpy as np
import pytest

from nnrun import NeuralNetwork
from nnrun.config.settings import Network
from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import LOSSES
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import SCHEDULES
from nnrun.problem.problem import Problem, Samples, Task
from nnrun.training.engine import Reference, first_params
from nnrun.training.sources import Handed
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting
from tests.pairs import (
    all_pairs,
    calm_rate,
    every,
    every_loss,
    every_optimizer,
    fits,
    label,
    network_factors,
)

torch = pytest.importorskip("torch")
peers = pytest.importorskip("tests.reference.peers")

STEPS, BATCH, TRIALS = 100, 4, 2
ACTIVATE = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "silu": torch.nn.functional.silu,
    "gelu": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
    # PyTorch's own softplus is linear above 20
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
    "softsign": torch.nn.functional.softsign,
    "arctan": lambda z: torch.atan(z) * 2 / torch.pi,
    "sine": torch.sin,
    "linear": lambda z: z,
    "softmax": lambda z: torch.softmax(z, dim=-1),
}

F = torch.nn.functional
EACH = {"reduction": "none"}
LOSS = {
    # each of outputs z before and a after the activation, and targets t; summed over the outputs
    "squared_error": lambda z, a, t: F.mse_loss(a, t, **EACH) / 2,
    "absolute": lambda z, a, t: F.l1_loss(a, t, **EACH),
    "huber": lambda z, a, t: F.huber_loss(a, t, **EACH),
    "binary_crossentropy": lambda z, a, t: F.binary_cross_entropy_with_logits(z, t, **EACH),
    "categorical_crossentropy": lambda z, a, t: F.cross_entropy(
        z.reshape(-1, z.shape[-1]), t.reshape(-1, t.shape[-1]), **EACH
    ),
    # of its two labels, -1 costs what lacks of the margin
    "hinge": lambda z, a, t: F.hinge_embedding_loss(a * (2 * t - 1), -torch.ones_like(a), **EACH),
}

# courses that happen within a hundred steps; peaks that leave the rates small
BRISK = {
    "triangular": {"period": 30},
    "step": {"every": 20},
    "exponential": {"gamma": 0.98},
    "inverse_time": {"decay": 0.05},
    "cosine": {"period": 25, "growth": 2, "warmup": 10},
    "one_cycle": {"peak": 4.0},
    "polynomial": {"power": 2.0, "warmup": 20},
}
NOT_IN_TORCH = {"lion": "test_optimizers.py", "quickprop": "test_optimizers.py"}
"""Optimizers without a counterpart, and where each is worked by hand."""

FACTORS = {
    "optimizer": [e for e in every_optimizer() if e.name not in NOT_IN_TORCH],
    "schedule": every(SCHEDULES, BRISK),
    "loss": every_loss(),
    **network_factors(),
}


@pytest.fixture(autouse=True)
def one_thread():
    """Keep PyTorch from sharing out matrices of a few numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_every_entry_has_a_counterpart():
    theta = [torch.zeros(1, requires_grad=True)]
    rule = torch.optim.SGD(theta, lr=0.1)
    assert set(ACTIVATE) == set(ACTIVATIONS)
    assert set(LOSS) == set(LOSSES)
    without = {e.name for e in every(OPTIMIZERS) if peers.torch_optimizer(e, theta, 0.1) is None}
    assert without == set(NOT_IN_TORCH)
    assert all(peers.torch_schedule(e, rule, STEPS) is not None for e in FACTORS["schedule"])
    assert {e.name for e in FACTORS["schedule"]} == set(SCHEDULES)


@pytest.mark.parametrize("activation", ACTIVATE)
@pytest.mark.parametrize("output", ["sigmoid", "linear", "softmax"])
def test_forward_is_equal_to_twelve_digits(activation, output, rng):
    told = {"activation": activation, "output_activation": output, "init": "he"}
    network = NeuralNetwork(3, [8, 5], 2, 0.1, **told)
    inputs = rng.normal(size=(500, 3)) * 3
    a = torch.tensor(inputs)
    layers = network.forward(inputs, layers=True)
    names = [activation, activation, output]
    for (weights, bias), name, ours in zip(network.weights, names, layers, strict=True):
        a = ACTIVATE[name](a @ torch.tensor(weights) + torch.tensor(bias))
        np.testing.assert_allclose(ours, a.numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(network.forward(inputs[7]), layers[-1][7])


@pytest.mark.parametrize("row", all_pairs(FACTORS, fits), ids=label)
def test_hundred_steps_agree(row, rng):
    inputs = rng.normal(size=(TRIALS, STEPS * BATCH, 3))
    targets = np.eye(3)[rng.integers(3, size=(TRIALS, STEPS * BATCH))]
    setting = make_setting(
        lr=calm_rate(row["optimizer"]),
        batch_size=BATCH,
        budget=STEPS * BATCH,
        loss=row["loss"],
        optimizer=row["optimizer"],
        schedule=row["schedule"],
        network=Network(row["hidden"], row["activation"] or "sigmoid", row["output"]),
    )
    held_out = Samples(inputs[0], targets[0])
    problem = Problem(Task.MULTICLASS, ("x", "y", "x*y"), ("a", "b", "c"), held_out, held_out)
    object.__setattr__(setting, "problem", problem)
    engine = Reference()
    stack = Stack(tuple(Trial(setting, seed) for seed in range(TRIALS)))
    source = Handed(range(TRIALS), np.arange(TRIALS))
    source.hand(inputs, targets)
    started = engine.begin(stack, source, first_params(stack))
    first = started.params()
    started.train(STEPS)
    expected = train_in_torch(first, inputs, targets, row, setting.lr)
    for ours, before, theirs in zip(started.params(), first, expected, strict=True):
        for part, start, wanted in zip(ours, before, theirs, strict=True):
            np.testing.assert_allclose(part, wanted, rtol=1e-9, atol=1e-12)
            assert (part != start).any()


def train_in_torch(first, inputs, targets, row, lr):
    """Train all trials at once, side by side: what is one trial's is in no other's gradient."""
    layers = [
        [torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in layer]
        for layer in first
    ]
    rule = peers.torch_optimizer(row["optimizer"], [p for layer in layers for p in layer], lr)
    course = peers.torch_schedule(row["schedule"], rule, STEPS)
    names = [row["activation"]] * len(row["hidden"]) + [row["output"]]
    t = torch.tensor(targets)
    if getattr(row["loss"], "targets", "zero_one") == "plus_minus":
        t = torch.where(t > 0, 1.0, -1.0).double()
    for start, end in pairwise(range(0, STEPS * BATCH + 1, BATCH)):
        a = torch.tensor(inputs[:, start:end])
        for (weights, bias), name in zip(layers, names, strict=True):
            z = a @ weights + bias
            a = ACTIVATE[name](z)
        rule.zero_grad()
        (LOSS[row["loss"].name](z, a, t[:, start:end]).sum() / BATCH).backward()
        rule.step()
        course.step()
    return [[part.detach().numpy() for part in layer] for layer in layers]
