"""Problems that are small fixed sets: logic gates, parity, the encoder."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le

from nnrun.network.randomness import Role, generator
from nnrun.problem.generator_base import Drawn, yes_no
from nnrun.problem.problem import Problem, Samples
from nnrun.rows.streams import drawn

TRUTH = {
    "and": (0, 0, 0, 1),
    "or": (0, 1, 1, 1),
    "nand": (1, 1, 1, 0),
    "nor": (1, 0, 0, 0),
    "xor": (0, 1, 1, 0),
    "xnor": (1, 0, 0, 1),
}


@dataclass(frozen=True, kw_only=True)
class Patterns(Drawn):
    """A fixed set of patterns, which is training and test set in one.

    It is tested as it is, without noise. In training each pattern comes once an epoch; with
    ``n_train`` they come over and over until there are as many, each with noise of its own, which
    a trial draws once. ``train_share`` holds patterns out, the same ones in all trials.
    """

    refused: ClassVar[dict[str, str]] = {
        "balance": "needs a distribution, and this is a fixed set",
        "n_test": "needs a distribution, and this is a fixed set, which is tested whole",
    }
    is_finite: ClassVar[bool] = True

    @abstractmethod
    def patterns(self) -> Samples:
        """List the patterns, shape (pattern, input), with their targets."""

    def sample(self, rng: Any, n: int) -> Samples:
        """Repeat the patterns in their order up to n; nothing is drawn."""
        train = self._split()[0]
        return _rows(train, np.arange(n) % len(train.inputs))

    def held_out(self) -> Samples:
        """Return all patterns, or those that are kept from training."""
        return self._split()[1]

    def problem(self) -> Problem:
        """Split the patterns; the training set is shared by all trials unless it has noise."""
        train, test = self._split()
        size = self.n_train or len(train.inputs)
        noisy = self.noise > 0 or self.label_noise > 0
        shared = self.pool_seed is not None or not noisy
        pool = drawn(self.draw, self.pool_seed or 0, Role.DATA, size) if shared else None
        return self.problem_of(test, None if pool is None else Samples(*pool), size)

    def _split(self) -> tuple[Samples, Samples]:
        """Return training and test patterns: all of them twice, unless some are held out."""
        patterns = self.patterns()
        if self.train_share is None:
            return patterns, patterns
        n = len(patterns.inputs)
        n_train = min(max(round(n * self.train_share), 1), n - 1)
        order = generator(0, Role.HELD_OUT).permutation(n)
        return _rows(patterns, np.sort(order[:n_train])), _rows(patterns, np.sort(order[n_train:]))


def _rows(samples: Samples, rows: np.typing.NDArray[np.intp]) -> Samples:
    return Samples(samples.inputs[rows], samples.targets[rows])


class Gate(Patterns, name="gate"):
    """A logic gate on the four corners 00, 01, 10, 11.

    Attributes:
        gate: Which gate.
    """

    gate: Literal["and", "or", "nand", "nor", "xor", "xnor"] = "xor"

    def patterns(self) -> Samples:
        corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        return Samples(corners, np.array(TRUTH[self.gate], dtype=np.float64)[:, None])


class Parity(Patterns, name="parity"):
    """All patterns of a few bits; 1 where the number of ones is odd.

    Attributes:
        bits: How many; the set has 2^bits patterns.
        bipolar: Whether a bit is -1 or 1 as an input instead of 0 or 1.

    References:
        Minsky & Papert, Perceptrons, 1969; Rumelhart, Hinton & Williams, Learning internal
        representations by error propagation, 1986.
    """

    planar: ClassVar[bool] = False

    bits: Annotated[int, Ge(1), Le(16)] = 3
    bipolar: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(f"bit{i + 1}" for i in range(self.bits))

    def patterns(self) -> Samples:
        places = np.arange(self.bits)[::-1]
        ones = (np.arange(2**self.bits)[:, None] >> places) & 1
        inputs = ones.astype(np.float64)
        return Samples(2 * inputs - 1 if self.bipolar else inputs, yes_no(ones.sum(axis=1) % 2 > 0))


class Encoder(Patterns, name="encoder"):
    """One-hot patterns that are to come out as they went in, through a narrower hidden layer.

    The classical 8-3-8 encoder is this with ``network.hidden=[3]``.

    Attributes:
        units: Number of inputs, outputs and patterns.

    References:
        Ackley, Hinton & Sejnowski, A learning algorithm for Boltzmann machines, 1985,
        doi:10.1207/s15516709cog0901_7.
    """

    planar: ClassVar[bool] = False

    units: Annotated[int, Ge(2), Le(1000)] = 8

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(f"in{i + 1}" for i in range(self.units))

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(f"out{i + 1}" for i in range(self.units))

    def patterns(self) -> Samples:
        return Samples(np.eye(self.units), np.eye(self.units))
