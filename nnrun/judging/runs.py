"""Runs of programs that have ended: each is a file, and none is done twice.

A run that failed is one, too: to try it again until it succeeds would tell of successes only. Where
that is asked for, the run that counts knows how often.
"""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nnrun.judging.metric_lines import Line, Reader
from nnrun.judging.processes import CUT, EXIT, TIME
from nnrun.judging.programs import Program
from nnrun.judging.target import Target
from nnrun.layout import PROGRAMS, write_atomically
from nnrun.records.plain import NUMBER, Damaged, OtherVersion, read_plain, require_version

SCHEMA_VERSION = 1
FIELDS = {
    "schema": int, "ended": str, "code": int, "seconds": NUMBER, "limit": NUMBER, "lines": [dict],
    "failures?": int,
}  # fmt: skip

BUDGET, TARGET = "budget", "target"
"""Why a run was ended: what is later is not asked for, or the target has held."""

WORTH_WAITING = 1.0
"""Seconds of a run for which it is waited until the disk has it."""


UNKNOWN = Target(math.inf)
"""A target that nothing meets, as it does not say which way."""


@dataclass(frozen=True)
class Limits:
    """Up to where programs run, and how.

    Attributes:
        x: What counts how far they are; empty to find it.
        y: The metric.
        budget: Most x that is asked for: a run is ended once it is there.
        seconds: Most that a run may take.
        target: What counts as converged.
        hold: Evaluations in a row at which it must be met.
        until_target: Whether a run is ended once its target has held.
        jobs: Runs at once.
        retry: Whether what failed is run again.
    """

    x: str = ""
    y: str = ""
    budget: float = math.inf
    seconds: float = math.inf
    target: Target = UNKNOWN
    hold: int = 1
    until_target: bool = False
    jobs: int = 1
    retry: bool = False

    def met(self, y: float) -> bool:
        """Say whether a value meets the target; none does where nothing says which way."""
        if self.target.rising is None:
            return False
        return bool(self.target.met(y))


class Run(NamedTuple):
    """A run that has ended.

    Attributes:
        ended: `EXIT`, `BUDGET`, `TARGET`, `TIME`, or `CUT`: such a run is not kept.
        code: Its exit code; negative for a signal.
        seconds: That it took.
        limit: The budget, or the seconds, that ended it.
        lines: The numbers that it printed, line by line.
        failures: How many runs before it had failed, in the place of which it was asked for.
    """

    ended: str
    code: int
    seconds: float
    limit: float
    lines: Sequence[Line]
    failures: int = 0

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than it should."""
        return self.ended == TIME or (self.ended == EXIT and self.code != 0)

    def covers(self, limits: Limits) -> bool:
        """Say whether a run within these limits would come no further."""
        if self.failed and limits.retry:
            return False
        if self.ended == EXIT or Watch(limits).all(self.lines):
            return True
        if self.ended in (TARGET, CUT):
            return False
        return self.limit >= (limits.seconds if self.ended == TIME else limits.budget)


Runs = Mapping[tuple[int, int], Run]
"""By the place of the program and the seed."""


class Watch:
    """Follows a run by its lines, and says when it has come to its end.

    Args:
        limits: Of the run.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self.reader = limits, Reader(limits.x, limits.y)
        self._at, self._met, self._row = 0.0, False, 0

    def take(self, text: str) -> str:
        """Read a line; say why the run shall end, or nothing."""
        return self._seen(self.reader.take(text))

    def all(self, lines: Sequence[Line]) -> str:
        """Say the same of many lines that were read before."""
        return next(filter(None, (self._seen(self.reader.add(line)) for line in lines)), "")

    def _seen(self, found: Line) -> str:
        at, limits = self.reader.at, self._limits
        measured = limits.y in found
        if at > limits.budget or (at == limits.budget and measured):
            return BUDGET
        if not limits.until_target or not measured or at <= 0:
            return ""
        if at > self._at:  # the last value at one x counts
            self._row = self._row + 1 if self._met else 0
            self._at = at
            if self._row >= limits.hold:
                return TARGET
        self._met = limits.met(found[limits.y])
        return ""


def log_of(program: Program, seed: int) -> Path:
    """Return the file that has what a run printed."""
    return PROGRAMS / program.id / f"{seed}.log"


def read_run(program: Program, seed: int) -> Run | None:
    """Read a run that was kept; None where there is none that can be read: it is run again."""
    with suppress(Damaged, OtherVersion, OSError):
        found = read_plain(PROGRAMS / program.id / f"{seed}.json", FIELDS)
        require_version(found.pop("schema"), SCHEMA_VERSION)
        return Run(**found)
    return None


def write_run(program: Program, seed: int, run: Run) -> None:
    """Keep a run, whole or not at all."""
    told = json.dumps({"schema": SCHEMA_VERSION, **run._asdict()}).encode()
    path = PROGRAMS / program.id / f"{seed}.json"
    write_atomically(path, lambda file: file.write(told), sync=run.seconds > WORTH_WAITING)
