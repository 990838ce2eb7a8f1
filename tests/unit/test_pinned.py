"""Trained curves of ten structures, as numbers: what they are may change with the version only.

Whoever changes them on purpose raises NUMERICS_VERSION and runs
``python -m tests.unit.test_pinned``,
which writes pinned_curves.json anew.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from nnrun.config.settings import Network
from nnrun.network import initializers, losses, optimizers, schedules
from nnrun.network.penalties import Clipping, Penalties
from nnrun.problem.feature_sets import Terms
from nnrun.problem.pattern_generators import Parity
from nnrun.problem.planar_generators import Circle, MultiGaussian, Plane, Spiral, Xor
from nnrun.problem.split_tables import Iris
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run

XY = Terms(("x", "y"))
STRUCTURES = {
    "seed project": make_setting(lr=1.0, budget=20_000),
    "seed project, its own rule": make_setting(lr=1.0, budget=20_000, backprop="raw_error"),
    "deep tanh, adam, batch, binary crossentropy": make_setting(
        data=Circle(noise=0.2),
        features=XY,
        network=Network((8, 8), "tanh", "sigmoid"),
        lr=0.02,
        optimizer=optimizers.Adam(),
        batch_size=10,
        loss=losses.BinaryCrossEntropy(),
    ),
    "shortcut, relu, momentum, glorot, cosine": make_setting(
        data=Spiral(),
        features=XY,
        network=Network((6,), "relu", "tanh", shortcut=True),
        init=initializers.Glorot(),
        optimizer=optimizers.Momentum(),
        schedule=schedules.Cosine(),
        loss=losses.SquaredError(targets="plus_minus"),
        batch_size=4,
        lr=0.01,
    ),
    "regression, huber, rmsprop, no bias": make_setting(
        data=Plane(noise=0.1),
        features=XY,
        network=Network((4,), "softplus", "linear", bias=False),
        optimizer=optimizers.Rmsprop(),
        loss=losses.Huber(),
        batch_size=8,
        lr=0.01,
    ),
    "table, softmax, l2, weight decay, clipped norm": make_setting(
        data=Iris(),
        features=Terms(),
        network=Network((5,), "elu", "softmax"),
        loss=losses.CategoricalCrossEntropy(),
        penalties=Penalties(l2=0.01, weight_decay=0.001),
        clip=Clipping(norm=1.0),
        batch_size=16,
        lr=0.1,
    ),
    "dropout, nesterov, step schedule, pool in an order of its own": make_setting(
        data=Xor(n_train=50),
        features=XY,
        network=Network((12,), "sigmoid", "sigmoid", dropout=0.3),
        optimizer=optimizers.Nesterov(),
        schedule=schedules.Step(),
        batch_size=5,
    ),
    "patterns, rprop, whole batches": make_setting(
        data=Parity(bits=3),
        features=Terms(),
        network=Network((6,), "tanh", "tanh"),
        optimizer=optimizers.Rprop(),
        loss=losses.SquaredError(targets="plus_minus"),
        batch_size=8,
        evals=8,
        lr=0.01,
    ),
    "patterns, quickprop, l1, clipped values": make_setting(
        data=Parity(bits=2),
        features=Terms(),
        network=Network((3,), output="sigmoid"),
        penalties=Penalties(l1=1e-4),
        optimizer=optimizers.Quickprop(),
        clip=Clipping(value=0.5),
        batch_size=4,
        lr=0.5,
    ),
    "two layers, nadam, orthogonal, noise": make_setting(
        data=MultiGaussian(noise=0.1),
        features=XY,
        init=initializers.Orthogonal(),
        network=Network((7, 3), "gelu", "linear"),
        optimizer=optimizers.Nadam(),
        batch_size=2,
        lr=0.01,
    ),
}
PINNED = Path(__file__).with_name("pinned_curves.json")
CURVES = json.loads(PINNED.read_text()) if PINNED.exists() else {}


def trained(name):
    """Return samples seen, losses and accuracies of seeds 0 and 7 at three evaluations."""
    curves = run(Stack(tuple(Trial(STRUCTURES[name], seed) for seed in (0, 7)))).curves
    at = [0, len(curves.samples) // 2, -1]
    parts = {key: np.ravel(part[..., at]) for key, part in curves._asdict().items()}
    return {key: [float(f"{value:.12g}") for value in part] for key, part in parts.items()}


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_same_setting_and_seed_gives_the_numbers_that_it_always_gave(name):
    found = trained(name)
    assert found.keys() == CURVES[name].keys()
    for key, pinned in CURVES[name].items():
        # exp and log of other processors may differ in their last bits, which training hands on
        np.testing.assert_allclose(found[key], pinned, rtol=1e-9, err_msg=key)


if __name__ == "__main__":
    PINNED.write_text(json.dumps({name: trained(name) for name in STRUCTURES}, indent=1) + "\n")
