"""First parameters, drawn row by row so that networks share what they can share."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params
from nnrun.registry import Registry
from nnrun.seeds import Rows


class Initializer(Protocol):
    """Draws a row of first parameters: what leads from one input to every unit of a layer."""

    name: ClassVar[str]

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Return the weights of one input, shape (fan_out,).

        Args:
            rng: The row's own generator.
            fan_in: Inputs of the layer.
            fan_out: Units of the layer.
        """
        ...

    def bias(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Return the biases of a layer, shape (fan_out,)."""
        ...


INITIALIZERS: Registry[Initializer] = Registry("init")


@INITIALIZERS.register("uniform")
@dataclass(frozen=True)
class Uniform:
    """Weights and biases uniform on [low, high): the seed project draws them on [-1, 1]."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(Issue("low", self.low, f"must be below high={self.high}"))

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Draw uniform weights."""
        return rng.uniform(self.low, self.high, fan_out)

    bias = weights


BIAS_ROW = " bias"  # the space keeps it apart from an input that is called "bias"


def initial_params(
    initializer: Initializer, seed: int, input_names: tuple[str, ...], sizes: tuple[int, ...]
) -> Params:
    """Draw the first parameters of one trial.

    Args:
        initializer: The rule.
        seed: The trial's seed.
        input_names: Name of each network input; a row of first-layer weights belongs to its name.
        sizes: Units of each layer, outputs last.

    Returns:
        Parameters with a trial axis of length 1.
    """
    rows = Rows(seed)
    names: tuple[str | int, ...] = input_names
    layers = []
    for index, size in enumerate(sizes):
        fan_in = len(names)
        weights = [initializer.weights(rows.at(index, name), fan_in, size) for name in names]
        bias = initializer.bias(rows.at(index, BIAS_ROW), fan_in, size)
        layers.append(Layer(np.stack(weights)[None], bias[None, None]))
        names = tuple(range(size))
    return tuple(layers)


def stack_params(trials: list[Params]) -> Params:
    """Join single trials' parameters along the trial axis."""
    return tuple(
        Layer(*(np.concatenate(arrays) for arrays in zip(*layers, strict=True)))
        for layers in zip(*trials, strict=True)
    )
