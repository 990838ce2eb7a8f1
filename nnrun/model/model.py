"""A trained network that takes data as the user has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.mlp import Architecture, Layer, Params, count_parameters, forward
from nnrun.problem.encoder import Encoder, rows_of, table_of
from nnrun.problem.features import InputMap
from nnrun.problem.problem import Task

ROWS = 4096
"""Samples computed at once, which bounds the memory that takes."""


class Dense(NamedTuple):
    """Parameters of one layer.

    Attributes:
        weights: Shape (fan_in, fan_out).
        bias: Shape (fan_out,).
    """

    weights: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network.

    What X may be: an array of shape (n, input) in the order of ``inputs``, or (input,) for one
    sample; or a pandas DataFrame with these columns, in any order and among others. Values are as
    the data had them: missing ones imputed, categories and numbers encoded, features computed here.

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

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the network's own inputs."""
        return self.input_map.names

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, the network's inputs first."""
        return (len(self.features), *(len(layer.bias) for layer in self.params))

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
            InputError: If X lacks columns or holds what cannot be encoded.
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
            rule = f"makes no finite output of row {bad.argmax()}, so it has no class"
            raise InputError(Issue("network", None, rule, "its training may have diverged"))
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
        """Compute the network's own inputs, shape (n, feature), from samples X."""
        if self.encoder is not None:
            return self.input_map(self.encoder.encode(table_of(X, self.inputs)))
        return self.input_map(rows_of(X, self.inputs))

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
