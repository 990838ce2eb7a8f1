"""What a network takes, computes and means, and all that can be asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.config.components import text_of
from nnrun.errors import InputError, Issue
from nnrun.model.samples import (
    Classes,
    is_one,
    numbered,
    require_as_many,
    row_names,
    rows_of,
    targets_of,
)
from nnrun.network.activations import Array
from nnrun.network.mlp import Architecture, Params, count_parameters, forward
from nnrun.problem.column_encoder import Encoder, table_of
from nnrun.problem.features import InputMap
from nnrun.problem.problem import Task

ROWS = 4096
"""Samples computed at once, which bounds the memory that takes."""


class Dense(NamedTuple):
    """Parameters of one layer: weights, shape (fan_in, fan_out), and bias, shape (fan_out,)."""

    weights: Array
    bias: Array


@dataclass(eq=False, repr=False)
class Model:
    """A network as far as it computes; ``NeuralNetwork`` learns, too.

    What x may be: an array of shape (n, input) in the order of ``inputs``, or (input,) for one
    sample; or a pandas DataFrame with these columns, in any order and among others. Values are as
    the data had them: categories and numbers encoded, features computed here. Numbers must be
    finite; missing values are refused unless the training imputed them. Messages name a row by
    the table's index, or else by its place from 0.

    Every sample is computed on its own, so that its outputs do not depend, to the last bit, on
    what stands beside it. The exception are ``noise`` features, which are those of the held-out
    data and go by the place of the row.

    Attributes:
        inputs: Names of what x holds; x0, x1 and so on where it has no names.
        outputs: Names of the outputs; y0, y1 and so on where they have none.
        task: What they are.
        first: Parameters that it was made with, as a stack of one network.
        architecture: What the layers compute.
        input_map: From encoded inputs to the network's inputs.
        encoder: From the columns of a table to encoded inputs; None if there was no table.
        boundary: A single output at or above it says class 1.
        seed: Of the trial, or of the first weights; None if a file did not say.
        setting: Id of the setting that it was trained by, if known.
        config: Flat configuration that it was trained by, if known.
        seen: Training samples that its first parameters come from; None if unknown.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    task: Task
    first: Params
    architecture: Architecture
    input_map: InputMap
    encoder: Encoder | None
    boundary: float
    seed: int | None
    setting: str | None
    config: Mapping[str, Any]
    seen: int | None

    def __repr__(self) -> str:
        activations = ", ".join(name for name, _ in groupby(self.activations))
        seed = None if self.seed is None else f"seed {self.seed}"
        setting = None if self.setting is None else f"setting {self.setting}"
        told = filter(None, [f"{self.layout} {activations}", seed, setting])
        return f"{type(self).__name__}({', '.join(told)})"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the network's own inputs."""
        return self.input_map.names

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, the network's inputs first."""
        return (len(self.features), *(layer.bias.shape[-1] for layer in self.first))

    @property
    def layout(self) -> str:
        """The sizes, written as 3-[2,1]-1."""
        first, *hidden, last = self.sizes
        return f"{first}-[{','.join(map(str, hidden))}]-{last}"

    @property
    def activations(self) -> tuple[str, ...]:
        """Each layer's activation by name, with its fields if it has any."""
        return tuple(str(text_of(a)) for a in self.architecture.activations)

    @property
    def n_params(self) -> int:
        """Weights and biases that are trained."""
        net = self.architecture
        return count_parameters(self.sizes[0], self.sizes[1:], net.shortcut, net.bias)

    @property
    def classes(self) -> Classes:
        """What ``classify`` answers: names, or numbers from 0; none for quantities."""
        n = len(self.outputs)
        if self.task is Task.REGRESSION:
            return ()
        if self.encoder is not None:
            return self.encoder.classes
        if n > 1 and self.outputs != numbered("y", n):
            return self.outputs
        return tuple(range(max(n, 2)))

    @property
    def says_probabilities(self) -> bool:
        """Whether ``predict_proba`` has an answer."""
        last = "sigmoid" if len(self.outputs) == 1 else "softmax"
        return bool(self.classes) and self.activations[-1] == last

    def forward(self, x: Any, layers: bool = False) -> Any:
        """Compute the outputs, as they leave the last layer.

        Args:
            x: One sample or rows, see above.
            layers: Whether to return what every layer puts out.

        Returns:
            Shape (output,) for one sample, (n, output) for rows; in regressions of tables
            standardised. With ``layers`` a list of such arrays, shape (unit,) or (n, unit), one a
            layer, the outputs last.

        Raises:
            InputError: If x lacks columns, misses values, holds what is not finite or cannot be
                encoded, or has another shape.
        """
        one = is_one(x, self.inputs)
        found = [layer[0] for layer in self._layers(x)] if one else self._layers(x)
        return found if layers else found[-1]

    def predict(self, x: Any) -> Array:
        """Compute the outputs of rows, in the unit of the data.

        Args:
            x: Samples, see above; one sample counts as a row.

        Returns:
            Shape (n, output): for a table's quantity in the unit of its column, else as the
            network has them. NaN if the training diverged.

        Raises:
            InputError: As from ``forward``.
        """
        outputs = self._layers(x)[-1]
        return outputs if self.encoder is None else self.encoder.decode(outputs)

    def predict_proba(self, x: Any) -> Array:
        """Compute how likely each class is, as far as the output activation says so.

        Args:
            x: Samples, see above.

        Returns:
            Shape (n, class), in the order of ``classes``; rows sum to 1.

        Raises:
            InputError: As from ``forward``, or if the outputs are no probabilities: these are a
                single sigmoid, or softmax.
        """
        if not self.says_probabilities:
            last = self.activations[-1]
            rule = "says no probabilities, which a single sigmoid does, and softmax"
            raise InputError(Issue("output_activation", last, rule, "use predict or classify"))
        outputs = self._layers(x)[-1]
        return np.hstack([1.0 - outputs, outputs]) if len(self.outputs) == 1 else outputs

    def classify(self, x: Any) -> npt.NDArray[Any]:
        """Say the class of each sample.

        Args:
            x: Samples, see above.

        Returns:
            Shape (n,), entries of ``classes``.

        Raises:
            InputError: As from ``forward``, or if there are no classes or outputs are not finite.
        """
        if not self.classes:
            raise InputError(Issue("task", self.task, "has no classes", "use predict"))
        outputs = self._layers(x)[-1]
        bad = ~np.isfinite(outputs).all(axis=1)
        if bad.any():
            row = row_names(x, len(outputs))[int(bad.argmax())]
            rule = f"makes no finite output of row {row}, so it has no class"
            finite = all(np.isfinite(part).all() for layer in self._params() for part in layer)
            hint = "its values are too large" if finite else "the training diverged"
            raise InputError(Issue("network", None, rule, hint))
        single = outputs.shape[1] == 1
        places = outputs[:, 0] >= self.boundary if single else outputs.argmax(axis=1)
        return np.array(self.classes)[places.astype(np.intp)]

    def score(self, x: Any, y: Any) -> float:
        """Say how well the network does, the more the better.

        Args:
            x: Samples, see above.
            y: What they should become, as ``NeuralNetwork.learn`` takes it.

        Returns:
            With classes the share of samples that are classified right. Else R², the share of the
            variance that is explained, a mean over the outputs: 1 at best, NaN of an output that
            does not vary.

        Raises:
            InputError: As from ``forward``, or if y does not fit.
        """
        one = is_one(x, self.inputs)
        targets = targets_of(y, self.outputs, self.classes, self.encoder, one)
        outputs = self._layers(x)[-1]
        require_as_many(outputs, targets)
        if self.classes:
            return float(self.task.right(outputs, targets, self.boundary).mean())
        with np.errstate(all="ignore"):
            left = np.square(targets - outputs).sum(axis=0)
            share = 1.0 - left / np.square(targets - targets.mean(axis=0)).sum(axis=0)
            varies = (targets != targets[:1]).any(axis=0)
        return float(np.where(varies, share, np.nan).mean())

    def network_inputs(self, x: Any) -> Array:
        """Compute the network's own inputs, shape (n, feature), from samples x.

        Raises:
            InputError: As from ``forward``.
        """
        names, encoder = self.inputs, self.encoder
        with np.errstate(all="ignore"):  # what comes of it is checked
            values = rows_of(x, names) if encoder is None else encoder.encode(table_of(x, names))
            values = self.input_map(values)
        if np.isfinite(values).all():
            return values
        for name, column in zip(self.features, values.T, strict=True):
            bad = ~np.isfinite(column)
            if bad.any():
                row = row_names(x, len(bad))[int(bad.argmax())]
                rule = f"is infinite or undefined in row {row}"
                raise InputError(Issue("feature", name, rule, "its values are out of range"))
        return values

    def _params(self) -> Params:
        """Return the parameters as they are now, as a stack of one network."""
        return self.first

    def _layers(self, x: Any) -> list[Array]:
        """Compute what every layer puts out, shapes (n, unit); a row a trial, each by itself."""
        values, params, net = self.network_inputs(x), self._params(), self.architecture
        with np.errstate(all="ignore"):
            parts = [
                forward(params, values[i : i + ROWS, None], net).a
                for i in range(0, max(len(values), 1), ROWS)
            ]
        return [np.concatenate(layer)[:, 0] for layer in zip(*parts, strict=True)]
