"""Classes that are round or lie around each other."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from nnrun.problem.drawn import Drawn, Spread, yes_no
from nnrun.problem.problem import DATA, Array, Samples


def on_circle(radius: Array, turn: Array) -> Array:
    """Return points, shape (n, 2), at these radii and turns (1 is once around), shape (n,)."""
    angle = 2 * np.pi * turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@DATA.register("circle")
@dataclass(frozen=True, kw_only=True)
class Circle(Drawn):
    """TensorFlow Playground's circle: a disc, which is class 1, within a ring.

    The radius is uniform on [0, 2.5) in the disc and on [3.5, 5) in the ring, so that the points
    are denser towards the middle. Half of the points are in the disc.

    References:
        Smilkov et al., Direct-manipulation visualization of deep networks, 2017,
        arXiv:1708.03788.
    """

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points."""
        choice, along, turn = rng.random((n, 3)).T
        inside = choice < 0.5
        radius = np.where(inside, 2.5 * along, 3.5 + 1.5 * along)
        return Samples(on_circle(radius, turn), yes_no(inside))


@DATA.register("rings")
@dataclass(frozen=True, kw_only=True)
class Rings(Drawn):
    """Concentric circles, the outermost of radius 1; every one is a class.

    They are numbered from outside inwards and have evenly spaced radii. Two of them are
    scikit-learn's ``make_circles`` with factor 0.5, where the inner circle is class 1.

    Attributes:
        rings: Their number.
        noise: Standard deviation of normal noise added to the coordinates: how wide they are.
    """

    rings: Annotated[int, Ge(2), Le(20)] = 3
    noise: Spread = 0.05

    @property
    def outputs(self) -> tuple[str, ...]:
        """One name for two rings, else one a ring."""
        if self.rings == 2:
            return ("label",)
        return tuple(f"ring{i + 1}" for i in range(self.rings))

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points, as many of each ring on average."""
        choice, turn = rng.random((n, 2)).T
        ring = (self.rings * choice).astype(np.intp)
        points = on_circle(1 - ring / self.rings, turn)
        return Samples(points, yes_no(ring == 1) if self.rings == 2 else np.eye(self.rings)[ring])


@DATA.register("moons")
@dataclass(frozen=True, kw_only=True)
class Moons(Drawn):
    """Two interleaved half circles of radius 1, as scikit-learn's ``make_moons`` draws them.

    The upper one is class 0, the lower one, shifted by (1, 0.5), is class 1.

    Attributes:
        noise: Standard deviation of normal noise added to the coordinates.
    """

    noise: Spread = 0.1

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points."""
        choice, turn = rng.random((n, 2)).T
        lower = choice < 0.5
        points = on_circle(np.where(lower, -1.0, 1.0), turn / 2)
        points += lower[:, None] * np.array([1.0, 0.5])
        return Samples(points, yes_no(lower))


@DATA.register("gauss")
@dataclass(frozen=True, kw_only=True)
class Gauss(Drawn):
    """TensorFlow Playground's two Gaussians, class 1 around (2, 2) and class 0 around (-2, -2).

    Attributes:
        variance: Of each coordinate; the Playground goes from 0.5 to 4 as its noise is turned up.

    References:
        Smilkov et al., Direct-manipulation visualization of deep networks, 2017,
        arXiv:1708.03788.
    """

    variance: Annotated[float, Gt(0), Le(1000)] = 0.5

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points."""
        normal = rng.standard_normal((n, 3))
        positive = normal[:, 2] < 0
        points = np.sqrt(self.variance) * normal[:, :2] + np.where(positive, 2.0, -2.0)[:, None]
        return Samples(points, yes_no(positive))
