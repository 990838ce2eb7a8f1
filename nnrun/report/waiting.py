"""What is being done, said on a terminal while one waits for it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console

FIRST = 2.0
"""Seconds until the first sign."""


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Show what is being done while the ``with`` block runs, from its third second on.

    Yields:
        A function to be told what is being done now. Where standard error is no terminal it does
        nothing.
    """
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    status = Console(stderr=True).status("")
    timer = Timer(FIRST, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield status.update
    finally:
        timer.cancel()
        timer.join()
        status.stop()
