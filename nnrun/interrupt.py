"""Signals that ask for an end: Ctrl-C, ``kill``, a closed terminal.

The first ends a command in order: what is being saved is saved whole. A second one ends it at
once, wherever it is. Either way the exit code is 128 and the signal's number.
"""

import os
import signal
import sys
import threading
import warnings
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from nnrun.calls import current

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Ctrl-C, ``kill`` and a closed terminal; the last does not exist everywhere."""

ECHO = 0.9
"""Seconds after the first signal in which a second one waits: a closing terminal and ``timeout``
send theirs twice."""

GRACE = 1.5
"""Seconds after which a command is ended that nothing was being saved in, and that goes on: a
library has taken the exception for one of its own."""

RENEWED = 0.5
"""Seconds after which a signal raises once more where nothing is saved: callbacks swallow it."""

WORDS = "interrupted: ended at once; the same command goes on"


class Ended(KeyboardInterrupt):
    """An end was asked for.

    Attributes:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Interrupt:
    """Whether an end was asked for.

    Args:
        whole: Whether it is for a whole process, which a second signal ends at once; else that
            raises.

    Attributes:
        whole: Likewise.
        number: Of the signal; None if there was none.
    """

    def __init__(self, whole: bool = False) -> None:
        self.number: int | None = None
        self.whole = whole
        self._second: int | None = None
        self._watched = self._renewed = False
        self._since = self._quiet = 0.0
        self._held = self._open = 0

    def pressed(self) -> bool:
        """Say whether an end was asked for."""
        return self.number is not None

    def check(self) -> None:
        """Raise Ended if it was: to be called at safe places."""
        if self.number is not None:
            raise Ended(self.number)

    def left(self, seconds: float) -> float:
        """Return what is left of some seconds since an end was asked for; all without a signal."""
        return seconds if self.number is None else max(0.0, self._since + seconds - monotonic())

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended; 0 without one."""
        return 0 if self.number is None else 128 + self.number

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Let a signal raise at once while the ``with`` block runs: nothing is saved there."""
        self._open += 1
        try:
            self.check()
            yield
        finally:
            self._open -= 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Only note signals while the ``with`` block runs."""
        self._held += 1
        try:
            yield
        finally:
            self._quiet = monotonic()
            self._held -= 1

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first is noted, and raises where nothing is being saved."""
        if self._renewed:
            self._renewed = False
            if self._open:
                self.check()
            return
        if self.number is not None:
            self._again(number)
            return
        self.number, self._since = number, monotonic()
        if self.whole:
            self._watch()
        if self._open or not self._held:
            raise Ended(number)

    def _again(self, number: int) -> None:
        if not self.whole:
            raise Ended(number)
        self._second = number
        # before that the watching thread sees to it
        if monotonic() > self._since + ECHO or not self._watched:
            end_at_once(number)

    def _watch(self) -> None:
        """Begin to look out for a second signal, also where the main thread is not in Python."""
        if sys.platform == "win32":  # which cannot wait for a pipe
            return
        self._watched = True
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # not threading's: a handler may run where that module holds its locks
        start_new_thread(self._watching, (reader,))

    def _watching(self, reader: int) -> None:
        """End the process after a second signal, or where the first was not heeded in time."""
        own, due = 0, self._since + RENEWED
        while True:
            if select([reader], [], [], 0.05)[0]:
                ends = [number for number in os.read(reader, 64) if number in ENDING]
                ends, own = ends[own:], max(0, own - len(ends))
                self._second = ends[-1] if ends else self._second
            now, number = monotonic(), self._second or self.number
            if self._open and self.number and now > due:
                own, due, self._renewed = own + 1, now + RENEWED, True
                os.kill(os.getpid(), self.number)
            idle = not self._held and now > max(self._since, self._quiet) + GRACE
            if number and (idle or (self._second and now > self._since + ECHO)):
                end_at_once(number)


def heed() -> Interrupt:
    """Let signals end this process in order from now on; the main thread calls it once."""
    interrupt = Interrupt(whole=True)
    for number in _heeded():
        signal.signal(number, interrupt.note)
    sys.unraisablehook = _silent(sys.unraisablehook)
    return interrupt


def heed_from_the_start() -> None:
    """Let signals end a command at once while it is only being imported.

    Nothing happens where nnrun is imported by another program.
    """
    words = [word.removeprefix("-m") for word in sys.orig_argv[1:]]
    found = sys.argv[:1] == ["-m"] and any(f"{word}.".startswith("nnrun.") for word in words)
    if found or Path(sys.argv[0] if sys.argv else "").stem == "nnrun":
        heed_at_once()


def obey() -> None:
    """Let signals do what they do in a process that heeds none."""
    for number in _heeded():
        default = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if default else signal.SIG_DFL)


def heed_at_once() -> None:
    """Let signals end this process at once: there is nothing to save."""
    for number in _heeded():
        signal.signal(number, end_at_once)


def end_at_once(number: int, frame: FrameType | None = None) -> NoReturn:
    """End the process as the signal of that number does, with a word, from any thread."""
    with suppress(OSError):
        os.write(2, f"{WORDS}\n".encode())
    os._exit(128 + number)


@contextmanager
def interrupts_held() -> Iterator[Interrupt]:
    """Hold signals back while the ``with`` block runs; a second one is let through at once.

    Outside the main thread, where Python hands out no signals, nothing is held.
    """
    whole = _of_process()
    interrupt = whole or Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield Interrupt()
        return
    before = {number: signal.getsignal(number) for number in _heeded()}
    try:
        with interrupt.held():
            for number in () if whole else before:
                signal.signal(number, interrupt.note)
            yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def starting_process() -> Iterator[None]:
    """Start a process in the ``with`` block: no signal is delivered, and no thread warned of.

    Python warns of threads beside a fork; those of ours hold no lock that the new process needs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if sys.platform == "win32":
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def launches() -> bool:
    """Tell whether a sweep was launched here, by a command or a call, not in another process."""
    interrupt = _of_process()
    return current() is not None or (interrupt is not None and interrupt.whole)


def _of_process() -> Interrupt | None:
    """Return what ``heed`` has set up, if it has."""
    owners = [getattr(signal.getsignal(number), "__self__", None) for number in ENDING]
    return next((owner for owner in owners if isinstance(owner, Interrupt)), None)


def _heeded() -> list[int]:
    """The signals that are not ignored, as nohup ignores that of a closed terminal."""
    return [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]


def _silent(hook: "Callable[[UnraisableHookArgs], object]") -> "Callable[..., None]":
    """Say nothing of an end that was asked for in the middle of a callback, where none can rise."""

    def silent(args: "UnraisableHookArgs") -> None:
        if not isinstance(args.exc_value, Ended):
            hook(args)

    return silent
