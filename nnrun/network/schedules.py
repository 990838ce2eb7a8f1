"""Learning-rate schedules: a factor on the learning rate for every step."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.registry import Registry


class Schedule(Protocol):
    """How the learning rate changes over a trial's steps."""

    name: ClassVar[str]

    def factor(self, steps: npt.NDArray[np.int64], n_steps: int) -> Array:
        """Return the factor on the learning rate, shape of ``steps``.

        Args:
            steps: Indices of updates, the first is 0.
            n_steps: Updates in the whole budget.
        """
        ...


SCHEDULES: Registry[Schedule] = Registry("schedule")


@SCHEDULES.register("constant")
@dataclass(frozen=True)
class Constant:
    """The learning rate as it was given, from the first step to the last."""

    def factor(self, steps: npt.NDArray[np.int64], n_steps: int) -> Array:
        """Return ones."""
        return np.ones(steps.shape)
