"""First parameters from a saved network."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, MinLen

from nnrun.errors import InputError, Issue, listed
from nnrun.network.initializers import INITIALIZERS, Initializer
from nnrun.network.mlp import Layer, Params, fans
from nnrun.records.networks import SavedNetworks, read_networks


@INITIALIZERS.register("saved")
@dataclass(frozen=True)
class Saved(Initializer):
    """The parameters of a saved network of the same shape, whose inputs go by their names.

    Attributes:
        path: A run's folder, a job's folder, its record.npz, or a file written by ``Model.save``,
            relative to where the command is started.
        seed: Which of the file's networks; null for that of the trial's own seed, or the first
            where there is none.
    """

    path: Annotated[str, MinLen(1)]
    seed: Annotated[int, Ge(0)] | None = None

    def __post_init__(self) -> None:
        networks = self.networks
        one = self.seed is not None or len(networks.seeds) == 1
        # of several, a trial that gets a diverged one has diverged, too
        if one and not all(np.isfinite(part).all() for layer in self._used for part in layer):
            rule = "holds a network that is not finite: its training diverged"
            raise InputError(Issue("path", self.path, rule))

    @cached_property
    def networks(self) -> SavedNetworks:
        """What the file holds; read once."""
        return read_networks(self.path)

    @property
    def _used(self) -> Params:
        """The parameters that trials may start from, a trial each."""
        networks = self.networks
        if self.seed is None:
            return networks.params
        return networks.taken([networks.at(self.seed)])

    @cached_property
    def digest(self) -> str:
        """The parameters that trials may start from, with their seeds and inputs, as a hash."""
        networks = self.networks
        seeds = networks.seeds if self.seed is None else (self.seed,)
        found = hashlib.sha256(repr((seeds, networks.features)).encode())
        for array in (part for layer in self._used for part in layer):
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
        networks, wanted = self.networks, self.seed
        if wanted is None and seed in networks.seeds:
            wanted = seed
        rows = self._rows(inputs)
        chosen, ordered = networks.taken([networks.at(wanted)]), []
        for index, layer in enumerate(chosen):
            weights = layer.weights
            if shortcut or not index:  # the inputs are the last rows, of the first layer all
                above = weights.shape[1] - len(inputs)
                weights = np.concatenate([weights[:, :above], weights[:, above:][:, rows]], axis=1)
            ordered.append(Layer(weights.copy(), layer.bias[:, None, :].copy()))
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
        networks = self.networks
        wanted = fans(len(inputs), sizes, shortcut)
        held = tuple(layer.weights.shape[1:] for layer in networks.params)
        names = networks.features
        if held != wanted:
            rule = f"holds a network of layers {_shape(held)}, and this one has {_shape(wanted)}"
        elif names is not None and set(names) != set(inputs):
            held_names, wanted_names = listed(names, 12), listed(inputs, 12)
            rule = f"holds a network of inputs {held_names}, and this one has {wanted_names}"
        elif not bias and any(layer.bias.any() for layer in self._used):
            rule = "holds a network with biases, and network.bias=false"
        else:
            return
        raise InputError(Issue("path", self.path, rule))

    def _rows(self, inputs: Sequence[str]) -> list[int]:
        """Return where the file has each input's row."""
        names = self.networks.features
        return list(range(len(inputs))) if names is None else [names.index(n) for n in inputs]


def _shape(layers: Sequence[Sequence[int]]) -> str:
    return ", ".join(f"{fan_in} x {fan_out}" for fan_in, fan_out in layers)
