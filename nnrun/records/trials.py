"""Trials: trained seeds of one setting, what was measured of them, and how they ended."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params, map_params


class Curves(NamedTuple):
    """Measurements of every trial over the evaluation grid.

    Attributes:
        samples: Training samples seen, shape (n_evals,), strictly increasing.
        train_loss: Mean over the samples since the evaluation before, each taken before its
            update, shape (trial, n_evals). NaN from the evaluation at which a trial diverged.
        test_loss: Mean over the held-out samples, same shape, likewise NaN.
        accuracy: Share of held-out samples classified right, likewise NaN; all NaN in regression.
    """

    samples: npt.NDArray[np.int64]
    train_loss: Array
    test_loss: Array
    accuracy: Array

    def of(self, trial: int) -> "Curves":
        """Copy one trial's measurements, each of shape (n_evals,); the others are free to go."""
        return Curves(self.samples, *(metric[trial].copy() for metric in self[1:]))


METRICS = Curves._fields[1:]
LOSSES = METRICS[:2]


class Status(StrEnum):
    """How a trial ended."""

    REACHED = "reached"
    EXHAUSTED = "exhausted"
    DIVERGED = "diverged"
    FAILED = "failed"


class Outcomes(NamedTuple):
    """The outcome of every trial; each field has shape (trial,).

    Attributes:
        status: Values of ``Status``. A trial that reached its target and diverged later has
            reached it: the event came first.
        plateaued: True for an exhausted trial whose best test loss improved by less than 1% in
            the second half of its budget.
        samples_to_target: Samples seen at the first evaluation from which the target held; NaN
            where it never did (censored).
        first_hit: Samples seen at the first evaluation that met the target at all; NaN if none.
    """

    status: npt.NDArray[np.str_]
    plateaued: npt.NDArray[np.bool_]
    samples_to_target: Array
    first_hit: Array


@dataclass(frozen=True, eq=False)
class Trials:
    """Trained seeds of one setting, or the trials of a stack.

    What is read of a record only in part lacks arrays: see `nnrun.records.record.read_record`.

    Attributes:
        seeds: Shape (trial,).
        curves: Measurements.
        params: Last parameters, with the trials as their first axis; empty if training failed.
        ns_per_sample: Training cost in nanoseconds, a mean over the trials trained together, shape
            (trial,).
        engine: Name of the engine that trained.
        memory: The optimizer's state where it is kept, each array with the trials first.
        frames: Of trials that were watched their parameters at some moments, with the axes trial,
            moment, then those of one trial's parameters; of others none.
    """

    seeds: npt.NDArray[np.int64]
    curves: Curves
    params: Params
    ns_per_sample: Array
    engine: str
    memory: tuple[Array, ...] = ()
    frames: Params = ()

    @property
    def seen(self) -> int:
        """Samples that every trial has seen."""
        return int(self.curves.samples[-1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that its arrays take."""
        return sum(array.nbytes for array in self.to_arrays().values())

    def rows(self, places: Sequence[int] | npt.NDArray[np.intp]) -> "Trials":
        """Copy the trials at some places, in this order."""
        take = np.array(places, dtype=np.intp)
        return _made([self], lambda arrays: arrays[0][take])

    def take(self, seeds: Collection[int]) -> "Trials":
        """Return the trials of these seeds, in their order; itself if it is just these."""
        if len(seeds) == len(self.seeds) and np.array_equal(self.seeds, list(seeds)):
            return self
        row = {int(seed): i for i, seed in enumerate(self.seeds)}
        return self.rows([row[seed] for seed in seeds])

    @cached_property
    def digest(self) -> str:
        """What training goes on from, and nothing else, neither times nor names, as a hash."""
        found = hashlib.sha256()
        for key, array in sorted(self.to_arrays().items()):
            if key != "ns_per_sample":
                found.update(key.encode() + repr(array.shape).encode())
                found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()[:32]

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything but the engine as named arrays, for an npz file."""
        arrays = {f"curves/{key}": value for key, value in self.curves._asdict().items()}
        for name, params in (("params", self.params), ("frames", self.frames)):
            for index, layer in enumerate(params):
                arrays |= {f"{name}/{index}/{key}": value for key, value in layer._asdict().items()}
        arrays |= {f"memory/{index}": leaf for index, leaf in enumerate(self.memory)}
        return {**arrays, "seeds": self.seeds, "ns_per_sample": self.ns_per_sample}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], engine: str) -> Self:
        """Return the trials of ``to_arrays``; an array that is missing is empty."""
        samples = arrays.get("curves/samples", np.empty(0, dtype=np.int64))
        unmeasured = np.empty((0, len(samples)))
        metrics = (arrays.get(f"curves/{key}", unmeasured) for key in METRICS)
        n_leaves = sum(key.startswith("memory/") for key in arrays)

        def params_of(name: str) -> Params:
            n_layers = sum(key.startswith(f"{name}/") and key.endswith("/bias") for key in arrays)
            parts = (
                [arrays[f"{name}/{i}/{key}"] for key in Layer._fields] for i in range(n_layers)
            )
            return tuple(Layer(*layer) for layer in parts)

        return cls(
            seeds=arrays["seeds"],
            curves=Curves(samples, *metrics),
            params=params_of("params"),
            ns_per_sample=arrays.get("ns_per_sample", np.empty(0)),
            engine=engine,
            memory=tuple(arrays[f"memory/{i}"] for i in range(n_leaves)),
            frames=params_of("frames"),
        )


def join(parts: Sequence[Trials]) -> Trials:
    """Put trials of one setting, at the same evaluations, one after the other."""
    return parts[0] if len(parts) == 1 else _made(parts, np.concatenate)


def gather(parts: Sequence[tuple[Trials, Sequence[int]]]) -> Trials:
    """Copy trials out of several: of each those at some places, one after the other."""
    takes = [np.array(places, dtype=np.intp) for _, places in parts]

    def combine(arrays: Sequence[Array]) -> Array:
        return np.concatenate([a[take] for a, take in zip(arrays, takes, strict=True)])

    return _made([trials for trials, _ in parts], combine)


def _made(parts: Sequence[Trials], combine: Callable[[Sequence[Any]], Any]) -> Trials:
    """Make trials of others, combining all arrays that have the trials first."""
    metrics = zip(*(part.curves[1:] for part in parts), strict=True)
    memory = zip(*(part.memory for part in parts), strict=True)
    params, frames = (
        map_params(lambda *arrays: combine(arrays), *several)
        for several in ([part.params for part in parts], [part.frames for part in parts])
    )
    return Trials(
        seeds=combine([part.seeds for part in parts]),
        curves=Curves(parts[0].curves.samples, *map(combine, metrics)),
        params=params,
        ns_per_sample=combine([part.ns_per_sample for part in parts]),
        engine=parts[0].engine,
        memory=tuple(map(combine, memory)),
        frames=frames,
    )
