"""The parts of a learning problem, whatever it was made from, and the check of anybody's own."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.errors import InputError, Issue
from nnrun.network.randomness import Role, generator
from nnrun.registry import Component, Registry
from nnrun.rows.trace import Row

if TYPE_CHECKING:
    from nnrun.problem.column_encoder import Encoder

Array = npt.NDArray[np.float64]


class Task(StrEnum):
    """What the targets are."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    def right(self, outputs: Any, targets: Any, boundary: float) -> Any:
        """Say which samples are classified right: shapes (..., output) make one of shape (...)."""
        if self is Task.BINARY:
            return ((outputs >= boundary) == (targets >= 0.5))[..., 0]
        return outputs.argmax(axis=-1) == targets.argmax(axis=-1)


class Samples(NamedTuple):
    """Inputs with their targets.

    Attributes:
        inputs: Shape (n, input), float64.
        targets: Shape (n, output), float64: 0 or 1 for a binary task, one-hot for classes, the
            standardised value for regression.
    """

    inputs: Array
    targets: Array


Draw = Callable[[np.random.Generator, int], Samples]


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
    draw: Draw | None = None
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
        return _digest(self.held_out, self.pool, about=repr(facts))

    @cached_property
    def held_out_digest(self) -> str:
        """Sixteen hexadecimal digits for the test samples."""
        return _digest(self.held_out)[:16]

    @cached_property
    def pool_digest(self) -> str | None:
        """Sixteen hexadecimal digits for the training samples; None if they are drawn."""
        return None if self.pool is None else _digest(self.pool)[:16]


def _digest(*several: Samples | None, about: str = "") -> str:
    found = hashlib.sha256(about.encode())
    for samples in several:
        for array in samples or ():
            found.update(repr(array.shape).encode())
            found.update(np.ascontiguousarray(array, dtype=np.float64).data)
    return found.hexdigest()


class Data(Component):
    """A data entry of the configuration: frozen, hashable, and able to make its problem.

    Attributes:
        planar: Whether its inputs are the coordinates x and y, which features can combine.
    """

    planar: ClassVar[bool] = False

    def problem(self) -> Problem:
        """Make the problem.

        Before anything trains it is checked against what ``Problem`` and ``Samples`` say, and
        arrays of other types of numbers become float64: see ``checked``.

        Raises:
            InputError: If its data cannot be had, with keys relative to the data section.
        """
        raise NotImplementedError


DATA: Registry[Data] = Registry("data", Data)


class _Unsound(Exception):
    """A broken rule, as the rest of a sentence that starts with the data's name."""


def checked(problem: Any, data: Any) -> Problem:
    """Check a problem, and bring its names, numbers and arrays to their one form.

    Samples may be of any type of real numbers; they become contiguous float64, those of ``draw``
    whenever it draws. Arrays that were so, and not read-only, are not copied.

    Args:
        problem: What a data entry's ``problem`` returned.
        data: The entry.

    Raises:
        InputError: With the first rule that is broken, by the key that names the entry.
    """
    try:
        return _checked(problem)
    except _Unsound as flaw:
        key = "name" if type(data) in DATA.values() else "_target_"
        name = getattr(data, "name", type(data).__name__)
        raise InputError(Issue(key, name, str(flaw))) from None


def _checked(problem: Any) -> Problem:
    if not isinstance(problem, Problem):
        kind = type(problem).__name__
        raise _Unsound(f"returns a value of type {kind} from problem(); it must be a Problem")
    try:
        task = Task(problem.task)
    except ValueError:
        rule = f"has the task {problem.task!r}; it must be one of {', '.join(Task)}"
        raise _Unsound(rule) from None
    inputs, outputs = _names(problem.inputs, "inputs"), _names(problem.outputs, "outputs")
    if task is Task.BINARY and len(outputs) != 1:
        raise _Unsound(f"has {len(outputs)} outputs; a binary task must have one")
    if task is Task.MULTICLASS and len(outputs) == 1:
        raise _Unsound("has one output; a multiclass task must have one a class")
    named = replace(problem, task=task, inputs=inputs, outputs=outputs)
    pool, draw = problem.pool, problem.draw
    if draw is not None:
        for n in (64, 1):
            drawn = _samples(named, draw(generator(0, Role.DATA), n), "draw returns", n)
            again = draw(generator(0, Role.DATA), n)
            if not all(map(np.array_equal, drawn, again)):
                rule = "draws other samples from an equal generator; it must draw from nothing else"
                raise _Unsound(rule)
    pool = None if pool is None else _samples(named, pool, "pool has")
    return replace(
        named,
        held_out=_samples(named, problem.held_out, "held_out has"),
        pool=pool,
        draw=None if draw is None else _Converting(draw),
        n_train=_n_train(problem, pool),
    )


def _names(names: Any, what: str) -> tuple[str, ...]:
    if not isinstance(names, tuple | list) or not names:
        raise _Unsound(f"has {what}={names!r}; it must be a tuple with at least one name")
    known = set[str]()
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise _Unsound(f"has {name!r} among its {what}; names must be text, and not empty")
        if name in known:
            raise _Unsound(f"has two {what} called '{name}'")
        known.add(name)
    return tuple(map(str, names))


def _n_train(problem: Problem, pool: Samples | None) -> int | None:
    n_train: Any = problem.n_train
    whole = isinstance(n_train, Integral) and not isinstance(n_train, bool)
    if pool is not None and not (whole and n_train == len(pool.inputs)):
        raise _Unsound(f"has n_train={n_train!r}; it must be {len(pool.inputs)}, as pool has")
    if pool is None and problem.draw is None:
        raise _Unsound("has neither a pool nor a draw to train on")
    if n_train is not None and not (whole and n_train > 0):
        raise _Unsound(f"has n_train={n_train!r}; it must be None or a whole number above 0")
    return None if n_train is None else int(n_train)


def _samples(problem: Problem, samples: Any, whose: str, n: int | None = None) -> Samples:
    """Check samples, n of them or any number above 0, and convert them."""
    if not isinstance(samples, tuple | list) or len(samples) != 2:
        kind = type(samples).__name__
        raise _Unsound(f"{whose} a value of type {kind}; it must be Samples: inputs and targets")
    inputs = _array(samples[0], f"{whose} inputs", n, len(problem.inputs))
    if not len(inputs):
        raise _Unsound(f"{whose} no samples")
    targets = _array(samples[1], f"{whose} targets", len(inputs), len(problem.outputs))
    if problem.task is not Task.REGRESSION:
        _check_classes(targets, f"{whose} targets")
    return Samples(inputs, targets)


def _array(part: Any, whose: str, n: int | None, width: int) -> Array:
    """Check an array, which must have shape (n, width), and convert it."""
    try:
        array = np.asarray(part)
    except ValueError:
        raise _Unsound(f"{whose} whose rows differ in length") from None
    if array.dtype.kind not in "biuf":
        raise _Unsound(f"{whose} of type {array.dtype}; they must be numbers")
    if n is None:
        n = len(array) if array.ndim else 1
    if array.shape != (n, width):
        raise _Unsound(f"{whose} of shape {array.shape}; they must have ({n}, {width})")
    converted = _converted(array)
    finite = np.isfinite(converted).all(axis=1)
    if not finite.all():
        raise _Unsound(f"{whose} that are not finite, first in row {finite.argmin()}")
    return converted


def _check_classes(targets: Array, whose: str) -> None:
    """Check that targets, shape (n, output), are 0 or 1, and one-hot if there are several."""
    right = ((targets == 0) | (targets == 1)).all(axis=1)
    wanted = "0 or 1"
    if targets.shape[1] > 1:
        right &= targets.sum(axis=1) == 1
        wanted = "a single 1 among 0"
    if not right.all():
        row = int(right.argmin())
        raise _Unsound(f"{whose} that are {targets[row]} in row {row}; a row must be {wanted}")


@dataclass(frozen=True, eq=False)
class _Converting:
    """A draw whose samples are converted; no closure, so that it can be sent to a worker."""

    draw: Draw

    def __call__(self, rng: np.random.Generator, n: int) -> Samples:
        inputs, targets = self.draw(rng, n)
        return Samples(_converted(inputs), _converted(targets))


def _converted(part: Any) -> Any:
    return part if isinstance(part, Row) else np.ascontiguousarray(part, np.float64)
