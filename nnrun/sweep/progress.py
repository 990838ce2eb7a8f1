"""Progress of training: a live bar on a terminal, plain lines elsewhere."""

import sys
import threading
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

FIRST_LINE, BETWEEN_LINES = 2.0, 5.0
"""Seconds until the first plain line, and between two."""


class Meter(Protocol):
    """Told how training goes; ``advance`` may be called from any thread."""

    def advance(self, samples: int) -> None:
        """Count samples trained, over all trials."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def meter(trials: int, samples: int) -> Meter:
    """Return the meter that suits where standard error goes.

    Args:
        trials: Trials to train.
        samples: Training samples of all trials together.
    """
    if sys.stderr.isatty():
        return Bar(trials, samples)
    return Lines(trials, samples)


class Bar:
    """A live bar on standard error."""

    def __init__(self, trials: int, samples: int) -> None:
        self._rate = Rate()
        self._progress = Progress(
            TextColumn("training {task.fields[trials]:,} trials"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%  {task.fields[rate]}  ETA"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=Console(stderr=True),
            refresh_per_second=8,
        )
        self._task = self._progress.add_task("", total=samples, trials=trials, rate="")

    def advance(self, samples: int) -> None:
        """Move the bar."""
        rate = f"{human(self._rate.add(samples))} samples/s"
        self._progress.update(self._task, advance=samples, rate=rate)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()


class Lines:
    """A plain line on standard error every few seconds."""

    def __init__(self, trials: int, samples: int) -> None:
        self._trials, self._samples = trials, samples
        self._rate = Rate()
        self._due = monotonic() + FIRST_LINE

    def advance(self, samples: int) -> None:
        """Count, and print a line if one is due."""
        rate = self._rate.add(samples)
        now = monotonic()
        if now >= self._due:
            self._due = now + BETWEEN_LINES
            done = self._rate.total
            left = (self._samples - done) / rate if rate else float("inf")
            print(
                f"training {self._trials:,} trials: {done / self._samples:.0%}, "
                f"{human(rate)} samples/s, ETA {left:.0f} s",
                file=sys.stderr,
                flush=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Rate:
    """Samples so far and their mean rate since the first call; safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = monotonic()
        self.total = 0

    def add(self, samples: int) -> float:
        """Count samples and return the samples a second so far."""
        with self._lock:
            self.total += samples
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
