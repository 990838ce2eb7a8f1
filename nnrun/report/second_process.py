"""Work done in a second process beside this one, where starting one costs next to nothing."""

import multiprocessing as mp
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from io import StringIO
from multiprocessing.connection import Connection
from threading import Thread
from typing import TypeVar

from nnrun.trials.progress import say

Result = TypeVar("Result")


@contextmanager
def beside(work: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Do work in a forked process while the block runs; what it yields waits for the result.

    Where a fork is no cheap and safe thing (not on Linux, or with one processor), and where the
    second process ended without a result, the work is done here when the result is asked for: it
    must bear to be done twice. However the block is left, no process stays behind.

    Args:
        work: Draws and computes; it starts no thread, and its result can be pickled.
    """
    found = _started(work)
    if found is None:
        yield work
        return
    process, receiver = found

    def result() -> Result:
        try:
            done, words = receiver.recv()
        except EOFError:  # killed, or it failed: here it says why
            return work()
        for line in words.splitlines():
            say(line)
        return done

    try:
        yield result
    finally:
        process.kill()
        process.join()
        receiver.close()


def _started(work: Callable[[], Result]) -> "tuple[mp.process.BaseProcess, Connection] | None":
    """Fork, with signals held back until the new process has let go of this one's handlers."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return None
    context = mp.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, sender), daemon=True)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        with warnings.catch_warnings():  # of other threads: the work shares none of their locks
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
    except (OSError, AssertionError):  # no room for a process, or this one may have no children
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        sender.close()
    return process, receiver


def _work(work: Callable[[], Result], sender: Connection) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(Exception), redirect_stderr(StringIO()) as words:
        done = work()
        sender.send((done, words.getvalue()))


def _end_with_parent() -> None:
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
