"""Running nnrun as a user does: in a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forked import SERVER, Forked

QUICK = ["budget=300", "seeds=3", "evals=8"]
OFF = ["tracking=off", "report=off"]


@dataclass
class CommandLine:
    """The command line in one working directory.

    Attributes:
        folder: The working directory.
        fresh: Whether each command starts a Python of its own; else it forks from a warmed one.
        drawn: Whether figures are drawn, which takes seconds; else a page has their captions.
    """

    folder: Path
    fresh: bool = False
    drawn: bool = True

    def __call__(
        self, *arguments: str, code: int = 0, patch: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python -m nnrun``, after some code that breaks it, and check its exit code."""
        return ended(self.start(*arguments, patch=patch), code)

    def start(self, *arguments: str, patch: str = "") -> Forked | subprocess.Popen[str]:
        """Start ``python -m nnrun`` without waiting for it."""
        program = f"{patch}\nfrom nnrun.__main__ import main\nmain()\n" if patch else ""
        environment = {k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"}
        if not self.drawn:
            environment["NNRUN_TEST_UNDRAWN"] = "1"
        if not self.fresh:
            return SERVER.start(*arguments, cwd=self.folder, code=program, env=environment)
        return subprocess.Popen(
            [sys.executable, *(["-c", program] if patch else ["-m", "nnrun"]), *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outputs(self, kind: str) -> list[Path]:
        """Return the folders of runs or sweeps, oldest first."""
        return sorted((self.folder / "outputs" / kind).glob("*"))


def ended(
    process: Forked | subprocess.Popen[str], code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Wait for a command to end, and check its exit code."""
    try:
        out, err = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, f"{process.args}: {process.returncode}\n{out}{err}"
    return subprocess.CompletedProcess(process.args, code, out, err)


# what mlflow itself imports and calls warns of things that are not ours to mend
reads_mlflow = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def nnrun(tmp_path: Path, request: pytest.FixtureRequest) -> CommandLine:
    """The command line in an empty folder; a test marked ``fresh`` starts Python anew.

    Figures are drawn where a test is marked ``drawn``, or starts Python anew.
    """
    marked = {name: request.node.get_closest_marker(name) for name in ("fresh", "drawn")}
    return CommandLine(tmp_path, **{name: mark is not None for name, mark in marked.items()})
