"""Activation functions, each with the step that takes a gradient back through it.

- ``base``: what an activation is, and the registry.
- ``saturating``: bounded on both sides: sigmoid, tanh, softsign, arctan.
- ``rectifiers``: zero or nearly so on one side: relu, leaky_relu, elu, gelu, silu, softplus.
- ``others``: linear, sine, softmax.
"""

from nnrun.network.activations.base import ACTIVATIONS, Activation, Array
from nnrun.network.activations.others import Linear, Sine, Softmax
from nnrun.network.activations.rectifiers import Elu, Gelu, LeakyRelu, Relu, Silu, Softplus
from nnrun.network.activations.saturating import Arctan, Sigmoid, Softsign, Tanh

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Arctan",
    "Array",
    "Elu",
    "Gelu",
    "LeakyRelu",
    "Linear",
    "Relu",
    "Sigmoid",
    "Silu",
    "Sine",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
]
