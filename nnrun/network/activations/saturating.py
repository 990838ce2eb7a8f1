"""Activations that are bounded on both sides."""

from dataclasses import dataclass

import numpy as np

from nnrun.network.activations.base import ACTIVATIONS, Activation, Array

TWO_OVER_PI = 0.6366197723675814


def logistic(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)); exp overflows to inf for z < -709, which gives the limit 0."""
    return 1.0 / (1.0 + np.exp(-z))


@ACTIVATIONS.register("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """The logistic function 1 / (1 + exp(-z)), with outputs in (0, 1)."""

    def forward(self, z: Array) -> Array:
        """Return 1 / (1 + exp(-z))."""
        return logistic(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by a (1 - a)."""
        return grad * (a * (1.0 - a))


@ACTIVATIONS.register("tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent, with outputs in (-1, 1)."""

    def forward(self, z: Array) -> Array:
        """Return tanh(z)."""
        return np.tanh(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by 1 - a²."""
        return grad * (1.0 - a * a)


@ACTIVATIONS.register("softsign")
@dataclass(frozen=True)
class Softsign(Activation):
    """z / (1 + |z|), with outputs in (-1, 1) that saturate slowly.

    References:
        Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks,
        AISTATS 2010, section 3.
    """

    def forward(self, z: Array) -> Array:
        """Return z / (1 + |z|)."""
        return z / (1.0 + np.abs(z))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Divide by (1 + |z|)²."""
        size = 1.0 + np.abs(z)
        return grad / (size * size)


@ACTIVATIONS.register("arctan")
@dataclass(frozen=True)
class Arctan(Activation):
    """The arctangent scaled by 2 / π, with outputs in (-1, 1); its slope at 0 is 2 / π."""

    def forward(self, z: Array) -> Array:
        """Return 2 / π arctan(z)."""
        return TWO_OVER_PI * np.arctan(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by 2 / (π (1 + z²))."""
        return grad * (TWO_OVER_PI / (1.0 + z * z))
