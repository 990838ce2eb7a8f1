"""Two spirals that wind around each other, as a distribution and as the classical 194 points."""

from dataclasses import dataclass

import numpy as np

from nnrun.problem.drawn import Drawn, yes_no
from nnrun.problem.patterns import Patterns
from nnrun.problem.problem import DATA, Samples


@DATA.register("spiral")
@dataclass(frozen=True, kw_only=True)
class Spiral(Drawn):
    """TensorFlow Playground's spirals, of radius 5 and 1¾ turns each.

    A point at the share u of the way out has radius 5 u and lies 1.75 u turns clockwise from the
    y axis on the spiral of class 1; that of class 0 is its mirror image in the origin. The
    Playground takes evenly spaced u, a draw takes uniform ones.

    References:
        Smilkov et al., Direct-manipulation visualization of deep networks, 2017,
        arXiv:1708.03788.
    """

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Draw n labelled points."""
        choice, way = rng.random((n, 2)).T
        positive = choice < 0.5
        radius = np.where(positive, 5 * way, -5 * way)
        angle = 2 * np.pi * 1.75 * way
        points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
        return Samples(points, yes_no(positive))


@DATA.register("two_spirals")
@dataclass(frozen=True, kw_only=True)
class TwoSpirals(Patterns):
    """The two spirals of the CMU benchmark: 194 points, 97 of each class, three turns each.

    Point i = 0 to 96 of class 1 has the angle i π/16 and the radius 6.5 (104 - i)/104; each is
    followed by its mirror image in the origin, which is of class 0. As in the benchmark the set
    is learned and tested whole, unless ``train_share`` holds points out.

    References:
        Lang & Witbrock, Learning to tell two spirals apart, 1988, in Proceedings of the 1988
        Connectionist Models Summer School.
    """

    def patterns(self) -> Samples:
        """List the points, classes taking turns."""
        i = np.arange(97)
        radius, angle = 6.5 * (104 - i) / 104, i * np.pi / 16
        one = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
        points = np.stack([one, -one], axis=1).reshape(-1, 2)
        return Samples(points, yes_no(np.arange(2 * len(i)) % 2 == 0))
