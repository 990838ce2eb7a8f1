"""What every training engine offers, and the reference engine: clear NumPy, for every component."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nnrun.config.settings import Setting
from nnrun.network.activations import Array
from nnrun.network.mlp import Params, backward, forward, joined, taken
from nnrun.network.optimizers.base import flattened, restored
from nnrun.problem.problem import Samples, Task
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


EVALUATION_FLOATS = 2**22
"""Most numbers in one array while evaluating (32 MiB): wide stacks are measured in pieces."""


class State(NamedTuple):
    """Everything that changes from step to step, and the number of updates made so far."""

    params: Params
    optimizer: Any
    step: int


class Reference:
    """Steps a whole stack at once, one NumPy call an operation and layer."""

    name = "reference"
    width = 1

    def begin(
        self, stack: Stack, params: Params, memory: tuple[Array, ...] = (), seen: int = 0
    ) -> State:
        """Start the optimizer, or restore what it remembered."""
        self._setting = setting = stack.setting
        self._net = setting.architecture
        self._learning_rate = stack.learning_rate
        self._optimizer = stack.optimizer
        # asked once, because a step of a small network takes some 30 microseconds
        self._penalties = None if stack.penalties.none else stack.penalties
        self._clip = None if setting.clip.none else setting.clip
        self._columns = len(setting.problem.inputs), len(setting.problem.outputs)
        state = self._optimizer.init(params)
        if seen:
            state = restored(state, memory)
        return State(params, state, seen // setting.batch_size)

    def memory(self, state: State) -> tuple[Array, ...]:
        """Return the arrays and numbers of the optimizer's state, in order."""
        return tuple(flattened(state.optimizer, len(self._learning_rate)))

    def train(self, state: State, batches: Batches) -> tuple[State, Array]:
        """Take one step for each batch: forward, backward, update."""
        params, memory, first = state
        require_columns(batches, *self._columns)
        inputs, targets = batches.inputs[batches.which], batches.targets[batches.which]
        masks = None
        if batches.masks is not None:  # of each hidden layer, shape (trial, sample, unit)
            ends = np.cumsum(self._setting.network.hidden)[:-1]
            masks = np.split(batches.masks[batches.which], ends, axis=-1)
        size, loss = self._setting.batch_size, self._setting.loss
        n_steps = inputs.shape[1] // size
        factors = rate_factors(self._setting, first, n_steps)
        z, outputs = np.empty(targets.shape), np.empty(targets.shape)
        # a diverging trial overflows on its way; that is data, not an error
        with np.errstate(all="ignore"):
            for step in range(n_steps):
                batch = slice(step * size, (step + 1) * size)
                kept = None if masks is None else [m[:, batch] for m in masks]
                run = forward(params, inputs[:, batch], self._net, kept)
                grads = backward(params, run, targets[:, batch], self._net, loss, kept)
                rate = self._learning_rate * factors[step]
                if self._penalties is not None:
                    grads = self._penalties.gradient(params, grads)
                    params = self._penalties.decayed(params, rate)
                if self._clip is not None:
                    grads = self._clip.clip(grads)
                params, memory = self._optimizer.update(params, grads, memory, rate)
                z[:, batch], outputs[:, batch] = run.z[-1], run.outputs
            losses = loss.value(z, outputs, targets).sum(axis=1)
        return State(params, memory, first + n_steps), losses

    def evaluate(self, state: State, held_out: Samples) -> Scores:
        """Run the held-out samples through every trial's network."""
        widest = max(layer.bias.shape[-1] for layer in state.params)
        piece = max(1, EVALUATION_FLOATS // (len(held_out.inputs) * widest))
        n_trials = len(self._learning_rate)
        scores = [
            self._scores(taken(state.params, slice(start, start + piece)), held_out)
            for start in range(0, n_trials, piece)
        ]
        return Scores(*(np.concatenate(parts) for parts in zip(*scores, strict=True)))

    def params(self, state: State) -> Params:
        """Return the parameters of every trial."""
        return state.params

    def _scores(self, params: Params, held_out: Samples) -> Scores:
        inputs, targets = held_out.inputs[None], held_out.targets[None]
        with np.errstate(all="ignore"):
            run = forward(params, inputs, self._net)
            loss = self._setting.loss.value(run.z[-1], run.outputs, targets).mean(axis=1)
        task = self._setting.problem.task
        if task is Task.REGRESSION:
            return Scores(loss, np.full(loss.shape, np.nan))
        if task is Task.BINARY:
            boundary = self._setting.loss.boundary
            right = ((run.outputs >= boundary) == (targets >= 0.5))[..., 0]
        else:
            right = run.outputs.argmax(axis=-1) == targets.argmax(axis=-1)
        return Scores(loss, right.mean(axis=1))
