"""Steps divided by the size of past gradients, parameter by parameter."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.network.activations import Array
from nnrun.network.mlp import Params
from nnrun.network.optimizers.base import OPTIMIZERS, Optimizer
from nnrun.network.params import map_params, zeros_like


def mixed(old: Params, new: Params, keep: float) -> Params:
    """Return decaying means: keep * old + (1 - keep) * new."""
    return map_params(lambda a, b: keep * a + (1.0 - keep) * b, old, new)


def squared(params: Params) -> Params:
    """Return the squares."""
    return map_params(np.square, params)


@OPTIMIZERS.register("rmsprop")
@dataclass(frozen=True)
class Rmsprop(Optimizer):
    """Steps divided by a decaying root mean square of the gradients.

    v ← ρ v + (1 - ρ) g², θ ← θ - η g / (√v + ε), with v = 0 at first: the first steps are up to
    1 / √(1 - ρ) times as long as the later ones.

    Attributes:
        rho: Decay ρ of the mean squared gradient, a step; Hinton's lecture has 0.9.
        epsilon: Added to the root.

    References:
        Tieleman & Hinton, Lecture 6.5: rmsprop, Neural Networks for Machine Learning, 2012.
    """

    rho: Annotated[float, Ge(0), Lt(1)] = 0.99
    epsilon: Annotated[float, Gt(0)] = 1e-8

    def init(self, params: Params) -> Params:
        """Start the mean at zero."""
        return zeros_like(params)

    def update(
        self, params: Params, grads: Params, state: Params, learning_rate: Array
    ) -> tuple[Params, Params]:
        """Step by the gradient over the root of its mean square."""
        v = mixed(state, squared(grads), self.rho)
        stepped = map_params(
            lambda p, g, v: p - learning_rate * g / (np.sqrt(v) + self.epsilon), params, grads, v
        )
        return stepped, v


@OPTIMIZERS.register("adagrad")
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients: G ← G + g², η g / (√G + ε).

    Attributes:
        initial: What the sum starts from.
        epsilon: Added to the root.

    References:
        Duchi, Hazan & Singer, Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization, 2011, jmlr.org/papers/v12/duchi11a.
    """

    initial: Annotated[float, Ge(0)] = 0.0
    epsilon: Annotated[float, Gt(0)] = 1e-10

    def init(self, params: Params) -> Params:
        """Start the sum, which is kept without ``initial``, at zero."""
        return zeros_like(params)

    def update(
        self, params: Params, grads: Params, state: Params, learning_rate: Array
    ) -> tuple[Params, Params]:
        """Step by the gradient over the root of the sum."""
        total = map_params(lambda s, g: s + g * g, state, grads)

        def step(p: Array, g: Array, s: Array) -> Array:
            return p - learning_rate * g / (np.sqrt(self.initial + s) + self.epsilon)

        return map_params(step, params, grads, total), total


class Squares(NamedTuple):
    """Adadelta's state.

    Attributes:
        gradients: Decaying mean of the squared gradients, shaped like the parameters.
        steps: Decaying mean of the squared steps before the learning rate, likewise.
    """

    gradients: Params
    steps: Params


@OPTIMIZERS.register("adadelta")
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps as large as the steps before, in the units of the parameters.

    v ← ρ v + (1 - ρ) g², d = g √(u + ε) / √(v + ε), u ← ρ u + (1 - ρ) d², θ ← θ - η d. The paper
    has no learning rate: ``lr=1`` is its rule.

    Attributes:
        rho: Decay ρ of both means, a step; the paper has 0.95.
        epsilon: Added under both roots; it sets the size of the first steps.

    References:
        Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701.
    """

    rho: Annotated[float, Ge(0), Lt(1)] = 0.9
    epsilon: Annotated[float, Gt(0)] = 1e-6

    def init(self, params: Params) -> Squares:
        """Start both means at zero."""
        zeros = zeros_like(params)
        return Squares(zeros, zeros)

    def update(
        self, params: Params, grads: Params, state: Squares, learning_rate: Array
    ) -> tuple[Params, Squares]:
        """Step by the gradient, its size replaced by that of the steps before."""
        v = mixed(state.gradients, squared(grads), self.rho)
        step = map_params(
            lambda g, u, v: np.sqrt(u + self.epsilon) / np.sqrt(v + self.epsilon) * g,
            grads, state.steps, v,
        )  # fmt: skip
        u = mixed(state.steps, squared(step), self.rho)
        return map_params(lambda p, d: p - learning_rate * d, params, step), Squares(v, u)
