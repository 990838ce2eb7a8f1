"""The network core against PyTorch in float64, over every activation, loss and some depths."""

import numpy as np
import pytest

from nnrun.config import Network
from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import LOSSES
from nnrun.network.mlp import Layer
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.problem.problem import Problem, Samples, Task
from nnrun.training.engine import Batches
from nnrun.training.reference import Reference
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting

torch = pytest.importorskip("torch")

STEPS, BATCH, TRIALS = 100, 4, 3
ACTIVATE = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": lambda z: z,
    "softmax": lambda z: torch.softmax(z, dim=-1),
}
LOSS = {
    "squared_error": lambda z, a, t: 0.5 * ((a - t) ** 2).sum(-1).mean(),
    "binary_crossentropy": lambda z, a, t: (
        torch.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none").sum(-1).mean()
    ),
    "categorical_crossentropy": lambda z, a, t: torch.nn.functional.cross_entropy(z, t),
}


OPTIMIZE = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.1),
    "adam": lambda params: torch.optim.Adam(params, lr=0.1),
}


def test_every_entry_has_a_counterpart():
    assert set(OPTIMIZE) == set(OPTIMIZERS)
    assert set(ACTIVATE) == set(ACTIVATIONS)
    assert set(LOSS) == set(LOSSES)


CASES = [
    (hidden, activation, loss, output, optimizer)
    for optimizer in sorted(OPTIMIZERS)
    for hidden in ((), (5,), (4, 3))
    for activation in (sorted(ACTIVATIONS) if hidden else ["sigmoid"])
    for loss in sorted(LOSSES)
    for output in ([LOSSES[loss].output] if LOSSES[loss].output else sorted(ACTIVATIONS))
]


@pytest.mark.parametrize(("hidden", "activation", "loss", "output", "optimizer"), CASES)
def test_hundred_steps_agree(hidden, activation, loss, output, optimizer, rng):
    inputs = rng.normal(size=(TRIALS, STEPS * BATCH, 3))
    classes = rng.integers(3, size=(TRIALS, STEPS * BATCH))
    targets = np.eye(3)[classes]
    setting = make_setting(
        batch_size=BATCH,
        budget=STEPS * BATCH,
        loss=LOSSES[loss](),
        optimizer=OPTIMIZERS[optimizer](),
        network=Network(hidden, activation, output),
    )
    held_out = Samples(inputs[0], targets[0])
    problem = Problem(Task.MULTICLASS, ("x", "y", "x*y"), ("a", "b", "c"), held_out, held_out)
    object.__setattr__(setting, "problem", problem)
    engine = Reference()
    state = engine.begin(Stack(tuple(Trial(setting, seed) for seed in range(TRIALS))))
    first = engine.params(state)
    state, _ = engine.train(state, Batches(inputs, targets, np.arange(TRIALS)))
    names = [activation] * len(hidden) + [output]
    for trial in range(TRIALS):
        expected = _train_torch(first, trial, inputs[trial], targets[trial], names, loss, optimizer)
        for layer, (weights, bias) in zip(engine.params(state), expected, strict=True):
            np.testing.assert_allclose(layer.weights[trial], weights, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(layer.bias[trial, 0], bias, rtol=1e-9, atol=1e-12)


def _train_torch(
    params: tuple[Layer, ...],
    trial: int,
    inputs,
    targets,
    names: list[str],
    loss: str,
    optimizer: str,
) -> list[tuple[np.ndarray, np.ndarray]]:
    layers = [
        (
            torch.tensor(layer.weights[trial], dtype=torch.float64, requires_grad=True),
            torch.tensor(layer.bias[trial, 0], dtype=torch.float64, requires_grad=True),
        )
        for layer in params
    ]
    steps = OPTIMIZE[optimizer]([p for layer in layers for p in layer])
    for start in range(0, STEPS * BATCH, BATCH):
        a = torch.tensor(inputs[start : start + BATCH])
        t = torch.tensor(targets[start : start + BATCH])
        for (weights, bias), name in zip(layers, names, strict=True):
            z = a @ weights + bias
            a = ACTIVATE[name](z)
        steps.zero_grad()
        LOSS[loss](z, a, t).backward()
        steps.step()
    return [(w.detach().numpy(), b.detach().numpy()) for w, b in layers]
