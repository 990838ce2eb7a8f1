"""Which entries of the registries have a lane form, and by which number the kernels know it.

It loads no compiler: which engine trains what is known without one.
"""

from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import LOSSES
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.training.stack import Stack

LANES = 32
"""Trials side by side: the fastest of 8, 16, 32 and 64 on the seed network, with AVX-512."""

ACTIVATION_NAMES = (
    "sigmoid", "tanh", "relu", "linear", "softmax", "leaky_relu", "elu", "gelu", "silu", "softplus",
    "softsign", "arctan", "sine",
)  # fmt: skip
LOSS_NAMES = (
    "squared_error", "binary_crossentropy", "categorical_crossentropy", "absolute", "huber", "hinge"
)  # fmt: skip
OPTIMIZER_NAMES = (
    "sgd", "adam", "momentum", "nesterov", "rmsprop", "adagrad", "adadelta", "adamw", "nadam",
    "lion", "rprop", "quickprop",
)  # fmt: skip

OF_ACTIVATIONS: dict[type, int] = {ACTIVATIONS[n]: code for code, n in enumerate(ACTIVATION_NAMES)}
"""The number of each entry that has a lane form; by class, so that no namesake is taken for it.

Lane forms have no fields: an activation with other values than its defaults runs in NumPy.
"""

OF_LOSSES: dict[type, int] = {LOSSES[n]: code for code, n in enumerate(LOSS_NAMES)}
OF_OPTIMIZERS: dict[type, int] = {OPTIMIZERS[n]: code for code, n in enumerate(OPTIMIZER_NAMES)}


def have_all(stack: Stack) -> bool:
    """Say whether every component of the stack's settings has a lane form."""
    s = stack.setting
    layers = s.architecture.activations
    return (
        all(type(a) in OF_ACTIVATIONS and a == type(a)() for a in layers)
        and type(s.loss) in OF_LOSSES
        and type(s.optimizer) in OF_OPTIMIZERS
    )
