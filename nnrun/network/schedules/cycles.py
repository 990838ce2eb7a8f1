"""Schedules that rise, too."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, Lt

from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.schedules.base import MOST, SCHEDULES, Steps, Warmed


@SCHEDULES.register("triangular")
@dataclass(frozen=True)
class Triangular(Warmed):
    """Linear cycles from the learning rate up to a maximum and back.

    Attributes:
        peak: The maximum, as a multiple of the learning rate; 3 or 4 in the paper's rule of thumb.
        period: Updates of a whole cycle, up and down.
        warmup: Updates over which the learning rate first rises linearly.

    References:
        Smith, Cyclical Learning Rates for Training Neural Networks, 2015, arXiv:1506.01186.
    """

    peak: Annotated[float, Ge(1)] = 4.0
    period: Annotated[int, Ge(2), Le(MOST)] = 4000

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Rise for half a period, fall for the other half."""
        height = 1.0 - np.abs(2.0 * (steps % self.period) / self.period - 1.0)
        return np.asarray(1.0 + (self.peak - 1.0) * height)


@SCHEDULES.register("cosine")
@dataclass(frozen=True)
class Cosine(Warmed):
    """A fall along half a cosine, over the whole budget or again and again.

    Attributes:
        period: Updates of the first fall, after which the learning rate is restored and falls
            again; None for one fall over the whole budget.
        growth: Each period's length as a multiple of the one before.
        minimum: Where a fall ends, as a multiple of the learning rate.
        warmup: Updates over which the learning rate first rises linearly.

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
        """Return the fall of the period that each step is in."""
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


@SCHEDULES.register("one_cycle")
@dataclass(frozen=True)
class OneCycle(Warmed):
    """One rise from the learning rate to a peak, and one fall to nearly nothing at the last update.

    As PyTorch's OneCycleLR, without its cycling of the momentum; its ``max_lr`` is lr x peak.

    Attributes:
        peak: The peak, as a multiple of the learning rate.
        rise: Share of the budget's updates in which the peak is reached.
        end: Where the fall ends, as a multiple of the learning rate.
        anneal: How it rises and falls.
        warmup: Updates over which the learning rate first rises linearly, before the cycle.

    References:
        Smith & Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large
        Learning Rates, 2017, arXiv:1708.07120.
    """

    peak: Annotated[float, Ge(1)] = 25.0
    rise: Annotated[float, Ge(0), Lt(1)] = 0.3
    end: Annotated[float, Ge(0), Le(1)] = 0.0001
    anneal: Literal["cosine", "linear"] = "cosine"

    def course(self, steps: Steps, n_steps: int) -> Array:
        """Rise to the peak, then fall."""
        top, last = self.rise * n_steps - 1.0, n_steps - 1.0
        risen = self._eased(np.minimum(steps / top, 1.0)) if top > 0 else np.ones(steps.shape)
        fallen = self._eased(np.clip((steps - top) / (last - top), 0.0, 1.0))
        up = 1.0 + (self.peak - 1.0) * risen
        down = self.peak + (self.end - self.peak) * fallen
        return np.where(steps <= top, up, down)

    def _eased(self, share: Array) -> Array:
        """Turn the share of the way in updates into the share in height."""
        return 0.5 * (1.0 - np.cos(np.pi * share)) if self.anneal == "cosine" else share
