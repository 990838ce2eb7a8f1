"""Adam and its kin: steps by the moments of the gradients."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.network.activations import Array
from nnrun.network.mlp import Params
from nnrun.network.optimizers.base import OPTIMIZERS, Optimizer
from nnrun.network.optimizers.scaled import mixed, squared
from nnrun.network.params import map_params, zeros_like


class Moments(NamedTuple):
    """Adam's state.

    Attributes:
        m: Decaying mean of the gradients, shaped like the parameters.
        v: Decaying mean of the squared gradients, likewise.
        power1: beta1 to the number of steps made.
        power2: beta2 to the same.
    """

    m: Params
    v: Params
    power1: float
    power2: float


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
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

    def init(self, params: Params) -> Moments:
        """Start both moments at zero."""
        zeros = zeros_like(params)
        return Moments(zeros, zeros, 1.0, 1.0)

    def update(
        self, params: Params, grads: Params, state: Moments, learning_rate: Array
    ) -> tuple[Params, Moments]:
        """Step by the mean over the root of the mean square."""
        power1, power2 = state.power1 * self.beta1, state.power2 * self.beta2
        m = mixed(state.m, grads, self.beta1)
        v = mixed(state.v, squared(grads), self.beta2)
        seen1, seen2 = (1.0 - power1, 1.0 - power2) if self.bias_correction else (1.0, 1.0)

        def step(p: Array, m: Array, v: Array) -> Array:
            return p - learning_rate * (m / seen1) / (np.sqrt(v / seen2) + self.epsilon)

        return map_params(step, params, m, v), Moments(m, v, power1, power2)


@OPTIMIZERS.register("adamw")
@dataclass(frozen=True)
class Adamw(Adam):
    """Adam with decoupled weight decay: before each step, θ ← θ (1 - η λ).

    All parameters decay, biases as well as weights, as in the paper and in PyTorch.

    Attributes:
        beta1: Decay of the mean gradient, a step.
        beta2: Decay of the mean squared gradient, a step.
        epsilon: Added to the root of the second moment.
        bias_correction: Whether the moments are corrected for their start at zero.
        weight_decay: Share λ of a parameter that it loses a step, times the learning rate.

    References:
        Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101.
    """

    weight_decay: Annotated[float, Ge(0)] = 0.01

    def update(
        self, params: Params, grads: Params, state: Moments, learning_rate: Array
    ) -> tuple[Params, Moments]:
        """Shrink the parameters, then step as Adam does."""
        kept = 1.0 - learning_rate * self.weight_decay
        shrunk = map_params(lambda p: p * kept, params)
        return super().update(shrunk, grads, state, learning_rate)


class NadamMoments(NamedTuple):
    """Nadam's state.

    Attributes:
        m: Decaying mean of the gradients, shaped like the parameters.
        v: Decaying mean of the squared gradients, likewise.
        power2: beta2 to the number of steps made.
        warmth: 0.96^ψ to the same, ψ being ``momentum_decay``.
        product: Product of the momenta of all steps made.
    """

    m: Params
    v: Params
    power2: float
    warmth: float | Array
    product: float | Array


@OPTIMIZERS.register("nadam")
@dataclass(frozen=True)
class Nadam(Optimizer):
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

    @cached_property
    def cooling(self) -> Array:
        """0.96^ψ, shape of ψ; by Python's power, one by one, which is the same in any stack."""
        decays = np.asarray(self.momentum_decay, dtype=np.float64)
        return np.reshape([0.96**decay for decay in decays.ravel().tolist()], decays.shape)

    def init(self, params: Params) -> NadamMoments:
        """Start both moments at zero."""
        zeros = zeros_like(params)
        return NadamMoments(zeros, zeros, 1.0, 1.0, 1.0)

    def update(
        self, params: Params, grads: Params, state: NadamMoments, learning_rate: Array
    ) -> tuple[Params, NadamMoments]:
        """Step by the mean to come over the root of the mean square."""
        warmth = state.warmth * self.cooling
        now = self.beta1 * (1.0 - 0.5 * warmth)
        then = self.beta1 * (1.0 - 0.5 * (warmth * self.cooling))
        product, power2 = state.product * now, state.power2 * self.beta2
        m = mixed(state.m, grads, self.beta1)
        v = mixed(state.v, squared(grads), self.beta2)
        of_mean = learning_rate * (then / (1.0 - product * then))
        of_slope = learning_rate * ((1.0 - now) / (1.0 - product))
        seen2 = 1.0 - power2

        def step(p: Array, g: Array, m: Array, v: Array) -> Array:
            return p - (of_mean * m + of_slope * g) / (np.sqrt(v / seen2) + self.epsilon)

        stepped = map_params(step, params, grads, m, v)
        return stepped, NadamMoments(m, v, power2, warmth, product)
