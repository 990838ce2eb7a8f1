"""What an activation function is, and the registry of those that go by a name."""

from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.registry import Registry

Array = npt.NDArray[np.float64]


class Activation(Protocol):
    """A function of a layer's pre-activations ``z``, shape (trial, batch, unit).

    Finite pre-activations, however large, make finite outputs and slopes, and NaN stays NaN. An
    infinite one means divergence and may make either.

    Attributes:
        surrogate: Whether ``backward`` is meant to be another than the derivative.
    """

    name: ClassVar[str]
    surrogate: ClassVar[bool] = False

    def forward(self, z: Array) -> Array:
        """Return the outputs ``a``, shape of ``z``."""
        ...

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Turn dL/da into dL/dz, given ``z`` and the outputs ``a`` computed from it."""
        ...


ACTIVATIONS: Registry[Activation] = Registry("activation")
