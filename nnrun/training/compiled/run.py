"""The compiled engine behind the interface that all engines share."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params
from nnrun.problem.problem import Task
from nnrun.rows.trace import Untraceable
from nnrun.training.compiled.kernel import INPUTS, ORDER, SEED, TARGETS, TOGETHER, room_of
from nnrun.training.compiled.library import Kernel, kernel_of, structure_of, width_of
from nnrun.training.compiled.structure import Structure
from nnrun.training.engine import NONE, Past, Run, Scores, rate_factors, require_columns
from nnrun.training.sources import Source
from nnrun.training.stack import Stack

ALIGNED = 64
"""Bytes at whose multiples rows begin, as long as a vector of the processor's."""


class CompiledEngine:
    """Trains blocks of trials, one trial a lane of the processor's vector registers."""

    name = "compiled"

    def __init__(self, stack: Stack) -> None:
        self.width = width_of(structure_of(stack).n_params)

    def begin(self, stack: Stack, source: Source, params: Params, past: Past = NONE) -> Run:
        made, kernel = structure_of(stack, source.kind), kernel_of(stack, source.kind)
        if isinstance(kernel, str):
            raise Untraceable(kernel)
        rule, penalties, n = stack.optimizer, stack.penalties, len(stack.trials)
        numbers: list[Any] = [stack.learning_rate, penalties.l1, penalties.l2]
        numbers += [penalties.weight_decay, *(getattr(rule, name) for name in made.field_names)]
        fields = np.array([np.broadcast_to(np.ravel(x), n) for x in numbers], np.float64)
        slots = np.repeat([[0.0], [1.0]], [rule.slots * made.n_params, rule.products], axis=0)
        slots = np.broadcast_to(slots, (len(slots), n))
        if past.seen:
            _require_memory(len(slots), past.memory)
            slots = past.memory[0].T
        streams = np.zeros((4, n), np.uint64)
        streams[SEED] = source.seeds
        parts = (_flat(params).T, slots, fields, streams)
        return CompiledRun(kernel, made, stack, source, parts, past.seen)


class CompiledRun:
    """Trials in training by a kernel; what changes does so in place.

    Trials are cut into blocks of as many as the kernel has lanes. The last block is filled up with
    copies of the last trial. Of all that a trial has, an array has shape (block, row, lane).

    Args:
        kernel: Trains them.
        made: What it is made for.
        stack: The trials.
        source: Of their samples.
        parts: Parameters, the optimizer's state, numbers (learning rates, penalties, the
            optimizer's float fields), and streams; each of shape (row, trial).
        seen: Samples seen before.
    """

    def __init__(
        self,
        kernel: Kernel,
        made: Structure,
        stack: Stack,
        source: Source,
        parts: Sequence[npt.NDArray[Any]],
        seen: int,
    ) -> None:
        self._made, self._setting, self._source, self._seen = made, stack.setting, source, seen
        self._n_trials, width = len(stack.trials), kernel.width
        shape = -(-self._n_trials // width), width
        trials = np.minimum(np.arange(shape[0] * width), self._n_trials - 1)
        self._which = source.which[trials].reshape(shape)
        laid = [aligned(part[:, trials.reshape(shape)].swapaxes(0, 1)) for part in parts]
        self._p, self._slots, _, self._streams = self._laid = laid
        self._starts = [(part.ctypes.data, part[0].nbytes) for part in laid]
        self._grads = aligned(np.zeros((made.n_params, width)))  # sums over a batch: 0 after each
        self._rooms = aligned(np.zeros((room_of(made, width), width)))
        self._train, self._evaluate = kernel.functions()

    def memory(self) -> tuple[Array, ...]:
        return (self._rows(self._slots),)

    def train(self, n_steps: int) -> Array:
        size = self._setting.batch_size
        factors = rate_factors(self._setting, self._seen // size, n_steps)
        handed = self._handed(n_steps * size)
        for row, part in zip((INPUTS, TARGETS, ORDER), handed, strict=True):
            self._streams[:, row] = self._which * part[0].size if len(part) > 1 else 0
        shared = [part.ctypes.data for part in (factors, *handed, self._grads)]
        losses, rooms = aligned(np.zeros(self._which.shape)), self._rooms.ctypes.data
        for block, own in enumerate(losses):
            places = [start + block * step for start, step in self._starts]
            self._train(*places, *shared, own.ctypes.data, rooms, self._seen, n_steps)
        self._seen += n_steps * size
        return losses.ravel()[: self._n_trials]

    def _handed(self, n: int) -> tuple[Any, Any, Any]:
        """Return inputs, targets and order of the next n samples, as far as they are not drawn."""
        none, source, made = np.zeros((1, 1)), self._source, self._made
        if made.source == "drawn":
            return none, none, none
        if made.source == "pool":
            return (*source.pools, source.order(self._seen, n))
        batches = source.take(self._seen, n)
        require_columns(batches, made.n_inputs, made.sizes[-1])
        inputs, targets = (np.ascontiguousarray(part, np.float64) for part in batches[:2])
        return inputs, targets, none

    def evaluate(self) -> Scores:
        n, (inputs, targets) = len(self._setting.problem.held_out.inputs), self._held_out
        *shared, rooms = (part.ctypes.data for part in (inputs, targets, self._rooms))
        result = aligned(np.zeros((len(self._p), 2, self._which.shape[1])))
        for p, scores in zip(self._p, result, strict=True):
            self._evaluate(p.ctypes.data, *shared, scores.ctypes.data, rooms, n)
        loss, right = (result[:, i].ravel()[: self._n_trials] / n for i in range(2))
        if self._setting.problem.task is Task.REGRESSION:
            right = np.full_like(right, np.nan)
        return Scores(loss, right)

    @cached_property
    def _held_out(self) -> list[Array]:
        """Inputs and targets to measure by, with copies of the last sample behind them."""
        spare = -len(self._setting.problem.held_out.inputs) % TOGETHER
        return [
            np.pad(part, ((0, spare), (0, 0)), "edge").astype(np.float64)
            for part in self._setting.problem.held_out
        ]

    def params(self) -> Params:
        rows, layers = self._rows(self._p), []
        for span in self._made.spans:
            weights = rows[:, span.weights : span.bias].reshape(-1, span.fan_in, span.fan_out)
            layers.append(Layer(weights, rows[:, None, span.bias : span.bias + span.fan_out]))
        return tuple(layers)

    def _rows(self, part: Array) -> Array:
        """Return lanes as trials, shape (trial, row)."""
        blocks, rows, lanes = part.shape
        return part.swapaxes(1, 2).reshape(blocks * lanes, rows)[: self._n_trials]


def aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Copy an array to where its rows may be loaded as vectors."""
    raw = np.empty(array.nbytes + ALIGNED, np.uint8)
    start = -raw.ctypes.data % ALIGNED
    copy = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _flat(params: Params) -> Array:
    """Put each trial's parameters into one row, in the kernel's order: shape (trial, parameter)."""
    parts: list[Any] = []
    for layer in params:
        parts += [layer.weights.reshape(len(layer.weights), -1), layer.bias[:, 0]]
    return np.concatenate(parts, axis=1)


def _require_memory(wanted: int, saved: tuple[Array, ...]) -> None:
    """Check that a saved state is what the kernel reads, which looks at no lengths."""
    held = [array.shape[1:] for array in saved]
    if held != [(wanted,)]:
        raise ValueError(f"the saved state has arrays of {held}, and the optimizer's has {wanted}")
