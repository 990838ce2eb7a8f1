"""What is done and how far it is: a live bar, in notebooks too, or plain lines; stage times."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock, Timer
from time import monotonic, perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from nnrun import IMPORTED_AT, documents
from nnrun.calls import Call, current
from nnrun.text import shown

FIRST_SIGN, BETWEEN_LINES, BETWEEN_WRITTEN = 2.0, 5.0, 0.2
"""Seconds until anything is shown, between two plain lines, and until one is written over."""

FORESEEN = 0.01
"""Share of the work from which on speed and rest are told: what is less is mostly start-up."""


@contextmanager
def meter(
    doing: str,
    total: int,
    unit: str = "",
    at_once: bool = False,
    more: Callable[[], str] = str,
    lasting: bool = True,
) -> Iterator[Callable[[float], None]]:
    """Show progress on standard error while the ``with`` block runs, from its third second on.

    Args:
        doing: What is done, for instance ``training 60 trials``.
        total: How much there is to do.
        unit: Of that, for instance ``samples``; without one no speed is told.
        at_once: Whether a bar is shown from the start.
        more: What is said behind ``doing``, as it is by then.
        lasting: Whether a bar with a unit stays when all is done.

    Yields:
        A function to be told how much more is done, from any thread.
    """
    due = monotonic() + FIRST_SIGN
    processes = sys.modules.get("multiprocessing")
    if processes is not None and processes.current_process().name != "MainProcess":
        yield lambda n: None  # whoever started this process shows how far all is
        return
    call = current()
    if call is not None and (call.line.live or not call.line.wanted):
        display: Lines = Written(call, doing, total, unit, more)
    elif sys.stderr.isatty():
        display = Bar(doing, total, unit, 0.0 if at_once else due, more, lasting)
    else:
        display = Lines(doing, total, unit, due, more)
    try:
        yield display.advance
    finally:
        display.close()


class Lines:
    """A plain line on standard error every few seconds."""

    def __init__(
        self, doing: str, total: int, unit: str, due: float, more: Callable[[], str] = str
    ) -> None:
        self._more = more
        self._doing, self._total, self._unit, self._due = doing, total, unit, due
        self._lock, self._started, self._done = Lock(), monotonic(), 0.0

    def advance(self, n: float) -> None:
        """Count, and show how far it is if that is due."""
        with self._lock:
            self._done += n
            now, done = monotonic(), self._done
            rate = done / max(now - self._started, 1e-9)
            self._show(now, n, rate if self._unit and done >= FORESEEN * self._total else None)

    def _show(self, now: float, n: float, rate: float | None) -> None:
        if now < self._due or self._done >= self._total:
            return
        self._due = now + BETWEEN_LINES
        line = f"{self._doing}{self._more()}: {self._done / self._total:.0%}"
        if rate is not None:
            rest = (self._total - self._done) / rate
            line += f", {human(rate)} {self._unit}/s, ETA {rest:.0f} s"
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Do nothing: lines stay."""


class Bar(Lines):
    """A live bar on standard error; one without a unit goes when it is done."""

    def __init__(
        self,
        doing: str,
        total: int,
        unit: str,
        due: float,
        more: Callable[[], str] = str,
        lasting: bool = True,
    ) -> None:
        super().__init__(doing, total, unit, due, more)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%  {task.fields[rate]}"),
            Remaining(compact=True, elapsed_when_finished=bool(unit)),
        )
        console = Console(stderr=True)
        passing = not (unit and lasting)
        self._bar = Progress(*columns, console=console, refresh_per_second=8, transient=passing)
        self._task = self._bar.add_task(doing + more(), total=total, rate="")
        self._show(monotonic(), 0, None)

    def _show(self, now: float, n: float, rate: float | None) -> None:
        speed = "" if rate is None else f"{human(rate)} {self._unit}/s"
        doing = self._doing + self._more()
        self._bar.update(self._task, advance=n, rate=speed, description=doing)
        if now >= self._due:
            self._bar.start()  # again and again it does nothing

    def close(self) -> None:
        """Stop a bar that was shown."""
        if self._bar.live.is_started:
            self._bar.stop()


class Written(Lines):
    """How far it is in the one line that a call in Python shows; a notebook writes it over."""

    def __init__(
        self, call: Call, doing: str, total: int, unit: str, more: Callable[[], str] = str
    ) -> None:
        super().__init__(doing, total, unit, call.due(FIRST_SIGN), more)
        self._line = call.line

    def _show(self, now: float, n: float, rate: float | None) -> None:
        if now < self._due or self._done >= self._total:
            return
        self._due = now + BETWEEN_WRITTEN
        share = self._done / self._total
        text = f"{share:.0%} of {self._doing.removeprefix('training ')}{self._more()}"
        if rate is not None:
            rest = (self._total - self._done) / rate
            text += f" · {human(rate)} {self._unit}/s · {max(1, round(rest))} s left"
        self._line.write(text, share)


class Remaining(TimeRemainingColumn):
    """The time that the rest will take, once there is an estimate that is worth the name."""

    def render(self, task: Task) -> Text:
        """Write it, or nothing."""
        if task.total is None or task.completed < FORESEEN * task.total:
            return Text("")
        return Text("" if task.finished else "ETA ", style="progress.remaining") + super().render(
            task
        )


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Show what is being done while the ``with`` block runs, from its third second on.

    Yields:
        A function to be told what is being done now. Where standard error is no terminal it does
        nothing.
    """
    call = current()
    if call is not None and (call.line.live or not call.line.wanted):
        due, line = call.due(FIRST_SIGN), call.line
        yield lambda text: line.write(text) if monotonic() >= due else None
        return
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


@cache
def say(text: str) -> None:
    """Print a sentence on standard error, once however many networks it is true of."""
    documents.add("notes", text.removeprefix("note: "))
    print(shown(text), file=sys.stderr, flush=True)


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


STAGES = (
    "start",
    "compose",
    "tune",
    "train",
    "evaluate",
    "decide",
    "store",
    "mlflow",
    "tables",
    "report",
    "animate",
    "total",
)


class Clock:
    """Adds up wall time by stage; a stage inside another counts for itself alone.

    The stage ``start`` is what passed before the clock was made, since nnrun was first imported, or
    since Python called.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES[:-1], 0.0)
        call = current()
        self._began = IMPORTED_AT if call is None else call.started
        self.seconds["start"] = perf_counter() - self._began
        self._open: list[str] = []
        self._since = perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the ``with`` block for a stage."""
        self._switch()
        self._open.append(stage)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def move(self, stage: str, into: str, seconds: float) -> None:
        """Count seconds of a stage for another."""
        moved = min(seconds, self.seconds[stage])
        self.seconds[stage] -= moved
        self.seconds[into] += moved

    def report(self) -> dict[str, float]:
        """Return the seconds of every stage so far, and in total."""
        total = perf_counter() - self._began
        return {k: round(v, 4) for k, v in {**self.seconds, "total": total}.items()}

    def _switch(self) -> None:
        now = perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now
