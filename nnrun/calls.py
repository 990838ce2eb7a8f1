"""Sweeps that Python asks for: the words that stand for a call, what it shows, what it found."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from time import monotonic, perf_counter
from typing import Any


class Line:
    """One line that is written over: under a notebook's cell, or on standard error.

    Args:
        wanted: Whether it is to be seen at all.

    Attributes:
        wanted: Likewise.
        live: Whether it can be written over, as a notebook can.
    """

    def __init__(self, wanted: bool = True) -> None:
        self.wanted, self.live = wanted, wanted and in_notebook()
        self._handle: Any = None

    def write(self, text: str, share: float | None = None) -> None:
        """Write it, in a notebook over what it said before.

        Args:
            text: What it says.
            share: Of what is done; a bar shows it. None for no bar.
        """
        if not self.wanted:
            return
        if not self.live:
            print(text, file=sys.stderr, flush=True)
            return
        from html import escape

        bar = "" if share is None else f'<progress value="{share:.3f}" max="1"></progress>&ensp;'
        told = "<br>".join(escape(line) for line in text.split("\n"))
        style = "font-size: 0.9em; font-variant-numeric: tabular-nums"
        page = {"text/plain": text, "text/html": f'<div style="{style}">{bar}{told}</div>'}
        if self._handle is None:
            shown = import_module("IPython.display")
            self._handle = shown.display(page, raw=True, display_id=True)
        else:
            self._handle.update(page, raw=True)


@dataclass
class Call:
    """A sweep or run that Python asks for.

    Attributes:
        arguments: The words by which the command line asks for the same.
        line: Says how far it is, and what came of it.
        notes: What a reader should know, in sentences.
        finished: What the launch has made (`nnrun.launch.finish.Finished`); None before.
        short: What was required and is not there, in sentences.
        plan: What would be trained, where that is all that was asked for.
        started: Seconds on ``time.perf_counter``.
    """

    arguments: Sequence[str]
    line: Line = field(default_factory=Line)
    notes: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    finished: Any = None
    plan: dict[str, Any] | None = None
    started: float = field(default_factory=perf_counter)

    def due(self, seconds: float) -> float:
        """Return when so many seconds of it are over, on ``time.monotonic``."""
        return monotonic() + seconds - (perf_counter() - self.started)


_CURRENT: ContextVar[Call | None] = ContextVar("nnrun_call", default=None)


def current() -> Call | None:
    """Return the call that this thread serves; None for a command."""
    return _CURRENT.get()


@contextmanager
def serving(call: Call) -> Iterator[Call]:
    """Serve a call while the ``with`` block runs."""
    token = _CURRENT.set(call)
    try:
        yield call
    finally:
        _CURRENT.reset(token)


def words() -> list[str]:
    """Return the words of the command line, or those that stand for the call that is served."""
    call = current()
    return sys.argv[1:] if call is None else list(call.arguments)


def in_notebook() -> bool:
    """Say whether what is shown here lands under a notebook's cell."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
