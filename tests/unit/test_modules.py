"""A user's modules, edited or shadowed while the process lives: numbers are of the files."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nnrun as package

SOURCE = """
from dataclasses import dataclass
from nnrun.network.activations import Activation
from slope_of_mine import SLOPE

@dataclass(frozen=True)
class Mine(Activation):
    def forward(self, z):
        return SLOPE * z

    def backward(self, grad, z, a):
        return SLOPE * grad
"""
SMALL = {"budget": 200, "seeds": 2, "evals": 4, "tracking": "off", "report": "off"}
NAMES = ("act_of_mine", "slope_of_mine")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    monkeypatch.setenv("NNRUN_CACHE_DIR", str(tmp_path / "cache"))
    yield
    for name in NAMES:
        sys.modules.pop(name, None)


def write(slope: float, folder: str = ".") -> None:
    Path(folder).mkdir(exist_ok=True)
    Path(folder, "act_of_mine.py").write_text(SOURCE)
    Path(folder, "slope_of_mine.py").write_text(f"SLOPE = {slope}\n")


def losses(**more: object) -> list[float]:
    asked = {"network.activation": "act_of_mine.Mine"}
    found = package.run(asked, progress=False, **SMALL, **more)
    return found.trials["final_test_loss"].tolist()


def in_a_command(*words: str) -> list[float]:
    """Train the same in a process of its own, of the files alone and past the cache."""
    code = f"import nnrun; print(nnrun.run({{'network.activation': 'act_of_mine.Mine'}}, \
progress=False, cache='off', overrides={list(words)}, **{SMALL}).trials.final_test_loss.tolist())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return eval(done.stdout)


def test_a_module_that_was_imported_and_edited_before_the_first_run_is_imported_anew():
    write(1.0)
    importlib.import_module("act_of_mine")
    write(0.5)
    mine = losses()
    assert mine == in_a_command()
    write(2.0)
    assert losses() != mine
    write(0.5)  # what is kept in the cache is of these files
    assert losses() == mine
    write(2.0)
    importlib.reload(sys.modules["slope_of_mine"])
    importlib.reload(sys.modules["act_of_mine"])
    write(0.5)
    assert losses() == mine


def test_a_module_that_nobody_edited_stays_the_one_that_it_was():
    write(1.0)
    for name in NAMES:
        os.utime(f"{name}.py", (1e9, 1e9))
    before = importlib.import_module("act_of_mine")
    first = losses()
    assert losses() == first
    assert sys.modules["act_of_mine"] is before


def test_a_module_that_cannot_be_imported_any_more_is_told():
    write(1.0)
    losses()
    Path("act_of_mine.py").write_text("def")
    with pytest.raises(package.InputError, match=r"cannot be imported: SyntaxError"):
        losses()


def test_modules_of_one_name_in_two_folders_are_two():
    write(1.0, "a")
    write(0.5, "b")
    first, second = losses(config_dir="a"), losses(config_dir="b")
    assert first != second
    assert losses(config_dir="a") == first
