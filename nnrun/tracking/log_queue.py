"""Logging beside training: one thread, one run after the other."""

import atexit
import threading
from collections import deque
from collections.abc import Callable, Iterator

from nnrun.tracking.errors import TrackingError, first_line

DROPPED = "was not logged: the process was asked to end"

Outcome = str | TrackingError


class LogQueue:
    """Log runs in a thread of its own, in the order in which they are added.

    Adding one never waits. After an error that lasts nothing more is sent: what waits fails by the
    same error at once. A process that ends finishes the run in hand, so that none is left as
    running, and drops the rest.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Callable[[], str]]] = deque()
        self._finished: deque[tuple[str, Outcome]] = deque()
        self._unfinished = 0
        self._broken: TrackingError | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def unfinished(self) -> int:
        """Runs that were added and are neither logged nor refused yet."""
        return self._unfinished

    def add(self, key: str, log: Callable[[], str]) -> None:
        """Queue a run.

        Args:
            key: Names it in ``finished``.
            log: Logs it and returns its MLflow run id, or raises ``TrackingError``.
        """
        with self._changed:
            self._waiting.append((key, log))
            self._unfinished += 1
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
                self._thread.start()
                # a daemon would be cut off in mid-run: the end of the process waits for that run
                atexit.register(self.drop)

    def finished(self) -> Iterator[tuple[str, Outcome]]:
        """Yield the key and run id, or error, of each run since the last call."""
        while self._finished:
            yield self._finished.popleft()

    def wait(self, seconds: float) -> bool:
        """Wait for the queue to be empty, and say whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unfinished, seconds)

    def drop(self, seconds: float = 60.0) -> None:
        """Give up what waits and wait for the run in hand; more can be added afterwards."""
        self._clear(TrackingError(DROPPED, lasting=False))
        self.wait(seconds)

    def give_up(self, why: str) -> None:
        """Give up what waits, for good: nothing more is sent after the run in hand."""
        self._broken = TrackingError(why)
        self._clear(self._broken)

    def _clear(self, error: TrackingError) -> None:
        with self._changed:
            self._finished.extend((key, error) for key, _ in self._waiting)
            self._unfinished -= len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()

    def close(self, seconds: float = 60.0) -> None:
        """End the thread when the run in hand is done; what still waits is dropped."""
        self.drop(seconds)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        atexit.unregister(self.drop)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                key, log = self._waiting.popleft()
                self._changed.notify_all()
            outcome = self._broken or _outcome(log)
            if isinstance(outcome, TrackingError) and outcome.lasting:
                self._broken = outcome
            with self._changed:
                self._finished.append((key, outcome))
                self._unfinished -= 1
                self._changed.notify_all()


def _outcome(log: Callable[[], str]) -> Outcome:
    try:
        return log()
    except TrackingError as error:
        return error
    except Exception as error:  # a result is never lost for a run that cannot be logged
        return TrackingError(first_line(error), lasting=False)
