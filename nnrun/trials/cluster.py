"""Workers of a Dask cluster as an executor that gives every shard its result, whatever fails there.

A shard is handed out again when its worker is gone, the scheduler was started anew, or it takes far
longer than others; whoever ends first counts, since all train the same numbers. What workers were
training that died, again and again, is suspected: at the end, when nothing else is under way, each
of its settings is tried alone, and fails if that kills its workers, too.
"""

import logging
import queue
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import dask
from distributed import Client, LocalCluster, get_worker
from distributed.scheduler import KilledWorker

from nnrun.config import settings
from nnrun.errors import InputError, Issue
from nnrun.text import things
from nnrun.training.stack import Stack, seconds
from nnrun.training.trainer import TrainingStopped
from nnrun.trials.executors import threads
from nnrun.trials.forecast import CLUSTER
from nnrun.trials.parcel import Packer, Parcel, WorkerDiffers, require_same, unpack, versions_here
from nnrun.trials.progress import say
from nnrun.trials.provenance import processor
from nnrun.trials.shard import Piece, by_setting, train_shard

IN_FLIGHT = 3
"""Shards a worker that are handed out at once: one in training, one to begin at once, one on its
way."""

INLINE = 2**16
"""Bytes of a large part from which on it is sent once, not with every shard."""

ANSWER = 10.0
"""Seconds in which a scheduler and its workers must answer."""

GONE = 600.0
"""Seconds that a scheduler which has gone is waited for."""

LOOK = 2.0
"""Seconds between two looks at which workers there are."""

LATE, FACTOR = 60.0, 10.0
"""A shard is handed out once more so many seconds, and so many times what it or the slowest of the
others should take, after it was handed out."""

TRIES = 3
"""How often a shard is begun whose worker dies or cannot begin, before its settings fail."""

APART = """
import os
if hasattr(os, "setpgid"):
    os.setpgid(0, 0)
"""
"""What workers that are started here do first (once or twice): Ctrl-C is not for them."""


log = logging.getLogger(__name__)


class ClusterLost(OSError):
    """The cluster cannot be used any more."""


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
        return task is None or task.state not in ("executing", "long-running", "resumed")

    pieces = train_shard(unpack(parcel, large), stopped=unwanted)
    return [piece._replace(processor=processor()) for piece in pieces]


def facts_here() -> tuple[Mapping[str, Any], str]:
    """Say what a worker is: the versions that numbers depend on, and its type of processor."""
    return versions_here(), processor()


@dataclass(eq=False)
class Order:
    """A shard whose result is asked for.

    Attributes:
        shard: The trials.
        advance: Is told of samples when they are trained.
        future: Of its result.
        runs: Where it is being trained, and when it was handed out to there.
        tries: How often it came back without a result that says something of the shard.
        parts: The settings of a suspected one that are to be tried alone, by their rows.
        pieces: What became of the others of these.
    """

    shard: Stack
    advance: Callable[[int], None]
    future: "Future[list[Piece]]" = field(default_factory=Future)
    runs: "dict[Future[list[Piece]], float]" = field(default_factory=dict)
    tries: int = 0
    parts: list[tuple[int, ...]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    def is_late(self, slowest: float) -> bool:
        """Say whether it takes so much longer than others that something must be wrong."""
        should = seconds(self.shard.setting, len(self.shard.trials), "reference")
        waited = monotonic() - max(self.runs.values(), default=monotonic())
        return waited > LATE + FACTOR * max(slowest, should) and len(self.runs) < TRIES


class Cluster(Executor):
    """An executor whose futures have results, or raise ClusterLost.

    Args:
        connect: Makes a client; raises OSError if no scheduler answers.
        place: Where the scheduler is, in words; empty for one that was started here.

    Attributes:
        done: Shards that are trained.
    """

    costs = CLUSTER

    def __init__(self, connect: Callable[[], Any], place: str = "") -> None:
        self._connect, self._place = connect, place
        self._client = connect()
        self._packer, self._sent = Packer(), dict[str, Any]()
        self._orders: list[Order] = []
        self._came: queue.SimpleQueue[tuple[Order, Any]] = queue.SimpleQueue()
        self._threads: dict[str, int] = {}  # of the workers that may train
        self._met: dict[str, str] = {}  # what every worker is: its processor; or empty
        self._slowest = self._next_look = 0.0
        self._away: float | None = None  # since when no scheduler answers
        self.done = 0
        self._look()
        threading.Thread(target=self._tend, name="cluster", daemon=True).start()

    @classmethod
    def open(cls, executor: settings.Executor) -> "Cluster":
        """Connect to a cluster, or start one of processes of this machine.

        Raises:
            InputError: If no scheduler answers, or none of its workers can train equal numbers.
        """
        for name in ("distributed", "tornado", "bokeh"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        address = executor.address
        if address is None:
            return cls(lambda: _client(_local(threads(executor))))
        try:
            cluster = cls(lambda: _client(address), address)
        except (OSError, ValueError) as error:
            rule = f"no Dask scheduler answers there: {' '.join(str(error).split())}"
            hint = "start one with: dask scheduler"
            raise InputError(Issue("executor.address", address, rule, hint)) from None
        if cluster._met and not cluster._threads:
            rule = "has no worker that would train the same numbers"
            hint = "install what this process has, or the other way round"
            raise InputError(Issue("executor.address", address, rule, hint))
        return cluster

    @property
    def slots(self) -> int:
        """How many shards it trains at once, now; 1 where no worker is there yet."""
        return max(1, sum(self._threads.values()))

    @property
    def room(self) -> int:
        """Most shards that it is to be given at once."""
        return IN_FLIGHT * self.slots

    @property
    def processors(self) -> tuple[str, ...]:
        """Types of processor that train, but for this machine's own."""
        return tuple(sorted({name for name in self._met.values() if name} - {processor()}))

    def words(self) -> str:
        """Say who trains."""
        workers = things(len(self._threads), "worker")
        return f"{workers} of {self._place}" if self._place else workers

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Have a shard trained; shards are all that it takes.

        Args:
            work: `nnrun.trials.shard.train_shard`.
            *args: What that takes. Samples are told when all of a shard's are trained; whether to
                stop is not asked: cancel the future.
            **kwargs: None.

        Returns:
            A future of what that returns.
        """
        if work is not train_shard:
            raise TypeError("a cluster trains shards")
        order = Order(*args[:2])
        order.future.add_done_callback(lambda _: self._came.put((order, None)))
        self._came.put((order, None))
        return order.future

    def _tend(self) -> None:
        """See to the orders, for ever: the only one who touches them."""
        while True:
            try:
                with suppress(queue.Empty):
                    self._take(*self._came.get(timeout=0.2))
                self._watch()
            except ClusterLost as lost:
                for order in self._orders:
                    order.future.set_exception(lost)
                self._orders = []
            except Exception as error:  # of a scheduler that is going away, as a rule
                log.debug("%s", error)
                self._next_look = monotonic() + LOOK

    def _take(self, order: Order, run: Any) -> None:
        """See to an order that is new, was cancelled, or of which a run has ended."""
        if order.future.done():
            for other in order.runs:
                other.cancel()
            order.runs.clear()
            if order in self._orders:
                self._orders.remove(order)
        elif run is None:
            self._orders.append(order)
            self._hand_out(order)
        elif run in order.runs:  # else another run was quicker
            since = order.runs.pop(run)
            if run.cancelled():  # with the scheduler that it was at
                return
            error = run.exception()
            if error is None:
                self._slowest = max(self._slowest, monotonic() - since)
                here = processor()
                self._settle(
                    order,
                    [p._replace(processor="") if p.processor == here else p for p in run.result()],
                )
            elif isinstance(error, KilledWorker):
                self._suspect(order)
            elif not isinstance(error, TrainingStopped):  # which a worker says that is closed
                order.tries += 1
                self._next_look = 0.0
                if order.tries >= TRIES:
                    self._fail(order, order.parts[:1], error)

    def _hand_out(self, order: Order) -> None:
        """Send an order to the cluster, if there is one."""
        if self._client.status != "running":
            return
        if self._met and not self._threads:  # all that are there would train other numbers
            return
        shard = order.shard.part(order.parts[0]) if order.parts else order.shard
        try:
            parcel = self._packer.pack(shard)
        except Exception as error:  # a user's component that cannot be sent
            self._fail(order, order.parts[:1], error)
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            large = [self._part(key) for key in parcel.large]
            chosen = {} if all(self._met.values()) else {"workers": list(self._threads)}
            run = self._client.get_executor(pure=False).submit(
                train_parcel, parcel, *large, **chosen
            )
        order.runs[run] = monotonic()
        run.add_done_callback(lambda _: self._came.put((order, run)))

    def _part(self, key: str) -> Any:
        """Return the bytes of a large part, or where the cluster has them."""
        packed = self._packer.large[key]
        if len(packed) < INLINE:
            return packed
        if key not in self._sent:  # as a task, which is done again where its worker has died
            self._sent[key] = self._client.submit(bytes, packed, key=f"part-{key}")
        return self._sent[key]

    def _settle(self, order: Order, pieces: list[Piece]) -> None:
        """Take in what became of an order, or of the part of it that was tried alone."""
        if order.parts:
            rows = order.parts.pop(0)
            pieces = [p._replace(rows=tuple(rows[row] for row in p.rows)) for p in pieces]
        order.pieces += pieces
        if not order.parts:
            n, setting = len(order.shard.trials), order.shard.setting
            order.advance(n * (int(order.shard.grid[-1]) - setting.seen))
            self.done += 1
            order.future.set_result(order.pieces)

    def _suspect(self, order: Order) -> None:
        """Note that workers died that trained an order, or, if it was alone, fail it."""
        if not order.parts:
            order.parts = by_setting(order.shard)
        else:
            killed = ClusterLost("each worker that trained it died (see its log, and its memory)")
            self._fail(order, order.parts[:1], killed)

    def _fail(self, order: Order, parts: list[tuple[int, ...]], error: BaseException) -> None:
        """Let some settings of an order fail; all, if it has no parts."""
        order.parts = order.parts or [tuple(range(len(order.shard.trials)))]
        text = "".join(traceback.format_exception(error))
        for rows in parts or order.parts:
            self._settle(order, [Piece(tuple(range(len(rows))), None, text)])

    def _watch(self) -> None:
        """Look who is there, and hand out what is with nobody, or with nobody who answers."""
        if not self._orders:
            return
        if self._client.status != "running":
            self._reconnect()
        if monotonic() > self._next_look:
            self._next_look = monotonic() + LOOK
            self._look()
        clear = [order for order in self._orders if not order.parts]
        for order in clear:
            if not order.runs or order.is_late(self._slowest):
                self._hand_out(order)
        suspects = self._orders if not clear else []
        if suspects and not suspects[0].runs:
            self._hand_out(suspects[0])

    def _reconnect(self) -> None:
        """Connect anew to a scheduler that has gone, or wait for it.

        Raises:
            ClusterLost: If it does not come back.
        """
        if self._away is None:
            self._away = monotonic()
            say(f"note: {self._place or 'the cluster'} does not answer; what is trained is kept")
        if not self._place or monotonic() > self._away + GONE:
            raise ClusterLost(f"the Dask scheduler {self._place} has gone".replace("  ", " "))
        try:
            client = self._connect()
        except OSError:
            return
        self._client, self._away, self._sent = client, None, {}
        for order in self._orders:
            order.runs.clear()

    def _look(self) -> None:
        """See which workers there are, and ask new ones what they are."""
        there: dict[str, int] = self._client.nthreads(callback_timeout=ANSWER)
        new = [address for address in there if address not in self._met]
        for address, found in self._asked(new).items():
            self._met[address] = self._judged(address, found)
        self._met = {address: self._met[address] for address in there if address in self._met}
        self._threads = {address: there[address] for address, name in self._met.items() if name}

    def _asked(self, new: list[str]) -> dict[str, Any]:
        if not new:
            return {}
        found: dict[str, Any] = self._client.run(
            facts_here, workers=new, on_error="return", callback_timeout=ANSWER
        )
        return {k: v for k, v in found.items() if not isinstance(v, OSError | TimeoutError)}

    def _judged(self, address: str, found: Any) -> str:
        """Return the processor of a worker that may train, and nothing for another's."""
        try:
            if isinstance(found, BaseException):
                raise WorkerDiffers(f"cannot say its versions: {found}")
            require_same(found[0])
        except WorkerDiffers as why:
            say(f"note: the worker {address} is left out, it {why}")
            return ""
        return str(found[1])


def _client(address: Any) -> Any:
    """Connect to a scheduler by its address, the file that has it, or its cluster."""
    is_file = isinstance(address, str) and Path(address).is_file()
    where = {"scheduler_file": address} if is_file else {"address": address}
    make: Any = Client
    return make(**where, timeout=ANSWER, set_as_default=False)


def _local(workers: int) -> Any:
    """Start a cluster of processes of this machine."""
    with dask.config.set(
        {
            "distributed.scheduler.allowed-failures": TRIES - 1,
            "distributed.worker.preload": [APART],
        }
    ):
        start: Any = LocalCluster
        return start(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
