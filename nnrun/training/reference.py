"""The reference engine: clear NumPy, for every network and every custom component."""

from typing import Any, NamedTuple

import numpy as np

from nnrun.network.activations import Array
from nnrun.network.mlp import Params, backward, forward, taken
from nnrun.network.optimizers.base import flattened, restored
from nnrun.problem.problem import Samples, Task
from nnrun.training.engine import Batches, Scores, rate_factors, require_columns
from nnrun.training.stack import Stack

EVALUATION_FLOATS = 2**22
"""Most numbers in one array while evaluating (32 MiB): wide stacks are measured in pieces."""


class State(NamedTuple):
    """Everything that changes from step to step, and the number of updates made so far."""

    params: Params
    optimizer: Any
    step: int


class Reference:
    """Steps a whole stack at once, one NumPy call an operation and layer."""

    name = "reference"
    width = 1

    @staticmethod
    def supports(stack: Stack) -> bool:
        """Say yes: every component has a NumPy form."""
        return True

    def begin(
        self, stack: Stack, params: Params, memory: tuple[Array, ...] = (), seen: int = 0
    ) -> State:
        """Start the optimizer, or restore what it remembered."""
        self._setting = setting = stack.setting
        self._net = setting.architecture
        self._learning_rate = stack.learning_rate
        self._optimizer = stack.optimizer
        # asked once, because a step of a small network takes some 30 microseconds
        self._penalties = None if stack.penalties.none else stack.penalties
        self._clip = None if setting.clip.none else setting.clip
        self._columns = len(setting.problem.inputs), len(setting.problem.outputs)
        state = self._optimizer.init(params)
        if seen:
            state = restored(state, memory)
        return State(params, state, seen // setting.batch_size)

    def memory(self, state: State) -> tuple[Array, ...]:
        """Return the arrays and numbers of the optimizer's state, in order."""
        return tuple(flattened(state.optimizer, len(self._learning_rate)))

    def train(self, state: State, batches: Batches) -> tuple[State, Array]:
        """Take one step for each batch: forward, backward, update."""
        params, memory, first = state
        require_columns(batches, *self._columns)
        inputs, targets = batches.inputs[batches.which], batches.targets[batches.which]
        masks = None
        if batches.masks is not None:  # of each hidden layer, shape (trial, sample, unit)
            ends = np.cumsum(self._setting.network.hidden)[:-1]
            masks = np.split(batches.masks[batches.which], ends, axis=-1)
        size, loss = self._setting.batch_size, self._setting.loss
        n_steps = inputs.shape[1] // size
        factors = rate_factors(self._setting, first, n_steps)
        z, outputs = np.empty(targets.shape), np.empty(targets.shape)
        # a diverging trial overflows on its way; that is data, not an error
        with np.errstate(all="ignore"):
            for step in range(n_steps):
                batch = slice(step * size, (step + 1) * size)
                kept = None if masks is None else [m[:, batch] for m in masks]
                run = forward(params, inputs[:, batch], self._net, kept)
                grads = backward(params, run, targets[:, batch], self._net, loss, kept)
                rate = self._learning_rate * factors[step]
                if self._penalties is not None:
                    grads = self._penalties.gradient(params, grads)
                    params = self._penalties.decayed(params, rate)
                if self._clip is not None:
                    grads = self._clip.clip(grads)
                params, memory = self._optimizer.update(params, grads, memory, rate)
                z[:, batch], outputs[:, batch] = run.z[-1], run.outputs
            losses = loss.value(z, outputs, targets).sum(axis=1)
        return State(params, memory, first + n_steps), losses

    def evaluate(self, state: State, held_out: Samples) -> Scores:
        """Run the held-out samples through every trial's network."""
        widest = max(layer.bias.shape[-1] for layer in state.params)
        piece = max(1, EVALUATION_FLOATS // (len(held_out.inputs) * widest))
        n_trials = len(self._learning_rate)
        scores = [
            self._scores(taken(state.params, slice(start, start + piece)), held_out)
            for start in range(0, n_trials, piece)
        ]
        return Scores(*(np.concatenate(parts) for parts in zip(*scores, strict=True)))

    def params(self, state: State) -> Params:
        """Return the parameters of every trial."""
        return state.params

    def _scores(self, params: Params, held_out: Samples) -> Scores:
        inputs, targets = held_out.inputs[None], held_out.targets[None]
        with np.errstate(all="ignore"):
            run = forward(params, inputs, self._net)
            loss = self._setting.loss.value(run.z[-1], run.outputs, targets).mean(axis=1)
        task = self._setting.problem.task
        if task is Task.REGRESSION:
            return Scores(loss, np.full(loss.shape, np.nan))
        if task is Task.BINARY:
            boundary = self._setting.loss.boundary
            right = ((run.outputs >= boundary) == (targets >= 0.5))[..., 0]
        else:
            right = run.outputs.argmax(axis=-1) == targets.argmax(axis=-1)
        return Scores(loss, right.mean(axis=1))
