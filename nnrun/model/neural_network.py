"""A neural network: made of a few numbers, fed by hand or loaded, asked, saved."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nnrun.config.settings import Backprop, Setting
from nnrun.errors import InputError, Issue
from nnrun.model.arguments import setting_of
from nnrun.model.learning import State
from nnrun.model.model import Dense, Model
from nnrun.model.progress import Progress
from nnrun.model.samples import finite, is_one, require_as_many, targets_of
from nnrun.network import losses
from nnrun.network.activations import Activation
from nnrun.network.initializers import Initializer
from nnrun.network.mlp import Layer, Params
from nnrun.network.optimizers import Optimizer
from nnrun.network.penalties import Clipping, Penalties
from nnrun.network.schedules import Schedule
from nnrun.problem.features import input_map
from nnrun.training.engine import first_params
from nnrun.training.stack import Stack, Trial

Fields = Mapping[str, Any]


class NeuralNetwork(Model):
    """A dense network, which learns by back-propagation.

    By default it is the seed project's: sigmoids, weights and biases uniform on [-1, 1] at first,
    and every sample moves them one step, to make ½ Σ (output - target)² smaller. It is the core of
    sweeps: with the names, the seed and the samples of a sweep's trial, and its components, it
    ends at the trial's weights, to the last bit.

    Components go by their names in a configuration (``optimizer="adam"``), by a mapping with
    fields (``{"name": "momentum", "momentum": 0.8}``), or are entries themselves. Samples that are
    given one at a time wait until there are many, or until somebody looks at the network; the
    result is that of a step for each at once. Threads may share a network: what they call is done
    one after another.

    Args:
        inputs: Number of inputs, or their names, which tables are read by. First weights go by
            names: x0, x1 and so on where there are none.
        hidden_layers: Units of each hidden layer, input side first; [] for a single perceptron.
        outputs: Number of outputs, or their names: of several outputs for classes the classes.
        learning_rate: Of every step, before the schedule's factor.
        activation: Of the hidden layers: one, or a list of one a layer.
        output_activation: Of the output layer. None for what the loss asks for, which is sigmoid
            where it asks for nothing.
        loss: What is minimised. Outputs say classes if the loss takes classes alone, or by a
            sigmoid or softmax; else they are quantities.
        optimizer: Update rule.
        init: First weights and biases.
        schedule: Factor on the learning rate by the number of the step.
        batch_size: Samples of a step; None for one of all rows of a call. A sample that is given
            alone is always a step of its own.
        budget: Samples of the whole training, where the schedule goes by them.
        backprop: ``raw_error`` for the seed project's rule, whose steps are the larger the deeper
            the layer: errors are handed down without the slopes of the layers above. ``exact`` for
            the gradient. None for the seed project's where activations, loss and optimizer are,
            too, and for the gradient with any other.
        penalties: Rates of ``l1``, ``l2`` and ``weight_decay``.
        clip: Bounds on gradients: ``value`` or ``norm``.
        shortcut: Whether every layer gets the network's inputs, too.
        bias: Whether there are biases.
        dropout: Share of hidden outputs that is left out at random in learning.
        seed: Of the first weights, of shuffled orders and of dropout.

    Attributes:
        progress: How it learns, and how far it has come.

    Raises:
        InputError: With every argument that is not what it must be, in the words of the command
            line.

    Example:
        >>> network = NeuralNetwork(2, [], 1, 0.5)
        >>> losses = network.learn([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1], epochs=2000)
        >>> bool(losses[-1] < losses[0])
        True
        >>> network.forward([1, 1]).round(), network.forward([1, 0]).round()
        (array([1.]), array([0.]))
        >>> NeuralNetwork(2, [4], 1, 0.1, optimizer="adm")
        Traceback (most recent call last):
        nnrun.errors.InputError: optimizer.name=adm: is not a known optimizer (did you mean 'adam'?)
    """

    def __init__(
        self,
        inputs: int | Sequence[str],
        hidden_layers: Sequence[int],
        outputs: int | Sequence[str],
        learning_rate: float,
        *,
        activation: str | Fields | Activation | Sequence[Any] = "sigmoid",
        output_activation: str | Fields | Activation | None = None,
        loss: str | Fields | losses.Loss = "squared_error",
        optimizer: str | Fields | Optimizer = "sgd",
        init: str | Fields | Initializer = "uniform",
        schedule: str | Fields | Schedule = "constant",
        batch_size: int | None = 1,
        budget: int | None = None,
        backprop: Backprop | None = None,
        penalties: Fields | Penalties | None = None,
        clip: Fields | Clipping | None = None,
        shortcut: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        setting = setting_of(self._given)
        data, problem = setting.data, setting.problem
        super().__init__(
            inputs=problem.inputs,
            outputs=problem.outputs,
            task=problem.task,
            first=first_params(Stack((Trial(setting, int(seed)),))),
            architecture=setting.architecture,
            input_map=input_map(data, setting.features),
            encoder=None,
            boundary=setting.loss.boundary,
            seed=int(seed),
            setting=None,
            config={**setting.flat, "batch_size": batch_size},
            seen=0,
        )
        self._begin(setting, batch_size, State(self.first))

    @classmethod
    def described(
        cls, how: Setting | str, batch_size: int | None, state: State, **facts: Any
    ) -> Self:
        """Return a network that was trained elsewhere.

        Args:
            how: How it learns; or, where nobody knows, why it cannot.
            batch_size: As the argument of that name.
            state: Where its learning stands.
            facts: Attributes of ``Model``, without its parameters.
        """
        network = cls.__new__(cls)
        Model.__init__(network, first=state.params, **facts)
        network._given = {}
        network._begin(how, batch_size, state)
        return network

    def _begin(self, how: Setting | str, batch_size: int | None, state: State) -> None:
        self.progress = Progress(how, batch_size, self.seed or 0, state)
        mapped = self.input_map
        plain = self.encoder is None and mapped.shift is None and mapped.names == mapped.inputs
        self._plain = plain and self.progress.by_sample

    def _params(self) -> Params:
        return self.progress.params

    @property
    def weights(self) -> tuple[Dense, ...]:
        """Weights, shape (fan_in, fan_out), and biases, shape (fan_out,), of each layer.

        Input side first. With shortcuts the network's inputs are the last rows of every layer's
        weights but the first's. They are copies; others of the same shapes may be assigned, from
        which learning begins anew: the optimizer has no memory then, and the schedule no past.
        """
        return tuple(Dense(w[0].copy(), b[0, 0].copy()) for w, b in self._params())

    @weights.setter
    def weights(self, layers: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]) -> None:
        wanted = [(w.shape[1:], b.shape[2:]) for w, b in self.first]
        try:
            pairs = [(weights, bias) for weights, bias in layers]
        except (TypeError, ValueError):
            pairs = []
        parts = [(finite("weights", w), finite("weights", b)) for w, b in pairs]
        if [(w.shape, b.shape) for w, b in parts] != wanted:
            rule = f"must be pairs of weights and biases of the shapes {wanted}"
            raise InputError(Issue("weights", None, rule))
        # copies: the caller may go on with what was given
        self.first = tuple(Layer(np.array(w[None]), np.array(b[None, None])) for w, b in parts)
        self.seen = 0
        self.progress.begin(State(self.first))

    @property
    def samples(self) -> int | None:
        """Training samples seen; None if unknown."""
        return None if self.seen is None else self.progress.samples

    def learn(
        self,
        x: Any,
        y: Any,
        epochs: int = 1,
        batch_size: int | None = None,
        shuffle: bool = False,
    ) -> Any:
        """Learn one sample, or rows in their order, from where the last call ended.

        Args:
            x: One sample, shape (input,), or rows, shape (n, input), or a table: as the data have
                them, see ``Model``.
            y: What they are to become: shape (output,), or (n, output) for rows. With a single
                output a number, or shape (n,), is fine; with several for classes, or classes of a
                table, entries of ``classes``, shape (n,). A table's quantity is in its own unit.
            epochs: How often the rows are visited.
            batch_size: Samples of a step; None for the network's own. A batch may hold the end of
                an epoch and the beginning of the next; what is left at last is a smaller one. A
                sample that is given alone is a step of its own.
            shuffle: Whether each epoch has an order of its own: a sweep's of the network's seed.

        Returns:
            The mean loss of each epoch's batches, each before its step, shape (epoch,); in the
            units of the loss, penalties left out. Of one sample in one epoch its loss: a number
            that is computed when it is looked at.

        Raises:
            InputError: If they hold anything but finite numbers, or do not fit, or targets are no
                classes, 0 to 1, where the loss is of classes alone; nothing was learned.

        Example:
            >>> network = NeuralNetwork(1, [], 1, 0.1, output_activation="linear")
            >>> network.weights = [([[0.0]], [0.0])]
            >>> network.learn([1.0], [2.0]), network.forward([1.0])
            (2.0, array([0.4]))
        """
        if self._plain and epochs == 1 and batch_size is None:
            loss = self.progress.take(x, y)
            if loss is not None:
                return loss
        one, rows = is_one(x, self.inputs), self.network_inputs(x)
        targets = targets_of(y, self.outputs, self.classes, self.encoder, one)
        require_as_many(rows, targets)
        losses = self.progress.epochs(rows, targets, epochs, batch_size, shuffle)
        return losses[0] if one and epochs == 1 else losses

    def fit(self, x: Any, y: Any, epochs: int = 1, **how: Any) -> Self:
        """Learn rows from the first weights on, as if nothing had been learned before.

        Args:
            x: As for ``learn``.
            y: As for ``learn``.
            epochs: As for ``learn``.
            how: Other arguments of ``learn``.

        Returns:
            The network itself.

        Raises:
            InputError: As from ``learn``; then nothing is forgotten, nor after an interrupt.
        """
        with self.progress.lock:
            before = self.progress.state
            self.progress.begin(State(self.first, samples=self.seen or 0))
            try:
                self.learn(x, y, epochs, **how)
            except BaseException:
                self.progress.begin(before)
                raise
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments that the network was made of, by name; none of a loaded one."""
        return dict(self._given)

    def save(self, path: str | Path) -> Path:
        """Write the network to a .npz or .json file, as ``nnrun.model.save`` describes."""
        from nnrun.model.save import save

        return save(self, Path(path))

    def to_csv(self, path: str | Path) -> Path:
        """Write a row a weight, as ``nnrun.model.save`` describes."""
        from nnrun.model.save import save_csv

        return save_csv(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, seed: int | None = None) -> "NeuralNetwork":
        """Load a network: ``nnrun.load_network``, which says from where."""
        from nnrun.model.load import load_network

        return load_network(path, seed)
