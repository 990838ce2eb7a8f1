"""Ctrl-C at a safe place: what is being saved is saved whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def pressed(self) -> bool:
        """Say whether it was."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was: to be called at safe places."""
        if self.pressed():
            raise KeyboardInterrupt

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: the first is noted, a second one raises at once."""
        self.check()
        self._event.set()


@contextmanager
def interrupts_held() -> Iterator[Interrupt]:
    """Hold Ctrl-C back while the ``with`` block runs; a second one is let through at once.

    Outside the main thread, where Python hands out no signals, nothing is held.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = signal.signal(signal.SIGINT, interrupt.note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
