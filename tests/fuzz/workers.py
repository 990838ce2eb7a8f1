"""``python -m tests.fuzz.workers``: sweeps on a Dask cluster whose workers and clients are killed.

Workers are killed at any moment (``kill -9``) and started again, while sweeps train on them; then
a sweep's client is, until the same command ends it. Tables must be those of threads.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.dask_cluster import DaskCluster
from tests.forked import SERVER, Forked
from tests.fuzz.ends import tables

GRID = ["-m", "lr=0.01,0.02,0.03,0.04,0.05,0.06,0.07,0.08", "seeds=64", "evals=20"]
OFF = ["tracking=off", "report=off"]
HOSTS = ("127.0.0.2", "127.0.0.3")
APART = 6.0
"""Most seconds between two kills of workers."""

LEFT = 5.0
"""Seconds after which nothing is left of a client."""


class Sweeps:
    """A sweep, again and again, on workers that are killed.

    Args:
        home: Where.
        budget: Of the sweep.
        dice: For what is killed, and when.
    """

    def __init__(self, home: Path, budget: int, dice: random.Random) -> None:
        self._home, self._dice = home, dice
        self._grid = [*GRID, f"budget={budget}", *OFF]
        self._right = self._finished(self._start("threads"), "threads")
        (home / "dask").mkdir()
        self._cluster = DaskCluster(home / "dask")
        for host in HOSTS:
            self._cluster.start_worker(host)
        self._cluster.wait_for_workers(len(HOSTS))
        self._on = ["executor=dask", f"executor.address={self._cluster.address}"]

    def _start(self, name: str, *more: str) -> Forked:
        (self._home / name).mkdir(exist_ok=True)
        return SERVER.start(*self._grid, *more, cwd=self._home / name)

    def _finished(self, process: Forked, name: str) -> dict[str, bytes]:
        output = process.communicate(timeout=1800)
        if process.returncode:
            raise AssertionError(f"exit code {process.returncode}: {output}")
        if "Traceback" in "".join(output):
            raise AssertionError(f"a traceback: {output}")
        return tables(self._home / name)

    def kill_workers(self, count: int) -> Iterator[str]:
        """Kill so many workers that are at work; yield a line for each sweep."""
        killed = number = 0
        while killed < count:
            name, before, began = f"workers-{number}", killed, time.monotonic()
            process = self._start(name, *self._on)
            self._cluster.wait_for(
                lambda dask_scheduler: any(w.processing for w in dask_scheduler.workers.values())
            )
            while killed < count and process.poll() is None:
                host = self._dice.choice(HOSTS)
                time.sleep(self._dice.uniform(0.0, APART))
                if process.poll() is None:
                    self._cluster.kill(host)
                    self._cluster.start_worker(host)
                    killed += 1
            same = self._finished(process, name) == self._right
            took = time.monotonic() - began
            yield f"{killed - before} workers killed in {took:.0f} s: {_words(same)}"
            number += 1

    def kill_clients(self, count: int) -> Iterator[str]:
        """Kill so many clients of sweeps that go on where they were; yield a line for each sweep.

        Nothing of a client that was killed may be left on the cluster a few seconds later.
        """
        killed = number = 0
        while killed < count:
            name, before, began = f"clients-{number}", killed, time.monotonic()
            process = self._start(name, *self._on)
            while killed < count:
                time.sleep(self._dice.uniform(1.0, 2 * APART))
                if process.poll() is not None:
                    break
                process.kill()
                process.communicate()
                killed += 1
                self._cluster.wait_for(lambda dask_scheduler: not dask_scheduler.tasks, LEFT)
                process = self._start(name, *self._on)
            same = self._finished(process, name) == self._right
            took = time.monotonic() - began
            yield f"{killed - before} clients killed in {took:.0f} s: {_words(same)}"
            number += 1

    def close(self) -> None:
        """End the cluster."""
        self._cluster.close()


def _words(same: bool) -> str:
    return "right" if same else "OTHER TABLES"


def main() -> int:
    """Run a campaign; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.workers", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of workers")
    parser.add_argument("--clients", type=int, default=5, help="kills of clients")
    parser.add_argument("--budget", type=int, default=2_000_000, help="samples a trial")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        sweeps = Sweeps(Path(home), asked.budget, random.Random(asked.seed))
        wrong = 0
        try:
            lines = chain(sweeps.kill_workers(asked.kills), sweeps.kill_clients(asked.clients))
            for line in lines:
                print(line, flush=True)
                wrong += not line.endswith("right")
        finally:
            sweeps.close()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
