"""What all generated problems share: sizes, noise, balance, and how a problem is made of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Lt

from nnrun.errors import InputError, Issue
from nnrun.network.randomness import Role, generator
from nnrun.problem.problem import Array, Data, Problem, Samples, Task
from nnrun.rows.draws import Draws
from nnrun.rows.streams import drawn

MOVES, LABELS, CLASSES, INPUTS = range(4)
"""What a generator beside another is for. Part of what the data are: never reorder."""

ROUND = 4096
"""Samples drawn at once to choose classes from. Part of what the data are."""

MOST_SAMPLES = 10_000_000
"""Of a set that is kept in memory; in the plane that is 240 MB."""

Size = Annotated[int, Ge(1), Le(MOST_SAMPLES)]
Share = Annotated[float, Gt(0), Lt(1)]
Spread = Annotated[float, Ge(0), Le(1000)]


def beside(rng: Any, purpose: int) -> Any:
    """Return a generator for another purpose beside one, which is not advanced.

    Two settings that differ in noise alone therefore see the same points, and where both have
    noise, the same points moved into the same directions. Generators for several purposes are
    independent of each other.

    Args:
        rng: A trial's ``Draws``, or a generator of NumPy's on PCG64: where it stands now matters.
        purpose: What for.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> beside(rng, MOVES).random() == beside(rng, MOVES).random()
        True
        >>> beside(rng, MOVES).random() == beside(rng, LABELS).random()
        False
    """
    if isinstance(rng, Draws):
        return rng.beside(purpose)
    state: Any = rng.bit_generator.state["state"]
    sequence = np.random.SeedSequence(
        (state["state"], state["inc"]), spawn_key=(Role.NOISE, purpose)
    )
    return np.random.Generator(np.random.PCG64(sequence))


def one_hot(numbers: Any, n: int) -> Array:
    """Return rows of a single 1 among n places, shape (sample, n), from places, shape (sample,)."""
    return (numbers[:, None] == np.arange(n)) * 1.0


def class_numbers(targets: Array) -> npt.NDArray[np.intp]:
    """Return each sample's class, shape (n,), from targets of shape (n, 1) or one-hot."""
    return targets[:, 0].astype(np.intp) if targets.shape[1] == 1 else targets.argmax(axis=1)


def yes_no(flags: npt.NDArray[np.bool_]) -> Array:
    """Make targets of two classes, shape (n, 1), from flags, shape (n,), True for class 1."""
    return flags[:, None].astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Drawn(Data, ABC):
    """A problem whose samples are drawn; an entry says how in ``sample``.

    The held-out set has coordinate noise and balance as the training data have them, and no label
    noise: what is measured is how well the rule was learned, not how well its corruption was.
    It is the same for all trials. Noise does not change which points a seed gives, it moves them;
    and a larger training set begins with the points of a smaller one.

    Attributes:
        n_train: Training samples a trial draws once; None for an endless stream.
        n_test: Size of the held-out set; None for 1000, or for what ``train_share`` says.
        train_share: Share of training samples among all samples: the held-out set gets
            n_train (1 - share) / share points, rounded. Needs ``n_train``.
        shuffle: Whether a finite training set is visited in a new random order each epoch.
        pool_seed: Seed of one training set that all trials share: it is what the trial of that
            seed would draw. None if every trial draws its own. Needs ``n_train``.
        noise: Standard deviation of normal noise added to the inputs, in their units, after the
            labels were given.
        label_noise: Share of training labels that are replaced by another class at random; for
            regression, the standard deviation of normal noise added to training targets.
        balance: Share of class 1 of two, or a list with the share of each class; None for the
            distribution's own shares.
    """

    planar: ClassVar[bool] = True
    refused: ClassVar[dict[str, str]] = {}
    """Keys that make no sense for an entry, with the reason as the rest of a sentence."""
    is_finite: ClassVar[bool] = False
    """Whether the problem is a finite set of its own."""

    n_train: Size | None = None
    n_test: Size | None = None
    train_share: Share | None = None
    shuffle: bool = True
    pool_seed: Annotated[int, Ge(0), Le(2**62)] | None = None
    noise: Spread = 0.0
    label_noise: Spread = 0.0
    balance: Share | tuple[Share, ...] | None = None

    def __post_init__(self) -> None:
        issues = list(self._issues())
        if issues:
            raise InputError(*issues)
        if self.balance is not None:
            self._shares(self.balance)

    def _issues(self) -> Iterator[Issue]:
        """Check the rules that span several keys."""
        for key, rule in self.refused.items():
            if getattr(self, key) is not None:
                yield Issue(key, getattr(self, key), rule)
        if self.task is not Task.REGRESSION and self.label_noise > 1:
            yield Issue("label_noise", self.label_noise, "must be a share between 0 and 1")
        if self.train_share is not None and self.n_test is not None:
            rule = "follows from n_train and train_share"
            yield Issue("n_test", self.n_test, rule, "leave n_test or train_share at null")
        if self.n_train is None and not self.is_finite:
            for key in ("train_share", "pool_seed"):
                if getattr(self, key) is not None:
                    rule = "needs a finite training set"
                    yield Issue(key, getattr(self, key), rule, "for instance data.n_train=500")
            if not self.shuffle:
                yield Issue("shuffle", False, "needs a finite training set: a stream has no order")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return ("x", "y")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs: one for two classes or a quantity, else one a class."""
        return ("label",)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return max(len(self.outputs), 2)

    @property
    def task(self) -> Task:
        """What the targets are."""
        return Task.BINARY if len(self.outputs) == 1 else Task.MULTICLASS

    @abstractmethod
    def sample(self, rng: Any, n: int) -> Samples:
        """Draw n samples without noise: the same state of ``rng`` gives the same samples.

        Args:
            rng: A generator of NumPy's, or a trial's ``Draws``; nothing else may decide.
            n: Number of samples.

        Returns:
            Inputs, shape (n, input), and targets, shape (n, output).
        """

    def draw(self, rng: Any, n: int) -> Samples:
        """Draw n training samples, with balance and noise."""
        if not self.label_noise:
            return self._moved(rng, n)
        mistakes = beside(rng, LABELS)
        inputs, targets = self._moved(rng, n)
        return Samples(inputs, self.mistaken(targets, mistakes))

    def _moved(self, rng: Any, n: int) -> Samples:
        """Draw n samples with balance and coordinate noise."""
        sample = self.sample if self.balance is None else self._balanced
        if not self.noise:
            return sample(rng, n)
        moves = beside(rng, MOVES)
        inputs, targets = sample(rng, n)
        return Samples(inputs + self.noise * moves.standard_normal(inputs.shape), targets)

    def _balanced(self, rng: Any, n: int) -> Samples:
        """Draw n samples whose classes are independent and have the shares that are asked for.

        Every sample's class is drawn first; then samples are drawn until each has found one of its
        class. What a class looks like does not change.
        """
        assert self.balance is not None
        shares = self._shares(self.balance)
        choice = beside(rng, CLASSES).random(n)
        wanted = np.searchsorted(np.cumsum(shares)[:-1], choice, side="right")
        open_places = [np.flatnonzero(wanted == number) for number in range(len(shares))]
        found = self.sample(rng, ROUND)
        filled = Samples(*(np.empty((n, part.shape[1])) for part in found))
        while True:
            classes = class_numbers(found.targets)
            for number, places in enumerate(open_places):
                rows = np.flatnonzero(classes == number)[: len(places)]
                for whole, part in zip(filled, found, strict=True):
                    whole[places[: len(rows)]] = part[rows]
                open_places[number] = places[len(rows) :]
            if not any(map(len, open_places)):
                return filled
            found = self.sample(rng, ROUND)

    def _shares(self, balance: float | tuple[float, ...]) -> tuple[float, ...]:
        """Return the share of each class; InputError if they do not fit or do not sum to 1."""
        n = self.n_classes
        if not isinstance(balance, tuple):
            if n == 2:
                return (1 - balance, balance)
            rule = f"is the share of class 1 of two, and there are {n} classes"
            raise InputError(Issue("balance", balance, rule, "give a list with a share for each"))
        if len(balance) != n:
            raise InputError(
                Issue("balance", balance, f"must have a share for each of the {n} classes")
            )
        if abs(sum(balance) - 1) > 1e-6:  # three times 0.333333 will do
            raise InputError(Issue("balance", balance, f"must sum to 1, not to {sum(balance):g}"))
        return balance

    def mistaken(self, targets: Array, rng: Any) -> Array:
        """Replace a share of the labels, each by another class, all others being equally likely.

        The labels that a smaller share replaces are among those that a larger one replaces.
        """
        n, n_outputs = targets.shape
        choice, way = rng.random((n, 2)).T
        wrong = choice < self.label_noise
        if n_outputs == 1:
            return np.where(wrong[:, None], 1 - targets, targets)
        shift = wrong * (1.0 + np.floor(way * (n_outputs - 1)))
        return one_hot((targets.argmax(axis=1) + shift) % n_outputs, n_outputs)

    def held_out(self) -> Samples:
        """Draw the held-out set."""
        size = self.n_test or 1000
        if self.train_share is not None and self.n_train is not None:
            size = max(round(self.n_train * (1 - self.train_share) / self.train_share), 1)
            if size > MOST_SAMPLES:
                rule = f"would hold out {size} samples, and at most {MOST_SAMPLES} fit"
                raise InputError(Issue("train_share", self.train_share, rule))
        return self._moved(generator(0, Role.HELD_OUT), size)

    def problem(self) -> Problem:
        """Draw the held-out set, and the training set if all trials share it."""
        pool = None
        if self.pool_seed is not None and self.n_train is not None:
            pool = Samples(*drawn(self.draw, self.pool_seed, Role.DATA, self.n_train))
        return self.problem_of(self.held_out(), pool, self.n_train)

    def problem_of(self, held_out: Samples, pool: Samples | None, n_train: int | None) -> Problem:
        """Make the problem of its data; without a pool every trial draws its own."""
        return Problem(
            task=self.task,
            inputs=self.inputs,
            outputs=self.outputs,
            held_out=held_out,
            pool=pool,
            draw=self.draw if pool is None else None,
            n_train=n_train,
            shuffle=self.shuffle,
        )


@dataclass(frozen=True, kw_only=True)
class DrawnValues(Drawn):
    """A problem whose target is a quantity; ``label_noise`` is in the target's units."""

    refused: ClassVar[dict[str, str]] = {"balance": "needs classes, and this is a regression"}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Name of the quantity."""
        return ("target",)

    @property
    def task(self) -> Task:
        """A regression."""
        return Task.REGRESSION

    def mistaken(self, targets: Array, rng: Any) -> Array:
        """Add normal noise."""
        return targets + self.label_noise * rng.standard_normal(targets.shape)
