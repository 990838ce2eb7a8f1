"""First parameters from a saved network."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, MinLen

from nnrun.errors import InputError, Issue, listed
from nnrun.network.initializers import Initializer
from nnrun.network.mlp import Layer, Params, fans, taken
from nnrun.records.networks import UNKNOWN, feature_names, network_at, read_networks
from nnrun.records.record import Record


class Saved(Initializer, name="saved"):
    """The parameters of a saved network of the same shape, whose inputs go by their names.

    Attributes:
        path: A run's folder, a job's folder, its record.npz, or a file of ``NeuralNetwork.save``,
            relative to where the command is started.
        seed: Which of the file's networks; null for that of the trial's own seed, or the first
            where there is none.
    """

    path: Annotated[str, MinLen(1)]
    seed: Annotated[int, Ge(0)] | None = None

    def __post_init__(self) -> None:
        seeds, params = self._used
        finite = all(np.isfinite(part).all() for layer in params for part in layer)
        # of several, a trial that gets a diverged one has diverged, too
        if len(seeds) == 1 and not finite:
            rule = "holds a network that is not finite: its training diverged"
            raise InputError(Issue("path", self.path, rule))

    @cached_property
    def _record(self) -> Record:
        """What the file holds; read once."""
        return read_networks(self.path)

    @cached_property
    def _used(self) -> tuple[list[int], Params]:
        """The networks that trials may start from: their seeds and parameters."""
        seeds, params = self._record.seeds.tolist(), self._record.trials.params
        if self.seed is None:
            return seeds, params
        place = network_at(self._record, self.seed)
        return [self.seed], taken(params, slice(place, place + 1))

    @cached_property
    def digest(self) -> str:
        """The parameters that trials may start from, with their seeds and inputs, as a hash."""
        seeds = tuple(None if seed == UNKNOWN else seed for seed in self._used[0])
        found = hashlib.sha256(repr((seeds, feature_names(self._record))).encode())
        for weights, bias in self._used[1]:
            for array in (weights, bias[:, 0]):
                found.update(repr(array.shape).encode() + np.ascontiguousarray(array).data)
        return found.hexdigest()

    def params(
        self,
        seed: int,
        inputs: tuple[str, ...],
        sizes: tuple[int, ...],
        shortcut: bool = False,
        bias: bool = True,
    ) -> Params:
        """Return the saved parameters, with a trial axis of length 1; arguments as for others."""
        self.require_fit(inputs, sizes, shortcut, bias)
        seeds, params = self._used
        place, rows, ordered = seeds.index(seed) if seed in seeds else 0, self._rows(inputs), []
        for index, layer in enumerate(taken(params, np.array([place]))):
            weights = layer.weights
            if shortcut or not index:  # the inputs are the last rows, of the first layer all
                above = weights.shape[1] - len(inputs)
                weights = np.concatenate([weights[:, :above], weights[:, above:][:, rows]], axis=1)
            ordered.append(Layer(weights, layer.bias))
        return tuple(ordered)

    def require_fit(
        self,
        inputs: tuple[str, ...],
        sizes: tuple[int, ...],
        shortcut: bool = False,
        bias: bool = True,
    ) -> None:
        """Check that the saved network has the shape that is asked for.

        Raises:
            InputError: If it has not, with keys relative to the init section.
        """
        wanted = fans(len(inputs), sizes, shortcut)
        held = tuple(layer.weights.shape[1:] for layer in self._used[1])
        names = feature_names(self._record)
        if held != wanted:
            rule = f"holds a network of layers {_shape(held)}, and this one has {_shape(wanted)}"
        elif names is not None and set(names) != set(inputs):
            held_names, wanted_names = listed(names, 12), listed(inputs, 12)
            rule = f"holds a network of inputs {held_names}, and this one has {wanted_names}"
        elif not bias and any(layer.bias.any() for layer in self._used[1]):
            rule = "holds a network with biases, and network.bias=false"
        else:
            return
        raise InputError(Issue("path", self.path, rule))

    def _rows(self, inputs: Sequence[str]) -> list[int]:
        """Return where the file has each input's row."""
        names = feature_names(self._record)
        return list(range(len(inputs))) if names is None else [names.index(n) for n in inputs]


def _shape(layers: Sequence[Sequence[int]]) -> str:
    return ", ".join(f"{fan_in} x {fan_out}" for fan_in, fan_out in layers)
