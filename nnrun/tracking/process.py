"""A mirror in a process of its own, beside training and drawing.

MLflow takes seconds to import and to be told. In a thread these would be taken from training and
drawing, and whoever forked meanwhile would take over the locks of a half-done import.
"""

import atexit
import gc
import logging
import multiprocessing as mp
import os
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Self

from nnrun.calls import current
from nnrun.config.settings import Tracking
from nnrun.interrupt import ENDING, starting_process
from nnrun.records.sweep import Sweep
from nnrun.results.results import Results
from nnrun.tracking.mirror import LEAVING, Mirror, incomplete

ANSWERED = ("add_sweep", "close")
"""What is waited for."""

GONE = "the process that logs to MLflow has ended"

TELEMETRY = ("MLFLOW_DISABLE_TELEMETRY", "true")

NEEDED = (
    "nnrun.tracking.client",
    "nnrun.tracking.pyfunc",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
)
"""Modules that log a sweep."""

SLACK = 0.3
"""Seconds more than it was given in which the process may still answer."""


class MirrorProcess:
    """The MLflow runs of one launch, which another process sends while this one trains.

    It is asked what `Mirror` is asked. That process ends with this one, however this one ends; the
    run in hand is whole then.

    Attributes:
        facts: As `Mirror.facts`: whole once ``close`` was called.
    """

    def __init__(self, link: Connection, process: mp.process.BaseProcess) -> None:
        self._link, self._process = link, process
        self._asked, self._answered = 0, -1
        self._settings: set[str] = set()
        self._sweep: Sweep | None = None
        self._until = inf
        self.facts: dict[str, Any] = {}

    @classmethod
    def open(
        cls,
        tracking: Tracking,
        experiment: str,
        sweep: str,
        provenance: Mapping[str, Any],
        sweep_id: str = "",
        go_on: bool = False,
    ) -> Self | None:
        """Begin to open the store, as `Mirror.open` does; None if tracking is off.

        Raises:
            InputError: If the store cannot be used, as far as that is known by now.
        """
        if tracking.name == "off":
            return None
        forks = sys.platform == "linux"
        if forks and current() is not None:
            _import_once()
        context = mp.get_context("fork") if forks else mp.get_context("spawn")
        link, far = context.Pipe()
        asked = (tracking, experiment, sweep, provenance, sweep_id, go_on)
        process = context.Process(target=_keep, args=(far, asked))
        with starting_process():
            process.start()
        far.close()
        atexit.register(link.close)  # an interpreter that ends waits for its processes
        mirror = cls(link, process)
        try:
            mirror._await_answer()
        except BaseException:
            link.close()
            raise
        return mirror

    def add_setting(self, paths: Sequence[Path], sweep: Sweep, setting: str) -> None:
        """Queue the records of one setting, by its id."""
        self._settings.add(setting)
        # a sweep is large, and the same for all of its settings
        told, self._sweep = self._sweep, sweep
        self._ask("add_setting", paths, None if sweep is told else sweep, setting)

    def add_settings(
        self, records: Mapping[str, Sequence[Path]], sweep: Sweep, results: Results
    ) -> None:
        """Queue the settings of a whole sweep that were not queued before."""
        self._settings |= records.keys()
        self._ask("add_settings", records, sweep, _told(results))

    def add_sweep(self, sweep: Sweep, results: Results, folder: Path) -> None:
        """Send what takes the whole sweep, and wait for all that was queued."""
        self._ask("add_sweep", sweep, _told(results), folder)
        self._await_answer()

    def hurry(self, seconds: float) -> None:
        """Let nothing be waited for any longer than so many seconds from now on."""
        if seconds < inf:
            self._until = min(self._until, monotonic() + seconds)
            self._ask("hurry", seconds)

    def close(self) -> None:
        """Wait for what is queued and close the store; a second call does nothing."""
        if self._link.closed:
            return
        self._ask("close")
        self._await_answer()
        self._end()

    def _ask(self, *call: Any) -> None:
        self._asked += call[0] in ANSWERED
        with suppress(OSError):  # it has ended: who waits for an answer will see
            self._link.send(call)

    def _await_answer(self) -> None:
        """Wait for the answer to the last call that has one; raise what it raised."""
        while not self._link.closed and self._answered < self._asked:
            try:
                left = max(0.0, self._until - monotonic()) + SLACK
                if not self._link.poll(None if left == inf else left):
                    raise EOFError
                self._answered, answer = self._link.recv()
            except (EOFError, OSError):
                self._lose()
                return
            if isinstance(answer, Exception):
                self._end()
                raise answer
            self.facts.update(answer)

    def _lose(self) -> None:
        """Note that nobody knows what MLflow was told."""
        self.facts |= {"settings": {}, "not_logged": sorted(self._settings)}
        self.facts["error"] = incomplete(self.facts.get("error") or GONE, self.facts)
        self._end()

    def _end(self) -> None:
        self._link.close()
        atexit.unregister(self._link.close)
        if self._until == inf:
            self._process.join(LEAVING)


def _import_once() -> None:
    """Import in a process that calls again what each fork of it needs: a second or two."""
    environment = dict(os.environ)
    # read when MLflow is imported: it is to send nothing home from here either
    os.environ.setdefault(*TELEMETRY)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in NEEDED:
                import_module(name)
    finally:
        os.environ.clear()
        os.environ.update(environment)


def _told(results: Results) -> Results:
    """Take of what a sweep found the tables that MLflow is told of."""
    known = {"summary": results.summary, "ladder": results.ladder}
    return Results(results.trials, results.sweep, known=known)


def _keep(link: Connection, asked: tuple[Any, ...]) -> None:
    """Do what is asked through a link, in the process that was started for it."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all: the other decides
    signal.set_wakeup_fd(-1)
    _let_go_of_databases()
    _let_go(link)
    if "mlflow" in sys.modules:  # what it says besides its result has its level from its import
        logging.getLogger("mlflow").setLevel(logging.ERROR)
    try:
        mirror = Mirror.open(*asked)
        assert mirror is not None
    except Exception as error:
        link.send((0, error))
        return
    link.send((0, mirror.facts))
    calls = SimpleQueue[tuple[Any, ...]]()
    Thread(target=_listen, args=(link, mirror, calls), daemon=True).start()
    answers, closed = 0, False
    while not closed:
        name, *arguments = calls.get()
        answer: object = mirror.facts
        try:
            getattr(mirror, name)(*arguments)
        except Exception as error:
            answer, closed = error, True
        closed |= name == "close"
        answers += name in ANSWERED
        if closed or name in ANSWERED:
            with suppress(OSError):  # nobody waits any more
                link.send((answers, answer))
    mirror.leave(LEAVING)


def _listen(link: Connection, mirror: Mirror, calls: SimpleQueue[tuple[Any, ...]]) -> None:
    """Hand on what is asked; when nobody can ask any more, end the process."""
    known: Sweep | None = None
    with suppress(EOFError, OSError):
        while True:
            name, *arguments = link.recv()
            if name == "add_setting":
                known = arguments[1] = arguments[1] or known
            if name == "hurry":  # whatever else it does
                mirror.hurry(*arguments)
            else:
                calls.put((name, *arguments))
    mirror.leave(LEAVING)
    os._exit(0)


def _let_go_of_databases() -> None:
    """Use no connection that the process which forked has opened: a database bears no sharing."""
    if engine := sys.modules.get("sqlalchemy.engine"):
        for one in gc.get_objects():
            if type(one) is engine.Engine:
                one.dispose(close=False)


def _let_go(link: Connection) -> None:
    """Keep nothing open that was open in the process which forked: locks last as long.

    The numbers stay in use: who still has one, such as a log, writes into nothing.
    """
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        return
    null = os.open(os.devnull, os.O_RDWR)
    for number in [int(path.name) for path in descriptors.iterdir()]:
        if number > 2 and number not in (null, link.fileno()):
            os.dup2(null, number)
