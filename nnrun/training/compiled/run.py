"""The compiled engine behind the interface that all engines share."""

import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnrun.custom import is_custom, last_place
from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params
from nnrun.problem.problem import Task
from nnrun.rows.trace import Untraceable
from nnrun.training.compiled import machine
from nnrun.training.compiled.kernel import (
    INPUTS,
    ORDER,
    PARAMETERS,
    SEED,
    TARGETS,
    TOGETHER,
    kernels,
)
from nnrun.training.compiled.structure import Structure
from nnrun.training.engine import Scores, rate_factors, require_columns
from nnrun.training.sources import Kind, Source, kind_of
from nnrun.training.stack import Stack, rigid

ALIGNED = 64
"""Bytes at whose multiples rows begin, as long as a vector of the processor's."""

WIDTHS = ((30, 32), (500, 16), (None, 8))
"""Most parameters, and trials side by side: the quickest, measured with AVX-512."""

_pointer = ctypes.c_void_p


def width_of(n_params: int) -> int:
    """Return how many trials of so many parameters are trained side by side."""
    return next(width for most, width in WIDTHS if most is None or n_params <= most)


def structure_of(stack: Stack, kind: Kind | None = None) -> Structure:
    """Return what the kernels of a stack are made for; samples come as its problem says."""
    s = stack.setting
    kind = kind or kind_of(s.problem)
    return Structure(
        n_inputs=len(s.problem.inputs),
        sizes=tuple(s.sizes),
        network=s.architecture,
        loss=s.loss,
        optimizer=s.optimizer,
        penalised=not stack.penalties.none,
        clip=s.clip,
        batch=s.batch_size,
        kept=1.0 - s.network.dropout,
        task=s.problem.task,
        source=kind,
        draw=s.problem.draw if kind == "drawn" else None,
    )


_kernels: dict[Any, "Kernel | str"] = {}
_making = threading.Lock()


class Kernel:
    """The functions of a structure.

    Attributes:
        text: LLVM's, of the module.
        width: Trials side by side.
    """

    def __init__(self, text: str, width: int) -> None:
        self.text, self.width = text, width
        self._lock = threading.Lock()
        self._functions: tuple[Any, Any] | None = None

    def functions(self) -> tuple[Any, Any]:
        """Return ``train`` and ``evaluate``, translated when they are first asked for."""
        with self._lock:
            if self._functions is None:
                found = machine.compiled(self.text, ("train", "evaluate"), machine.kept_in())
                counts = [ctypes.c_int64] * 2
                train = found.of("train", *[_pointer] * len(PARAMETERS), *counts)
                self._functions = train, found.of("evaluate", *[_pointer] * 4, ctypes.c_int64)
            return self._functions


def kernel_of(stack: Stack, kind: Kind | None = None) -> "Kernel | str":
    """Return the kernel of a stack, or why there is none: the call that cannot be traced."""
    made = structure_of(stack, kind)
    # the numbers of the optimizer are rows of their own, whatever they are
    rule = (type(made.optimizer), rigid(made.optimizer))
    parts = (getattr(made, name) for name in made.__dataclass_fields__ if name != "optimizer")
    key = (*parts, *rule)
    with _making:
        if key not in _kernels:
            _kernels[key] = _made(made)
        return _kernels[key]


def refusal(stack: Stack) -> str:
    """Say why the stack's components cannot be compiled; empty if they can.

    Those of the registries can: they are not even traced for it.
    """
    if not machine.has_fused():
        return "the processor has no fused multiply-add"
    kernel = kernel_of(stack) if _of_users(structure_of(stack)) else None
    return kernel if isinstance(kernel, str) else ""


def _made(made: Structure) -> "Kernel | str":
    width = width_of(made.n_params)
    flush = machine.has_flush()
    try:
        text = kernels(made, width, flush)
        if _of_users(made) and kernels(made, width, flush) != text:
            return "a component does other things each time"
        return Kernel(text, width)
    except Exception as error:  # whatever a user's own component does with what is no array
        said = " ".join(str(error).split()) or type(error).__name__
        place = last_place(error)
        return f"{said} ({place})" if place else said


def _of_users(made: Structure) -> bool:
    return any(map(is_custom, (*made.network.activations, made.loss, made.optimizer)))


@dataclass
class Block:
    """Trials side by side. The last block of a stack is filled up with copies of its last trial.

    Attributes:
        trials: Which trials of the stack the lanes hold, shape (lane,).
        p: Parameters, shape (parameter, lane).
        slots: The optimizer's state.
        fields: Learning rates, penalties, and the optimizer's float fields.
        streams: Seeds, and where each lane's samples begin in what is handed over.
        sums: Gradients of a batch.
    """

    trials: npt.NDArray[np.intp]
    p: Array
    slots: Array
    fields: Array
    streams: npt.NDArray[np.uint64]
    sums: Array


class CompiledEngine:
    """Trains blocks of trials, one trial a lane of the processor's vector registers."""

    name = "compiled"

    def __init__(self, stack: Stack) -> None:
        self.width = width_of(structure_of(stack).n_params)

    def begin(
        self,
        stack: Stack,
        source: Source,
        params: Params,
        memory: tuple[Array, ...] = (),
        seen: int = 0,
    ) -> "CompiledRun":
        """Lay the trials out in lanes."""
        made, kernel = structure_of(stack, source.kind), kernel_of(stack, source.kind)
        if isinstance(kernel, str):
            raise Untraceable(kernel)
        rule, penalties, n = stack.optimizer, stack.penalties, len(stack.trials)
        numbers: list[Any] = [stack.learning_rate, penalties.l1, penalties.l2]
        numbers += [penalties.weight_decay, *(getattr(rule, name) for name in made.field_names)]
        fields = np.array([np.broadcast_to(np.ravel(x), n) for x in numbers], np.float64)
        slots = np.repeat([[0.0], [1.0]], [rule.slots * made.n_params, rule.products], axis=0)
        slots = np.broadcast_to(slots, (len(slots), n))
        if seen:
            _require_memory(len(slots), memory)
            slots = memory[0].T
        rows, blocks = _flat(params).T, []
        for first in range(0, n, self.width):
            trials = np.minimum(np.arange(first, first + self.width), n - 1)
            p, state_rows, own = (aligned(part[:, trials]) for part in (rows, slots, fields))
            streams = aligned(np.zeros((4, self.width), np.uint64))
            streams[SEED] = np.array(source.seeds, np.uint64)[trials]
            sums = aligned(np.zeros((made.n_params, self.width)))
            blocks.append(Block(trials, p, state_rows, own, streams, sums))
        return CompiledRun(kernel, made, stack, source, blocks, seen)


class CompiledRun:
    """Trials in training by a kernel; the parameters of their blocks change in place."""

    def __init__(
        self,
        kernel: Kernel,
        made: Structure,
        stack: Stack,
        source: Source,
        blocks: list[Block],
        seen: int,
    ) -> None:
        self._width, self._made, self._setting = kernel.width, made, stack.setting
        self._n_trials, self._source, self._blocks = len(stack.trials), source, blocks
        self._seen = seen
        self._train, self._evaluate = kernel.functions()

    def memory(self) -> tuple[Array, ...]:
        """Return the rows of the optimizer's state, shape (trial, row)."""
        return (self._rows([block.slots for block in self._blocks]),)

    def train(self, n_steps: int) -> Array:
        """Take the next steps."""
        size = self._setting.batch_size
        factors = rate_factors(self._setting, self._seen // size, n_steps)
        inputs, targets, order = self._handed(n_steps * size)
        losses = aligned(np.zeros((len(self._blocks), self._width)))
        for block, sums in zip(self._blocks, losses, strict=True):
            which = self._source.which[block.trials]
            for row, part in ((INPUTS, inputs), (TARGETS, targets), (ORDER, order)):
                block.streams[row] = which * part[0].size if len(part) > 1 else 0
            arrays = [block.p, block.slots, block.fields, block.streams, factors]
            arrays += [inputs, targets, order, block.sums, sums]
            self._train(*(a.ctypes.data for a in arrays), self._seen, n_steps)
        self._seen += n_steps * size
        return losses.ravel()[: self._n_trials]

    def _handed(self, n: int) -> tuple[Any, Any, Any]:
        """Return inputs, targets and order of the next n samples, as far as they are not drawn."""
        none, source, made = np.zeros((1, 1)), self._source, self._made
        if made.source == "drawn":
            return none, none, none
        if made.source == "pool":
            return (*source.pools, np.ascontiguousarray(source.order(self._seen, n), np.uint64))
        batches = source.take(self._seen, n)
        require_columns(batches, made.n_inputs, made.sizes[-1])
        inputs, targets = (np.ascontiguousarray(part, np.float64) for part in batches[:2])
        return inputs, targets, none

    def evaluate(self) -> Scores:
        """Measure every trial on the held-out samples."""
        held_out, spare = self._setting.problem.held_out, TOGETHER // min(self._width, TOGETHER)
        n = len(held_out.inputs)
        inputs, targets = (
            np.pad(part, ((0, -n % spare), (0, 0)), "edge").astype(np.float64) for part in held_out
        )
        result = aligned(np.zeros((len(self._blocks), 2, self._width)))
        for block, scores in zip(self._blocks, result, strict=True):
            arrays = (block.p, inputs, targets, scores)
            self._evaluate(*(a.ctypes.data for a in arrays), n)
        loss, right = (result[:, i].ravel()[: self._n_trials] / n for i in range(2))
        if self._setting.problem.task is Task.REGRESSION:
            right = np.full_like(right, np.nan)
        return Scores(loss, right)

    def params(self) -> Params:
        """Take every trial's parameters out of its lane."""
        rows, layers = self._rows([block.p for block in self._blocks]), []
        for span in self._made.spans:
            weights = rows[:, span.weights : span.bias].reshape(-1, span.fan_in, span.fan_out)
            layers.append(Layer(weights, rows[:, None, span.bias : span.bias + span.fan_out]))
        return tuple(layers)

    def _rows(self, parts: Sequence[Array]) -> Array:
        """Return lanes as trials, shape (trial, row)."""
        return np.concatenate([part.T for part in parts])[: self._n_trials]


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
