"""Fixtures and factories that several test files share."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnrun.config.settings import Executor, Network, Setting, Target
from nnrun.network.initializers import Uniform
from nnrun.network.losses import SquaredError
from nnrun.network.optimizers import Sgd
from nnrun.network.schedules import Constant
from nnrun.problem.feature_sets import Terms
from nnrun.problem.planar_generators import Xor
from nnrun.problem.problem import Problem, Samples
from nnrun.records.trials import Trials
from nnrun.training.sources import Source
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import choose_engine, train
from nnrun.trials.executors import threads
from tests.warmed import caption_only, parse_once, share_schema


def make_setting(**changes: Any) -> Setting:
    """Return the seed project's setting on a small budget, with some fields replaced."""
    setting = Setting(
        lr=0.1,
        budget=400,
        batch_size=1,
        evals=12,
        target=Target(),
        engine="auto",
        data=Xor(),
        features=Terms(("x", "y", "x*y")),
        network=Network(hidden=(2, 1), output="sigmoid"),
        init=Uniform(),
        optimizer=Sgd(),
        schedule=Constant(),
        loss=SquaredError(),
    )
    return replace(setting, **changes)


def run(stack: Stack, engine: str = "auto") -> Trials:
    """Train a stack with the engine of that name."""
    asked = tuple(Trial(replace(t.setting, engine=engine), t.seed) for t in stack.trials)
    return train(Stack(asked), choose_engine(Stack(asked))).trials


def samples_of(problem: Problem, seed: int, n: int) -> Samples:
    """Return the first training samples of a trial."""
    batches = Source(problem, [seed]).take(0, n)
    return Samples(batches.inputs[0], batches.targets[0])


@pytest.fixture(scope="session", autouse=True)
def _parsed_once() -> None:
    """Let compositions in this process share what was parsed for them, as those of commands do."""
    parse_once()


@pytest.fixture(scope="session", autouse=True)
def _shared_schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make the tables of MLflow's databases once, for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    os.environ["NNRUN_TEST_SCHEMA"] = str(folder / "schema.db")
    share_schema()
    yield
    del os.environ["NNRUN_TEST_SCHEMA"]


def slowness() -> float:
    """Return how much longer than its processor time a process takes now, at least 1.

    What must be quick is held to its bound times this, on a machine that others use, too.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < 0.2:
        pass
    return max((time.perf_counter() - wall) / 0.2, 1.0)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Give the whole suite every processor, and a part of it none but this process.

    One worker more than processors: in two fifths of its time one that starts commands waits.
    """
    if any(not str(argument).startswith("-") for argument in config.invocation_params.args):
        return 0
    return threads(Executor()) + 1


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what was skipped in the file that NNRUN_SKIPPED names: another run may do it."""
    _note_skipped(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skipped(report)


def _note_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    path = os.environ.get("NNRUN_SKIPPED")
    if path and report.skipped and "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages whose figures have captions and no picture: drawing takes seconds."""
    monkeypatch.setattr("nnrun.report.figures._written", caption_only)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
