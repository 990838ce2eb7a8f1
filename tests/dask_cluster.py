"""A Dask cluster in processes of its own, each on a loopback address, that things are done to."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Client

SCHEDULER = "127.0.0.1"
READY = 60.0
"""Seconds in which what is started must be there."""


class DaskCluster:
    """A scheduler and its workers.

    Args:
        folder: Where they may write, and are started.

    Attributes:
        address: Of the scheduler; the same when it is started again.
        workers: The processes of the workers, by their hosts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind((SCHEDULER, 0))
            self.port = str(probe.getsockname()[1])
        self.address = f"tcp://{SCHEDULER}:{self.port}"
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.start_scheduler()

    def start_scheduler(self) -> None:
        """Start the scheduler; it ends by itself where tests were killed."""
        words = ["--host", SCHEDULER, "--port", self.port, "--no-dashboard", "--no-show"]
        self.scheduler = self._start("scheduler", *words, "--idle-timeout", "10 minutes")

    def start_worker(self, host: str, first: Path | None = None) -> None:
        """Start a worker of one thread, without a nanny that would start it again.

        Args:
            host: Its address, and its name.
            first: Where it looks first for modules.
        """
        words = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60"]
        words += ["--host", host, "--local-directory", str(self.folder)]
        paths = [str(first), os.environ.get("PYTHONPATH", "")] if first else []
        env = {"PYTHONPATH": os.pathsep.join(filter(None, paths))} if first else {}
        self.workers[host] = self._start("worker", self.address, *words, **env)

    def _start(self, *words: str, **env: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", *words]
        with (self.folder / "log").open("ab") as file:
            return subprocess.Popen(
                command, stdout=file, stderr=file, cwd=self.folder, env={**os.environ, **env}
            )

    def kill(self, host: str) -> None:
        """End a worker at once."""
        end(self.workers.pop(host))

    def stop(self, host: str) -> None:
        """Have a worker hang."""
        self.workers[host].send_signal(signal.SIGSTOP)

    def restart_scheduler(self) -> None:
        """Kill the scheduler and start it again; workers go with it."""
        end(self.scheduler)
        for host in list(self.workers):
            self.kill(host)
        self.start_scheduler()

    def ask(self, question: Callable[..., Any]) -> Any:
        """Have the scheduler answer a question: a lambda whose argument is ``dask_scheduler``."""
        with Client(self.address, timeout=READY, set_as_default=False) as client:
            return client.run_on_scheduler(question)

    def wait_for(self, wanted: Callable[..., bool], seconds: float = READY) -> float:
        """Wait until something is true of the scheduler; return how many seconds that took."""
        began = time.monotonic()
        with Client(self.address, timeout=READY, set_as_default=False) as client:
            while not client.run_on_scheduler(wanted):
                assert time.monotonic() < began + seconds, "it did not come to that"
                time.sleep(0.05)
        return time.monotonic() - began

    def wait_for_workers(self, count: int) -> None:
        """Wait until there are so many workers."""
        with Client(self.address, timeout=READY, set_as_default=False) as client:
            deadline = time.monotonic() + READY
            while len(client.nthreads()) != count:
                assert time.monotonic() < deadline, "there are not so many workers"
                time.sleep(0.05)

    def close(self) -> None:
        """End all."""
        for process in (*self.workers.values(), self.scheduler):
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process."""
    process.kill()
    process.wait()
