"""What is done and how far it is: a live bar on a terminal, plain lines elsewhere."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Timer
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from nnrun.text import shown

FIRST_LINE, BETWEEN_LINES = 2.0, 5.0
"""Seconds until the first plain line, and between two."""

FORESEEN = 0.01
"""Share of the work from which on speed and rest are told: what is less is mostly start-up."""


@contextmanager
def meter(
    doing: str, total: int, unit: str, at_once: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show progress on standard error while the ``with`` block runs, from its third second on.

    Args:
        doing: What is done, for instance ``training 60 trials``.
        total: How much there is to do.
        unit: Of that, for instance ``samples``.
        at_once: Whether a bar is shown from the start.

    Yields:
        A function to be told how much more is done, from any thread.
    """
    if sys.stderr.isatty():
        with _bar(doing, total, unit, at_once) as advance:
            yield advance
    else:
        yield Lines(doing, total, unit).advance


@contextmanager
def _bar(doing: str, total: int, unit: str, at_once: bool) -> Iterator[Callable[[int], None]]:
    rate, due = Rate(), monotonic() + (0.0 if at_once else FIRST_LINE)
    columns = (
        TextColumn(doing),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%  {task.fields[rate]}"),
        Remaining(compact=True, elapsed_when_finished=True),
    )
    bar = Progress(*columns, console=Console(stderr=True), refresh_per_second=8)
    task = bar.add_task("", total=total, rate="")

    def advance(n: int) -> None:
        speed = f"{human(rate.add(n))} {unit}/s"
        early = rate.total < FORESEEN * total
        bar.update(task, advance=n, rate="" if early else speed)
        if monotonic() >= due:
            bar.start()  # again and again it does nothing

    if at_once:
        bar.start()
    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()


class Remaining(TimeRemainingColumn):
    """The time that the rest will take, once there is an estimate that is worth the name."""

    def render(self, task: Task) -> Text:
        """Write it, or nothing."""
        if task.total is None or task.completed < FORESEEN * task.total:
            return Text("")
        return Text("" if task.finished else "ETA ", style="progress.remaining") + super().render(
            task
        )


class Lines:
    """A plain line on standard error every few seconds."""

    def __init__(self, doing: str, total: int, unit: str) -> None:
        self._doing, self._total, self._unit = doing, total, unit
        self._rate = Rate()
        self._due = monotonic() + FIRST_LINE

    def advance(self, n: int) -> None:
        """Count, and print a line if one is due."""
        rate = self._rate.add(n)
        now = monotonic()
        if now >= self._due and self._rate.total < self._total:
            self._due = now + BETWEEN_LINES
            share = self._rate.total / self._total
            line = f"{self._doing}: {share:.0%}"
            if share >= FORESEEN:
                rest = (1 - share) * self._total / rate
                line += f", {human(rate)} {self._unit}/s, ETA {rest:.0f} s"
            print(line, file=sys.stderr, flush=True)


class Rate:
    """How much so far, and its mean rate since it was made; safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = monotonic()
        self.total = 0

    def add(self, n: int) -> float:
        """Count more and return how much a second so far."""
        with self._lock:
            self.total += n
            return self.total / max(monotonic() - self._started, 1e-9)


def human(number: float) -> str:
    """Write a large number with three digits and a unit prefix.

    Example:
        >>> human(1_234_567), human(950), human(12_300)
        ('1.23 M', '950', '12.3 k')
    """
    for size, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:#.3g}".rstrip(".") + prefix
    return f"{number:.0f}"


FIRST_SIGN_OF_DRAWING, BETWEEN = 2.0, 5.0
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
    due, done, printed = monotonic() + FIRST_SIGN_OF_DRAWING, 0.0, ""
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


FIRST_SIGN = 2.0
"""Seconds until the first sign."""


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Show what is being done while the ``with`` block runs, from its third second on.

    Yields:
        A function to be told what is being done now. Where standard error is no terminal it does
        nothing.
    """
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    status = Console(stderr=True).status("")
    timer = Timer(FIRST_SIGN, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield status.update
    finally:
        timer.cancel()
        timer.join()
        status.stop()
