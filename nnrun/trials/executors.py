"""Who trains the shards: an executor of the standard library's kind, threads or a cluster."""

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any, Protocol, TypeVar

from nnrun.config.settings import Executor
from nnrun.errors import InputError, Issue
from nnrun.text import things
from nnrun.trials.forecast import THREADS, Costs

T = TypeVar("T")
R = TypeVar("R")


AHEAD = 32
"""Items a thread that are handed out at once: enough to keep it busy while results are saved, few
enough that results waiting to be saved fit into memory."""


PATIENCE = 0.7
"""Seconds to wait for work that was asked to stop: what compiles cannot."""


class Workers(Protocol):
    """A ``concurrent.futures.Executor`` that says of itself what whoever feeds it must know."""

    def submit(self, work: Callable[..., R], /, *args: Any) -> Future[R]:
        """Have some work done."""
        ...

    @property
    def slots(self) -> int:
        """How many shards it trains at once, now."""
        ...

    @property
    def room(self) -> int:
        """Most shards that it is to be given at once: what waits for it takes memory."""
        ...

    @property
    def processors(self) -> tuple[str, ...]:
        """Types of processor that train, but for this machine's own."""
        ...

    @property
    def costs(self) -> Costs:
        """What it costs to have shards trained there."""
        ...

    def words(self) -> str:
        """Say who trains, for instance ``2 threads``."""
        ...


class Threads(ThreadPoolExecutor):
    """Threads of this process.

    Args:
        slots: How many.
    """

    processors: tuple[str, ...] = ()
    costs = THREADS

    def __init__(self, slots: int) -> None:
        super().__init__(slots, "shard")
        self.slots, self.room = slots, AHEAD * slots

    def words(self) -> str:
        """Say who trains."""
        return things(self.slots, "thread")


def connected(executor: Executor) -> Workers:
    """Return who trains, as the configuration says; a cluster stays connected for the process.

    Raises:
        InputError: If there is none.
    """
    return _cluster(executor) if executor.name == "dask" else Threads(threads(executor))


@cache
def _cluster(executor: Executor) -> Workers:
    try:
        from nnrun.trials.cluster import Cluster  # it takes a second to import
    except ImportError as error:
        rule = f"needs a package that is not installed: {error.name}"
        raise InputError(Issue("executor", "dask", rule, "pip install 'nnrun[dask]'")) from None
    return Cluster.open(executor)


@contextmanager
def at_work(executor: Executor) -> Iterator[Workers]:
    """Have those who train while the ``with`` block runs; threads end with it."""
    workers = connected(executor)
    try:
        yield workers
    finally:
        if isinstance(workers, Threads):
            workers.shutdown(wait=False, cancel_futures=True)


def run_all(
    submit: Callable[[T, Callable[[], bool]], Future[R]],
    items: Iterable[T],
    room: Callable[[], int],
    check: Callable[[], None],
) -> Iterator[tuple[T, R]]:
    """Have every item worked on; yield each with its result as it is there.

    If ``check`` or the work raises, or the generator is closed early, the work in flight is asked
    to stop and waited for a while, and what was queued is dropped.

    Args:
        submit: Called with an item and a function that says whether to stop.
        items: What to work on, in order; taken as workers get free.
        room: Says how many may be handed out at once.
        check: Called every fifth of a second and after each item; may raise.

    Yields:
        Items with their results, in order of completion.
    """
    stop, waiting = threading.Event(), iter(items)
    pending: dict[Future[R], T] = {}
    ended = queue.SimpleQueue[Future[R]]()  # asked in one step, however many are in flight
    try:
        while True:
            for item in islice(waiting, max(0, room() - len(pending))):
                future = submit(item, stop.is_set)
                pending[future] = item
                future.add_done_callback(ended.put)
            if not pending:
                return
            check()
            try:
                future = ended.get(timeout=0.2)
            except queue.Empty:
                continue
            yield pending.pop(future), future.result()
    finally:
        stop.set()
        for future in pending:
            future.cancel()
        wait(pending, timeout=PATIENCE)


def threads(executor: Executor) -> int:
    """Return the number of threads: as configured, else one a processor this process may use."""
    if executor.workers is not None:
        return executor.workers
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
