"""Who trains the shards: threads of this process."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from nnrun.config.settings import Executor

T = TypeVar("T")
R = TypeVar("R")


AHEAD = 32
"""Items a worker that are handed out at once: enough to keep it busy while results are saved, few
enough that results waiting to be saved fit into memory."""


PATIENCE = 0.7
"""Seconds to wait for work that was asked to stop: what compiles cannot."""


def run_all(
    work: Callable[[T, Callable[[], bool]], R],
    items: Iterable[T],
    executor: Executor,
    check: Callable[[], None],
) -> Iterator[R]:
    """Work on every item in parallel; yield each result as it is there.

    If ``check`` or ``work`` raises, or the generator is closed early, the work in flight is asked
    to stop and waited for a while, and what was queued is dropped.

    Args:
        work: Called with an item and a function that says whether to stop.
        items: What to work on, in order; taken as workers get free.
        executor: How many threads.
        check: Called every fifth of a second and after each item; may raise.

    Yields:
        Results, in order of completion.
    """
    stop = threading.Event()
    threads, queue = workers(executor), iter(items)
    pool = ThreadPoolExecutor(threads, "shard")
    pending: set[Future[R]] = set()
    try:
        while True:
            more = islice(queue, max(0, AHEAD * threads - len(pending)))
            pending |= {pool.submit(work, item, stop.is_set) for item in more}
            if not pending:
                return
            check()
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            while done:
                yield done.pop().result()
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        wait(pending, timeout=PATIENCE)


def workers(executor: Executor) -> int:
    """Return the number of threads: as configured, else one a processor this process may use."""
    if executor.workers is not None:
        return executor.workers
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
