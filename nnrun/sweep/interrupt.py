"""Signals that ask for an end, at a safe place: what is being saved is saved whole."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Ctrl-C, ``kill`` and a closed terminal; the last does not exist everywhere."""


class Interrupt:
    """Whether an end was asked for.

    Attributes:
        number: Of the signal; None if there was none.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def pressed(self) -> bool:
        """Say whether an end was asked for."""
        return self.number is not None

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was: to be called at safe places."""
        if self.pressed():
            raise KeyboardInterrupt

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended; 0 without one."""
        return 0 if self.number is None else 128 + self.number

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first is noted, a second one raises at once."""
        if self.pressed():
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        self.number = number


@contextmanager
def interrupts_held() -> Iterator[Interrupt]:
    """Hold signals back while the ``with`` block runs; a second one is let through at once.

    Outside the main thread, where Python hands out no signals, nothing is held.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number in _heeded():
            signal.signal(number, interrupt.note)
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_on_signals() -> None:
    """Let every signal that asks for an end raise, so that files are closed and locks released.

    Ctrl-C raises KeyboardInterrupt already; the others raise SystemExit with the code that a shell
    expects.
    """

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        _received.append(number)
        sys.exit(128 + number)

    for number in _heeded():
        if number != signal.SIGINT:
            signal.signal(number, leave)


_received: list[int] = []


def signalled() -> int:
    """Return the exit code of the signal that ``exit_on_signals`` has met; 0 without one.

    What it raises in the middle of a library may come out as that library's own error.
    """
    return 128 + _received[0] if _received else 0


def _heeded() -> list[int]:
    """The signals that are not ignored, as nohup ignores that of a closed terminal."""
    return [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]
