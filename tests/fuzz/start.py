"""A command line in a forked process, in a folder of its own."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.forked import SERVER

CLEARED = ("MLFLOW_TRACKING_URI", "HYDRA_FULL_ERROR", "COMP_LINE")
"""Variables of the environment that lines are started without."""

SERVING = ("nnrun.ui",)
"""Commands that go on until they are ended."""

SERVED = 20.0
"""Seconds after which they are, by Ctrl-C."""

_starting = threading.Lock()


class Line(NamedTuple):
    """A command line.

    Attributes:
        module: What ``python -m`` runs.
        arguments: What follows.
    """

    module: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"python -m {self.module} {shlex.join(self.arguments)}"


@dataclass(frozen=True)
class Outcome:
    """How a command line ended.

    Attributes:
        line: The command line.
        code: Exit code; minus the signal if one ended it; None if it ran out of time.
        output: What it wrote to the terminal, and into logs.
        left: Files and folders that were not there before.
        seconds: Wall time.
        answer: What of it was on standard output.
    """

    line: Line
    code: int | None
    output: str
    left: tuple[str, ...]
    seconds: float
    answer: str = ""


def start(line: Line, template: Path, timeout: float = 300.0) -> Outcome:
    """Run a command line in a copy of a folder.

    Args:
        line: What is run.
        template: What is in its folder.
        timeout: Seconds after which it is killed.
    """
    with tempfile.TemporaryDirectory() as home:
        work = shutil.copytree(template, Path(home) / "work", symlinks=True)
        return start_in(work, line, timeout)


def start_in(folder: Path, line: Line, timeout: float = 300.0) -> Outcome:
    """Run a command line in a folder."""
    began, before = time.monotonic(), listed(folder)
    environment = {name: value for name, value in os.environ.items() if name not in CLEARED}
    with _starting:
        process = SERVER.start(*line.arguments, module=line.module, cwd=folder, env=environment)
    if line.module in SERVING:
        ender = threading.Timer(SERVED, process.send_signal, [signal.SIGINT])
        ender.daemon = True
        ender.start()
    try:
        written, code = process.communicate(timeout), process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        written, code = process.communicate(), None
    if line.module in SERVING:
        ender.cancel()
    left = tuple(sorted(listed(folder) - before))
    logs = [(folder / name).read_text(errors="replace") for name in left if name.endswith(".log")]
    took = time.monotonic() - began
    return Outcome(line, code, "\n".join([*written, *logs]), left, took, written[0])


def listed(folder: Path) -> set[str]:
    """List what is in a folder, relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
