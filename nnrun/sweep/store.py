"""Records: everything that one finished job found, in one file, written atomically."""

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from nnrun.errors import InputError, Issue
from nnrun.network.mlp import Layer, Params
from nnrun.training.convergence import Outcomes
from nnrun.training.trainer import Curves

SCHEMA_VERSION = 1
RECORD = "record.npz"


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
    """

    meta: Mapping[str, Any]
    seeds: npt.NDArray[np.int64]
    curves: Curves
    outcomes: Outcomes
    ns_per_sample: npt.NDArray[np.float64]
    params: Params

    @property
    def setting(self) -> str:
        """The setting's id."""
        return str(self.meta["setting"])


def write_record(record: Record, folder: Path) -> Path:
    """Write a record as ``record.npz`` in ``folder``, or not at all."""
    arrays = {f"curves/{k}": v for k, v in record.curves._asdict().items()}
    arrays |= {f"outcomes/{k}": v for k, v in record.outcomes._asdict().items()}
    for index, layer in enumerate(record.params):
        arrays |= {f"params/{index}/{k}": v for k, v in layer._asdict().items()}
    meta = json.dumps({"schema": SCHEMA_VERSION, **record.meta})
    arrays |= {"seeds": record.seeds, "ns_per_sample": record.ns_per_sample}
    arrays["meta"] = np.frombuffer(meta.encode(), dtype=np.uint8)
    path = folder / RECORD
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))
    return path


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        InputError: If the file is none, is damaged, or has another schema version.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        meta = json.loads(arrays.pop("meta").tobytes())
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        rule = f"is not a readable record ({error})"
        raise InputError(Issue("record", path, rule, "delete it and train again")) from error
    if meta.get("schema") != SCHEMA_VERSION:
        rule = f"has schema {meta.get('schema')}, and this version reads {SCHEMA_VERSION}"
        raise InputError(Issue("record", path, rule))
    n_layers = sum(key.endswith("/bias") for key in arrays)
    return Record(
        meta=meta,
        seeds=arrays["seeds"],
        curves=Curves(*(arrays[f"curves/{key}"] for key in Curves._fields)),
        outcomes=Outcomes(*(arrays[f"outcomes/{key}"] for key in Outcomes._fields)),
        ns_per_sample=arrays["ns_per_sample"],
        params=tuple(
            Layer(*(arrays[f"params/{i}/{key}"] for key in Layer._fields)) for i in range(n_layers)
        ),
    )


def read_records(paths: Iterable[Path]) -> list[Record]:
    """Read records, in the order of their job numbers."""
    return sorted((read_record(path) for path in paths), key=lambda r: int(r.meta["number"]))


def write_text(path: Path, text: str) -> None:
    """Write a text file, or not at all."""
    write_atomically(path, lambda file: file.write(text.encode()))


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name beside it, then rename it.

    Args:
        path: Where the file shall be; its folder exists.
        write: Writes the content to an open binary file.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp keeps others out; a result is as readable as any file of its owner
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
