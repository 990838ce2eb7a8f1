"""Fixtures and factories that several test files share."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnrun.config import Executor, Network, Setting, Target
from nnrun.network.initializers import Uniform
from nnrun.network.losses import SquaredError
from nnrun.network.optimizers import Sgd
from nnrun.network.schedules import Constant
from nnrun.problem.generators import Xor
from nnrun.problem.terms import Terms
from nnrun.sweep.executors import workers
from nnrun.training.engines import choose_engine
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import Trained, train


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


def run(stack: Stack, engine: str = "auto") -> Trained:
    """Train a stack with the engine of that name."""
    asked = tuple(Trial(replace(t.setting, engine=engine), t.seed) for t in stack.trials)
    return train(Stack(asked), choose_engine(Stack(asked)))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Give the whole suite every processor, and a part of it none but this process."""
    if any(not str(argument).startswith("-") for argument in config.invocation_params.args):
        return 0
    # the slow tests stand together: whoever is done takes some of the other's
    config.option.dist = "worksteal"
    return workers(Executor())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
