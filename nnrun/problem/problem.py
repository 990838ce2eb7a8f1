"""The parts of a learning problem, whatever it was made from."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.registry import Registry

Array = npt.NDArray[np.float64]


class Task(StrEnum):
    """What the targets are."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Samples(NamedTuple):
    """Inputs with their targets.

    Attributes:
        inputs: Shape (n, input), float64.
        targets: Shape (n, output), float64: 0 or 1 for a binary task, one-hot for classes, the
            standardised value for regression.
    """

    inputs: Array
    targets: Array


@dataclass(frozen=True)
class Problem:
    """A task with training data and held-out data.

    Training data come from ``pool``, which all trials share, or from ``draw``: as an endless
    stream if ``n_train`` is None, else as a pool of ``n_train`` samples that each trial draws.

    Attributes:
        task: What the targets are.
        inputs: Names of the input columns.
        outputs: Names of the output columns.
        held_out: Test samples, shared by all trials.
        pool: Fixed training samples; None if they are drawn.
        draw: Draws n samples from a generator; None if the pool is fixed.
        n_train: Size of the finite training set; None for a stream.
        shuffle: Whether a finite training set is visited in a new random order each epoch.
    """

    task: Task
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    held_out: Samples
    pool: Samples | None = None
    draw: Callable[[np.random.Generator, int], Samples] | None = None
    n_train: int | None = None
    shuffle: bool = True


class Data(Protocol):
    """A data entry of the configuration: frozen, hashable, and able to make its problem.

    Attributes:
        planar: Whether its inputs are the coordinates x and y, which features can combine.
    """

    name: ClassVar[str]
    planar: ClassVar[bool]

    def __hash__(self) -> int: ...

    def problem(self) -> Problem:
        """Make the problem.

        Raises:
            InputError: If its data cannot be had, with keys relative to the data section.
        """
        ...


DATA: Registry[Data] = Registry("data")
