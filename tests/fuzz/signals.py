"""``python -m tests.fuzz.signals``: sweeps that are asked to end at any moment, once or twice.

A quarter are true starts of Python, so that imports and the interpreter's own end are met, too.
Then the same command is given again, and must end in the tables of an undisturbed sweep.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import slowness
from tests.fuzz.ends import again, calm, clear, start

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TWICE = 0.4
"""Share of ends that are asked for twice."""

FRESH = 0.25
"""Share of sweeps that begin with a start of Python."""

LIMIT = 60.0
BYTE_CODE = 0.06
"""Seconds in which Python itself starts, and no code of nnrun's runs yet."""


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended that was asked to.

    Attributes:
        asked: The signals, by name.
        after: Seconds after the start at which the first was sent, and the second after that.
        code: Exit code; None if it ran out of time, and was killed.
        seconds: From the last signal to the end.
        slowness: How much longer than its processor time a process took then.
        faults: What was wrong, in words; empty if nothing was.
        output: What it wrote.
    """

    asked: tuple[str, ...]
    after: tuple[float, ...]
    code: int | None
    seconds: float
    slowness: float
    faults: tuple[str, ...]
    output: str

    @property
    def row(self) -> str:
        """Write it as a line of a table."""
        when = " + ".join(f"{seconds:.2f} s" for seconds in self.after)
        end = f"{self.code} in {self.seconds:.2f} s (machine x{self.slowness:.1f})"
        return f"{' '.join(self.asked):<16} at {when:<16} -> {end:<31} {'; '.join(self.faults)}"


def campaign(count: int, seed: int, compare: bool = True) -> Iterator[Outcome]:
    """Ask sweeps to end at random moments.

    Args:
        count: How many.
        seed: Of the moments and signals.
        compare: Whether the same command is given again each time, and its tables compared.
    """
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as home:
        right, whole = calm(Path(home) / "calm")
        for number in range(count):
            folder = Path(home) / str(number)
            folder.mkdir()
            yield _one(folder, dice, whole, right if compare else None)
            clear(folder)


def _one(
    folder: Path, dice: random.Random, whole: dict[bool, float], right: dict[str, bytes] | None
) -> Outcome:
    asked = [dice.choice(SIGNALS)]
    fresh = dice.random() < FRESH
    after = [dice.uniform(BYTE_CODE, whole[fresh])]
    if dice.random() < TWICE:
        asked.append(dice.choice(SIGNALS))
        after.append(dice.uniform(0.05, 1.0))
    process = start(folder, fresh)
    sent = []
    for number, seconds in zip(asked, after, strict=True):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            sent.append(number)
    last = time.monotonic()
    try:
        output = "".join(process.communicate(timeout=LIMIT))
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, code = "".join(process.communicate()), None
    seconds = time.monotonic() - last
    slow = slowness()
    faults = list(_faults(sent, code, seconds / slow, output))
    if right is not None:
        faults += again(folder, right)
    names = tuple(number.name for number in sent)
    return Outcome(names, tuple(after[: len(sent)]), code, seconds, slow, tuple(faults), output)


def _faults(
    sent: list[signal.Signals], code: int | None, seconds: float, output: str
) -> Iterator[str]:
    if code is None:
        yield "hang"
    elif sent and code not in {*(128 + n for n in sent), *(-n for n in sent)}:
        yield f"exit code {code}"  # minus the number: a shell's 128 and the number
    if "Traceback" in output or "Exception ignored" in output:
        yield "traceback"
    limit = 1.0 if len(sent) > 1 else 2.0
    if sent and seconds > limit:
        yield f"more than {limit:g} s"


def main() -> int:
    """Run a campaign; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.signals", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-again", dest="again", action="store_false")
    asked = parser.parse_args()
    found = []
    for outcome in campaign(asked.count, asked.seed, asked.again):
        found.append(outcome)
        print(outcome.row, flush=True)
        if outcome.faults:
            print("    " + outcome.output.strip()[-1500:].replace("\n", "\n    "), flush=True)
    print(summary(found))
    return int(any(outcome.faults for outcome in found))


def summary(found: list[Outcome]) -> str:
    """Sum up a campaign in a line for ends that were asked for once, and one for twice."""
    lines = []
    for times, name in ((1, "one signal"), (2, "two signals")):
        mine = sorted(outcome.seconds for outcome in found if len(outcome.asked) == times)
        if mine:
            middle, last = mine[len(mine) // 2], mine[-1]
            lines.append(f"{name}: {len(mine)}, median {middle:.2f} s, at most {last:.2f} s")
            quiet = max(o.seconds / o.slowness for o in found if len(o.asked) == times)
            lines[-1] += f"; at most {quiet:.2f} s by what a quiet machine would take"
    wrong = sum(bool(outcome.faults) for outcome in found)
    return "\n".join([*lines, f"{len(found)} sweeps, {wrong} with a fault"])


if __name__ == "__main__":
    sys.exit(main())
