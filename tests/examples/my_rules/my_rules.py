"""An activation, a loss, an initializer, an optimizer and a schedule of one's own."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.network.activations import Activation
from nnrun.network.initializers import Initializer
from nnrun.network.losses import Loss
from nnrun.network.optimizers import Optimizer
from nnrun.network.schedules import Schedule


@dataclass(frozen=True)
class Cubic(Activation):
    """A line with some of its cube."""

    share: float = 0.1

    def forward(self, z):
        return z + self.share * z**3

    def backward(self, grad, z, a):
        return grad * (1 + 3 * self.share * z**2)


@dataclass(frozen=True)
class LogCosh(Loss):
    """Like the squared error near 0, like the absolute error far from it."""

    def value(self, z, outputs, targets):
        return np.log(np.cosh(outputs - targets)).sum(axis=-1)

    def gradient(self, z, outputs, targets, activation):
        return activation.backward(np.tanh(outputs - targets), z, outputs)


@dataclass(frozen=True)
class Signs(Initializer):
    """Every weight plus or minus the same size."""

    size: Annotated[float, Gt(0)] = 0.5

    def weights(self, rng, fan_in, fan_out):
        return self.size * rng.choice([-1.0, 1.0], fan_out)


@dataclass(frozen=True)
class HeavyBall(Optimizer):
    """Momentum as a textbook has it: the learning rate inside the velocity."""

    slots = 1
    friction: Annotated[float, Ge(0), Lt(1)] = 0.1

    def update(self, p, g, slots, rate):
        v = (1 - self.friction) * slots[0] - rate * g
        return p + v, (v,)


@dataclass(frozen=True)
class Halving(Schedule):
    """Half the learning rate after half the steps."""

    def factor(self, steps, n_steps):
        return np.where(steps < n_steps / 2, 1.0, 0.5)
