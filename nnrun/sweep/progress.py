"""Progress of training: a live bar on a terminal, plain lines elsewhere."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

FIRST_LINE, BETWEEN_LINES = 2.0, 5.0
"""Seconds until the first plain line, and between two."""

FORESEEN = 0.01
"""Share of the work from which on speed and rest are told: what is less is mostly start-up."""


@contextmanager
def meter(trials: int, samples: int) -> Iterator[Callable[[int], None]]:
    """Show progress on standard error while the ``with`` block runs.

    Args:
        trials: Trials to train.
        samples: Training samples of all trials together.

    Yields:
        A function to be told of samples trained, over all trials, from any thread.
    """
    if sys.stderr.isatty():
        with _bar(trials, samples) as advance:
            yield advance
    else:
        yield Lines(trials, samples).advance


@contextmanager
def _bar(trials: int, samples: int) -> Iterator[Callable[[int], None]]:
    rate = Rate()
    columns = (
        TextColumn(f"training {trials:,} trials"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%  {task.fields[rate]}"),
        Remaining(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=8) as bar:
        task = bar.add_task("", total=samples, rate="")

        def advance(n: int) -> None:
            speed = f"{human(rate.add(n))} samples/s"
            early = rate.total < FORESEEN * samples
            bar.update(task, advance=n, rate="" if early else speed)

        yield advance


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
            share = self._rate.total / self._samples
            line = f"training {self._trials:,} trials: {share:.0%}"
            if share >= FORESEEN:
                rest = (1 - share) * self._samples / rate
                line += f", {human(rate)} samples/s, ETA {rest:.0f} s"
            print(line, file=sys.stderr, flush=True)


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
