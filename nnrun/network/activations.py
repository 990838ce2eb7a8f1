"""Activation functions, each with the step that takes a gradient back through it."""

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from nnrun.registry import Component, Registry

Array = npt.NDArray[np.float64]


class Activation(Component):
    """A function of a layer's pre-activations ``z``, shape (trial, batch, unit).

    Finite pre-activations, however large, make finite outputs and slopes, and NaN stays NaN. An
    infinite one means divergence and may make either.

    Attributes:
        surrogate: Whether ``backward`` is meant to be another than the derivative.
    """

    surrogate: ClassVar[bool] = False

    def forward(self, z: Array) -> Array:
        """Return the outputs ``a``, shape of ``z``."""
        raise NotImplementedError

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Turn dL/da into dL/dz, given ``z`` and the outputs ``a`` computed from it."""
        raise NotImplementedError


ACTIVATIONS: Registry[Activation] = Registry("activation", Activation)


TWO_OVER_PI = 0.6366197723675814


def logistic(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)); exp overflows to inf for z < -709, which gives the limit 0."""
    return 1.0 / (1.0 + np.exp(-z))


class Sigmoid(Activation, name="sigmoid"):
    """The logistic function 1 / (1 + exp(-z)), with outputs in (0, 1)."""

    def forward(self, z: Array) -> Array:
        return logistic(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * (a * (1.0 - a))


class Tanh(Activation, name="tanh"):
    """The hyperbolic tangent, with outputs in (-1, 1)."""

    def forward(self, z: Array) -> Array:
        return np.tanh(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * ((1.0 - a) * (1.0 + a))  # factors that are exact where a is next to 1


class Softsign(Activation, name="softsign"):
    """z / (1 + |z|), with outputs in (-1, 1) that saturate slowly.

    References:
        Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks,
        AISTATS 2010, section 3.
    """

    def forward(self, z: Array) -> Array:
        return z / (1.0 + np.abs(z))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        size = 1.0 + np.abs(z)
        return grad / (size * size)


class Arctan(Activation, name="arctan"):
    """The arctangent scaled by 2 / π, with outputs in (-1, 1); its slope at 0 is 2 / π."""

    def forward(self, z: Array) -> Array:
        return TWO_OVER_PI * np.arctan(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * (TWO_OVER_PI / (1.0 + z * z))


GELU_SCALE, GELU_CUBIC = 0.7978845608028654, 0.044715
"""The square root of 2 / π, and the coefficient of z³."""


class Relu(Activation, name="relu"):
    """The rectifier max(0, z); its slope at 0 is taken as 0."""

    def forward(self, z: Array) -> Array:
        return np.maximum(z, 0.0)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * (z > 0.0)


class LeakyRelu(Activation, name="leaky_relu"):
    """The rectifier that lets a share through below 0; its slope at 0 is that of the left side.

    Attributes:
        slope: Slope below 0.

    References:
        Maas, Hannun & Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
    """

    slope: Annotated[float, Ge(0)] = 0.01

    def forward(self, z: Array) -> Array:
        return np.where(z > 0.0, z, self.slope * z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * np.where(z > 0.0, 1.0, self.slope)


class Elu(Activation, name="elu"):
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
        # the smaller of z and 0, so that the branch not taken does not overflow
        return np.where(z > 0.0, z, self.alpha * np.expm1(np.minimum(z, 0.0)))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # not a + α, which would cancel to zero early
        return grad * np.where(z > 0.0, 1.0, self.alpha * np.exp(np.minimum(z, 0.0)))


class Gelu(Activation, name="gelu"):
    """The Gaussian error linear unit in its tanh form, within 0.0005 of z times the normal CDF.

    z (1 + tanh(u)) / 2, u = √(2 / π) (z + 0.044715 z³). PyTorch has both forms and takes the exact
    one unless told ``approximate="tanh"``.

    References:
        Hendrycks & Gimpel, Gaussian Error Linear Units, 2016, arXiv:1606.08415, section 2.
    """

    def forward(self, z: Array) -> Array:
        return 0.5 * z * (1.0 + self._tanh(z)[1])

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        c, t = self._tanh(z)
        slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * (c * c))
        return grad * (0.5 * (1.0 + t) + 0.5 * c * ((1.0 - t) * (1.0 + t)) * slope)

    def _tanh(self, z: Array) -> tuple[Array, Array]:
        # from 8 on the tanh is 1 to the last bit; the cut keeps z³ from overflowing
        c = np.minimum(np.maximum(z, -10.0), 10.0)
        return c, np.tanh(GELU_SCALE * (c + GELU_CUBIC * (c * c * c)))


class Silu(Activation, name="silu"):
    """The sigmoid-weighted linear unit z / (1 + exp(-z)), also called swish.

    References:
        Elfwing, Uchibe & Doya, Sigmoid-Weighted Linear Units for Neural Network Function
        Approximation in Reinforcement Learning, 2017, arXiv:1702.03118.
    """

    def forward(self, z: Array) -> Array:
        return z * logistic(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        s = logistic(z)
        return grad * (s * (1.0 + z * (1.0 - s)))


class Softplus(Activation, name="softplus"):
    """The smooth rectifier log(1 + exp(z)).

    References:
        Dugas, Bengio, Bélisle, Nadeau & Garcia, Incorporating second-order functional knowledge
        for better option pricing, NIPS 2000.
    """

    def forward(self, z: Array) -> Array:
        return np.logaddexp(0.0, z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * logistic(z)


class Linear(Activation, name="linear"):
    """The identity, the usual output for regression."""

    def forward(self, z: Array) -> Array:
        return z

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad


class Sine(Activation, name="sine"):
    """The sine, with outputs in [-1, 1]; a frequency is in the weights.

    References:
        Sitzmann, Martel, Bergman, Lindell & Wetzstein, Implicit Neural Representations with
        Periodic Activation Functions, 2020, arXiv:2006.09661.
    """

    def forward(self, z: Array) -> Array:
        return np.sin(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * np.cos(z)


class Softmax(Activation, name="softmax"):
    """Exponentials normalised to sum 1 over the units; the only entry that is not element-wise."""

    def forward(self, z: Array) -> Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True))  # so that nothing overflows
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # the Jacobian diag(a) - a aᵀ
        return a * (grad - (grad * a).sum(axis=-1, keepdims=True))
