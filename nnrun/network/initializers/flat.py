"""Initializers whose weights do not depend on the layer's size."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt

from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.initializers.base import INITIALIZERS, Initializer, OneBias


@INITIALIZERS.register("uniform")
@dataclass(frozen=True)
class Uniform(Initializer):
    """Weights uniform on [low, high): the seed project draws them, and biases, on [-1, 1].

    Attributes:
        low: Smallest weight.
        high: No weight is as large.
        bias: Every bias; null to draw them as the weights.
    """

    low: float = -1.0
    high: float = 1.0
    bias: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(Issue("low", self.low, f"must be below high={self.high}"))

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Draw uniform weights."""
        return rng.uniform(self.low, self.high, fan_out)

    def biases(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Draw uniform biases, or give all the same."""
        if self.bias is None:
            return self.weights(rng, fan_in, fan_out)
        return np.full(fan_out, float(self.bias))


@INITIALIZERS.register("normal")
@dataclass(frozen=True)
class Normal(OneBias):
    """Weights normal with mean 0.

    Attributes:
        std: Standard deviation of the weights.
        bias: Every bias.
    """

    std: Annotated[float, Gt(0)] = 1.0

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Draw normal weights."""
        return rng.standard_normal(fan_out) * self.std


@INITIALIZERS.register("constant")
@dataclass(frozen=True)
class Constant(OneBias):
    """All weights the same: the units of a layer start alike and stay alike.

    Attributes:
        value: Every weight.
        bias: Every bias.
    """

    value: float = 0.0

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Repeat the value."""
        return np.full(fan_out, float(self.value))
