"""What every training engine offers, and the reference engine: clear NumPy, for every component."""

from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnrun.config.settings import Setting
from nnrun.network.activations import Array
from nnrun.network.mlp import Params, backward, forward, joined, on_weights, taken
from nnrun.network.optimizers import State
from nnrun.problem.problem import Samples, Task
from nnrun.training.sources import Batches, Source
from nnrun.training.stack import Stack


class Scores(NamedTuple):
    """Test metrics of each trial, shape (trial,).

    Attributes:
        loss: Mean test loss.
        accuracy: Share of test samples that are classified right; NaN for regression.
    """

    loss: Array
    accuracy: Array


class Run(Protocol):
    """The trials of a stack in training, side by side."""

    def train(self, n_steps: int) -> Array:
        """Take the next steps.

        Returns:
            Each trial's training loss summed over the samples, each taken before the step that it
            is part of, shape (trial,).
        """
        ...

    def evaluate(self) -> Scores:
        """Measure every trial on the held-out samples."""
        ...

    def params(self) -> Params:
        """Return the parameters of every trial."""
        ...

    def memory(self) -> tuple[Array, ...]:
        """Return the optimizer's state, each array with the trials first, as ``begin`` reads it."""
        ...


class Past(NamedTuple):
    """What training goes on from.

    Attributes:
        memory: The optimizer's state, as ``Run.memory`` gave it.
        seen: Samples seen before; 0 if training begins.
    """

    memory: tuple[Array, ...] = ()
    seen: int = 0


NONE = Past()


class Engine(Protocol):
    """Trains the trials of a stack side by side.

    Attributes:
        name: As in the setting's ``engine``.
        width: Trials that it handles at once, which makes a shard; 1 if the more the better.
    """

    name: str
    width: int

    def begin(self, stack: Stack, source: Source, params: Params, past: Past = NONE) -> Run:
        """Begin to train.

        Args:
            stack: The trials.
            source: Of their samples.
            params: Parameters of every trial.
            past: What training goes on from.
        """
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


class Reference:
    """Steps a whole stack at once, one NumPy call an operation and layer."""

    name = "reference"
    width = 1

    def begin(self, stack: Stack, source: Source, params: Params, past: Past = NONE) -> Run:
        state = stack.optimizer.init(params)
        state = state.filled(past.memory) if past.seen else state
        return ReferenceRun(stack, source, params, state, past.seen)


class ReferenceRun:
    """Trials in training by NumPy."""

    def __init__(
        self, stack: Stack, source: Source, params: Params, state: State, seen: int
    ) -> None:
        self._setting = setting = stack.setting
        self._source, self._params, self._state, self._seen = source, params, state, seen
        self._net, self._optimizer = setting.architecture, stack.optimizer
        self._learning_rate = stack.learning_rate
        # asked once, because a step of a small network takes some 30 microseconds
        self._penalties = None if stack.penalties.none else stack.penalties
        self._clip = None if setting.clip.none else setting.clip
        self._columns = len(setting.problem.inputs), len(setting.problem.outputs)

    def memory(self) -> tuple[Array, ...]:
        return self._state.arrays()

    def train(self, n_steps: int) -> Array:
        size, loss = self._setting.batch_size, self._setting.loss
        batches = self._source.take(self._seen, n_steps * size)
        require_columns(batches, *self._columns)
        inputs, targets = batches.inputs[batches.which], batches.targets[batches.which]
        masks = None
        if batches.masks is not None:  # of each hidden layer, shape (trial, sample, unit)
            ends = np.cumsum(self._setting.network.hidden)[:-1]
            masks = np.split(batches.masks[batches.which], ends, axis=-1)
        factors = rate_factors(self._setting, self._seen // size, n_steps)
        z, outputs = np.empty(targets.shape), np.empty(targets.shape)
        params, state = self._params, self._state
        # a diverging trial overflows on its way; that is data, not an error
        with np.errstate(all="ignore"):
            for step in range(n_steps):
                batch = slice(step * size, (step + 1) * size)
                kept = None if masks is None else [m[:, batch] for m in masks]
                run = forward(params, inputs[:, batch], self._net, kept)
                grads = backward(params, run, targets[:, batch], self._net, loss, kept)
                rate = self._learning_rate * factors[step]
                if self._penalties is not None:
                    grads = on_weights(self._penalties.gradient, params, grads)
                    decayed = partial(self._penalties.decayed, learning_rate=rate)
                    params = on_weights(decayed, params)
                if self._clip is not None:
                    grads = self._clip.clip(grads)
                params, state = self._optimizer.step(params, grads, state, rate)
                z[:, batch], outputs[:, batch] = run.z[-1], run.outputs
            losses: Array = loss.value(z, outputs, targets).sum(axis=1)
        self._params, self._state = params, state
        self._seen += n_steps * size
        return losses

    def evaluate(self) -> Scores:
        held_out = self._setting.problem.held_out
        widest = max(layer.bias.shape[-1] for layer in self._params)
        piece = max(1, EVALUATION_FLOATS // (len(held_out.inputs) * widest))
        n_trials = len(self._learning_rate)
        scores = [
            self._scores(taken(self._params, slice(start, start + piece)), held_out)
            for start in range(0, n_trials, piece)
        ]
        return Scores(*(np.concatenate(parts) for parts in zip(*scores, strict=True)))

    def params(self) -> Params:
        return self._params

    def _scores(self, params: Params, held_out: Samples) -> Scores:
        inputs, targets = held_out.inputs[None], held_out.targets[None]
        with np.errstate(all="ignore"):
            run = forward(params, inputs, self._net)
            loss = self._setting.loss.value(run.z[-1], run.outputs, targets).mean(axis=1)
        task = self._setting.problem.task
        if task is Task.REGRESSION:
            return Scores(loss, np.full(loss.shape, np.nan))
        right = task.right(run.outputs, targets, self._setting.loss.boundary)
        return Scores(loss, right.mean(axis=1))
