"""How far the drawing is: a live bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nnrun.sweep.progress import Remaining
from nnrun.words import shown

FIRST, BETWEEN = 2.0, 5.0
"""Seconds until the first sign, and between two plain lines."""


@cache
def say(text: str) -> None:
    """Print a sentence on standard error, once however many networks it is true of."""
    print(shown(text), file=sys.stderr, flush=True)


@contextmanager
def drawing(what: str, total: int) -> Iterator[Callable[[float], None]]:
    """Show progress on standard error while the ``with`` block runs, from its third second on.

    Where it is shown as plain lines, the last one says how far the block came.

    Args:
        what: Is done, for instance ``animating 3 settings``.
        total: Things to draw.

    Yields:
        A function to be told how many things were drawn since the last call, in parts of one, too.
    """
    due, done, printed = monotonic() + FIRST, 0.0, ""
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:3.0f}%"),
               Remaining(compact=True))  # fmt: skip
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=total)

    def advance(part: float) -> None:
        nonlocal due, done, printed
        done += part
        bar.update(task, completed=done)
        if monotonic() < due:
            return
        if sys.stderr.isatty():
            bar.start()  # again and again: only the first time counts
        else:
            due = monotonic() + BETWEEN
            printed = line()
            print(printed, file=sys.stderr, flush=True)

    def line() -> str:
        return f"{what}: {done / total:.0%}"

    try:
        yield advance
        if printed not in ("", line()):
            print(line(), file=sys.stderr, flush=True)
    finally:
        if bar.live.is_started:
            bar.stop()
