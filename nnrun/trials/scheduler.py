"""The way to a Dask scheduler: what is asked of it and of its workers, and how that comes back."""

import logging
import signal
import sys
import threading
import urllib.request
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, get_worker
from distributed.versions import VersionMismatchWarning

from nnrun.trials.parcel import MOST_HELD, Parcel, unpack, versions_here
from nnrun.trials.provenance import processor
from nnrun.trials.shard import Piece, train_shard

ANSWER = 10.0
"""Seconds in which a scheduler must answer."""

GLANCE = 2.0
"""Seconds in which its dashboard must, to be spoken of."""

TRIES = 3
"""How often the workers may die that train a shard, or cannot begin it, before it is given up."""

INLINE = 2**16
"""Bytes of a large part from which on it is sent once, not with every shard."""

TALKATIVE = ("distributed", "tornado", "bokeh", "asyncio")
"""Loggers whose lines are no user's concern: what matters of them is said in other words."""

NOT_THEIRS = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
"""Signals that a terminal sends to all that was started from it: they are for the client alone."""


def train_parcel(parcel: Parcel, *large: bytes) -> list[Piece]:
    """Train a shard on a worker, until nobody wants it any more.

    Raises:
        WorkerDiffers: If this worker would train other numbers.
        TrainingStopped: If nobody wants them.
    """
    worker: Any = get_worker()
    tasks, key = worker.state.tasks, worker.get_current_task()

    def unwanted() -> bool:
        task = tasks.get(key)
        ends = worker.status.name in ("closing", "closed", "failed")
        return ends or task is None or task.state not in ("executing", "long-running", "resumed")

    pieces = train_shard(unpack(parcel, large), stopped=unwanted)
    return [piece._replace(processor=processor()) for piece in pieces]


def facts_here() -> tuple[Mapping[str, Any], str]:
    """Say what a worker is: the versions that numbers depend on, and its type of processor."""
    return versions_here(), processor()


class Scheduler:
    """A connection to a scheduler. Whatever is called back is, from a thread of its own.

    Args:
        address: Of the scheduler, or the file that it wrote its address into; or how many processes
            to start on this machine.

    Raises:
        OSError: If no scheduler answers; ValueError if that is no address.
    """

    def __init__(self, address: str | int) -> None:
        is_file = isinstance(address, str) and Path(address).is_file()
        self._own: Any = _local(address) if isinstance(address, int) else None
        where = {"scheduler_file": address} if is_file else {"address": self._own or address}
        make: Any = Client
        self._client = make(**where, timeout=ANSWER, set_as_default=False)
        self._sent: dict[str, Any] = {}

    @property
    def answers(self) -> bool:
        """Whether it is connected."""
        stream = self._client.scheduler_comm
        return self._client.status == "running" and stream is not None and not stream.closed()

    @property
    def returns(self) -> bool:
        """Whether it may be soon: Dask tries for a while."""
        return bool(self._client.status == "connecting")

    def workers(self) -> dict[str, int]:
        """Return how many threads each worker has, by its address.

        Raises:
            OSError: If the scheduler does not answer.
        """
        found: dict[str, int] = self._client.nthreads(callback_timeout=ANSWER)
        return found

    def ask(self, workers: Iterable[str], tell: Callable[[str, Any], object]) -> None:
        """Have workers say what they are; one that hangs keeps no other waiting.

        Args:
            workers: Their addresses.
            tell: Is told the address of each, with what `facts_here` returns or an exception.
        """

        async def ask(worker: str) -> None:
            try:
                asked = {"workers": [worker], "on_error": "return", "asynchronous": True}
                found = await self._client.run(facts_here, **asked)
            except Exception as error:
                found = {worker: error}
            tell(worker, found.get(worker, ConnectionError("it is gone")))

        for worker in workers:
            self._client.loop.add_callback(ask, worker)

    def train(
        self,
        parcel: Parcel,
        large: Mapping[str, bytes],
        workers: Collection[str],
        tell: Callable[[Any, Any], object],
    ) -> Any:
        """Have a shard trained.

        Args:
            parcel: The shard.
            large: Its large parts.
            workers: Who may train it; anybody, if none is named.
            tell: Is told what this returns, and the pieces or the exception that came of it.

        Returns:
            Something that stands for this training.
        """
        parts = [self._part(key, packed) for key, packed in large.items()]
        chosen = {"workers": list(workers)} if workers else {}
        run = self._client.submit(train_parcel, parcel, *parts, pure=False, **chosen)

        async def bring() -> None:
            try:
                came = await self._client.gather(run, asynchronous=True)
            except Exception as error:
                came = error
            tell(run, came)

        self._client.loop.add_callback(bring)
        return run

    def _part(self, key: str, packed: bytes) -> Any:
        """Return the bytes of a large part, or where the cluster has them."""
        if len(packed) < INLINE:
            return packed
        sent = self._sent.pop(key, None)
        if sent is None or sent.status in ("cancelled", "lost", "error"):
            # as a task, which is done again where its worker has died
            sent = self._client.submit(bytes, packed, pure=False)
        self._sent[key] = sent
        while len(self._sent) > MOST_HELD:
            del self._sent[next(iter(self._sent))]
        return sent

    def drop(self, runs: Iterable[Any]) -> None:
        """Have trainings ended that nobody wants any more."""
        with suppress(RuntimeError):  # where its loop has ended
            self._client.loop.add_callback(
                partial(self._client.cancel, list(runs), asynchronous=True)
            )

    @property
    def dashboard(self) -> str:
        """The address of its dashboard; empty if there is none, or none that can be seen here."""
        try:
            link: str = self._client.dashboard_link
            # a scheduler names its page even where it cannot draw it
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(f"{link}/metadata", timeout=GLANCE) as page:
                return link if page.status == 200 else ""
        except (OSError, KeyError, ValueError, TypeError):
            return ""

    def close(self) -> None:
        """Let go of it; workers that were started here end."""
        with suppress(OSError, RuntimeError):
            self._client.close(timeout=GLANCE)
        if self._own is not None:
            with suppress(OSError, RuntimeError):
                self._own.close(timeout=GLANCE)


def hush() -> None:
    """Keep what Dask says off the terminal."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith(TALKATIVE)]
    for name in (*TALKATIVE, *names):  # some have a level of their own
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)
    warnings.filterwarnings("ignore", "Sending large graph")


def _local(workers: int) -> Any:
    """Start a cluster of processes of this machine."""
    cluster: Future[Any] = Future()

    def start() -> None:
        if hasattr(signal, "pthread_sigmask"):  # workers, also later ones, inherit the mask
            signal.pthread_sigmask(signal.SIG_BLOCK, NOT_THEIRS)
        try:
            cluster.set_result(_started(workers))
        except Exception as error:
            cluster.set_exception(error)

    # what looks after semaphores warns of ours where this process was ended
    with _warning_option("ignore:resource_tracker"):
        resource_tracker.ensure_running()
    threading.Thread(target=start, daemon=True).start()
    return cluster.result()


@contextmanager
def _warning_option(option: str) -> Iterator[None]:
    sys.warnoptions.append(option)
    try:
        yield
    finally:
        sys.warnoptions.remove(option)


def _started(workers: int) -> Any:
    make: Any = LocalCluster
    with dask.config.set({"distributed.scheduler.allowed-failures": TRIES - 1}):
        return make(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
