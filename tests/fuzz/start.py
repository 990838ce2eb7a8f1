"""A command line in a forked process, in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.forked import SERVER

CLEARED = ("MLFLOW_TRACKING_URI", "HYDRA_FULL_ERROR", "COMP_LINE")
"""Variables of the environment that lines are started without."""

_starting = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """How a command line ended.

    Attributes:
        arguments: Of the command line.
        code: Exit code; minus the signal if one ended it; None if it ran out of time.
        output: What it wrote to the terminal, and into logs.
        left: Files and folders that were not there before.
        seconds: Wall time.
    """

    arguments: tuple[str, ...]
    code: int | None
    output: str
    left: tuple[str, ...]
    seconds: float


def start(arguments: Sequence[str], template: Path, timeout: float = 300.0) -> Outcome:
    """Run ``python -m nnrun`` with arguments, in a copy of a folder.

    Args:
        arguments: Of the command line.
        template: What is in its folder.
        timeout: Seconds after which it is killed.
    """
    with tempfile.TemporaryDirectory() as home:
        return start_in(shutil.copytree(template, Path(home) / "work"), arguments, timeout)


def start_in(folder: Path, arguments: Sequence[str], timeout: float = 300.0) -> Outcome:
    """Run ``python -m nnrun`` with arguments, in a folder."""
    began, before = time.monotonic(), _files(folder)
    environment = {name: value for name, value in os.environ.items() if name not in CLEARED}
    with _starting:
        process = SERVER.start(*arguments, cwd=folder, env=environment)
    try:
        written, code = process.communicate(timeout), process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        written, code = process.communicate(), None
    left = tuple(sorted(_files(folder) - before))
    logs = [(folder / name).read_text(errors="replace") for name in left if name.endswith(".log")]
    took = time.monotonic() - began
    return Outcome(tuple(arguments), code, "\n".join([*written, *logs]), left, took)


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
