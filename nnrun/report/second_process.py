"""Work shared with a second process beside this one, where starting one costs next to nothing."""

import multiprocessing as mp
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from io import StringIO
from multiprocessing.connection import Connection
from threading import Thread
from typing import TypeVar

from nnrun.interrupt import ENDING, starting_process
from nnrun.trials.progress import say

Result = TypeVar("Result")
Pieces = Sequence[Callable[[], Result]]


@contextmanager
def shared(pieces: "Pieces[Result]") -> Iterator[Callable[[], list[Result]]]:
    """Do pieces of work in a forked process while the block runs, and here what is left then.

    What the block yields waits for all results. Where a fork is no cheap and safe thing (not on
    Linux, or with one processor) the pieces are done here, and so are those without a result of a
    second process that did not come to its end: each must bear to be done twice. However the
    block is left, no process stays behind.

    Args:
        pieces: Draw and compute, the longest first, 255 at most; they start no thread, and their
            results can be pickled.
    """
    # whoever reads the next byte does the piece of that number
    queue, numbers = os.pipe()
    os.write(numbers, bytes(range(len(pieces))))
    os.close(numbers)
    started = _started(pieces, queue)
    process, receiver = started or (None, None)

    def results() -> list[Result]:
        done = _done(pieces, queue)
        if receiver is not None:
            with suppress(EOFError):  # killed, or a piece failed: done here, that says why
                others, words = receiver.recv()
                done |= others
                for line in words.splitlines():
                    say(line)
        return [done[i] if i in done else piece() for i, piece in enumerate(pieces)]

    try:
        yield results
    finally:
        os.close(queue)
        if process is not None and receiver is not None:
            process.kill()
            process.join()
            receiver.close()


def _done(pieces: "Pieces[Result]", queue: int) -> dict[int, Result]:
    """Do pieces as long as there are any that nobody has begun."""
    done = {}
    while number := os.read(queue, 1):
        done[number[0]] = pieces[number[0]]()
    return done


def _started(
    pieces: "Pieces[Result]", queue: int
) -> "tuple[mp.process.BaseProcess, Connection] | None":
    """Fork, with signals held back until the new process has let go of this one's handlers."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return None
    context = mp.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(pieces, queue, sender), daemon=True)
    try:
        with starting_process():
            process.start()
    except (OSError, AssertionError):  # no room for a process, or this one may have no children
        return None
    finally:
        sender.close()
    return process, receiver


def _work(pieces: "Pieces[Result]", queue: int, sender: Connection) -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(Exception), redirect_stderr(StringIO()) as words:
        done = _done(pieces, queue)
        sender.send((done, words.getvalue()))


def _end_with_parent() -> None:
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
