"""How one network learns: pieces of samples, in batches and epochs, by the engines of sweeps."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nnrun.config.settings import Setting
from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.mlp import Params, map_params
from nnrun.problem.problem import Problem, Samples, Task
from nnrun.training.blas import one_thread
from nnrun.training.engine import Past, Run
from nnrun.training.sources import Handed, Source
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import choose_engine, engine_of

PIECE = 2**16
"""Samples handed to the engine at once, which bounds the memory that takes."""


class State(NamedTuple):
    """Where learning stands.

    Attributes:
        params: Parameters, as a stack of one network.
        memory: The optimizer's state, as engines write it; empty for a fresh one.
        steps: Steps taken, by which the schedule goes.
        samples: Samples seen.
    """

    params: Params
    memory: tuple[Array, ...] = ()
    steps: int = 0
    samples: int = 0


class Learner:
    """Takes one network's steps, from one state to the next.

    Args:
        setting: What it learns by; its data give names and numbers, but no samples.
        seed: Of its shuffled orders and of dropout.
        state: Where it begins.

    Attributes:
        engine: Name of the engine that takes the steps.
    """

    def __init__(self, setting: Setting, seed: int, state: State) -> None:
        self.engine = engine_of(Stack((Trial(setting, seed),))).name
        self._setting, self._seed = replace(setting, engine=self.engine), seed
        network = setting.network
        self._source = Handed([seed], n_hidden=sum(network.hidden), dropout=network.dropout)
        self.stand(state)

    _run: Run | None

    def stand(self, state: State) -> None:
        """Stand at a state, as if nothing else had been."""
        self._state, self._run, self._size = state, None, 0
        self._steps, self._samples = state.steps, state.samples

    @property
    def samples(self) -> int:
        """Samples seen."""
        return self._samples

    @property
    def params(self) -> Params:
        """Parameters, as a stack of one network; contiguous, as products' last bits go by that."""
        if self._run is None:
            return self._state.params
        return map_params(_copied, self._run.params())

    @property
    def state(self) -> State:
        """Where learning stands now; what it holds stays as it is."""
        if self._run is None:
            return self._state
        return State(
            self.params, tuple(map(_copied, self._run.memory())), self._steps, self._samples
        )

    def twin(self) -> "Learner":
        """Return another that stands where this one stands now."""
        return Learner(self._setting, self._seed, self.state)

    def train(self, inputs: Array, targets: Array, size: int) -> float:
        """Take steps.

        Args:
            inputs: The network's own, shape (sample, input), C-contiguous.
            targets: Shape (sample, output), likewise.
            size: Samples of a step, of which there is a whole number of times as many.

        Returns:
            The sum of the samples' losses, each taken before the step that it is part of.
        """
        run = self._run if self._run is not None and size == self._size else self._begun(size)
        n_steps, total = len(inputs) // size, 0.0
        most = max(1, PIECE // size)
        with one_thread() if self.engine == "reference" else nullcontext():
            for first in range(0, n_steps, most):
                piece = slice(first * size, min(first + most, n_steps) * size)
                self._source.hand(inputs[None, piece], targets[None, piece])
                n = len(inputs[piece]) // size
                total += float(run.train(n)[0])
                self._steps += n
                self._samples += n * size
        return total

    def epochs(
        self, inputs: Array, targets: Array, n_epochs: int, size: int, shuffle: bool
    ) -> Array:
        """Take the steps of some epochs over a set.

        A batch may hold the end of an epoch and the beginning of the next, as in sweeps; what is
        left at the end of the last is a smaller batch.

        Args:
            inputs: As for ``train``.
            targets: As for ``train``.
            n_epochs: How often the set is visited.
            size: Samples of a step, at most as many as there are.
            shuffle: Whether each epoch has an order of its own, that of a sweep's trial.

        Returns:
            The mean loss of the batches that begin in each epoch, shape (epoch,).
        """
        n = len(inputs)
        whole = n * n_epochs // size  # batches
        order = _Order(n, self._seed, -(-self._samples // n) * n, shuffle)
        losses = np.zeros(n_epochs)
        for epoch in range(n_epochs):
            first, last = (min(-(-e * n // size), whole) for e in (epoch, epoch + 1))
            total, count = 0.0, (last - first) * size
            for part in order.parts(first * size, last * size, max(1, PIECE // size) * size):
                total += self.train(inputs[part], targets[part], size)
            if epoch == n_epochs - 1 and (left := n * n_epochs - whole * size):
                for part in order.parts(whole * size, n * n_epochs, left):
                    total += self.train(inputs[part], targets[part], left)
                count += left
            losses[epoch] = total / count
        return losses

    def _begun(self, size: int) -> Run:
        """Begin with batches of another size, from where the last ended."""
        state = self.state
        setting = replace(self._setting, batch_size=size)
        stack = Stack((Trial(setting, self._seed),))
        engine, memory = choose_engine(stack), state.memory
        if state.steps and not memory:  # a fresh optimizer, in the midst of a schedule
            memory = engine.begin(stack, self._source, state.params).memory()
        past = Past(memory, state.steps * size)  # engines tell steps by samples
        try:
            self._run = engine.begin(stack, self._source, state.params, past)
        except ValueError as error:
            rule = f"cannot go on where its file ended: {error}"
            hint = "assigned to themselves, its weights are what learning begins from anew"
            raise InputError(Issue("network", None, rule, hint)) from None
        self._size = size
        return self._run


def _copied(part: Array) -> Array:
    """Copy what an engine may hand out as a view of what it goes on changing."""
    return np.array(part, order="C")


class _Order:
    """Which samples of a set of n are visited, place by place, from the beginning of an epoch."""

    def __init__(self, n: int, seed: int, first: int, shuffle: bool) -> None:
        self._n, self._first, self._shuffle = n, first, shuffle
        one = Samples(np.zeros((1, 1)), np.zeros((1, 1)))
        problem = Problem(Task.REGRESSION, ("x",), ("y",), one, one, n_train=n, shuffle=shuffle)
        self._source = Source(problem, [seed])

    def parts(self, start: int, end: int, most: int) -> Iterator[slice | Array]:
        """Yield the visits of a span of places, in pieces; where they can be a slice, as one."""
        for first in range(start, end, most):
            n = min(most, end - first)
            place = first % self._n
            if not self._shuffle and place + n <= self._n:
                yield slice(place, place + n)
            else:
                yield self._source.order(self._first + first, n)[0]
