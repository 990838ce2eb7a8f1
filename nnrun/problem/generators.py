"""All problems that are generated; importing this enters them into the registry.

- ``squares``: xor, xor_padded, checkerboard.
- ``rounds``: circle, rings, moons, gauss.
- ``spirals``: spiral, two_spirals.
- ``patterns``: gate, parity, encoder.
- ``surfaces``: plane, multi_gaussian, sine.
"""

from nnrun.problem.patterns import Encoder, Gate, Parity
from nnrun.problem.rounds import Circle, Gauss, Moons, Rings
from nnrun.problem.spirals import Spiral, TwoSpirals
from nnrun.problem.squares import Checkerboard, Xor, XorPadded
from nnrun.problem.surfaces import MultiGaussian, Plane, Sine

__all__ = [
    "Checkerboard",
    "Circle",
    "Encoder",
    "Gate",
    "Gauss",
    "Moons",
    "MultiGaussian",
    "Parity",
    "Plane",
    "Rings",
    "Sine",
    "Spiral",
    "TwoSpirals",
    "Xor",
    "XorPadded",
]
