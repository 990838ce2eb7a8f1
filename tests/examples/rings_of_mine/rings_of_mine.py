"""A generator and a feature set of one's own, as a user would write them."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt

from nnrun.network.randomness import Role, generator
from nnrun.problem.features import FeatureSet
from nnrun.problem.problem import Data, Problem, Samples, Task


@dataclass(frozen=True)
class Ripples(Data):
    """Class 1 on every second ring of this width around the middle of [-1, 1]²."""

    planar: ClassVar[bool] = True
    width: Annotated[float, Gt(0)] = 0.25

    def problem(self):
        def draw(rng, n):
            points = rng.uniform(-1, 1, (n, 2))
            ring = np.hypot(*points.T) // self.width
            return Samples(points, (ring % 2)[:, None])

        return Problem(
            Task.BINARY, ("x", "y"), ("odd",), draw(generator(0, Role.HELD_OUT), 500), draw=draw
        )


@dataclass(frozen=True)
class Radius(FeatureSet):
    """The distance from the middle, to some power."""

    power: float = 1.0

    def names(self, inputs):
        return ("r",)

    def compute(self, values, inputs, new_rng):
        return np.hypot(*values.T)[:, None] ** self.power
