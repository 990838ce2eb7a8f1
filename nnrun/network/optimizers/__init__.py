"""Update rules. State in, state out; parameters are never changed in place.

- ``base``: what an update rule is, its state as arrays, and sgd, momentum, nesterov.
- ``adaptive``: steps by past gradients' moments: rmsprop, adagrad, adadelta, adam, adamw, nadam.
- ``signs``: steps by the gradient's sign or a parabola: lion, rprop, quickprop.
"""

from nnrun.network.optimizers.adaptive import Adadelta, Adagrad, Adam, Adamw, Nadam, Rmsprop
from nnrun.network.optimizers.base import OPTIMIZERS, Momentum, Nesterov, Optimizer, Sgd
from nnrun.network.optimizers.signs import Lion, Quickprop, Rprop

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
