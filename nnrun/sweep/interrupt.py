"""Ctrl-C at a safe place: what is being saved is saved whole."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_held() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back while the ``with`` block runs; a second one is let through at once.

    Outside the main thread, where Python hands out no signals, nothing is held.

    Yields:
        A function that raises KeyboardInterrupt if Ctrl-C was pressed meanwhile: to be called at
        safe places.
    """
    pressed = threading.Event()

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    def note(number: int, frame: FrameType | None) -> None:
        check()
        pressed.set()

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
