"""The compiled engine behind the interface that all engines share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params
from nnrun.problem.problem import Samples, Task
from nnrun.training.engine import Batches, Scores, first_params
from nnrun.training.lanes.kernel import evaluate, train, work_rows
from nnrun.training.lanes.rules import CODES, MEMORY, Memory
from nnrun.training.lanes.vector import LANES
from nnrun.training.stack import Stack


@dataclass
class Block:
    """32 trials side by side. The last block of a stack is filled up with copies of its last trial.

    Attributes:
        trials: Which trials of the stack the lanes hold, shape (LANES,).
        rates: Learning rates, one row.
        params: Parameters, flat rows.
        hyper: The optimizer's hyperparameters, flat rows.
        memory: The optimizer's state, flat rows.
    """

    trials: npt.NDArray[np.intp]
    rates: Array
    params: Array
    hyper: Array
    memory: Array


@dataclass
class State:
    """Blocks, whose parameters change in place, and the number of steps taken."""

    blocks: list[Block]
    step: int


class LanesEngine:
    """Trains blocks of 32 trials, one trial a lane of the processor's vector registers."""

    name = "lanes"
    width = LANES

    @staticmethod
    def supports(stack: Stack) -> bool:
        """Say whether every component of the stack's settings has a lane form."""
        s = stack.setting
        return all(type(entry) in CODES for entry in (*s.activations, s.loss, s.optimizer))

    def begin(self, stack: Stack) -> State:
        """Draw every trial's first parameters and lay them out in lanes."""
        self._setting = s = stack.setting
        self._n_trials = len(stack.trials)
        self._sizes = np.array([len(s.problem.inputs), *s.sizes])
        self._codes = np.array([CODES[type(a)] for a in s.activations])
        self._loss, self._optimizer = CODES[type(s.loss)], CODES[type(s.optimizer)]
        rows = _flat(first_params(stack))
        rates = stack.learning_rate[:, 0, 0]
        memory = MEMORY.get(type(s.optimizer), Memory())
        hyper = _hyperparameters(stack, memory)
        self._work = np.empty(work_rows(tuple(self._sizes), rows.shape[1]) * LANES)
        blocks = []
        for start in range(0, self._n_trials, LANES):
            trials = np.minimum(np.arange(start, start + LANES), self._n_trials - 1)
            columns = (rates[trials], rows[trials].T.ravel(), hyper[:, trials].ravel())
            blocks.append(Block(trials, *columns, _fresh_memory(memory, rows.shape[1])))
        return State(blocks, 0)

    def train(self, state: State, batches: Batches) -> tuple[State, Array]:
        """Take one step for each batch."""
        size = self._setting.batch_size
        n_steps = batches.inputs.shape[1] // size
        total = self._setting.budget // size
        factors = self._setting.schedule.factor(state.step + np.arange(n_steps), total)
        losses = np.zeros((len(state.blocks), LANES))
        for block, sums in zip(state.blocks, losses, strict=True):
            train(
                self._sizes, self._codes, self._loss, self._optimizer, size, block.rates, factors,
                batches.inputs, batches.targets, batches.which[block.trials], block.params,
                block.hyper, block.memory, sums, self._work,
            )  # fmt: skip
        return State(state.blocks, state.step + n_steps), losses.ravel()[: self._n_trials]

    def evaluate(self, state: State, held_out: Samples) -> Scores:
        """Measure every trial on the held-out samples."""
        inputs, targets = (np.ascontiguousarray(part) for part in held_out)
        result = np.empty((len(state.blocks), 2, LANES))
        for block, scores in zip(state.blocks, result, strict=True):
            evaluate(
                self._sizes, self._codes, self._loss, inputs, targets, block.params, self._work,
                scores.ravel(),
            )  # fmt: skip
        loss, accuracy = (result[:, i].ravel()[: self._n_trials] for i in range(2))
        if self._setting.problem.task is Task.REGRESSION:
            accuracy = np.full_like(accuracy, np.nan)
        return Scores(loss, accuracy)

    def params(self, state: State) -> Params:
        """Take every trial's parameters out of its lane."""
        lanes = [block.params.reshape(-1, LANES).T for block in state.blocks]
        rows = np.concatenate(lanes)[: self._n_trials]
        layers, start = [], 0
        for fan_in, fan_out in zip(self._sizes, self._sizes[1:], strict=False):
            bias = start + fan_in * fan_out
            weights = rows[:, start:bias].reshape(-1, fan_in, fan_out)
            start = bias + fan_out
            layers.append(Layer(weights, rows[:, None, bias:start]))
        return tuple(layers)


def _flat(params: Params) -> Array:
    """Put each trial's parameters into one row, in the kernel's order: shape (trial, parameter)."""
    parts: list[Any] = []
    for layer in params:
        parts += [layer.weights.reshape(len(layer.weights), -1), layer.bias[:, 0]]
    return np.concatenate(parts, axis=1)


def _hyperparameters(stack: Stack, memory: Memory) -> Array:
    """Return each field of the optimizer for each trial, shape (field, trial)."""
    columns = [
        np.broadcast_to(np.ravel(getattr(stack.optimizer, name)), len(stack.trials))
        for name in memory.fields
    ]
    return np.array(columns, dtype=np.float64).reshape(len(columns), len(stack.trials))


def _fresh_memory(memory: Memory, n_params: int) -> Array:
    """Return an optimizer's state before the first step, flat rows."""
    slots = np.zeros(memory.slots * n_params * LANES)
    return np.concatenate([slots, np.ones(memory.powers * LANES)])
