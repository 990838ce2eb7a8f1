"""Records: everything that one finished job found, in one file, written atomically."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nnrun.files.atomic import write_atomically
from nnrun.files.record import SCHEMA_VERSION, read_parts
from nnrun.network.files import RECORD
from nnrun.network.mlp import Params
from nnrun.sweep.block import Block
from nnrun.training.convergence import Outcomes
from nnrun.training.trainer import Curves


@dataclass(frozen=True)
class Record:
    """A job's trials: a setting with its seeds.

    Attributes:
        meta: Plain values: setting (id), config (flat), label-free job facts (number, overrides,
            name, status, error), engine, budget, and provenance.
        seeds: Shape (trial,).
        curves: Measurements; no evaluations if the job failed.
        outcomes: How each trial ended.
        ns_per_sample: Training cost of each trial in nanoseconds, shape (trial,).
        params: Last parameters of every trial; empty if the job failed.
        memory: The optimizer's state of every trial, where it is kept.
    """

    meta: Mapping[str, Any]
    seeds: npt.NDArray[np.int64]
    curves: Curves
    outcomes: Outcomes
    ns_per_sample: npt.NDArray[np.float64]
    params: Params
    memory: tuple[npt.NDArray[np.float64], ...] = ()

    @classmethod
    def of(cls, meta: Mapping[str, Any], block: Block, outcomes: Outcomes) -> Self:
        """Make a record of trained trials that were judged."""
        cost, params, memory = block.ns_per_sample, block.params, block.memory
        return cls(meta, block.seeds, block.curves, outcomes, cost, params, memory)

    @property
    def block(self) -> Block:
        """The trials, without the judgement."""
        engine = str(self.meta["engine"])
        cost, params, memory = self.ns_per_sample, self.params, self.memory
        return Block(self.seeds, self.curves, params, cost, engine, memory)

    @property
    def setting(self) -> str:
        """The setting's id."""
        return str(self.meta["setting"])


def write_record(record: Record, folder: Path) -> Path:
    """Write a record as ``record.npz`` in ``folder``, or not at all."""
    arrays = record.block.to_arrays()
    arrays |= {f"outcomes/{k}": v for k, v in record.outcomes._asdict().items()}
    meta = json.dumps({"schema": SCHEMA_VERSION, **record.meta})
    arrays["meta"] = np.frombuffer(meta.encode(), dtype=np.uint8)
    path = folder / RECORD
    # compressed, it would take six tenths of the space and four times as long
    write_atomically(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    return path


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        InputError: If the file is none, is damaged, or has another schema version.
    """
    meta, arrays = read_parts(path)
    outcomes = Outcomes(*(arrays[f"outcomes/{key}"] for key in Outcomes._fields))
    return Record.of(meta, Block.from_arrays(arrays, meta["engine"]), outcomes)


def read_records(paths: Iterable[Path]) -> list[Record]:
    """Read records, in the order of their job numbers."""
    return sorted((read_record(path) for path in paths), key=lambda r: int(r.meta["number"]))
