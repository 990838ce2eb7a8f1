"""Activation functions, each with the step that takes a gradient back through it."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.registry import Registry

Array = npt.NDArray[np.float64]


class Activation(Protocol):
    """A function of a layer's pre-activations ``z``, shape (trial, batch, unit)."""

    name: ClassVar[str]

    def forward(self, z: Array) -> Array:
        """Return the outputs ``a``, shape of ``z``."""
        ...

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Turn dL/da into dL/dz, given ``z`` and the outputs ``a`` computed from it."""
        ...


ACTIVATIONS: Registry[Activation] = Registry("activation")


@ACTIVATIONS.register("sigmoid")
@dataclass(frozen=True)
class Sigmoid:
    """The logistic function 1 / (1 + exp(-z)), with outputs in (0, 1)."""

    def forward(self, z: Array) -> Array:
        """Return 1 / (1 + exp(-z)); exp overflows to inf for z < -709, which gives the limit 0."""
        return 1.0 / (1.0 + np.exp(-z))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by a (1 - a)."""
        return grad * (a * (1.0 - a))


@ACTIVATIONS.register("tanh")
@dataclass(frozen=True)
class Tanh:
    """The hyperbolic tangent, with outputs in (-1, 1)."""

    def forward(self, z: Array) -> Array:
        """Return tanh(z)."""
        return np.tanh(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Multiply by 1 - a²."""
        return grad * (1.0 - a * a)


@ACTIVATIONS.register("relu")
@dataclass(frozen=True)
class Relu:
    """The rectifier max(0, z); its slope at 0 is taken as 0."""

    def forward(self, z: Array) -> Array:
        """Return max(0, z); NaN passes through."""
        return np.maximum(z, 0.0)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Pass the gradient where z > 0."""
        return grad * (z > 0.0)


@ACTIVATIONS.register("linear")
@dataclass(frozen=True)
class Linear:
    """The identity, the usual output for regression."""

    def forward(self, z: Array) -> Array:
        """Return z."""
        return z

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return the gradient unchanged."""
        return grad


@ACTIVATIONS.register("softmax")
@dataclass(frozen=True)
class Softmax:
    """Exponentials normalised to sum 1 over the units; the only entry that is not element-wise."""

    def forward(self, z: Array) -> Array:
        """Return exp(z) / sum(exp(z)), shifted by the largest z so that nothing overflows."""
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Apply the Jacobian diag(a) - a aᵀ."""
        return a * (grad - (grad * a).sum(axis=-1, keepdims=True))
