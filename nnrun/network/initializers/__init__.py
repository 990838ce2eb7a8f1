"""First parameters, drawn from a trial's own seed.

- ``base``: what an initializer is, and the registry.
- ``flat``: uniform, normal, constant.
- ``scaled``: by the layer's size: glorot, he, lecun, orthogonal.
"""

from nnrun.network.initializers.base import INITIALIZERS, Initializer
from nnrun.network.initializers.flat import Constant, Normal, Uniform
from nnrun.network.initializers.scaled import Glorot, He, LeCun, Orthogonal

__all__ = [
    "INITIALIZERS",
    "Constant",
    "Glorot",
    "He",
    "Initializer",
    "LeCun",
    "Normal",
    "Orthogonal",
    "Uniform",
]
