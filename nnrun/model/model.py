"""A trained network that takes data as the user has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.config.components import text_of
from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.mlp import Architecture, Layer, Params, count_parameters, forward
from nnrun.problem.column_encoder import Encoder, require_columns, shaped, table_of
from nnrun.problem.features import InputMap
from nnrun.problem.problem import Task

ROWS = 4096
"""Samples computed at once, which bounds the memory that takes."""


class Dense(NamedTuple):
    """Parameters of one layer: weights, shape (fan_in, fan_out), and bias, shape (fan_out,)."""

    weights: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network.

    What X may be: an array of shape (n, input) in the order of ``inputs``, or (input,) for one
    sample; or a pandas DataFrame with these columns, in any order and among others. Values are as
    the data had them: categories and numbers encoded, features computed here. Numbers must be
    finite; missing values are refused unless the training imputed them. Messages name a row by
    the table's index, or else by its place from 0.

    Every sample is computed on its own, so that its outputs do not depend, to the last bit, on
    what stands beside it. The exception are ``noise`` features, which are those of the held-out
    data and go by the place of the row.

    Attributes:
        inputs: Names of what X holds.
        outputs: Names of the outputs.
        task: What they are.
        params: One entry a layer, input side first. With shortcuts the network's inputs are the
            last rows of every layer's weights.
        architecture: What the layers compute.
        input_map: From encoded inputs to the network's inputs.
        encoder: From the columns of a table to encoded inputs; None if there was no table.
        boundary: A single output at or above it says class 1.
        seed: Of the trial; None if the file did not say.
        setting: Id of the setting that it was trained by, if known.
        config: Flat configuration of the setting, if known.
        samples: Training samples seen; None if unknown.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    task: Task
    params: tuple[Dense, ...]
    architecture: Architecture
    input_map: InputMap
    encoder: Encoder | None
    boundary: float
    seed: int | None
    setting: str | None
    config: Mapping[str, Any]
    samples: int | None

    def __repr__(self) -> str:
        activations = ", ".join(name for name, _ in groupby(self.activations))
        seed = None if self.seed is None else f"seed {self.seed}"
        setting = None if self.setting is None else f"setting {self.setting}"
        return f"Model({', '.join(filter(None, [f'{self.layout} {activations}', seed, setting]))})"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the network's own inputs."""
        return self.input_map.names

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, the network's inputs first."""
        return (len(self.features), *(len(layer.bias) for layer in self.params))

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
        """Weights and biases that were trained."""
        net = self.architecture
        return count_parameters(self.sizes[0], self.sizes[1:], net.shortcut, net.bias)

    @property
    def classes(self) -> tuple[str, ...] | tuple[int, ...]:
        """What ``classify`` answers: names, or 0 and 1; none for a regression."""
        if self.task is Task.REGRESSION:
            return ()
        if self.encoder is not None:
            return self.encoder.classes
        return (0, 1) if len(self.outputs) == 1 else self.outputs

    def predict(self, X: Any) -> Array:
        """Compute the outputs.

        Args:
            X: Samples, see above.

        Returns:
            Shape (n, output): for a table's quantity in the unit of its column, else as the
            network has them. NaN if the training diverged.

        Raises:
            InputError: If X lacks columns, misses values, or holds what is not finite or cannot be
                encoded.
        """
        outputs = self.units(X)[-1]
        return outputs if self.encoder is None else self.encoder.decode(outputs)

    def classify(self, X: Any) -> npt.NDArray[Any]:
        """Say the class of each sample.

        Args:
            X: Samples, see above.

        Returns:
            Shape (n,), entries of ``classes``.

        Raises:
            InputError: As from ``predict``, or if there are no classes or outputs are not finite.
        """
        if not self.classes:
            raise InputError(Issue("task", self.task, "has no classes", "use predict"))
        outputs = self.units(X)[-1]
        bad = ~np.isfinite(outputs).all(axis=1)
        if bad.any():
            row = row_names(X, len(outputs))[int(bad.argmax())]
            rule = f"makes no finite output of row {row}, so it has no class"
            finite = all(np.isfinite(part).all() for layer in self.params for part in layer)
            hint = "its values are too large" if finite else "the training diverged"
            raise InputError(Issue("network", None, rule, hint))
        single = outputs.shape[1] == 1
        places = outputs[:, 0] >= self.boundary if single else outputs.argmax(axis=1)
        return np.array(self.classes)[places.astype(np.intp)]

    def units(self, X: Any) -> list[Array]:
        """Compute what every unit puts out.

        Args:
            X: Samples, see above.

        Returns:
            For each layer an array of shape (n, unit); the last one holds the outputs, in
            regressions of tables standardised.

        Raises:
            InputError: As from ``predict``.
        """
        values = self.network_inputs(X)
        parts = [self._units(values[i : i + ROWS]) for i in range(0, max(len(values), 1), ROWS)]
        return [np.concatenate(layer) for layer in zip(*parts, strict=True)]

    def network_inputs(self, X: Any) -> Array:
        """Compute the network's own inputs, shape (n, feature), from samples X.

        Raises:
            InputError: As from ``predict``.
        """
        names, encoder = self.inputs, self.encoder
        with np.errstate(all="ignore"):  # what comes of it is checked
            values = rows_of(X, names) if encoder is None else encoder.encode(table_of(X, names))
            values = self.input_map(values)
        for name, column in zip(self.features, values.T, strict=True):
            bad = ~np.isfinite(column)
            if bad.any():
                row = row_names(X, len(bad))[int(bad.argmax())]
                rule = f"is infinite or undefined in row {row}"
                raise InputError(Issue("feature", name, rule, "its values are out of range"))
        return values

    def save(self, path: str | Path) -> Path:
        """Write the network to a .npz or .json file, as ``nnrun.model.save`` describes."""
        from nnrun.model.save import save

        return save(self, Path(path))

    def to_csv(self, path: str | Path) -> Path:
        """Write a row a weight, as ``nnrun.model.save`` describes."""
        from nnrun.model.save import save_csv

        return save_csv(self, Path(path))

    @cached_property
    def _stacked(self) -> Params:
        return tuple(Layer(weights[None], bias[None, None]) for weights, bias in self.params)

    def _units(self, values: Array) -> list[Array]:
        # a row a trial: each is a product of its own, by a path that depends on its shape alone
        with np.errstate(all="ignore"):
            run = forward(self._stacked, values[:, None, :], self.architecture)
        return [a[:, 0, :] for a in run.a]


def rows_of(values: Any, names: Sequence[str]) -> Array:
    """Return finite numbers, shape (n, name), from a DataFrame with these columns or an array.

    Raises:
        InputError: If columns are missing, or the values are no finite numbers of that shape.
    """
    try:
        if hasattr(values, "columns") or hasattr(values, "to_frame"):
            frame = table_of(values, names)
            require_columns(list(frame.columns), names)
            found = frame[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            found = np.asarray(values, dtype=np.float64)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(Issue("X", None, f"must hold numbers: {error}")) from None
    found = np.ascontiguousarray(shaped(found, names))
    issues = []
    for name, column in zip(names, found.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            first = bad.argmax()
            rule = "has no value" if np.isnan(column[first]) else "is infinite"
            where = f"{rule} in row {row_names(values, len(found))[first]}"
            issues.append(Issue("column", name, where))
    if issues:
        raise InputError(*issues)
    return found


def row_names(values: Any, n: int) -> Sequence[Any]:
    """Say what n rows go by in messages: a table's index, or else their places from 0."""
    if hasattr(values, "columns"):
        return list(values.index)
    return [values.name] if hasattr(values, "to_frame") else range(n)
