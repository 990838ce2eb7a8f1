"""Steps by the moments of past gradients, parameter by parameter."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.network.activations import Array
from nnrun.network.mlp import Params, map_params
from nnrun.network.optimizers.base import OPTIMIZERS, Slotted, Step


def mixed(old: Params, new: Params, keep: float) -> Params:
    """Return decaying means: keep * old + (1 - keep) * new."""
    return map_params(lambda a, b: keep * a + (1.0 - keep) * b, old, new)


def squared(params: Params) -> Params:
    """Return the squares."""
    return map_params(np.square, params)


@OPTIMIZERS.register("rmsprop")
@dataclass(frozen=True)
class Rmsprop(Slotted):
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

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step by the gradient over the root of its mean square."""
        v = mixed(state[0], squared(grads), self.rho)
        stepped = map_params(
            lambda p, g, v: p - learning_rate * g / (np.sqrt(v) + self.epsilon), params, grads, v
        )
        return stepped, (v,)


@OPTIMIZERS.register("adagrad")
@dataclass(frozen=True)
class Adagrad(Slotted):
    """Steps divided by the root of the sum of all squared gradients: G ← G + g², η g / (√G + ε).

    The sum is kept without ``initial``.

    Attributes:
        initial: What the sum starts from.
        epsilon: Added to the root.

    References:
        Duchi, Hazan & Singer, Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization, 2011, jmlr.org/papers/v12/duchi11a.
    """

    initial: Annotated[float, Ge(0)] = 0.0
    epsilon: Annotated[float, Gt(0)] = 1e-10

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step by the gradient over the root of the sum."""
        total = map_params(lambda s, g: s + g * g, state[0], grads)

        def step(p: Array, g: Array, s: Array) -> Array:
            return p - learning_rate * g / (np.sqrt(self.initial + s) + self.epsilon)

        return map_params(step, params, grads, total), (total,)


@OPTIMIZERS.register("adadelta")
@dataclass(frozen=True)
class Adadelta(Slotted):
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
    slots: ClassVar[int] = 2  # the mean squared gradient v, the mean squared step u

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step by the gradient, its size replaced by that of the steps before."""
        v, u = mixed(state[0], squared(grads), self.rho), state[1]
        step = map_params(
            lambda g, u, v: np.sqrt(u + self.epsilon) / np.sqrt(v + self.epsilon) * g,
            grads, u, v,
        )  # fmt: skip
        u = mixed(u, squared(step), self.rho)
        return map_params(lambda p, d: p - learning_rate * d, params, step), (v, u)


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Slotted):
    """Steps by the mean gradient over the root of the mean squared gradient.

    m ← β1 m + (1 - β1) g, v ← β2 v + (1 - β2) g², both 0 at first and divided by 1 - β1^t and
    1 - β2^t at step t for that; θ ← θ - η m / (√v + ε).

    Attributes:
        beta1: Decay of the mean gradient, a step.
        beta2: Decay of the mean squared gradient, a step.
        epsilon: Added to the root of the second moment.
        bias_correction: Whether the moments are corrected for their start at zero. Without it the
            first step is (1 - β1) / √(1 - β2) times as long, 3.2 times at the usual values.

    References:
        Kingma & Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980.
    """

    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8
    bias_correction: bool = True
    slots: ClassVar[int] = 2  # m, v
    powers: ClassVar[int] = 2  # beta1 and beta2 to the number of steps made

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step by the mean over the root of the mean square."""
        m, v, power1, power2 = state
        power1, power2 = power1 * self.beta1, power2 * self.beta2
        m, v = mixed(m, grads, self.beta1), mixed(v, squared(grads), self.beta2)
        rate, share = learning_rate, 1.0
        if self.bias_correction:  # divided once a step, not once a parameter
            rate, share = learning_rate / (1.0 - power1), 1.0 / (1.0 - power2)

        def step(p: Array, m: Array, v: Array) -> Array:
            return p - rate * m / (np.sqrt(v * share) + self.epsilon)

        return map_params(step, params, m, v), (m, v, power1, power2)


@OPTIMIZERS.register("adamw")
@dataclass(frozen=True)
class Adamw(Adam):
    """Adam with decoupled weight decay: before each step, θ ← θ (1 - η λ).

    All parameters decay, biases as well as weights, as in the paper and in PyTorch.

    Attributes:
        weight_decay: Share λ of a parameter that it loses a step, times the learning rate.

    References:
        Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101.
    """

    weight_decay: Annotated[float, Ge(0)] = 0.01

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Shrink the parameters, then step as Adam does."""
        kept = 1.0 - learning_rate * self.weight_decay
        shrunk = map_params(lambda p: p * kept, params)
        return super().update(shrunk, grads, state, learning_rate)


@OPTIMIZERS.register("nadam")
@dataclass(frozen=True)
class Nadam(Slotted):
    """Adam with Nesterov's look ahead, and a momentum that rises from half of β1 to β1.

    PyTorch's form, with μ_t = β1 (1 - ½ 0.96^(ψ t)): m and v as in Adam, and
    θ ← θ - η (m μ_(t+1) / (1 - Π μ_1..t+1) + g (1 - μ_t) / (1 - Π μ_1..t)) / (√v + ε), v divided
    by 1 - β2^t.

    Attributes:
        beta1: Decay of the mean gradient, a step, and the momentum that is risen to.
        beta2: Decay of the mean squared gradient, a step.
        epsilon: Added to the root of the second moment.
        momentum_decay: How fast the momentum rises: the rate ψ.

    References:
        Dozat, Incorporating Nesterov Momentum into Adam, 2016,
        openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """

    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8
    momentum_decay: Annotated[float, Ge(0)] = 0.004
    slots: ClassVar[int] = 2  # m, v
    powers: ClassVar[int] = 3  # of beta2, of cooling, and the product of all momenta
    derived: ClassVar[tuple[str, ...]] = ("cooling",)

    @cached_property
    def cooling(self) -> Array:
        """0.96^ψ, shape of ψ; by Python's power, one by one, which is the same in any stack."""
        decays = np.asarray(self.momentum_decay, dtype=np.float64)
        return np.reshape([0.96**decay for decay in decays.ravel().tolist()], decays.shape)

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step by the mean to come over the root of the mean square."""
        m, v, power2, warmth, product = state
        warmth = warmth * self.cooling
        now = self.beta1 * (1.0 - 0.5 * warmth)
        then = self.beta1 * (1.0 - 0.5 * (warmth * self.cooling))
        product, power2 = product * now, power2 * self.beta2
        m, v = mixed(m, grads, self.beta1), mixed(v, squared(grads), self.beta2)
        of_mean = learning_rate * (then / (1.0 - product * then))
        of_slope = learning_rate * ((1.0 - now) / (1.0 - product))
        share = 1.0 / (1.0 - power2)

        def step(p: Array, g: Array, m: Array, v: Array) -> Array:
            return p - (of_mean * m + of_slope * g) / (np.sqrt(v * share) + self.epsilon)

        return map_params(step, params, grads, m, v), (m, v, power2, warmth, product)
