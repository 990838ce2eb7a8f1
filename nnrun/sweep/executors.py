"""Who trains the shards: threads of this process."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from nnrun.config import Executor

T = TypeVar("T")
R = TypeVar("R")


def run_all(
    work: Callable[[T, Callable[[], bool]], R],
    items: Sequence[T],
    executor: Executor,
    check: Callable[[], None],
) -> Iterator[tuple[T, R | Exception]]:
    """Work on every item in parallel; yield each with its result as it is done.

    If ``check`` raises, or the generator is closed early, the work in flight is asked to stop and
    waited for, and what was queued is dropped.

    Args:
        work: Called with an item and a function that says whether to stop.
        items: What to work on, in order.
        executor: How many threads.
        check: Called every fifth of a second and after each item; may raise.

    Yields:
        Items with their results, or with the exception that ended them, in order of completion.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(min(workers(executor), max(1, len(items))), "shard")
    pending: dict[Future[R], T] = {pool.submit(work, item, stop.is_set): item for item in items}
    try:
        while pending:
            check()
            done, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield pending.pop(future), future.result() if error is None else error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def workers(executor: Executor) -> int:
    """Return the number of threads: as configured, else one a processor this process may use."""
    if executor.workers is not None:
        return executor.workers
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
