"""Schedules that fall, or stay."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from nnrun.network.activations import Array
from nnrun.network.schedules.base import MOST, SCHEDULES, Steps, Warmed


@SCHEDULES.register("constant")
@dataclass(frozen=True)
class Constant(Warmed):
    """The learning rate as it was given.

    Attributes:
        warmup: Updates over which the learning rate first rises linearly.
    """

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Return ones."""
        return np.ones(steps.shape)


@SCHEDULES.register("inverse_time")
@dataclass(frozen=True)
class InverseTime(Warmed):
    """The learning rate divided by 1 + decay t, t updates after the start.

    Attributes:
        decay: Share of the first learning rate by which its divisor grows an update.
        warmup: Updates over which the learning rate first rises linearly.
    """

    decay: Annotated[float, Ge(0)] = 0.001

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Return 1 / (1 + decay t)."""
        return np.asarray(1.0 / (1.0 + self.decay * steps))


@SCHEDULES.register("step")
@dataclass(frozen=True)
class Step(Warmed):
    """The learning rate multiplied by gamma every so many updates.

    Attributes:
        every: Updates from one drop to the next.
        gamma: Factor of a drop.
        warmup: Updates over which the learning rate first rises linearly.
    """

    every: Annotated[int, Ge(1), Le(MOST)] = 10_000
    gamma: Annotated[float, Gt(0), Le(1)] = 0.5

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Return gamma to the number of drops so far."""
        return _powers(self.gamma, steps // self.every)


@SCHEDULES.register("exponential")
@dataclass(frozen=True)
class Exponential(Warmed):
    """The learning rate multiplied by gamma every update.

    Attributes:
        gamma: Factor of an update; 0.9999 halves the learning rate in 6931 updates.
        warmup: Updates over which the learning rate first rises linearly.
    """

    gamma: Annotated[float, Gt(0), Le(1)] = 0.9999

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Return gamma to the number of updates so far."""
        return _powers(self.gamma, steps)


@SCHEDULES.register("polynomial")
@dataclass(frozen=True)
class Polynomial(Warmed):
    """A fall over the whole budget to an end, which the update after the last would reach.

    Attributes:
        power: 1 falls linearly; above, fast first; below, fast last.
        end: Where the fall ends, as a multiple of the learning rate.
        warmup: Updates over which the learning rate first rises linearly.
    """

    power: Annotated[float, Gt(0)] = 1.0
    end: Annotated[float, Ge(0), Le(1)] = 0.0

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Return end + (1 - end) (1 - t / n)^power."""
        left = 1.0 - np.minimum(steps / n_steps, 1.0)
        return np.asarray(self.end + (1.0 - self.end) * np.power(left, self.power))


def _powers(base: float, exponents: Steps) -> Array:
    """Return base to whole numbers; the relative error is 1e-16 times the logarithm's size."""
    return np.asarray(np.exp(np.log(base) * exponents))
