"""Activations that are neither bounded by saturation nor rectifiers."""

from dataclasses import dataclass

import numpy as np

from nnrun.network.activations.base import ACTIVATIONS, Activation, Array


@ACTIVATIONS.register("linear")
@dataclass(frozen=True)
class Linear(Activation):
    """The identity, the usual output for regression."""

    def forward(self, z: Array) -> Array:
        """Return z."""
        return z

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return the gradient unchanged."""
        return grad


@ACTIVATIONS.register("sine")
@dataclass(frozen=True)
class Sine(Activation):
    """The sine, with outputs in [-1, 1]; a frequency is in the weights.

    References:
        Sitzmann, Martel, Bergman, Lindell & Wetzstein, Implicit Neural Representations with
        Periodic Activation Functions, 2020, arXiv:2006.09661.
    """

    def forward(self, z: Array) -> Array:
        """Return sin(z)."""
        return np.sin(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by cos(z)."""
        return grad * np.cos(z)


@ACTIVATIONS.register("softmax")
@dataclass(frozen=True)
class Softmax(Activation):
    """Exponentials normalised to sum 1 over the units; the only entry that is not element-wise."""

    def forward(self, z: Array) -> Array:
        """Return exp(z) / sum(exp(z)), shifted by the largest z so that nothing overflows."""
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Apply the Jacobian diag(a) - a aᵀ."""
        return a * (grad - (grad * a).sum(axis=-1, keepdims=True))
