"""What every training engine offers."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.config.settings import Setting
from nnrun.network.activations import Array
from nnrun.network.mlp import Params, joined
from nnrun.problem.problem import Samples
from nnrun.training.stack import Stack


class Batches(NamedTuple):
    """Training samples of every trial; trials with equal seeds share a stream.

    Attributes:
        inputs: Shape (stream, sample, input); a whole number of batches.
        targets: Shape (stream, sample, output).
        which: The stream of each trial, shape (trial,).
        masks: Factors on the outputs of the hidden units of all layers, shape (stream, sample,
            unit): 0 where dropped, else 1 / (1 - dropout); None without dropout.
    """

    inputs: Array
    targets: Array
    which: npt.NDArray[np.intp]
    masks: Array | None = None


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

    def begin(
        self, stack: Stack, params: Params, memory: tuple[Array, ...] = (), seen: int = 0
    ) -> Any:
        """Return the state before the next step.

        Args:
            stack: The trials.
            params: Parameters of every trial.
            memory: The optimizer's state, as ``memory`` gave it, where training goes on.
            seen: Samples seen before.
        """
        ...

    def memory(self, state: Any) -> tuple[Array, ...]:
        """Return the optimizer's state, each array with the trials first, as ``begin`` reads it."""
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


def rate_factors(setting: Setting, first: int, n_steps: int) -> Array:
    """Return the schedule's factors of some steps, shape (n_steps,), contiguous.

    A schedule may be a user's own: ValueError if it gives another shape.
    """
    steps = first + np.arange(n_steps)
    given = setting.schedule.factor(steps, setting.budget // setting.batch_size)
    factors: Array = np.require(given, np.float64, ["C", "W"])  # read-only is not for compiled code
    if factors.shape != steps.shape:
        rule = f"gives factors of shape {factors.shape} for {n_steps} steps"
        raise ValueError(f"schedule={setting.schedule.name} {rule}")
    return factors


def require_columns(batches: Batches, n_inputs: int, n_outputs: int) -> None:
    """Check the widths, which a user's own data may get wrong; compiled code would read past them.

    Raises:
        ValueError: If samples have other columns than the problem's names.
    """
    shape = (*batches.inputs.shape[:2], n_inputs), (*batches.inputs.shape[:2], n_outputs)
    got = batches.inputs.shape, batches.targets.shape
    if got != shape:
        raise ValueError(f"samples of shapes {got[0]} and {got[1]}, not {shape[0]} and {shape[1]}")


def first_params(stack: Stack) -> Params:
    """Draw every trial's first parameters from its own seed; equal ones are drawn once."""
    setting = stack.setting
    network = setting.network
    drawn: dict[Any, Params] = {}
    for trial in stack.trials:
        key = (trial.setting.init, trial.seed)
        if key not in drawn:
            drawn[key] = trial.setting.init.params(
                trial.seed, setting.problem.inputs, setting.sizes, network.shortcut, network.bias
            )
    return joined([drawn[trial.setting.init, trial.seed] for trial in stack.trials])
