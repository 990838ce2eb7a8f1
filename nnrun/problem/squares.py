"""Classes that tile a square: XOR and its kin."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from nnrun.problem.drawn import Drawn, yes_no
from nnrun.problem.problem import DATA, Samples

GRID = 32


@DATA.register("xor")
@dataclass(frozen=True, kw_only=True)
class Xor(Drawn):
    """XOR on the unit square: 1 where exactly one coordinate is at least 0.5.

    Unless ``n_test`` or ``train_share`` asks for a drawn set, it is tested on the midpoints of a
    32 x 32 grid of cells, which has neither noise nor balance.
    """

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points, uniform on [0, 1)²."""
        return _xor_of(rng.random((n, 2)))

    def held_out(self) -> Samples:
        """Return the grid, or the drawn set that is asked for."""
        if self.n_test is not None or self.train_share is not None:
            return super().held_out()
        middles = (np.arange(GRID) + 0.5) / GRID
        return _xor_of(np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2))


def _xor_of(points: np.typing.NDArray[np.float64]) -> Samples:
    high = points >= 0.5
    return Samples(points, yes_no(high[:, 0] != high[:, 1]))


@DATA.register("xor_padded")
@dataclass(frozen=True, kw_only=True)
class XorPadded(Drawn):
    """TensorFlow Playground's XOR: 1 where x and y have the same sign.

    Uniform on [-5, 5)², then pushed 0.3 away from both axes, so that no point is near them.

    References:
        Smilkov et al., Direct-manipulation visualization of deep networks, 2017,
        arXiv:1708.03788.
    """

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points."""
        points = rng.uniform(-5, 5, (n, 2))
        positive = points > 0
        points += np.where(positive, 0.3, -0.3)
        return Samples(points, yes_no(positive[:, 0] == positive[:, 1]))


@DATA.register("checkerboard")
@dataclass(frozen=True, kw_only=True)
class Checkerboard(Drawn):
    """A board on the unit square; 0 at the origin's corner, 1 on the fields beside it.

    Attributes:
        fields: Fields along a side; 2 makes the board of ``xor``.
    """

    fields: Annotated[int, Ge(2), Le(100)] = 4

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points, uniform on [0, 1)²."""
        points = rng.random((n, 2))
        row, column = (points * self.fields).astype(np.intp).T
        return Samples(points, yes_no((row + column) % 2 == 1))
