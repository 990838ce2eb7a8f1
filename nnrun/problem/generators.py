"""Problems in the plane that are drawn rather than read."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from nnrun.problem.problem import DATA, Array, Problem, Samples, Task

COORDINATES = ("x", "y")
GRID = 32


@DATA.register("xor")
@dataclass(frozen=True)
class Xor:
    """XOR on the unit square: 1 where exactly one coordinate is at least 0.5.

    Attributes:
        n_train: Training samples a trial draws once; None for an endless stream.
        shuffle: Whether a finite training set is shuffled each epoch.
    """

    planar: ClassVar[bool] = True

    n_train: Annotated[int, Ge(1)] | None = None
    shuffle: bool = True

    def problem(self) -> Problem:
        """Draw uniformly on the square; test on the midpoints of a 32 x 32 grid of cells."""
        middles = (np.arange(GRID) + 0.5) / GRID
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        return Problem(
            task=Task.BINARY,
            inputs=COORDINATES,
            outputs=("label",),
            held_out=Samples(grid, _xor_of(grid)),
            draw=draw_xor,
            n_train=self.n_train,
            shuffle=self.shuffle,
        )


def draw_xor(rng: np.random.Generator, n: int) -> Samples:
    """Draw n labelled points, uniform on [0, 1)²."""
    points = rng.random((n, 2))
    return Samples(points, _xor_of(points))


def _xor_of(points: Array) -> Array:
    high = points >= 0.5
    return (high[:, :1] != high[:, 1:]).astype(np.float64)


TRUTH = {
    "and": (0, 0, 0, 1),
    "or": (0, 1, 1, 1),
    "nand": (1, 1, 1, 0),
    "nor": (1, 0, 0, 0),
    "xor": (0, 1, 1, 0),
    "xnor": (1, 0, 0, 1),
}


@DATA.register("gate")
@dataclass(frozen=True)
class Gate:
    """A logic gate on the four corners 00, 01, 10, 11, which are training and test set in one.

    Attributes:
        gate: Which gate.
        shuffle: Whether the corners are visited in a new random order each epoch.
    """

    planar: ClassVar[bool] = True

    gate: Literal["and", "or", "nand", "nor", "xor", "xnor"] = "xor"
    shuffle: bool = True

    def problem(self) -> Problem:
        """List the corners with the gate's truth table."""
        corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        labels = np.array(TRUTH[self.gate], dtype=np.float64)[:, None]
        corner_set = Samples(corners, labels)
        return Problem(
            task=Task.BINARY,
            inputs=COORDINATES,
            outputs=("label",),
            held_out=corner_set,
            pool=corner_set,
            n_train=4,
            shuffle=self.shuffle,
        )
