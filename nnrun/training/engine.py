"""What every training engine offers."""

from typing import Any, NamedTuple, Protocol

from nnrun.network.activations import Array
from nnrun.network.mlp import Params
from nnrun.problem.problem import Samples
from nnrun.training.stack import Stack


class Scores(NamedTuple):
    """Test metrics of each trial, shape (trial,).

    Attributes:
        loss: Mean test loss.
        accuracy: Share of test samples that are classified right; NaN for regression.
    """

    loss: Array
    accuracy: Array


class Engine(Protocol):
    """Trains the trials of a stack side by side. Its state is its own affair."""

    name: str

    def begin(self, stack: Stack) -> Any:
        """Return the state before the first step."""
        ...

    def train(self, state: Any, inputs: Array, targets: Array) -> tuple[Any, Array]:
        """Take one step for each batch, in order.

        Args:
            state: From ``begin`` or the call before.
            inputs: Shape (trial, sample, input); a whole number of batches.
            targets: Shape (trial, sample, output).

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
