"""What an initializer is, and the registry of those that go by a name."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params, fans
from nnrun.network.randomness import Rows
from nnrun.registry import Registry


class Initializer:
    """Draws first parameters; an entry draws a row: what leads from one input to a layer's units.

    A row's generator depends on the seed, the layer and the input's name alone, so a network with
    one input more starts from the same weights wherever it has the same rows, as far as the entry's
    scale does not depend on the number of inputs.
    """

    name: ClassVar[str]

    @property
    def digest(self) -> str:
        """What it reads from files, in hexadecimal digits; empty if nothing."""
        return ""

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Return the weights of one input, shape (fan_out,).

        Args:
            rng: The row's own generator.
            fan_in: Inputs of the layer.
            fan_out: Units of the layer.
        """
        raise NotImplementedError

    def biases(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Return the biases of a layer, shape (fan_out,): zeros, unless an entry has others."""
        return np.zeros(fan_out)

    def finish(self, weights: Array) -> Array:
        """Return a layer's weights, shape (fan_in, fan_out), from its rows as drawn."""
        return weights

    def params(
        self,
        seed: int,
        inputs: tuple[str, ...],
        sizes: tuple[int, ...],
        shortcut: bool = False,
        bias: bool = True,
    ) -> Params:
        """Draw the first parameters of one trial.

        Args:
            seed: The trial's seed.
            inputs: Name of each network input; a row of weights belongs to its name.
            sizes: Units of each layer, outputs last.
            shortcut: Whether every layer gets the inputs, too.
            bias: Whether the network has biases; else they are 0.

        Returns:
            Parameters with a trial axis of length 1.
        """
        rows = Rows(seed, inputs)
        names: tuple[str | int, ...] = inputs
        layers = []
        for index, (fan_in, size) in enumerate(fans(len(inputs), sizes, shortcut)):
            drawn = [self.weights(rows.at(index, name), fan_in, size) for name in names]
            offsets = np.zeros(size)
            if bias:
                offsets = self.biases(rows.at(index, None), fan_in, size)
            layers.append(Layer(self.finish(np.stack(drawn))[None], offsets[None, None]))
            names = (*range(size), *(inputs if shortcut else ()))
        return tuple(layers)


INITIALIZERS: Registry[Initializer] = Registry("init")


@dataclass(frozen=True)
class OneBias(Initializer):
    """Attributes that most entries have.

    Attributes:
        bias: Every bias.
    """

    bias: float = 0.0

    def biases(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Give all the same."""
        return np.full(fan_out, float(self.bias))
