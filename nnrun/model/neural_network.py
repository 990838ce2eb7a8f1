"""The seed project's library: a network that a program feeds by hand, over nnrun's own core."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import Any, ClassVar, get_args

import numpy as np
import numpy.typing as npt

from nnrun.config.rules import MOST_PARAMETERS
from nnrun.config.settings import Backprop, Network, Setting, Target
from nnrun.errors import InputError, Issue, as_typed, did_you_mean
from nnrun.model.model import ROWS, Dense
from nnrun.network.activations import Array
from nnrun.network.initializers import Uniform
from nnrun.network.losses import LOSSES
from nnrun.network.mlp import Layer, Params, count_parameters, forward
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import SCHEDULES
from nnrun.problem import feature_sets  # noqa: F401  (it fills a registry)
from nnrun.problem.features import FEATURES
from nnrun.problem.problem import Data, Problem, Samples, Task
from nnrun.text import things
from nnrun.training.engine import Run, first_params
from nnrun.training.sources import Handed
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import choose_engine

WAITING = 1024
"""Most samples, given one at a time, that wait to be trained together."""

PIECE = 2**16
"""Samples handed to the engine at once, which bounds the memory that takes."""


class NeuralNetwork:
    """A dense network of sigmoids that learns one sample at a time by back-propagation.

    Weights and biases start uniform on [-1, 1], and every sample moves them one step, to make
    ½ Σ (output - target)² smaller. Samples that are given one at a time wait until there are many,
    or until somebody looks at the network; the result is that of a step for each at once.

    Args:
        inputs: Number of inputs.
        hidden_layers: Units of each hidden layer, input side first; [] for a single perceptron.
        outputs: Number of outputs.
        learning_rate: Of every step.
        backprop: ``raw_error`` for the seed project's rule, whose steps are the larger the deeper
            the layer: errors are handed down without the slopes of the layers above. ``exact`` for
            the gradient.
        seed: Of the first weights; the same seed gives the same network.

    Raises:
        InputError: With every argument that is not what it must be.

    Example:
        >>> network = NeuralNetwork(2, [], 1, 0.5)
        >>> for _ in range(2000):
        ...     network.learn([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1])
        >>> network.forward([1, 1]).round(), network.forward([1, 0]).round()
        (array([1.]), array([0.]))
    """

    _run: Run

    def __init__(
        self,
        inputs: int,
        hidden_layers: Sequence[int],
        outputs: int,
        learning_rate: float,
        *,
        backprop: Backprop = "raw_error",
        seed: int = 0,
    ) -> None:
        hidden: Any = hidden_layers
        if isinstance(hidden, Iterable) and not isinstance(hidden, str):
            hidden = tuple(hidden)
        _require(inputs, hidden, outputs, learning_rate, backprop, seed)
        self._inputs, self._hidden, self._outputs = (
            int(inputs),
            tuple(map(int, hidden)),
            int(outputs),
        )
        n_params = count_parameters(self._inputs, (*self._hidden, self._outputs))
        if n_params > MOST_PARAMETERS:
            rule = f"makes {n_params:,} parameters, and nnrun trains at most {MOST_PARAMETERS:,}"
            raise InputError(Issue("hidden_layers", hidden, rule))
        self._learning_rate, self._backprop, self._seed = float(learning_rate), backprop, int(seed)
        setting = self._setting()
        self._net, self._stack = setting.architecture, Stack((Trial(setting, self._seed),))
        self._engine, self._source = choose_engine(self._stack), Handed([self._seed])
        self._start(first_params(self._stack))
        n_waiting = max(1, min(WAITING, PIECE // (self._inputs + self._outputs)))
        self._x = np.empty((n_waiting, self._inputs))
        self._y = np.empty((n_waiting, self._outputs))
        self._n_waiting = 0

    def __repr__(self) -> str:
        sizes = f"{self._inputs}, {list(self._hidden)}, {self._outputs}"
        return f"NeuralNetwork({sizes}, {self._learning_rate:g})"

    def __reduce__(self) -> tuple[Any, ...]:
        sizes = self._inputs, self._hidden, self._outputs
        made = *sizes, self._learning_rate, self._backprop, self._seed
        return _remade, (made, self._params())

    @property
    def params(self) -> tuple[Dense, ...]:
        """Weights, shape (fan_in, fan_out), and biases, shape (fan_out,), of each layer.

        They are copies; others of the same shapes may be assigned.
        """
        return tuple(Dense(w[0].copy(), b[0, 0].copy()) for w, b in self._params())

    @params.setter
    def params(self, layers: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]) -> None:
        wanted = [(w.shape, b.shape) for w, b in self.params]
        try:
            pairs = [(weights, bias) for weights, bias in layers]
        except (TypeError, ValueError):
            pairs = []
        parts = [(_numbers("params", w), _numbers("params", b)) for w, b in pairs]
        if [(w.shape, b.shape) for w, b in parts] != wanted:
            rule = f"must be pairs of weights and biases of the shapes {wanted}"
            raise InputError(Issue("params", None, rule))
        self._n_waiting = 0
        self._start(tuple(Layer(w[None], b[None, None]) for w, b in parts))

    def forward(self, x: npt.ArrayLike) -> Array:
        """Compute the outputs.

        Args:
            x: One sample, shape (input,), or rows, shape (n, input).

        Returns:
            Shape (output,), or (n, output) for rows.

        Raises:
            InputError: If ``x`` holds anything but finite numbers, or has another shape.
        """
        values, params = _numbers("x", x), self._params()
        rows = _rows("x", values, self._inputs, "input")
        with np.errstate(all="ignore"):
            # a row a trial: its outputs do not depend on the rows beside it
            parts = [
                forward(params, rows[i : i + ROWS, None], self._net).outputs[:, 0]
                for i in range(0, max(len(rows), 1), ROWS)
            ]
        outputs: Array = np.concatenate(parts)
        return outputs[0] if values.ndim == 1 else outputs

    def learn(self, x: npt.ArrayLike, y: npt.ArrayLike) -> None:
        """Learn one sample, or rows in their order: one step for each.

        Args:
            x: One sample, shape (input,), or rows, shape (n, input).
            y: Its targets, shape (output,), or theirs, shape (n, output). With a single output a
                number, or shape (n,), is fine.

        Raises:
            InputError: If they hold anything but finite numbers or do not fit; nothing was learned.
        """
        if self._kept_waiting(x, y):
            return
        values, targets = _numbers("x", x), _numbers("y", y)
        if self._outputs == 1 and targets.ndim == values.ndim - 1:
            targets = targets[..., None]
        rows = _rows("x", values, self._inputs, "input")
        wanted = _rows("y", targets, self._outputs, "output")
        if len(rows) != len(wanted) or values.ndim != targets.ndim:
            rule = f"has the shape {np.shape(y)}, and x {values.shape}: each sample needs its own"
            raise InputError(Issue("y", None, rule))
        self._catch_up()
        self._train(rows, wanted)

    def _kept_waiting(self, x: Any, y: Any) -> bool:
        """Take one sample of plain numbers, quickly; False if it may be anything else."""
        place = self._n_waiting
        if isinstance(x, np.ndarray) and x.ndim != 1:
            return False
        if isinstance(y, int | float):
            y = (y,)
        try:
            # of Python's numbers, which are summed quicker, and without warnings
            x, y = (v.tolist() if isinstance(v, np.ndarray) else v for v in (x, y))
            if len(x) != self._x.shape[1] or len(y) != self._y.shape[1]:
                return False
            # of anything but finite numbers the sum is none, either
            if not (-inf < sum(x) < inf and -inf < sum(y) < inf):
                return False
            self._x[place], self._y[place] = x, y
        except (TypeError, ValueError, OverflowError):
            return False
        self._n_waiting = place + 1
        if self._n_waiting == len(self._x):
            self._catch_up()
        return True

    def _catch_up(self) -> None:
        """Train what waits."""
        n, self._n_waiting = self._n_waiting, 0
        if n:
            self._train(self._x[:n], self._y[:n])

    def _train(self, rows: Array, targets: Array) -> None:
        for i in range(0, len(rows), PIECE):
            piece = slice(i, i + PIECE)
            self._source.hand(rows[None, piece], targets[None, piece])
            self._run.train(len(rows[piece]))

    def _params(self) -> Params:
        self._catch_up()
        return self._run.params()

    def _start(self, params: Params) -> None:
        self._run = self._engine.begin(self._stack, self._source, params)

    def _setting(self) -> Setting:
        """Return the setting, which stands for one step, however many follow."""
        return Setting(
            lr=self._learning_rate,
            budget=1,
            batch_size=1,
            evals=1,
            target=Target("test_loss", 0.0, 1),
            engine="auto",
            data=Fed(self._inputs, self._outputs),
            features=FEATURES["terms"](),
            network=Network(self._hidden, "sigmoid", "sigmoid"),
            init=Uniform(),
            optimizer=OPTIMIZERS["sgd"](),
            schedule=SCHEDULES["constant"](),
            loss=LOSSES["squared_error"](),
            # without hidden layers both are the same, and the exact one is quicker
            backprop=self._backprop if self._hidden else "exact",
        )


@dataclass(frozen=True)
class Fed(Data):
    """The problem where only a program knows the samples: so many numbers make so many."""

    name: ClassVar[str] = "fed"

    n_inputs: int
    n_outputs: int

    def problem(self) -> Problem:
        """Stand one sample of zeros in for those to come."""
        zeros = Samples(np.zeros((1, self.n_inputs)), np.zeros((1, self.n_outputs)))
        inputs = tuple(f"x{i}" for i in range(self.n_inputs))
        outputs = tuple(f"y{i}" for i in range(self.n_outputs))
        return Problem(Task.REGRESSION, inputs, outputs, zeros, pool=zeros, n_train=1)


def _require(
    inputs: Any, hidden: Any, outputs: Any, learning_rate: Any, backprop: Any, seed: Any
) -> None:
    """Check what anybody may have given; ``hidden`` is a tuple if it was a list of any kind."""
    issues = [
        Issue(key, as_typed(value), f"must be a whole number of {least} or more")
        for key, value, least in (("inputs", inputs, 1), ("outputs", outputs, 1), ("seed", seed, 0))
        if not _whole(value, least)
    ]
    if not isinstance(hidden, tuple) or not all(_whole(size, 1) for size in hidden):
        rule = "must be a list of whole numbers of 1 or more"
        hint = f"did you mean [{hidden}]?" if _whole(hidden, 1) else "such as [2, 1]"
        issues.append(Issue("hidden_layers", as_typed(hidden), rule, hint))
    number = not isinstance(learning_rate, bool) and isinstance(learning_rate, Real)
    if not number or not 0 < learning_rate < inf:
        rule = "must be a finite number above 0"
        issues.append(Issue("learning_rate", as_typed(learning_rate), rule, "such as 0.03"))
    if backprop not in get_args(Backprop):
        hint = did_you_mean(str(backprop), get_args(Backprop))
        issues.append(Issue("backprop", as_typed(backprop), "must be raw_error or exact", hint))
    if issues:
        raise InputError(*issues)


def _whole(value: Any, least: int) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def _remade(made: tuple[Any, ...], params: Params) -> NeuralNetwork:
    """Make a network anew, for copies and pickles."""
    *arguments, backprop, seed = made
    network = NeuralNetwork(*arguments, backprop=backprop, seed=seed)
    network._start(params)
    return network


def _numbers(key: str, given: Any) -> Array:
    """Return finite numbers as an array."""
    try:
        # compiled code takes no array that cannot be written to, as pandas hands out
        found: Array = np.require(given, np.float64, ["C", "W"])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(Issue(key, None, f"must hold numbers: {error}")) from None
    bad = ~np.isfinite(found)
    if bad.any():
        where = f" in row {int(np.argwhere(bad)[0, 0])}" if found.ndim > 1 else ""
        raise InputError(Issue(key, None, f"must hold finite numbers, and does not{where}"))
    return found


def _rows(key: str, values: Array, width: int, unit: str) -> Array:
    """Return samples, shape (n, width), from one or from rows."""
    if values.ndim not in (1, 2) or values.shape[-1] != width:
        rule = f"has the shape {values.shape}, and the network {things(width, unit)}"
        hint = f"({width},) for one sample, (n, {width}) for rows"
        raise InputError(Issue(key, None, rule, hint))
    return values.reshape(-1, width)
