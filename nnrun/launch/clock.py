"""Seconds by stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from nnrun import IMPORTED_AT

STAGES = (
    "start",
    "compose",
    "tune",
    "train",
    "evaluate",
    "store",
    "mlflow",
    "tables",
    "report",
    "animate",
    "total",
)


class Clock:
    """Adds up wall time by stage; a stage inside another counts for itself alone.

    The stage ``start`` is what passed between the first import of nnrun and the clock's making.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES[:-1], 0.0)
        self.seconds["start"] = perf_counter() - IMPORTED_AT
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
        """Return the seconds of every stage so far, and in total since nnrun was imported."""
        total = perf_counter() - IMPORTED_AT
        return {k: round(v, 4) for k, v in {**self.seconds, "total": total}.items()}

    def _switch(self) -> None:
        now = perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now
