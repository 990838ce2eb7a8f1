"""BLAS in one thread while trials are trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to one thread.

    In how many pieces BLAS cuts a sum decides its last bits, and a trial is to be itself on any
    number of processors. These are kept busy by shards side by side, one each. Some libraries take
    the limit for the process from the thread that began, others for each thread by itself: whoever
    starts workers asks for it, and so does every worker.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController  # with its first search 9 ms

    return ThreadpoolController()
