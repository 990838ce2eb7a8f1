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
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from nnrun.config import settings
from nnrun.errors import InputError, Issue
from nnrun.text import things
from nnrun.training.stack import Stack, seconds
from nnrun.training.trainer import TrainingStopped
from nnrun.trials.executors import threads
from nnrun.trials.forecast import CLUSTER
from nnrun.trials.parcel import Packer, WorkerDiffers, require_same, versions_here
from nnrun.trials.progress import say
from nnrun.trials.provenance import processor
from nnrun.trials.scheduler import ANSWER, TRIES, Scheduler, hush
from nnrun.trials.shard import Piece, by_setting, train_shard

IN_FLIGHT = 3
"""Shards a worker that are handed out at once: one in training, one to begin at once, one on its
way."""

GONE = 600.0
"""Seconds that a scheduler which has gone is waited for."""

TICK, LOOK = 0.2, 2.0
"""Seconds between two looks at the shards, and at which workers there are."""

FIRST = 5.0
"""Seconds in which workers must say what they are to be counted from the start."""

LATE, SILENT = (60.0, 10.0), (10.0, 4.0)
"""A shard is handed out once more so many seconds, and so many times what it or the slowest of the
others should take, after it was handed out; and after anything came from any worker."""


log = logging.getLogger(__name__)


class ClusterLost(OSError):
    """The cluster cannot be used any more."""


class WorkersDied(Exception):
    """Training something ended its workers."""


class Run(NamedTuple):
    """A training of a shard: since when, and by whom, if not by anybody."""

    since: float
    workers: frozenset[str]


class Order(Future[list[Piece]]):
    """A shard whose result is asked for.

    Attributes:
        shard: The trials.
        advance: Is told of samples when they are trained.
        runs: Its trainings that are under way.
        tries: How often it came back without a result that says something of the shard.
        takes: Seconds that it should take.
        most: Trainings that may be under way: those before may all be with workers that hang.
        parts: The settings of a suspected one that are to be tried alone, by their rows.
        pieces: What became of the others of these.
    """

    def __init__(self, shard: Stack, advance: Callable[[int], None]) -> None:
        super().__init__()
        self.shard, self.advance = shard, advance
        self.runs: dict[Any, Run] = {}
        self.tries, self.takes, self.most = 0, 0.0, TRIES
        self.parts: list[tuple[int, ...]] = []
        self.pieces: list[Piece] = []

    def is_late(self, slowest: float, silent: float) -> bool:
        """Say whether it takes so much longer than others that something must be wrong.

        Args:
            slowest: Most seconds that any took to train.
            silent: Seconds since any came.
        """
        waited = monotonic() - max(run.since for run in self.runs.values())
        return len(self.runs) < self.most and any(
            seconds > least + times * max(slowest, self.takes)
            for seconds, (least, times) in ((waited, LATE), (min(waited, silent), SILENT))
        )


class Cluster(Executor):
    """An executor whose futures have results, or raise ClusterLost.

    One thread sees to the orders and knows of the workers; whatever happens is put into its queue.

    Args:
        connect: Connects to the scheduler; raises OSError if none answers.
        place: Where it is, in words; empty for one that was started here.
    """

    costs = CLUSTER

    def __init__(self, connect: Callable[[], Scheduler], place: str = "") -> None:
        self._connect, self._place = connect, place
        self._scheduler = connect()
        self._packer = Packer()
        self._orders: dict[Order, None] = {}
        self._came: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._met: dict[str, str] = {}  # what a worker is: its processor; empty if it differs
        self._asked: set[str] = set()  # workers that have not said it yet
        self._threads: dict[str, int] = {}  # of the workers that may train
        self._slowest = self._heard = self._next_tick = self._next_look = 0.0
        self._away: float | None = None  # since when no scheduler answers
        self._open = True
        self._look()
        began = monotonic()
        while self._asked and monotonic() < began + (FIRST if self._threads else ANSWER):
            self._heed_next()
        self._thread = threading.Thread(target=self._tend, name="cluster", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, executor: settings.Executor) -> "Cluster":
        """Connect to a cluster, or start one of processes of this machine.

        Raises:
            InputError: If no scheduler answers, or none of its workers can train equal numbers.
        """
        hush()
        address = executor.address
        if address is None:
            cluster = cls(lambda: Scheduler(threads(executor)))
        else:
            try:
                cluster = cls(lambda: Scheduler(address), address)
            except (OSError, ValueError) as error:
                rule = f"no Dask scheduler answers there: {' '.join(str(error).split())}"
                hint = "start one with: dask scheduler"
                raise InputError(Issue("executor.address", address, rule, hint)) from None
        if cluster._met and not cluster._threads:
            rule = "has no worker that would train the same numbers"
            hint = "install what this process has, or the other way round"
            raise InputError(Issue("executor.address", address, rule, hint))
        if link := cluster._scheduler.dashboard:
            say(f"Dask's dashboard: {link}")
        return cluster

    @property
    def slots(self) -> int:
        """How many shards it trains at once, now; 1 where no worker is there yet."""
        return max(1, sum(list(self._threads.values())))

    @property
    def room(self) -> int:
        """Most shards that it is to be given at once."""
        return IN_FLIGHT * self.slots

    @property
    def processors(self) -> tuple[str, ...]:
        """Types of processor that train, but for this machine's own."""
        return tuple(sorted({name for name in list(self._met.values()) if name} - {processor()}))

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
        if not self._open:
            raise RuntimeError("the cluster was let go of")
        order = Order(*args[:2])
        self._came.put(partial(self._take, order))
        order.add_done_callback(lambda done: self._came.put(partial(self._forget, done)))
        return order

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of the cluster; whatever was not trained is not trained any more."""
        self._open = False
        self._thread.join(ANSWER)
        self._give_up(ClusterLost("the cluster was let go of"))
        self._scheduler.close()

    def _tend(self) -> None:
        """See to the orders, to the end."""
        while self._open:
            try:
                self._heed_next()
                if monotonic() > self._next_tick:
                    self._next_tick = monotonic() + TICK
                    self._watch()
            except ClusterLost as lost:
                self._give_up(lost)
            except Exception as error:
                self._next_look = monotonic() + LOOK
                # of a scheduler that is going away, as a rule; else the next would fare no better
                if self._scheduler.answers and not isinstance(error, OSError):
                    self._give_up(error)
                log.debug("%s", error)

    def _heed_next(self) -> None:
        """See to what happens next, if anything does soon."""
        with suppress(queue.Empty):
            self._came.get(timeout=TICK)()

    def _give_up(self, why: BaseException) -> None:
        """Have all orders fail."""
        for order in list(self._orders):
            self._forget(order)
            with suppress(InvalidStateError):
                order.set_exception(why)

    def _take(self, order: Order) -> None:
        """See to a new order."""
        if not order.done():
            self._orders[order] = None
            self._hand_out(order)

    def _forget(self, order: Any) -> None:
        """Do nothing more for an order, which has its result or was cancelled."""
        self._orders.pop(order, None)
        self._drop(order, list(order.runs))
        if order.cancelled():
            with suppress(InvalidStateError, RuntimeError):
                order.set_running_or_notify_cancel()  # who waits for it need not any more

    def _drop(self, order: Order, runs: list[Any]) -> None:
        for run in runs:
            del order.runs[run]
        if runs:
            self._scheduler.drop(runs)

    def _hand_out(self, order: Order) -> None:
        """Send an order to the scheduler: it may get workers only where there is something to do.

        Where there are workers, and none of them may train, or has said so yet, nothing is sent.
        """
        others = not self._threads and (self._met or self._asked)
        if order.done() or others or not self._scheduler.answers:
            return
        shard = order.shard.part(order.parts[0]) if order.parts else order.shard
        try:
            parcel, large = self._packer.pack(shard)
        except Exception as error:  # a user's component that cannot be sent
            self._fail(order, error)
            return
        order.takes = seconds(shard.setting, len(shard.trials), parcel.engine)
        alike = all(self._met.values()) and not self._asked
        workers = frozenset(() if alike else self._threads)
        came = self._came
        run = self._scheduler.train(
            parcel, large, workers, lambda run, it: came.put(partial(self._ended, order, run, it))
        )
        order.runs[run] = Run(monotonic(), workers)

    def _ended(self, order: Order, run: Any, came: Any) -> None:
        """See to what came of a training."""
        self._heard = monotonic()
        if order.runs.pop(run, None) is None or order.done():  # another was quicker
            return
        if isinstance(came, list):
            self._settle(order, self._placed(order, came))
        elif isinstance(came, KilledWorker):
            if order.parts:
                text = "each worker that trained it died (see its log, and its memory)"
                self._fail(order, WorkersDied(text))
            else:
                order.parts = by_setting(order.shard)
        elif not isinstance(came, CancelledError | CommClosedError | TrainingStopped):
            if isinstance(came, WorkerDiffers):  # one of another version has an address again
                self._met = {}
            self._next_look = 0.0
            order.tries += 1
            if order.tries >= TRIES:
                self._fail(order, came)

    def _placed(self, order: Order, pieces: list[Piece]) -> list[Piece]:
        """Return pieces as those of the whole order, and of this machine's processor, if so."""
        here, rows = processor(), order.parts[0] if order.parts else None
        for i, piece in enumerate(pieces):
            if piece.trained is not None:
                spent = piece.trained.train_seconds + piece.trained.evaluate_seconds
                self._slowest = max(self._slowest, spent)
            mine = piece.rows if rows is None else tuple(rows[row] for row in piece.rows)
            by = "" if piece.processor == here else piece.processor
            pieces[i] = piece._replace(rows=mine, processor=by)
        return pieces

    def _settle(self, order: Order, pieces: list[Piece]) -> None:
        """Take in what became of an order, or of the part of it that was tried alone."""
        order.pieces += pieces
        order.parts = order.parts[1:]
        if not order.parts:
            order.advance(order.shard.samples)
            with suppress(InvalidStateError):  # cancelled just now
                order.set_result(order.pieces)

    def _fail(self, order: Order, error: BaseException) -> None:
        """Let the settings of an order fail, or the one that is tried alone."""
        text = "".join(traceback.format_exception(error))
        failed = order.parts[:1] or by_setting(order.shard)
        self._settle(order, [Piece(rows, None, text) for rows in failed])

    def _watch(self) -> None:
        """Look who is there, and hand out what is with nobody, or with nobody who answers."""
        if not self._orders:
            return
        if not self._scheduler.answers:
            self._reconnect()
            return
        self._away = None
        if monotonic() > self._next_look:
            self._next_look = monotonic() + LOOK
            self._look()
        clear = [order for order in self._orders if not order.parts]
        silent = monotonic() - self._heard
        for order in clear or list(self._orders)[:1]:
            late = self._threads and order.runs and order.is_late(self._slowest, silent)
            if late or not order.runs:
                self._hand_out(order)

    def _reconnect(self) -> None:
        """Connect anew to a scheduler that has gone, or wait for it.

        Raises:
            ClusterLost: If it does not come back.
        """
        if self._away is None:
            self._away = monotonic()
            say(f"note: {self._place or 'the cluster'} does not answer; what is trained is kept")
        if self._scheduler.returns:
            return
        if not self._place or monotonic() > self._away + GONE:
            raise ClusterLost(f"the Dask scheduler {self._place} has gone".replace("  ", " "))
        with suppress(OSError):
            scheduler = self._connect()
            self._scheduler.close()
            self._scheduler, self._met, self._asked = scheduler, {}, set()
            self._next_look = 0.0
            for order in self._orders:
                order.runs.clear()

    def _look(self) -> None:
        """See which workers there are, and ask new ones what they are."""
        there = self._scheduler.workers()
        self._met = {address: what for address, what in self._met.items() if address in there}
        self._asked.intersection_update(there)
        self._threads = {at: there[at] for at, what in self._met.items() if what}
        new = there.keys() - self._met.keys() - self._asked
        if new:
            self._asked |= new
            self._scheduler.ask(
                new, lambda address, it: self._came.put(partial(self._meet, address, it, there))
            )
        for order in list(self._orders):
            gone = [r for r, run in order.runs.items() if run.workers.isdisjoint(self._threads)]
            self._drop(order, [run for run in gone if order.runs[run].workers])
        for order in [order for order in self._orders if not order.done()][:1]:
            order.advance(0)  # which has it shown how many workers there are

    def _meet(self, address: str, found: Any, there: dict[str, int]) -> None:
        """Take in what a worker says that it is, or that it says nothing."""
        self._asked.discard(address)
        if isinstance(found, OSError | TimeoutError):  # asked again if it is there
            return
        self._met[address] = ""
        try:
            if isinstance(found, BaseException):
                raise WorkerDiffers(f"cannot say its versions: {found}")
            require_same(found[0], versions_here())
            self._met[address] = str(found[1])
            if not self._threads:
                self._begin_to_wait()
            self._threads[address] = there[address]
            for order in self._orders:
                order.most = max(TRIES, len(order.runs) + 1)
        except WorkerDiffers as why:
            say(f"note: the worker {address} is left out, it {why}")

    def _begin_to_wait(self) -> None:
        """Count from now on how long anything takes: nobody was there to train."""
        self._heard = now = monotonic()
        for order in self._orders:
            order.runs = {run: about._replace(since=now) for run, about in order.runs.items()}
