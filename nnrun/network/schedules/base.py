"""What a learning-rate schedule is: a factor on the learning rate for every step.

Steps, periods and warm-ups are counted in updates, whatever the batch size. The factor of a step
depends on that step and the budget alone, never on the steps that are asked for with it.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le

from nnrun.errors import Issue
from nnrun.network.activations import Array
from nnrun.registry import Registry

Steps = npt.NDArray[np.int64]
MOST = 10**15
"""The largest count that a configuration takes."""


class Schedule(Protocol):
    """How the learning rate changes over a trial's steps."""

    name: ClassVar[str]

    def factor(self, steps: Steps, n_steps: int) -> Array:
        """Return the factor on the learning rate, shape of ``steps``.

        Args:
            steps: Indices of updates, the first is 0.
            n_steps: Updates in the whole budget.
        """
        ...

    def problem_with(self, n_steps: int) -> Issue | None:
        """Say what is wrong with the schedule for a budget of so many updates, if anything."""
        ...


SCHEDULES: Registry[Schedule] = Registry("schedule")


@dataclass(frozen=True, kw_only=True)
class Warmed(Schedule):
    """A schedule after a linear warm-up; to make one, write ``course``.

    During the warm-up the factor of step t is (t + 1) / (warmup + 1) of the course's first, so the
    first update is not wasted on a factor of 0.

    Attributes:
        warmup: Updates of the warm-up; the course gets what is left of the budget.
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
