"""Where the samples of a shard's trials come from: drawn one by one, a finite set, or handed over.

Sample k that a trial sees is a function of its seed and of k alone: training may begin anywhere.
"""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.network.randomness import Role
from nnrun.problem.problem import Problem, Samples
from nnrun.rows.draws import Draws
from nnrun.rows.streams import BLOCK, Latest, Stream, record_of

Places = npt.NDArray[np.int64]

Kind = Literal["drawn", "pool", "handed"]


class Batches(NamedTuple):
    """Training samples of every trial; trials with equal seeds share a stream.

    Attributes:
        inputs: Shape (stream, sample, input); a whole number of batches.
        targets: Shape (stream, sample, output).
        which: The stream of each trial, shape (trial,).
        masks: Factors on the outputs of the hidden units of all layers, shape (stream, sample,
            unit): 0 where dropped, else 1 / (1 - dropout); None without dropout.
    """

    inputs: Array
    targets: Array
    which: npt.NDArray[np.intp]
    masks: Array | None = None


class Source:
    """The samples of many trials side by side; trials with equal seeds share a stream.

    Args:
        problem: What is learned.
        seeds: One a trial.
        n_hidden: Hidden units that are dropped at random; 0 for none.
        dropout: Share of them that is dropped.

    Attributes:
        kind: ``drawn`` if a sample follows from seed and place by what can be traced; ``pool`` if
            there is a finite set that is visited again and again; else ``handed``: drawn in
            blocks.
        which: The stream of each trial, shape (trial,).
    """

    def __init__(
        self, problem: Problem, seeds: Sequence[int], n_hidden: int = 0, dropout: float = 0.0
    ) -> None:
        self.problem, self.seeds = problem, list(seeds)
        self.distinct = sorted(set(seeds))
        self.which: npt.NDArray[np.intp] = np.searchsorted(self.distinct, seeds)
        self.n_hidden, self.kept = n_hidden, 1.0 - dropout
        self.masked = n_hidden > 0 and dropout > 0
        self.kind = kind_of(problem)
        self._drawn = None if problem.draw is None else Stream(problem.draw, Role.DATA)
        self._visits = Latest(partial(_visits, problem.n_train or 0))

    @cached_property
    def pools(self) -> Samples:
        """The finite sets, shapes (set, sample, column): one that all share, or one a stream."""
        pool, n = self.problem.pool, self.problem.n_train
        if pool is not None:
            return Samples(pool.inputs[None], pool.targets[None])
        assert self._drawn is not None
        assert n is not None
        return Samples(*self._drawn.sets(self.distinct, n))

    def order(self, first: int, n: int) -> Places:
        """Return which sample of its set each stream visits, shape (stream, n)."""
        n_pool = self.problem.n_train
        assert n_pool is not None
        if not self.problem.shuffle:
            return np.tile(np.arange(first, first + n) % n_pool, (len(self.distinct), 1))
        whole = max(1, BLOCK // n_pool) * n_pool
        blocks = range(first // whole, -(-(first + n) // whole))
        places = np.empty((len(self.distinct), n), dtype=np.int64)
        for seed, row in zip(self.distinct, places, strict=True):
            for number in blocks:
                begin, end = max(first, number * whole), min(first + n, (number + 1) * whole)
                visits = self._visits.of(seed, number)
                part = visits[begin - number * whole : end - number * whole]
                row[begin - first : end - first] = part
        return places

    def take(self, first: int, n: int) -> Batches:
        """Return samples ``first`` to ``first + n - 1`` of every stream."""
        if self.kind == "pool":
            order, rows = self.order(first, n), np.arange(len(self.distinct))[:, None]
            sets = rows if len(self.pools.inputs) > 1 else np.zeros_like(rows)
            inputs, targets = (part[sets, order] for part in self.pools)
        else:
            assert self._drawn is not None
            inputs, targets = self._drawn.take(self.distinct, first, n)
        return Batches(inputs, targets, self.which, self._masks(first, n))

    def _masks(self, first: int, n: int) -> Array | None:
        """Draw what drops hidden outputs, shape (stream, n, unit); None without dropout."""
        if not self.masked:
            return None
        seeds = np.array(self.distinct, np.uint64)[:, None]
        rng = Draws(seeds, np.arange(first, first + n, dtype=np.uint64), Role.NOISE)
        return rng.kept(self.n_hidden, self.kept)


class Handed(Source):
    """Samples that a program hands over, a piece at a time.

    Args:
        seeds: One a trial.
        which: The stream of each trial, shape (trial,); None if they share one.
        n_hidden: Hidden units that are dropped at random, each stream's by the seed at its place.
        dropout: Share of them that is dropped.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        which: npt.NDArray[np.intp] | None = None,
        n_hidden: int = 0,
        dropout: float = 0.0,
    ) -> None:
        self.kind, self.seeds = "handed", list(seeds)
        self.which = np.zeros(len(seeds), dtype=np.intp) if which is None else which
        self.distinct = self.seeds[: int(self.which.max()) + 1]
        self.n_hidden, self.kept = n_hidden, 1.0 - dropout
        self.masked = n_hidden > 0 and dropout > 0

    def hand(self, inputs: Array, targets: Array) -> None:
        """Hand over the next samples, shapes (stream, sample, input) and (..., output)."""
        self._piece = Batches(inputs, targets, self.which)

    def take(self, first: int, n: int) -> Batches:
        """Return what was handed over last."""
        return self._piece._replace(masks=self._masks(first, n))


def kind_of(problem: Problem) -> Kind:
    """Say how the samples of a problem come."""
    if problem.n_train is not None:
        return "pool"
    assert problem.draw is not None
    return "handed" if isinstance(record_of(problem.draw, Role.DATA), Exception) else "drawn"


def _visits(n_pool: int, seed: int, number: int) -> npt.NDArray[np.int32]:
    """Order a set for some epochs at once, each a permutation of its own.

    Random words are sorted, whose last bits are the places: much quicker than to swap one by one.
    """
    shape = max(1, BLOCK // n_pool), n_pool
    place = np.uint64(2 ** (n_pool - 1).bit_length() - 1)
    key, counter = np.array([seed, Role.ORDER], np.uint64), np.array([0, 0, number, 0], np.uint64)
    words = np.random.Philox(key=key, counter=counter).random_raw(shape[0] * n_pool)
    words = (words.reshape(shape) & ~place) | np.arange(n_pool, dtype=np.uint64)
    words.sort(axis=1)
    return (words & place).astype(np.int32).ravel()  # half the memory of a larger type
