"""A block: what training left of some seeds of one setting."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params
from nnrun.network.params import joined as joined_params
from nnrun.network.params import taken


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


@dataclass(frozen=True)
class Block:
    """Trained trials of one setting, before they are judged against a target.

    Attributes:
        seeds: Shape (trial,).
        curves: Measurements, with the trials as their first axis.
        params: Last parameters, with the trials as their first axis.
        ns_per_sample: Training cost in nanoseconds, a mean over the trials trained together, shape
            (trial,).
        engine: Name of the engine that trained.
        memory: The optimizer's state where it is kept, each array with the trials first.
    """

    seeds: npt.NDArray[np.int64]
    curves: Curves
    params: Params
    ns_per_sample: npt.NDArray[np.float64]
    engine: str
    memory: tuple[npt.NDArray[np.float64], ...] = ()

    def taken(self, seeds: Collection[int]) -> Self:
        """Return the trials of these seeds, in their order; itself if it is just these."""
        if len(seeds) == len(self.seeds) and np.array_equal(self.seeds, list(seeds)):
            return self
        row = {int(seed): i for i, seed in enumerate(self.seeds)}
        take = np.array([row[seed] for seed in seeds], dtype=np.intp)
        return type(self)(
            self.seeds[take],
            _curves(self.curves, take),
            taken(self.params, take),
            self.ns_per_sample[take],
            self.engine,
            tuple(leaf[take] for leaf in self.memory),
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything but the engine as named arrays, for an npz file."""
        arrays = {f"curves/{key}": value for key, value in self.curves._asdict().items()}
        for index, layer in enumerate(self.params):
            arrays |= {f"params/{index}/{key}": value for key, value in layer._asdict().items()}
        arrays |= {f"memory/{index}": leaf for index, leaf in enumerate(self.memory)}
        return {**arrays, "seeds": self.seeds, "ns_per_sample": self.ns_per_sample}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]], engine: str) -> Self:
        """Return the block of ``to_arrays``; KeyError if an array is missing."""
        n_leaves = sum(key.startswith("memory/") for key in arrays)
        return cls(
            seeds=arrays["seeds"],
            curves=Curves(*(arrays[f"curves/{key}"] for key in Curves._fields)),
            params=layers_in(arrays),
            ns_per_sample=arrays["ns_per_sample"],
            engine=engine,
            memory=tuple(arrays[f"memory/{i}"] for i in range(n_leaves)),
        )


def joined(blocks: Iterable[Block]) -> Block:
    """Put blocks of one setting together; of a seed in several, one trial remains."""
    parts = list(blocks)
    if len(parts) == 1:
        return parts[0]
    samples = parts[0].curves.samples
    metrics = zip(*(part.curves[1:] for part in parts), strict=True)
    whole = Block(
        seeds=np.concatenate([part.seeds for part in parts]),
        curves=Curves(samples, *(np.concatenate(metric) for metric in metrics)),
        params=joined_params([part.params for part in parts]),
        ns_per_sample=np.concatenate([part.ns_per_sample for part in parts]),
        engine=parts[0].engine,
        memory=tuple(
            np.concatenate(leaves) for leaves in zip(*(p.memory for p in parts), strict=True)
        ),
    )
    seeds = dict.fromkeys(whole.seeds.tolist())
    return whole if len(seeds) == len(whole.seeds) else whole.taken(seeds)


def _curves(curves: Curves, take: npt.NDArray[np.intp]) -> Curves:
    return Curves(curves.samples, *(metric[take] for metric in curves[1:]))


def layers_in(arrays: Mapping[str, Any]) -> Params:
    """Return the layers among the named arrays of a record; KeyError if one is not whole."""
    n_layers = sum(key.startswith("params/") and key.endswith("/bias") for key in arrays)
    each = ((arrays[f"params/{i}/{part}"] for part in Layer._fields) for i in range(n_layers))
    return tuple(Layer(*parts) for parts in each)
