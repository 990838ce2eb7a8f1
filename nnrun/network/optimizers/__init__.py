"""Update rules. State in, state out; parameters are never changed in place.

- ``base``: what an update rule is, and the registry.
- ``descent``: sgd, momentum, nesterov.
- ``scaled``: steps divided by the size of past gradients: rmsprop, adagrad, adadelta.
- ``adam``: the moments of the gradients: adam, adamw, nadam.
- ``signs``: steps by the gradient's sign: lion, rprop.
- ``quickprop``: jumps to the minimum of a parabola, weight by weight.
"""

from nnrun.network.optimizers.adam import Adam, Adamw, Nadam
from nnrun.network.optimizers.base import OPTIMIZERS, Optimizer
from nnrun.network.optimizers.descent import Momentum, Nesterov, Sgd
from nnrun.network.optimizers.quickprop import Quickprop
from nnrun.network.optimizers.scaled import Adadelta, Adagrad, Rmsprop
from nnrun.network.optimizers.signs import Lion, Rprop

__all__ = [
    "OPTIMIZERS",
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamw",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "Quickprop",
    "Rmsprop",
    "Rprop",
    "Sgd",
]
