"""Programs as processes, several at once: read line by line, ended with all they started."""

import os
import re
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from nnrun.errors import InputError, Issue
from nnrun.judging.metric_lines import LONGEST
from nnrun.layout import naming

T = TypeVar("T")

EXIT, TIME, CUT = "exit", "time limit", "total time"
"""Why a process ended: by itself, as it took too long, or as all were ended; others give reasons of
their own."""

GRACE = 5.0
"""Seconds that a process has to end in when it is asked to, until it is killed."""

HURRY = 0.7
"""Likewise after Ctrl-C: less than a second signal waits, which would leave processes behind."""

MOST_LEFT = 64
"""Pieces that are read once it has ended: what still writes then has nothing to do with it."""

GLANCE = 0.05
"""Seconds between two looks at what tells nothing of itself."""

CAPPED = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")
"""Whose number of threads an environment says by ``..._NUM_THREADS``, or nearly so."""

_ENDS = re.compile(rb"\r\n|[\r\n]")


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
        why: `EXIT`, `TIME`, or what its reader said.
        code: Its exit code; negative for a signal.
        seconds: That it took.
    """

    why: str
    code: int
    seconds: float


class Start(NamedTuple):
    """A process to be started.

    Attributes:
        command: Its arguments.
        environment: Its variables.
        log: The file that takes all that it prints.
        read: Is given each line that it prints; says why it shall end, or nothing.
        seconds: After which it is ended.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    read: Callable[[str], str]
    seconds: float


def require_process_groups() -> None:
    """Check that this system can end a process with all that it has started.

    Raises:
        InputError: On Windows.
    """
    if sys.platform == "win32":
        rule = "runs programs on Linux and macOS only"
        hint = "run them yourself, and judge a file of their curves"
        raise InputError(Issue("judge", "--", rule, hint))


def environment(seed: int, cores: int, jobs: int) -> dict[str, str]:
    """Return the variables of a run: its seed, and as many threads as leave room for the others.

    What the environment of this process says of threads and of buffers stays.

    Args:
        seed: Of the run.
        cores: That there are.
        jobs: Runs at once.
    """
    threads = str(max(1, cores // jobs))
    names = [name if "_" in name else f"{name}_NUM" for name in CAPPED]
    caps = {f"{name}_THREADS": threads for name in names}
    # else Python keeps back what it prints until there is much of it
    return {**caps, "PYTHONUNBUFFERED": "1", **os.environ, "NNRUN_SEED": str(seed)}


def run_all(
    starts: Iterable[tuple[T, Start]], jobs: int, until: float, check: Callable[[], None]
) -> Generator[tuple[T, Ended]]:
    """Run processes, several at once; yield each as it has ended.

    Whatever ends this, no process is left running, nor any that those have started and that has not
    left their group.

    Args:
        starts: Processes, each with what stands for it; taken when there is room.
        jobs: Most at once.
        until: Time, as of ``time.monotonic``, at which those that run are ended, as `CUT`, and none
            is started any more.
        check: Called often; what it raises ends all.
    """
    waiting = iter(starts)
    with _Running[T]() as running:
        more = True
        while True:
            check()
            if monotonic() >= until:
                yield from running.end_all(CUT, GRACE)
                return
            while more and len(running.processes) < jobs:
                of, start = next(waiting, (None, None))
                if start is None:
                    more = False
                else:
                    running.add(of, start)  # type: ignore[arg-type]
            if not running.processes:
                return
            yield from running.wait(until)


class _Running(Generic[T]):
    """The processes that run now; those that still do when its ``with`` block ends are ended."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.processes: dict[Process, T] = {}

    def __enter__(self) -> "_Running[T]":
        return self

    def __exit__(self, *error: object) -> None:
        for _ in self.end_all("", HURRY):
            pass
        self._selector.close()

    def add(self, of: T, start: Start) -> None:
        """Start a process."""
        process = Process(start)
        for pipe in process.pipes:
            self._selector.register(pipe, selectors.EVENT_READ, process)
        self.processes[process] = of

    def wait(self, until: float) -> Iterator[tuple[T, Ended]]:
        """Read what processes print, for a moment; yield those that have ended."""
        silent = [one.silent_for for one in self.processes if not one.pipes]
        # what has closed its output ends soon, as a rule
        pause = min([GLANCE, max(0.0, until - monotonic()), *(0.001 + s / 8 for s in silent)])
        for key, _ in self._selector.select(pause):
            if not key.data.read(key.fd):
                self._selector.unregister(key.fd)
                key.data.close(key.fd)
        for process in list(self.processes):
            if process.over():
                for pipe in process.pipes:
                    self._selector.unregister(pipe)
                yield self.processes.pop(process), process.finish()

    def end_all(self, why: str, grace: float) -> Iterator[tuple[T, Ended]]:
        """End all processes: they are asked to, and killed after some seconds; yield each."""
        for process in self.processes:
            process.end(why, grace)
        while self.processes:
            yield from self.wait(monotonic() + grace)


class Process:
    """A program that runs in a process group of its own.

    Attributes:
        pipes: What is still open of its output and of its errors.
    """

    def __init__(self, start: Start) -> None:
        self._read, self._why, self._kill_at = start.read, "", float("inf")
        self._path, self._log = start.log, start.log.open("wb")
        self._started = self._silent = monotonic()
        self._end_at = self._started + start.seconds
        try:
            self._process = subprocess.Popen(
                start.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=start.environment,
                start_new_session=True,
            )
        except BaseException:
            self._log.close()
            raise
        out, errors = self._process.stdout, self._process.stderr
        assert out is not None
        assert errors is not None
        # each has lines of its own
        self.pipes = {pipe.fileno(): b"" for pipe in (out, errors)}
        for pipe in self.pipes:
            os.set_blocking(pipe, False)

    @property
    def silent_for(self) -> float:
        """Seconds since its output was closed, or since it began."""
        return monotonic() - self._silent

    def read(self, pipe: int) -> bool:
        """Read what there is in a pipe; say whether more may come."""
        try:
            fresh = os.read(pipe, LONGEST)
        except BlockingIOError:
            return True
        self._take(pipe, fresh, last=not fresh)
        return bool(fresh)

    def _take(self, pipe: int, fresh: bytes, last: bool) -> None:
        """Take what was read in a pipe."""
        with naming(self._path):
            self._log.write(fresh)
            self._log.flush()
        *lines, rest = _ENDS.split(self.pipes[pipe] + fresh)
        if last or len(rest) > LONGEST:
            lines, rest = [*lines, rest], b""
        self.pipes[pipe] = rest
        for line in filter(None, lines):
            why = self._read(line.decode(errors="replace"))
            if why:
                self.end(why, GRACE)

    def close(self, pipe: int) -> None:
        """Close a pipe that is at its end."""
        del self.pipes[pipe]
        self._silent = monotonic()

    def over(self) -> bool:
        """Say whether it has ended; see to it where it is time."""
        now = monotonic()
        if now > self._end_at:
            self.end(TIME, GRACE)
        if now > self._kill_at:
            self._signal(signal.SIGKILL)
        return self._process.poll() is not None

    def end(self, why: str, grace: float) -> None:
        """Ask it to end; in some seconds it is killed."""
        if self._kill_at == float("inf"):
            self._why = why
            self._signal(signal.SIGTERM)
        self._kill_at = min(self._kill_at, monotonic() + grace)

    def finish(self) -> Ended:
        """Say how it ended; end what it has left running, and read what it has left to be read."""
        self._signal(signal.SIGKILL)
        for pipe in self.pipes:
            with suppress(BlockingIOError):  # one that has left the group may have it, too
                for _ in range(MOST_LEFT):
                    self._take(pipe, os.read(pipe, LONGEST), last=False)
            self._take(pipe, b"", last=True)
        self._log.close()
        with self._process:  # closes its pipes
            code = self._process.returncode
        return Ended(self._why or EXIT, code, monotonic() - self._started)

    def _signal(self, number: int) -> None:
        """Send a signal to it and to all that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
