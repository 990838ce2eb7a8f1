"""Running nnrun as a user does: in a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

QUICK = ["budget=300", "seeds=3", "evals=8"]
OFF = ["tracking=off", "report=off"]


@dataclass
class CommandLine:
    """The command line in one working directory."""

    folder: Path

    def __call__(
        self, *arguments: str, code: int = 0, patch: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python -m nnrun``, after some code that breaks it, and check its exit code."""
        done = subprocess.run(
            [*_program(patch), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            env={k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"},
        )
        assert done.returncode == code, (
            f"{done.args}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def start(self, *arguments: str, patch: str = "") -> subprocess.Popen[str]:
        """Start ``python -m nnrun`` without waiting for it."""
        return subprocess.Popen(
            [*_program(patch), *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outputs(self, kind: str) -> list[Path]:
        """Return the folders of runs or sweeps, oldest first."""
        return sorted((self.folder / "outputs" / kind).glob("*"))


def _program(patch: str) -> list[str]:
    if not patch:
        return [sys.executable, "-m", "nnrun"]
    return [sys.executable, "-c", f"{patch}\nfrom nnrun.__main__ import main\nmain()\n"]


# what mlflow itself imports and calls warns of things that are not ours to mend
reads_mlflow = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def nnrun(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
