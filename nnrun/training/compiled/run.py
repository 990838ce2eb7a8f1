"""The compiled engine behind the interface that all engines share."""

import ctypes
import gc
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import nnrun
from nnrun.custom import is_custom, reason_of
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
from nnrun.training.engine import NONE, Past, Run, Scores, rate_factors, require_columns
from nnrun.training.sources import Kind, Source, kind_of
from nnrun.training.stack import Stack, rigid

ALIGNED = 64
"""Bytes at whose multiples rows begin, as long as a vector of the processor's."""

WIDTHS = ((30, 32), (500, 16), (None, 8))
"""Most parameters, and trials side by side: the quickest, measured with AVX-512."""

NARROWEST = 8
"""Lanes of the processor's widest vector: fewer are not quicker."""

_pointer = ctypes.c_void_p


def width_of(n_params: int, n_trials: int | None = None) -> int:
    """Return how many lanes train trials of so many parameters: fewer for a few trials."""
    widest = next(width for most, width in WIDTHS if most is None or n_params <= most)
    wanted = widest if n_trials is None else 1 << (n_trials - 1).bit_length()
    return min(widest, max(NARROWEST, wanted))


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
        text: LLVM's, of the module; or what writes it.
        width: Trials side by side.
        key: By which machine code is kept; empty for the text itself.
    """

    def __init__(self, text: str | Callable[[], str], width: int, key: str = "") -> None:
        self.text, self.width, self.key = text, width, key
        self._lock = threading.Lock()
        self._functions: tuple[Any, Any] | None = None

    def functions(self) -> tuple[Any, Any]:
        """Return ``train`` and ``evaluate``, translated when they are first asked for."""
        with self._lock:
            if self._functions is None:
                names = ("train", "evaluate")
                found = machine.compiled(self.text, names, machine.kept_in(), key=self.key)
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
    width = width_of(made.n_params, len(stack.trials))
    key = (*parts, *rule, width)
    with _making, without_collection():
        if key not in _kernels:
            _kernels[key] = _made(made, width, _words(stack, made, width))
        return _kernels[key]


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep Python from looking for garbage, which takes longer than a trace does."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def refusal(stack: Stack) -> str:
    """Say why the stack's components cannot be compiled; empty if they can.

    Those of the registries can: they are not even traced for it.
    """
    if not machine.has_fused():
        return "the processor has no fused multiply-add"
    kernel = kernel_of(stack) if _of_users(structure_of(stack)) else None
    return kernel if isinstance(kernel, str) else ""


def _made(made: Structure, width: int, words: str) -> "Kernel | str":
    write = partial(kernels, made, width, machine.has_flush())
    if words and machine.keeps(machine.kept_in(), words):
        return Kernel(write, width, words)
    try:
        text = write()
        if _of_users(made) and write() != text:
            return "a component does other things each time"
        return Kernel(text, width, words)
    except Exception as error:  # whatever a user's own component does with what is no array
        return reason_of(error)


def _words(stack: Stack, made: Structure, width: int) -> str:
    """Write down all that a kernel's text depends on; nothing if a component is a user's own.

    What a user's component does may depend on anything: it is traced by every process.
    """
    drawn = (stack.setting.data, stack.setting.features) if made.source == "drawn" else ()
    if _of_users(made) or any(map(is_custom, drawn)):
        return ""
    rule = type(made.optimizer).__name__, rigid(made.optimizer)
    plain = replace(made, draw=None, optimizer=None)
    return repr((_sources(), np.__version__, width, machine.has_flush(), plain, rule, drawn))


@cache
def _sources() -> str:
    """Return hexadecimal digits for the code that kernels are made by and of."""
    digest, home = hashlib.sha256(), Path(nnrun.__file__).parent
    for room in ("rows", "network", "problem", "training"):
        for path in sorted((home / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _of_users(made: Structure) -> bool:
    return any(map(is_custom, (*made.network.activations, made.loss, made.optimizer)))


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
        losses = aligned(np.zeros(self._which.shape))
        for block, own in enumerate(losses):
            places = [start + block * step for start, step in self._starts]
            self._train(*places, *shared, own.ctypes.data, self._seen, n_steps)
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
        shared = [part.ctypes.data for part in (inputs, targets)]
        result = aligned(np.zeros((len(self._p), 2, self._which.shape[1])))
        for p, scores in zip(self._p, result, strict=True):
            self._evaluate(p.ctypes.data, *shared, scores.ctypes.data, n)
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
