"""Quantities to be learned as functions of one or two coordinates."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Le

from nnrun.problem.drawn import DrawnValues, Spread
from nnrun.problem.problem import DATA, Samples

HALF_SIDE = 6.0


@DATA.register("plane")
@dataclass(frozen=True, kw_only=True)
class Plane(DrawnValues):
    """TensorFlow Playground's plane: (x + y) / 10 on the square [-6, 6)².

    References:
        Smilkov et al., Direct-manipulation visualization of deep networks, 2017,
        arXiv:1708.03788.
    """

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n uniform points with their heights."""
        points = rng.uniform(-HALF_SIDE, HALF_SIDE, (n, 2))
        return Samples(points, points.sum(axis=1, keepdims=True) / 10)


@DATA.register("multi_gaussian")
@dataclass(frozen=True, kw_only=True)
class MultiGaussian(DrawnValues):
    """TensorFlow Playground's bumps on the square [-6, 6)²: three rise to 1, three sink to -1.

    In spite of their name they are cones, of radius 2, whose tips are at x = -4, 0, 4 and
    y = 2.5 (up, down, up) and y = -2.5 (down, up, down). Between them is 0.

    References:
        Smilkov et al., Direct-manipulation visualization of deep networks, 2017,
        arXiv:1708.03788.
    """

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n uniform points with their heights."""
        points = rng.uniform(-HALF_SIDE, HALF_SIDE, (n, 2))
        x, y = points.T
        column = np.clip(np.rint(x / 4), -1, 1)  # of the nearest tip
        above = np.where(y > 0, 1.0, -1.0)
        distance = np.hypot(x - 4 * column, y - 2.5 * above)
        sign = above * (2 * np.abs(column) - 1)
        return Samples(points, (sign * np.maximum(1 - distance / 2, 0))[:, None])


@DATA.register("sine")
@dataclass(frozen=True, kw_only=True)
class Sine(DrawnValues):
    """A sine of one input x, which is uniform on [-1, 1).

    Attributes:
        periods: Periods of the sine between -1 and 1.
        label_noise: Standard deviation of normal noise added to the training targets.
    """

    planar: ClassVar[bool] = False

    periods: Annotated[float, Gt(0), Le(100)] = 1.0
    label_noise: Spread = 0.1

    @property
    def inputs(self) -> tuple[str, ...]:
        """The only coordinate."""
        return ("x",)

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n uniform points with their heights."""
        x = rng.uniform(-1, 1, (n, 1))
        return Samples(x, np.sin(np.pi * self.periods * x))
