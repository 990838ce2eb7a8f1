"""A user's own components beside built-in ones of the same arithmetic: whole jobs."""

from dataclasses import dataclass

import numpy as np
import pytest

from nnrun.config.settings import Network
from nnrun.network.activations import Activation, Tanh
from nnrun.network.losses import Loss, SquaredError
from nnrun.network.optimizers import Optimizer, Sgd
from nnrun.problem.generator_base import Drawn
from nnrun.problem.planar_generators import Xor
from nnrun.problem.problem import Samples
from tests.benchmarks import peers
from tests.benchmarks.peers import Work
from tests.benchmarks.test_engines import measure
from tests.conftest import make_setting


@dataclass(frozen=True)
class OwnTanh(Activation):
    def forward(self, z):
        return np.tanh(z)

    def backward(self, grad, z, a):
        return grad * (1.0 - a * a)


@dataclass(frozen=True)
class OwnError(Loss):
    def value(self, z, outputs, targets):
        return 0.5 * ((outputs - targets) ** 2).sum(axis=-1)

    def gradient(self, z, outputs, targets, activation):
        return activation.backward(outputs - targets, z, outputs)


@dataclass(frozen=True)
class OwnDescent(Optimizer):
    def update(self, p, g, slots, rate):
        return p - rate * g, slots


@dataclass(frozen=True, kw_only=True)
class OwnXor(Drawn):
    def sample(self, rng, n):
        points = rng.random((n, 2))
        return Samples(points, ((points[:, :1] < 0.5) != (points[:, 1:] < 0.5)) * 1.0)


PARTS = {
    "built in": (Tanh(), SquaredError(), Sgd(), Xor()),
    "activation": (OwnTanh(), SquaredError(), Sgd(), Xor()),
    "loss": (Tanh(), OwnError(), Sgd(), Xor()),
    "optimizer": (Tanh(), SquaredError(), OwnDescent(), Xor()),
    "generator": (Tanh(), SquaredError(), Sgd(), OwnXor()),
    "all four": (OwnTanh(), OwnError(), OwnDescent(), OwnXor()),
}


@pytest.mark.parametrize("own", PARTS)
def test_own_components(benchmark, own):
    activation, loss, optimizer, data = PARTS[own]
    network = Network((4, 2), activation, "sigmoid")
    changes = {"loss": loss, "optimizer": optimizer, "data": data, "network": network}
    work = Work(own, make_setting(lr=0.03, budget=100_000, evals=8, **changes), 128)
    measure(benchmark, "own components", own, peers.nnrun(work))
