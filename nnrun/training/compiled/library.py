"""Kernels by structure: traced and translated once, or found on the disk by words."""

import ctypes
import gc
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import nnrun
from nnrun.custom import is_custom, reason_of
from nnrun.training.compiled import machine
from nnrun.training.compiled.kernel import PARAMETERS, kernels
from nnrun.training.compiled.structure import Structure
from nnrun.training.sources import Kind, kind_of
from nnrun.training.stack import Stack, rigid

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
                self._functions = train, found.of("evaluate", *[_pointer] * 5, ctypes.c_int64)
                self.text = ""  # it is long
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
