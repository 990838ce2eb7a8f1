"""The compiled engine behind the interface that all engines share."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from nnrun.config.settings import Setting
from nnrun.network.activations import ACTIVATIONS, Array
from nnrun.network.mlp import Layer, Params, fans
from nnrun.problem.problem import Samples, Task
from nnrun.training.engine import Batches, Scores, rate_factors, require_columns
from nnrun.training.lanes import activations, compiled, losses, optimizers
from nnrun.training.lanes.forms import LANES, OF_ACTIVATIONS, OF_LOSSES, OF_OPTIMIZERS
from nnrun.training.lanes.kernel import Option, work_rows
from nnrun.training.stack import Stack, rigid


@dataclass
class Block:
    """32 trials side by side. The last block of a stack is filled up with copies of its last trial.

    Attributes:
        trials: Which trials of the stack the lanes hold, shape (LANES,).
        rates: Learning rates, one row.
        params: Parameters, flat rows.
        penalty: Penalties and bounds on the gradients, flat rows.
        hyper: The optimizer's hyperparameters, flat rows.
        memory: The optimizer's state, flat rows.
    """

    trials: npt.NDArray[np.intp]
    rates: Array
    params: Array
    penalty: Array
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

    def begin(
        self, stack: Stack, params: Params, memory: tuple[Array, ...] = (), seen: int = 0
    ) -> State:
        """Lay the trials out in lanes."""
        self._setting = s = stack.setting
        self._n_trials = len(stack.trials)
        self._sizes = np.array([len(s.problem.inputs), *s.sizes])
        layers = s.architecture.activations
        self._codes = np.array([OF_ACTIVATIONS[type(a)] for a in layers])
        self._options = _options(s)
        self._loss, self._fields = OF_LOSSES[type(s.loss)], losses.loss_fields(s.loss)
        self._optimizer = OF_OPTIMIZERS[type(s.optimizer)]
        self._kernel = _kernel(stack)
        rows = _flat(params)
        rates = stack.learning_rate[:, 0, 0]
        penalty = _penalty(stack)
        rule = stack.optimizer
        hyper = _columns(rule, optimizers.hyper_names(rule), self._n_trials)
        n_slots, n_powers = rule.slots * rows.shape[1], rule.powers
        self._work = np.empty(work_rows(tuple(self._sizes), rows.shape[1]) * LANES)
        if seen:
            _require_memory(n_slots + n_powers, memory)
        blocks = []
        for first in range(0, self._n_trials, LANES):
            trials = np.minimum(np.arange(first, first + LANES), self._n_trials - 1)
            parts = [part[:, trials].ravel() for part in (rows.T, penalty, hyper)]
            if seen:
                parts.append(memory[0][trials].T.ravel())
            else:
                parts.append(np.repeat([0.0, 1.0], [n_slots * LANES, n_powers * LANES]))
            blocks.append(Block(trials, rates[trials], *parts))
        return State(blocks, seen // s.batch_size)

    def memory(self, state: State) -> tuple[Array, ...]:
        """Return the rows of the optimizer's state, shape (trial, row)."""
        lanes = [block.memory.reshape(-1, LANES).T for block in state.blocks]
        return (np.concatenate(lanes)[: self._n_trials],)

    def train(self, state: State, batches: Batches) -> tuple[State, Array]:
        """Take one step for each batch."""
        size = self._setting.batch_size
        n_steps = batches.inputs.shape[1] // size
        factors = rate_factors(self._setting, state.step, n_steps)
        require_columns(batches, self._sizes[0], self._sizes[-1])
        masks = batches.masks
        if masks is None:
            masks = np.empty((len(batches.inputs), batches.inputs.shape[1], 0))
        result = np.zeros((len(state.blocks), LANES))
        for block, sums in zip(state.blocks, result, strict=True):
            self._kernel.train(
                self._sizes, self._options, self._codes, self._loss, self._fields, self._optimizer,
                size, block.rates, factors, batches.inputs, batches.targets, masks,
                batches.which[block.trials], block.params, block.penalty, block.hyper, block.memory,
                sums, self._work,
            )  # fmt: skip
        return State(state.blocks, state.step + n_steps), result.ravel()[: self._n_trials]

    def evaluate(self, state: State, held_out: Samples) -> Scores:
        """Measure every trial on the held-out samples."""
        inputs, targets = (np.ascontiguousarray(part) for part in held_out)
        result = np.empty((len(state.blocks), 2, LANES))
        options = self._options.copy()
        options[Option.MASKED] = 0
        boundary = self._setting.loss.boundary
        for block, scores in zip(state.blocks, result, strict=True):
            self._kernel.evaluate(
                self._sizes, options, self._codes, self._loss, self._fields, boundary, inputs,
                targets, block.params, self._work, scores.ravel(),
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
        shortcut = self._setting.network.shortcut
        for fan_in, fan_out in fans(self._sizes[0], tuple(self._sizes[1:]), shortcut):
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


def _options(setting: Setting) -> npt.NDArray[np.int64]:
    """Return the kernel's options, at the places of ``Option``."""
    net, loss = setting.architecture, setting.loss
    top = ACTIVATIONS["linear"]() if net.raw_error else net.activations[-1]
    options = np.zeros(len(Option), dtype=np.int64)
    options[Option.TOP] = OF_ACTIVATIONS[type(top)]
    options[Option.SHORTCUT] = net.shortcut and len(net.activations) > 1
    options[Option.BIAS], options[Option.RAW] = net.bias, net.raw_error
    options[Option.FUSED] = loss.output is not None
    options[Option.MASKED] = setting.network.dropout > 0 and bool(setting.network.hidden)
    return options


def _kernel(stack: Stack) -> ModuleType:
    """Choose the kernel: common for what it knows, else general, which is slower."""
    s = stack.setting
    net = s.architecture
    plain = net.bias and not (net.shortcut or net.raw_error or s.network.dropout)
    usual = (
        all(isinstance(a, activations.COMMON) for a in net.activations)
        and type(s.loss) in losses.COMMON
        and s.loss == type(s.loss)()
        and type(s.optimizer) in optimizers.COMMON
        and rigid(s.optimizer) == rigid(type(s.optimizer)())
    )
    if plain and usual and stack.penalties.none and s.clip.none:
        return compiled.kernel("common")
    return compiled.kernel("general")


def _penalty(stack: Stack) -> Array:
    """Return the rows that ``general.Penalty`` names for each trial, shape (row, trial)."""
    clip, n_trials = stack.setting.clip, len(stack.trials)
    rates = _columns(stack.penalties, ("l1", "l2", "weight_decay"), n_trials)
    bounds = [np.full((1, n_trials), np.inf if b is None else b) for b in (clip.value, clip.norm)]
    return np.concatenate([rates, *bounds])


def _columns(entry: Any, names: tuple[str, ...], n_trials: int) -> Array:
    """Return fields of a stacked entry for each trial, shape (field, trial)."""
    columns = [np.broadcast_to(np.ravel(getattr(entry, name)), n_trials) for name in names]
    return np.array(columns, dtype=np.float64).reshape(len(names), n_trials)


def _require_memory(wanted: int, saved: tuple[Array, ...]) -> None:
    """Check that a saved state is what the kernel reads, which looks at no lengths."""
    held = [array.shape[1:] for array in saved]
    if held != [(wanted,)]:
        raise ValueError(f"the saved state has arrays of {held}, and the optimizer's has {wanted}")
