"""What every training engine offers."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.network.initializers import initial_params, stack_params
from nnrun.network.mlp import Params
from nnrun.problem.problem import Samples
from nnrun.training.stack import Stack


class Batches(NamedTuple):
    """Training samples of every trial; trials with equal seeds share a stream.

    Attributes:
        inputs: Shape (stream, sample, input); a whole number of batches.
        targets: Shape (stream, sample, output).
        which: The stream of each trial, shape (trial,).
    """

    inputs: Array
    targets: Array
    which: npt.NDArray[np.intp]


class Scores(NamedTuple):
    """Test metrics of each trial, shape (trial,).

    Attributes:
        loss: Mean test loss.
        accuracy: Share of test samples that are classified right; NaN for regression.
    """

    loss: Array
    accuracy: Array


class Engine(Protocol):
    """Trains the trials of a stack side by side. Its state is its own affair.

    Attributes:
        name: As in the setting's ``engine``.
        width: Trials that it handles at once, which makes a shard; 1 if the more the better.
    """

    name: str
    width: int

    @staticmethod
    def supports(stack: Stack) -> bool:
        """Say whether the engine has every component of the stack's settings."""
        ...

    def begin(self, stack: Stack) -> Any:
        """Return the state before the first step."""
        ...

    def train(self, state: Any, batches: Batches) -> tuple[Any, Array]:
        """Take one step for each batch, in order.

        Args:
            state: From ``begin`` or the call before.
            batches: The samples.

        Returns:
            The state after the last step, and each trial's training loss summed over the samples,
            each taken before the step that it is part of, shape (trial,).
        """
        ...

    def evaluate(self, state: Any, held_out: Samples) -> Scores:
        """Measure every trial on the same held-out samples."""
        ...

    def params(self, state: Any) -> Params:
        """Return the parameters of every trial."""
        ...


def first_params(stack: Stack) -> Params:
    """Draw every trial's first parameters from its own seed; equal ones are drawn once."""
    setting = stack.setting
    drawn: dict[Any, Params] = {}
    for trial in stack.trials:
        key = (trial.setting.init, trial.seed)
        if key not in drawn:
            drawn[key] = initial_params(*key, setting.problem.inputs, setting.sizes)
    return stack_params([drawn[trial.setting.init, trial.seed] for trial in stack.trials])
