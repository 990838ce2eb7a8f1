"""Initializers whose weights depend on the layer's size."""

from dataclasses import dataclass
from math import sqrt
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt

from nnrun.network.activations import Array
from nnrun.network.initializers.base import INITIALIZERS, OneBias


@dataclass(frozen=True)
class _Scaled(OneBias):
    """Weights of mean 0 whose variance depends on the layer's size.

    Attributes:
        distribution: Of the weights.
        gain: Factor on the weights.
        bias: Every bias.
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


@INITIALIZERS.register("glorot")
@dataclass(frozen=True)
class Glorot(_Scaled):
    """Weights of variance 2 / (fan_in + fan_out), made for tanh; also called Xavier.

    References:
        Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks,
        2010.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return 2 / (fan_in + fan_out)."""
        return 2.0 / (fan_in + fan_out)


@INITIALIZERS.register("he")
@dataclass(frozen=True)
class He(_Scaled):
    """Weights of variance 2 / fan_in, made for relu; also called Kaiming.

    References:
        He, Zhang, Ren & Sun, Delving Deep into Rectifiers, 2015, arXiv:1502.01852.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return 2 / fan_in."""
        return 2.0 / fan_in


@INITIALIZERS.register("lecun")
@dataclass(frozen=True)
class LeCun(_Scaled):
    """Weights of variance 1 / fan_in.

    References:
        LeCun, Bottou, Orr & Müller, Efficient BackProp, 1998, doi:10.1007/3-540-49430-8_2.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return 1 / fan_in."""
        return 1.0 / fan_in


@INITIALIZERS.register("orthogonal")
@dataclass(frozen=True)
class Orthogonal(OneBias):
    """Weights that form an orthogonal matrix, drawn uniformly among them (its wider side, if any).

    A layer is drawn as a whole: another input changes all of its first weights.

    Attributes:
        gain: Factor on the weights.
        bias: Every bias.

    References:
        Saxe, McClelland & Ganguli, Exact solutions to the nonlinear dynamics of learning in deep
        linear neural networks, 2013, arXiv:1312.6120; Mezzadri, How to generate random matrices
        from the classical compact groups, 2006, arXiv:math-ph/0609050: the signs.
    """

    gain: Annotated[float, Gt(0)] = 1.0

    def weights(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Draw a row of the matrix that is made orthogonal: normal numbers."""
        return rng.standard_normal(fan_out)

    def finish(self, weights: Array) -> Array:
        """Return the orthogonal factor, rows or columns of length ``gain``, whichever are fewer."""
        wide = weights.shape[0] < weights.shape[1]
        q, r = np.linalg.qr(weights.T if wide else weights)
        q = q * np.where(np.diag(r) < 0.0, -1.0, 1.0)
        return self.gain * np.ascontiguousarray(q.T if wide else q)
