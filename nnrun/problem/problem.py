"""The parts of a learning problem, whatever it was made from."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.registry import Registry

if TYPE_CHECKING:
    from nnrun.problem.encoder import Encoder

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
        encoder: How the columns of a table became the inputs; None if there was no table.
        about: What was understood of a table, in lines for the user.
    """

    task: Task
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    held_out: Samples
    pool: Samples | None = None
    draw: Callable[[np.random.Generator, int], Samples] | None = None
    n_train: int | None = None
    shuffle: bool = True
    encoder: "Encoder | None" = None
    about: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """What the fixed data are, in hexadecimal digits: other data, other digits.

        It covers names, held-out samples and the pool. What ``draw`` does it cannot know: that is
        in the configuration.
        """
        facts = (self.task.value, self.inputs, self.outputs, self.n_train, self.shuffle)
        found = hashlib.sha256(repr(facts).encode())
        for samples in (self.held_out, self.pool):
            for array in samples or ():
                found.update(repr(array.shape).encode())
                found.update(np.ascontiguousarray(array, dtype=np.float64).data)
        return found.hexdigest()


class Data(Protocol):
    """A data entry of the configuration: frozen, hashable, and able to make its problem.

    Attributes:
        planar: Whether its inputs are the coordinates x and y, which features can combine.
    """

    name: ClassVar[str]
    planar: ClassVar[bool] = False

    def __hash__(self) -> int: ...

    def problem(self) -> Problem:
        """Make the problem.

        Before anything trains it is checked against what ``Problem`` and ``Samples`` say, and
        arrays of other types of numbers become float64: see ``soundness``.

        Raises:
            InputError: If its data cannot be had, with keys relative to the data section.
        """
        ...


DATA: Registry[Data] = Registry("data")
