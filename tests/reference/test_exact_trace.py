"""A published trace of the 2-2-1 network on the four corners of XOR, to 1e-13.

Every unit has a bias input of -1 and every weight starts at 0.6: as biases, -0.6.
"""

import numpy as np
import pytest

from nnrun.config.settings import Network
from nnrun.network.initializers import Constant
from nnrun.network.mlp import forward
from nnrun.problem.feature_sets import Terms
from nnrun.problem.pattern_generators import Gate
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run

MAX_ERROR = [0.5435466682137927, 0.5435080531724404, 0.5434701135827593, 0.5434328258833577]


def errors_after(
    epochs: int, lr: float = 0.1, batch_size: int = 1, engine: str = "reference"
) -> np.ndarray:
    setting = make_setting(
        lr=lr,
        budget=4 * epochs,
        batch_size=batch_size,
        data=Gate("xor", shuffle=False),
        features=Terms(("x", "y")),
        network=Network(hidden=(2,), output="sigmoid"),
        init=Constant(value=0.6, bias=-0.6),
    )
    result = run(Stack((Trial(setting, 0),)), engine)
    corners = setting.problem.held_out
    outputs = forward(result.params, corners.inputs[None], setting.architecture).outputs[0]
    return np.abs(outputs - corners.targets)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("epochs", "expected"), list(enumerate(MAX_ERROR, start=1)))
def test_max_error_after_each_epoch(epochs, expected, engine):
    assert errors_after(epochs, engine=engine).max() == pytest.approx(expected, abs=1e-13)


def test_mean_error_after_the_first_epoch():
    assert errors_after(1).mean() == pytest.approx(0.4999991292217466, abs=1e-13)


def test_one_batch_update_differs_as_published():
    # one update with the four gradients summed: a batch of 4 averages, so its rate is 4 x 0.1
    assert errors_after(1, lr=0.4, batch_size=4).max() == pytest.approx(0.5435892958, abs=1e-10)
