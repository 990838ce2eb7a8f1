"""First parameters, drawn weight by weight from a trial's own seed."""

from dataclasses import dataclass
from math import sqrt
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt

from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params, fans
from nnrun.network.randomness import Rows
from nnrun.registry import Component, Registry


class Initializer(Component):
    """Draws first parameters; an entry draws a row: what leads from one input to a layer's units.

    A row's generator depends on the seed, the layer and the input's name alone, so a network with
    one input more starts from the same weights wherever it has the same rows, as far as the entry's
    scale does not depend on the number of inputs.
    """

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
        rows = Rows(seed)
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


INITIALIZERS: Registry[Initializer] = Registry("init", Initializer)


@dataclass(frozen=True)
class OneBias(Initializer):
    """Attributes that most entries have.

    Attributes:
        bias: Every bias.
    """

    bias: float = 0.0

    def biases(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        return np.full(fan_out, float(self.bias))


class Uniform(Initializer, name="uniform"):
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
        return rng.uniform(self.low, self.high, fan_out)

    def biases(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        if self.bias is None:
            return self.weights(rng, fan_in, fan_out)
        return np.full(fan_out, float(self.bias))


class Normal(OneBias, name="normal"):
    """Weights normal with mean 0.

    Attributes:
        std: Standard deviation of the weights.
    """

    std: Annotated[float, Gt(0)] = 1.0

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        return rng.standard_normal(fan_out) * self.std


class Constant(OneBias, name="constant"):
    """All weights the same: the units of a layer start alike and stay alike.

    Attributes:
        value: Every weight.
    """

    value: float = 0.0

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        return np.full(fan_out, float(self.value))


@dataclass(frozen=True)
class _Scaled(OneBias):
    """Weights of mean 0 whose variance depends on the layer's size.

    Attributes:
        distribution: Of the weights.
        gain: Factor on the weights.
    """

    distribution: Literal["uniform", "normal"] = "uniform"
    gain: Annotated[float, Gt(0)] = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of a weight before the gain."""
        raise NotImplementedError

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Draw weights of that variance."""
        std = sqrt(self.variance(fan_in, fan_out))
        if self.distribution == "normal":
            return rng.standard_normal(fan_out) * (self.gain * std)
        bound = self.gain * (sqrt(3.0) * std)
        return rng.uniform(-bound, bound, fan_out)


class Glorot(_Scaled, name="glorot"):
    """Weights of variance 2 / (fan_in + fan_out), made for tanh; also called Xavier.

    References:
        Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks,
        2010.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / (fan_in + fan_out)


class He(_Scaled, name="he"):
    """Weights of variance 2 / fan_in, made for relu; also called Kaiming.

    References:
        He, Zhang, Ren & Sun, Delving Deep into Rectifiers, 2015, arXiv:1502.01852.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / fan_in


class LeCun(_Scaled, name="lecun"):
    """Weights of variance 1 / fan_in.

    References:
        LeCun, Bottou, Orr & Müller, Efficient BackProp, 1998, doi:10.1007/3-540-49430-8_2.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1.0 / fan_in


class Orthogonal(OneBias, name="orthogonal"):
    """Weights that form an orthogonal matrix, drawn uniformly among them.

    Its rows or columns, whichever are fewer, have the length ``gain``. A layer is drawn as a whole:
    another input changes all of its first weights.

    Attributes:
        gain: Factor on the weights.

    References:
        Saxe, McClelland & Ganguli, Exact solutions to the nonlinear dynamics of learning in deep
        linear neural networks, 2013, arXiv:1312.6120; Mezzadri, How to generate random matrices
        from the classical compact groups, 2006, arXiv:math-ph/0609050: the signs.
    """

    gain: Annotated[float, Gt(0)] = 1.0

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        return rng.standard_normal(fan_out)

    def finish(self, weights: Array) -> Array:
        wide = weights.shape[0] < weights.shape[1]
        q, r = np.linalg.qr(weights.T if wide else weights)
        q = q * np.where(np.diag(r) < 0.0, -1.0, 1.0)
        return self.gain * np.ascontiguousarray(q.T if wide else q)
