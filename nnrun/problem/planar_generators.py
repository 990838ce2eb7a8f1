"""Problems in the plane: round classes, spirals, tiled squares, and quantities over it.

Those of TensorFlow Playground are described by Smilkov et al., Direct-manipulation visualization of
deep networks, 2017, arXiv:1708.03788.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from nnrun.problem.generator_base import Drawn, DrawnValues, Spread, one_hot, yes_no
from nnrun.problem.pattern_generators import Patterns
from nnrun.problem.problem import Array, Samples


def on_circle(radius: Array, turn: Array) -> Array:
    """Return points, shape (n, 2), at these radii and turns (1 is once around), shape (n,)."""
    angle = 2 * np.pi * turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


class Circle(Drawn, name="circle", kw_only=True):
    """TensorFlow Playground's circle: a disc, which is class 1, within a ring.

    The radius is uniform on [0, 2.5) in the disc and on [3.5, 5) in the ring, so that the points
    are denser towards the middle. Half of the points are in the disc.
    """

    def sample(self, rng: Any, n: int) -> Samples:
        choice, along, turn = rng.random((n, 3)).T
        inside = choice < 0.5
        radius = np.where(inside, 2.5 * along, 3.5 + 1.5 * along)
        return Samples(on_circle(radius, turn), yes_no(inside))


class Rings(Drawn, name="rings", kw_only=True):
    """Concentric circles, the outermost of radius 1; every one is a class, all equally likely.

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
        if self.rings == 2:
            return ("label",)
        return tuple(f"ring{i + 1}" for i in range(self.rings))

    def sample(self, rng: Any, n: int) -> Samples:
        choice, turn = rng.random((n, 2)).T
        ring = np.floor(self.rings * choice)
        points = on_circle(1 - ring / self.rings, turn)
        return Samples(points, yes_no(ring == 1) if self.rings == 2 else one_hot(ring, self.rings))


class Moons(Drawn, name="moons", kw_only=True):
    """Two interleaved half circles of radius 1, as scikit-learn's ``make_moons`` draws them.

    The upper one is class 0, the lower one, shifted by (1, 0.5), is class 1.

    Attributes:
        noise: Standard deviation of normal noise added to the coordinates.
    """

    noise: Spread = 0.1

    def sample(self, rng: Any, n: int) -> Samples:
        choice, turn = rng.random((n, 2)).T
        lower = choice < 0.5
        points = on_circle(np.where(lower, -1.0, 1.0), turn / 2)
        points += lower[:, None] * np.array([1.0, 0.5])
        return Samples(points, yes_no(lower))


class Gauss(Drawn, name="gauss", kw_only=True):
    """TensorFlow Playground's two Gaussians, class 1 around (2, 2) and class 0 around (-2, -2).

    Attributes:
        variance: Of each coordinate; the Playground goes from 0.5 to 4 as its noise is turned up.
    """

    variance: Annotated[float, Gt(0), Le(1000)] = 0.5

    def sample(self, rng: Any, n: int) -> Samples:
        normal = rng.standard_normal((n, 3))
        positive = normal[:, 2] < 0
        points = np.sqrt(self.variance) * normal[:, :2] + np.where(positive, 2.0, -2.0)[:, None]
        return Samples(points, yes_no(positive))


class Spiral(Drawn, name="spiral", kw_only=True):
    """TensorFlow Playground's spirals, of radius 5 and 1¾ turns each.

    A point at the share u of the way out has radius 5 u and lies 1.75 u turns clockwise from the
    y axis on the spiral of class 1; that of class 0 is its mirror image in the origin. The
    Playground takes evenly spaced u, a draw takes uniform ones.
    """

    def sample(self, rng: Any, n: int) -> Samples:
        choice, way = rng.random((n, 2)).T
        positive = choice < 0.5
        radius = np.where(positive, 5 * way, -5 * way)
        angle = 2 * np.pi * 1.75 * way
        points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
        return Samples(points, yes_no(positive))


class TwoSpirals(Patterns, name="two_spirals", kw_only=True):
    """The two spirals of the CMU benchmark: 194 points, 97 of each class, three turns each.

    Point i = 0 to 96 of class 1 has the angle i π/16 and the radius 6.5 (104 - i)/104; each is
    followed by its mirror image in the origin, which is of class 0. As in the benchmark the set
    is learned and tested whole, unless ``train_share`` holds points out.

    References:
        Lang & Witbrock, Learning to tell two spirals apart, 1988, in Proceedings of the 1988
        Connectionist Models Summer School.
    """

    def patterns(self) -> Samples:
        i = np.arange(97)
        radius, angle = 6.5 * (104 - i) / 104, i * np.pi / 16
        one = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
        points = np.stack([one, -one], axis=1).reshape(-1, 2)
        return Samples(points, yes_no(np.arange(2 * len(i)) % 2 == 0))


class Xor(Drawn, name="xor", kw_only=True):
    """XOR on the unit square: 1 where exactly one coordinate is at least 0.5.

    Unless ``n_test`` or ``train_share`` asks for a drawn set, it is tested on the midpoints of a
    32 x 32 grid of cells, which has neither noise nor balance.
    """

    def sample(self, rng: Any, n: int) -> Samples:
        return _xor_of(rng.random((n, 2)))

    def held_out(self) -> Samples:
        if self.n_test is not None or self.train_share is not None:
            return super().held_out()
        middles = (np.arange(32) + 0.5) / 32
        return _xor_of(np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2))


def _xor_of(points: Array) -> Samples:
    high = points >= 0.5
    return Samples(points, yes_no(high[:, 0] != high[:, 1]))


class XorPadded(Drawn, name="xor_padded", kw_only=True):
    """TensorFlow Playground's XOR: 1 where x and y have the same sign.

    Uniform on [-5, 5)², then pushed 0.3 away from both axes, so that no point is near them.
    """

    def sample(self, rng: Any, n: int) -> Samples:
        points = rng.uniform(-5, 5, (n, 2))
        positive = points > 0
        points += np.where(positive, 0.3, -0.3)
        return Samples(points, yes_no(positive[:, 0] == positive[:, 1]))


class Checkerboard(Drawn, name="checkerboard", kw_only=True):
    """A board on the unit square; 0 at the origin's corner, 1 on the fields beside it.

    Attributes:
        fields: Fields along a side; 2 makes the board of ``xor``.
    """

    fields: Annotated[int, Ge(2), Le(100)] = 4

    def sample(self, rng: Any, n: int) -> Samples:
        points = rng.random((n, 2))
        row, column = np.floor(points * self.fields).T
        return Samples(points, yes_no((row + column) % 2 == 1))


HALF_SIDE = 6.0


class Plane(DrawnValues, name="plane", kw_only=True):
    """TensorFlow Playground's plane: (x + y) / 10 on the square [-6, 6)²."""

    def sample(self, rng: Any, n: int) -> Samples:
        points = rng.uniform(-HALF_SIDE, HALF_SIDE, (n, 2))
        return Samples(points, points.sum(axis=1, keepdims=True) / 10)


class MultiGaussian(DrawnValues, name="multi_gaussian", kw_only=True):
    """TensorFlow Playground's bumps on the square [-6, 6)²: three rise to 1, three sink to -1.

    In spite of their name they are cones, of radius 2, whose tips are at x = -4, 0, 4 and
    y = 2.5 (up, down, up) and y = -2.5 (down, up, down). Between them is 0.
    """

    def sample(self, rng: Any, n: int) -> Samples:
        points = rng.uniform(-HALF_SIDE, HALF_SIDE, (n, 2))
        x, y = points.T
        column = np.clip(np.rint(x / 4), -1, 1)  # of the nearest tip
        above = np.where(y > 0, 1.0, -1.0)
        distance = np.hypot(x - 4 * column, y - 2.5 * above)
        sign = above * (2 * np.abs(column) - 1)
        return Samples(points, (sign * np.maximum(1 - distance / 2, 0))[:, None])


class Sine(DrawnValues, name="sine", kw_only=True):
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
        return ("x",)

    def sample(self, rng: Any, n: int) -> Samples:
        x = rng.uniform(-1, 1, (n, 1))
        return Samples(x, np.sin(np.pi * self.periods * x))
