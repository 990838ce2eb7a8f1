"""Activations that pass what is above 0 and hold back what is below."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from nnrun.network.activations.base import ACTIVATIONS, Activation, Array
from nnrun.network.activations.saturating import logistic

GELU_SCALE, GELU_CUBIC = 0.7978845608028654, 0.044715
"""The square root of 2 / π, and the coefficient of z³."""

GELU_BOUND = 10.0
"""From 8 on the tanh of gelu is 1 to the last bit; the cut keeps z³ from overflowing."""


@ACTIVATIONS.register("relu")
@dataclass(frozen=True)
class Relu(Activation):
    """The rectifier max(0, z); its slope at 0 is taken as 0."""

    def forward(self, z: Array) -> Array:
        """Return max(0, z); NaN passes through."""
        return np.maximum(z, 0.0)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Pass the gradient where z > 0."""
        return grad * (z > 0.0)


@ACTIVATIONS.register("leaky_relu")
@dataclass(frozen=True)
class LeakyRelu(Activation):
    """The rectifier that lets a share through below 0; its slope at 0 is that of the left side.

    Attributes:
        slope: Slope below 0.

    References:
        Maas, Hannun & Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
    """

    slope: Annotated[float, Ge(0)] = 0.01

    def forward(self, z: Array) -> Array:
        """Return z above 0, else slope z."""
        return np.where(z > 0.0, z, self.slope * z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by 1 where z > 0, else by the slope."""
        return grad * np.where(z > 0.0, 1.0, self.slope)


@ACTIVATIONS.register("elu")
@dataclass(frozen=True)
class Elu(Activation):
    """The exponential linear unit: z above 0, else α (exp(z) - 1).

    Attributes:
        alpha: The outputs stay above -alpha. Other values than 1 make a kink at 0, where the slope
            is that of the left side.

    References:
        Clevert, Unterthiner & Hochreiter, Fast and Accurate Deep Network Learning by Exponential
        Linear Units, 2015, arXiv:1511.07289.
    """

    alpha: Annotated[float, Gt(0)] = 1.0

    def forward(self, z: Array) -> Array:
        """Return z above 0, else α (exp(z) - 1)."""
        # the smaller of z and 0, so that the branch not taken does not overflow
        return np.where(z > 0.0, z, self.alpha * np.expm1(np.minimum(z, 0.0)))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by 1 where z > 0, else by α exp(z), which a + α would cancel to zero early."""
        return grad * np.where(z > 0.0, 1.0, self.alpha * np.exp(np.minimum(z, 0.0)))


@ACTIVATIONS.register("gelu")
@dataclass(frozen=True)
class Gelu(Activation):
    """The Gaussian error linear unit in its tanh form, within 0.0005 of z times the normal CDF.

    PyTorch has both forms and takes the exact one unless told ``approximate="tanh"``.

    References:
        Hendrycks & Gimpel, Gaussian Error Linear Units, 2016, arXiv:1606.08415, section 2.
    """

    def forward(self, z: Array) -> Array:
        """Return z (1 + tanh(u)) / 2, u = √(2 / π) (z + 0.044715 z³)."""
        return 0.5 * z * (1.0 + np.tanh(_inner(_bounded(z))))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by (1 + t) / 2 + z (1 - t²) u' / 2, t = tanh(u)."""
        c = _bounded(z)
        t = np.tanh(_inner(c))
        slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * (c * c))
        return grad * (0.5 * (1.0 + t) + 0.5 * c * (1.0 - t * t) * slope)


@ACTIVATIONS.register("silu")
@dataclass(frozen=True)
class Silu(Activation):
    """The sigmoid-weighted linear unit z / (1 + exp(-z)), also called swish.

    References:
        Elfwing, Uchibe & Doya, Sigmoid-Weighted Linear Units for Neural Network Function
        Approximation in Reinforcement Learning, 2017, arXiv:1702.03118.
    """

    def forward(self, z: Array) -> Array:
        """Return z sigmoid(z)."""
        return z * logistic(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by s (1 + z (1 - s)), s = sigmoid(z)."""
        s = logistic(z)
        return grad * (s * (1.0 + z * (1.0 - s)))


@ACTIVATIONS.register("softplus")
@dataclass(frozen=True)
class Softplus(Activation):
    """The smooth rectifier log(1 + exp(z)).

    References:
        Dugas, Bengio, Bélisle, Nadeau & Garcia, Incorporating second-order functional knowledge
        for better option pricing, NIPS 2000.
    """

    def forward(self, z: Array) -> Array:
        """Return log(1 + exp(z)), without overflow."""
        return np.logaddexp(0.0, z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by sigmoid(z)."""
        return grad * logistic(z)


def _bounded(z: Array) -> Array:
    return np.minimum(np.maximum(z, -GELU_BOUND), GELU_BOUND)


def _inner(z: Array) -> Array:
    return GELU_SCALE * (z + GELU_CUBIC * (z * z * z))
