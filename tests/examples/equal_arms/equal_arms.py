"""A problem that is drawn twice: equal arms, each with samples of its own at every seed."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from nnrun.network.randomness import Role, generator
from nnrun.problem.problem import Data, Problem, Samples, Task


@dataclass(frozen=True)
class EqualArms(Data):
    """Class 1 beyond a line through the square, in one of two independent draws."""

    planar: ClassVar[bool] = True
    arm: Annotated[int, Ge(0), Le(1)] = 0

    def problem(self):
        def draw(rng, n, arm=self.arm):
            points = rng.uniform(-1, 1, (n, 4))[:, 2 * arm : 2 * arm + 2]
            return Samples(points, (points.sum(axis=1) > 0.2)[:, None] * 1.0)

        held_out = draw(generator(0, Role.HELD_OUT), 500, 0)  # what is asked is the same
        return Problem(Task.BINARY, ("x", "y"), ("beyond",), held_out, draw=draw)
