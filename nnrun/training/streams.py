"""Training samples of each trial, in the order its own seed gives."""

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnrun.network.randomness import Role, generator
from nnrun.problem.problem import Problem, Samples
from nnrun.training.engine import Batches

BLOCK = 4096
"""Samples drawn at once. Part of what a stream is: another number gives other samples."""

_drawing = threading.Lock()
"""Held by the thread that draws. Drawing is many short NumPy calls, each of which lets go of the
interpreter's lock and wants it back: two threads doing so at once take twice as long as one after
the other. Meanwhile the other threads are in compiled kernels, which need no lock."""


class Stream:
    """The training samples of one seed, taken in order, in pieces of any size.

    The samples do not depend on the sizes of the pieces: an endless stream is drawn in blocks of
    fixed size, a finite pool is visited by whole epochs. Of a pool that all seeds share a stream
    holds no copy, only the order of its own visits.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem = problem
        self._data = generator(seed, Role.DATA)
        self._visits = generator(seed, Role.ORDER)
        self._pool = problem.pool
        if self._pool is None and problem.n_train is not None:
            assert problem.draw is not None
            self._pool = problem.draw(self._data, problem.n_train)
        self._used = self._ready = 0

    def take(self, n: int) -> Samples:
        """Return the next n samples: inputs (n, input) and targets (n, output)."""
        pieces = []
        while n > 0:
            if self._used == self._ready:
                self._get_ready()
            pieces.append(self._piece(min(n, self._ready - self._used)))
            n -= len(pieces[-1].inputs)
        if len(pieces) == 1:
            return pieces[0]
        return Samples(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))

    def _get_ready(self) -> None:
        """Draw a block of an endless stream, or order the pool for about as many samples."""
        self._used = 0
        if self._pool is None:
            assert self._problem.draw is not None
            self._block = self._problem.draw(self._data, BLOCK)
            self._ready = len(self._block.inputs)
            return
        n_pool = len(self._pool.inputs)
        one = np.arange(n_pool, dtype=np.int32)  # half the memory of a larger type
        epochs = np.broadcast_to(one, (max(1, BLOCK // n_pool), n_pool))
        if self._problem.shuffle:
            epochs = self._visits.permuted(epochs, axis=1)
        self._order, self._ready = epochs.ravel(), epochs.size

    def _piece(self, n: int) -> Samples:
        """Return the next n samples of those that are ready."""
        piece = slice(self._used, self._used + n)
        self._used += n
        if self._pool is None:
            return Samples(*(part[piece] for part in self._block))
        return Samples(*(part[self._order[piece]] for part in self._pool))


class StackedStreams:
    """The streams of many trials side by side; trials with equal seeds share one.

    Args:
        problem: What is learned.
        seeds: One a trial.
        n_hidden: Hidden units that are dropped at random; 0 for none.
        dropout: Share of them that is dropped.
    """

    def __init__(
        self, problem: Problem, seeds: Sequence[int], n_hidden: int = 0, dropout: float = 0.0
    ) -> None:
        distinct = sorted(set(seeds))
        self._streams = [Stream(problem, seed) for seed in distinct]
        self._which: npt.NDArray[np.intp] = np.searchsorted(distinct, seeds)
        self._n_hidden, self._dropout = n_hidden, dropout
        drops = n_hidden > 0 and dropout > 0
        self._noise = [generator(seed, Role.NOISE) for seed in distinct] if drops else []

    def take(self, n: int) -> Batches:
        """Return the next n samples of every trial."""
        with _drawing:
            taken = [stream.take(n) for stream in self._streams]
        inputs = np.stack([samples.inputs for samples in taken], dtype=np.float64)
        targets = np.stack([samples.targets for samples in taken], dtype=np.float64)
        if not self._noise:
            return Batches(inputs, targets, self._which)
        kept = 1.0 - self._dropout
        drawn = [rng.random((n, self._n_hidden)) < kept for rng in self._noise]
        return Batches(inputs, targets, self._which, np.stack(drawn) / kept)

    def skip(self, n: int) -> None:
        """Pass over n samples of every trial, as if they had been taken."""
        for start in range(0, n, BLOCK):
            self.take(min(BLOCK, n - start))
