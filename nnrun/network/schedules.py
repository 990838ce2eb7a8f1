"""Learning-rate schedules: a factor on the learning rate for every step, after a linear warm-up.

Steps, periods and warm-ups are counted in updates, whatever the batch size. The factor of a step
depends on that step and the budget alone, never on the steps that are asked for with it.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Lt

from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.registry import Component, Registry

Steps = npt.NDArray[np.int64]
MOST = 10**15
"""The largest count that a configuration takes."""


class Schedule(Component):
    """How the learning rate changes over a trial's steps."""

    def factor(self, steps: Steps, n_steps: int) -> Array:
        """Return the factor on the learning rate, shape of ``steps``.

        Args:
            steps: Indices of updates, the first is 0.
            n_steps: Updates in the whole budget.
        """
        raise NotImplementedError

    def problem_with(self, n_steps: int) -> Issue | None:
        """Say what is wrong with the schedule for a budget of so many updates, if anything."""
        return None


SCHEDULES: Registry[Schedule] = Registry("schedule", Schedule)


@dataclass(frozen=True, kw_only=True)
class Warmed(Schedule):
    """A schedule after a linear warm-up; to make one, write ``course``.

    During the warm-up the factor of step t is (t + 1) / (warmup + 1) of the course's first, so the
    first update is not wasted on a factor of 0.

    Attributes:
        warmup: Updates over which the learning rate first rises linearly, before the course, which
            gets what is left of the budget.
    """

    warmup: Annotated[int, Ge(0), Le(MOST)] = 0

    def factor(self, steps: Steps, n_steps: int) -> Array:
        """Rise to the course's first factor, then follow the course from its own step 0."""
        course = self.course(np.maximum(steps - self.warmup, 0), n_steps - self.warmup)
        if self.warmup:
            course *= np.minimum((steps + 1.0) / (self.warmup + 1.0), 1.0)
        return course

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Return the factors without the warm-up, in an array that may be changed.

        Args:
            steps: Indices of updates, counted from the end of the warm-up.
            n_steps: Updates of the budget that follow the warm-up, 1 or more.
        """
        raise NotImplementedError

    def problem_with(self, n_steps: int) -> Issue | None:
        """Check that the warm-up leaves something of the budget."""
        if self.warmup < n_steps:
            return None
        rule = f"must be shorter than the budget, which has {n_steps} updates"
        return Issue("warmup", self.warmup, rule, "a budget of n samples has n / batch_size")


class Constant(Warmed, name="constant"):
    """The learning rate as it was given."""

    def course(self, steps: Steps, n_steps: int) -> Array:
        return np.ones(steps.shape)


class InverseTime(Warmed, name="inverse_time"):
    """The learning rate divided by 1 + decay t, t updates after the start.

    Attributes:
        decay: Share of the first learning rate by which its divisor grows an update.
    """

    decay: Annotated[float, Ge(0)] = 0.001

    def course(self, steps: Steps, n_steps: int) -> Array:
        return np.asarray(1.0 / (1.0 + self.decay * steps))


class Step(Warmed, name="step"):
    """The learning rate multiplied by gamma every so many updates.

    Attributes:
        every: Updates from one drop to the next.
        gamma: Factor of a drop.
    """

    every: Annotated[int, Ge(1), Le(MOST)] = 10_000
    gamma: Annotated[float, Gt(0), Le(1)] = 0.5

    def course(self, steps: Steps, n_steps: int) -> Array:
        return _powers(self.gamma, steps // self.every)


class Exponential(Warmed, name="exponential"):
    """The learning rate multiplied by gamma every update.

    Attributes:
        gamma: Factor of an update; 0.9999 halves the learning rate in 6931 updates.
    """

    gamma: Annotated[float, Gt(0), Le(1)] = 0.9999

    def course(self, steps: Steps, n_steps: int) -> Array:
        return _powers(self.gamma, steps)


class Polynomial(Warmed, name="polynomial"):
    """A fall over the whole budget to an end, which the update after the last would reach.

    The factor of step t of n is end + (1 - end) (1 - t / n)^power.

    Attributes:
        power: 1 falls linearly; above, fast first; below, fast last.
        end: Where the fall ends, as a multiple of the learning rate.
    """

    power: Annotated[float, Gt(0)] = 1.0
    end: Annotated[float, Ge(0), Le(1)] = 0.0

    def course(self, steps: Steps, n_steps: int) -> Array:
        left = 1.0 - np.minimum(steps / n_steps, 1.0)
        return np.asarray(self.end + (1.0 - self.end) * np.power(left, self.power))


def _powers(base: float, exponents: Steps) -> Array:
    """Return base to whole numbers; the relative error is 1e-16 times the logarithm's size."""
    return np.asarray(np.exp(np.log(base) * exponents))


class Triangular(Warmed, name="triangular"):
    """Linear cycles from the learning rate up to a maximum and back.

    Attributes:
        peak: The maximum, as a multiple of the learning rate; 3 or 4 in the paper's rule of thumb.
        period: Updates of a whole cycle, up and down.

    References:
        Smith, Cyclical Learning Rates for Training Neural Networks, 2015, arXiv:1506.01186.
    """

    peak: Annotated[float, Ge(1)] = 4.0
    period: Annotated[int, Ge(2), Le(MOST)] = 4000

    def course(self, steps: Steps, n_steps: int) -> Array:
        height = 1.0 - np.abs(2.0 * (steps % self.period) / self.period - 1.0)
        return np.asarray(1.0 + (self.peak - 1.0) * height)


class Cosine(Warmed, name="cosine"):
    """A fall along half a cosine, over the whole budget or again and again.

    Attributes:
        period: Updates of the first fall, after which the learning rate is restored and falls
            again; None for one fall over the whole budget.
        growth: Each period's length as a multiple of the one before.
        minimum: Where a fall ends, as a multiple of the learning rate.

    References:
        Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2016,
        arXiv:1608.03983.
    """

    period: Annotated[int, Ge(1), Le(MOST)] | None = None
    growth: Annotated[int, Ge(1), Le(1000)] = 1
    minimum: Annotated[float, Ge(0), Le(1)] = 0.0

    def __post_init__(self) -> None:
        if self.growth != 1 and self.period is None:
            rule = "has no effect on one fall over the whole budget"
            raise InputError(Issue("growth", self.growth, rule, "give period, too"))

    def course(self, steps: Steps, n_steps: int) -> Array:
        first, lengths = self._periods(steps, self.period or n_steps)
        fallen = 0.5 * (1.0 - np.cos(np.pi * ((steps - first) / lengths)))
        return np.asarray(1.0 - (1.0 - self.minimum) * fallen)

    def _periods(self, steps: Steps, period: int) -> tuple[Steps, Steps]:
        """Return the first step of each step's period, and the period's length."""
        if self.growth == 1:
            return steps - steps % period, np.full_like(steps, period)
        firsts, lengths = [0], [period]
        while firsts[-1] + lengths[-1] <= steps.max(initial=0):
            firsts.append(firsts[-1] + lengths[-1])
            lengths.append(lengths[-1] * self.growth)
        number = np.searchsorted(firsts, steps, side="right") - 1
        return np.array(firsts, np.int64)[number], np.array(lengths, np.int64)[number]


class OneCycle(Warmed, name="one_cycle"):
    """One rise from the learning rate to a peak, and one fall to nearly nothing at the last update.

    As PyTorch's OneCycleLR, without its cycling of the momentum; its ``max_lr`` is lr x peak.

    Attributes:
        peak: The peak, as a multiple of the learning rate.
        rise: Share of the budget's updates in which the peak is reached.
        end: Where the fall ends, as a multiple of the learning rate.
        anneal: How it rises and falls.

    References:
        Smith & Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large
        Learning Rates, 2017, arXiv:1708.07120.
    """

    peak: Annotated[float, Ge(1)] = 25.0
    rise: Annotated[float, Ge(0), Lt(1)] = 0.3
    end: Annotated[float, Ge(0), Le(1)] = 0.0001
    anneal: Literal["cosine", "linear"] = "cosine"

    def course(self, steps: Steps, n_steps: int) -> Array:
        top, last = self.rise * n_steps - 1.0, n_steps - 1.0
        risen = self._eased(np.minimum(steps / top, 1.0)) if top > 0 else np.ones(steps.shape)
        fallen = self._eased(np.clip((steps - top) / (last - top), 0.0, 1.0))
        up = 1.0 + (self.peak - 1.0) * risen
        down = self.peak + (self.end - self.peak) * fallen
        return np.where(steps <= top, up, down)

    def _eased(self, share: Array) -> Array:
        """Turn the share of the way in updates into the share in height."""
        return 0.5 * (1.0 - np.cos(np.pi * share)) if self.anneal == "cosine" else share
