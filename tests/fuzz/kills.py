"""``python -m tests.fuzz.kills``: sweeps that are killed at any moment, again and again.

A sweep is killed up to three times (``kill -9``), then the same command is given once more. It must
end in the tables of an undisturbed sweep, with each setting once in MLflow and nothing left.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.ends import again, calm, clear, start

MOST = 3
"""Kills of one sweep."""


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended that was killed.

    Attributes:
        after: Seconds after each start at which it was killed.
        killed: Kills that met a process.
        faults: What was wrong in the end, in words; empty if nothing was.
    """

    after: tuple[float, ...]
    killed: int
    faults: tuple[str, ...]

    @property
    def row(self) -> str:
        """Write it as a line of a table."""
        when = ", ".join(f"{seconds:.2f} s" for seconds in self.after)
        return f"killed {self.killed} times, after {when}: {'; '.join(self.faults) or 'right'}"


def campaign(count: int, seed: int) -> Iterator[Outcome]:
    """Kill sweeps at random moments, until so many kills met a process.

    Args:
        count: Kills.
        seed: Of the moments.
    """
    dice, killed = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as home:
        right, whole = calm(Path(home) / "calm")
        number = 0
        while killed < count:
            folder = Path(home) / str(number)
            folder.mkdir()
            after = [dice.uniform(0.0, whole[False]) for _ in range(dice.randint(1, MOST))]
            met = sum(_killed(folder, seconds) for seconds in after)
            yield Outcome(tuple(after), met, tuple(again(folder, right)))
            killed, number = killed + met, number + 1
            clear(folder)


def _killed(folder: Path, seconds: float) -> bool:
    process = start(folder, fresh=False)
    time.sleep(seconds)
    met = process.poll() is None
    process.kill()
    process.communicate()
    return met


def main() -> int:
    """Run a campaign; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="kills")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found = []
    for outcome in campaign(asked.count, asked.seed):
        found.append(outcome)
        print(outcome.row, flush=True)
    wrong = sum(bool(outcome.faults) for outcome in found)
    print(f"{sum(o.killed for o in found)} kills of {len(found)} sweeps, {wrong} with a fault")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
