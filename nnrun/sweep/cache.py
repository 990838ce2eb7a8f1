"""The cache: trained trials by what they are, so that nothing is trained twice.

A folder for each training setup (setting, engine and numerics), named by its hash, holds blocks of
seeds. A block is an npz file named ``FIRST-LAST.CHECKSUM.npz``: its seeds, and the hash of its
content, so that a file that is not whole is known by its name. Files are written under another name
and renamed; two sweeps may write and read at once.
"""

import hashlib
import io
import json
import logging
import os
import platform
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import NamedTuple, Self

import numpy as np

from nnrun.config import CacheUse, Setting
from nnrun.sweep.block import Block, joined
from nnrun.sweep.provenance import NUMERICS_VERSION, processor
from nnrun.sweep.store import write_atomically

log = logging.getLogger(__name__)

HOME = Path("outputs/cache")
"""Where the cache is, from the working directory."""

LAYOUT = 1
"""Raised whenever a block's file gets other content; blocks of another layout are not found."""

CHECKSUM_DIGITS = 16
SETUP = "setup.json"


class Entry(NamedTuple):
    """A block's file: the seeds that it holds and the checksum of its content."""

    path: Path
    first: int
    last: int
    checksum: str

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Read a file's name; None if it is not a block's."""
        found = re.fullmatch(r"(\d+)-(\d+)\.([0-9a-f]+)\.npz", path.name)
        return cls(path, int(found[1]), int(found[2]), found[3]) if found else None


@dataclass
class Cache:
    """Finished trials under one folder.

    Attributes:
        folder: Where; need not exist.
        use: What may be done.
        complaint: Why nothing is kept any more, once writing failed.
        seconds: Spent in reading and writing.
    """

    folder: Path = HOME
    use: CacheUse = "use"
    complaint: str | None = field(default=None, init=False)
    seconds: float = field(default=0.0, init=False)

    def held(self, setting: Setting, engine: str, seeds: Collection[int]) -> int:
        """Count the seeds that there are blocks of, going by the names of the files."""
        if self.use != "use":
            return 0
        ranges = [(e.first, e.last) for e in entries(self.folder / setup(setting, engine))]
        return sum(any(first <= seed <= last for first, last in ranges) for seed in seeds)

    def find(self, setting: Setting, engine: str, seeds: Sequence[int]) -> Block | None:
        """Return those of a setting's trials that were trained before; None if none was.

        A block that is not whole, or cannot be read, is left out and deleted.
        """
        if self.use != "use":
            return None
        started = perf_counter()
        wanted, parts = set(seeds), []
        for entry in entries(self.folder / setup(setting, engine)):
            here = wanted & set(range(entry.first, entry.last + 1))
            if here and (block := read_block(entry, engine)) is not None:
                parts.append(block.taken(sorted(here)))
                wanted -= here
        self.seconds += perf_counter() - started
        return joined(parts) if parts else None

    def keep(self, setting: Setting, block: Block) -> None:
        """Keep trained trials, unless the cache is off.

        Where the disk does not take them, the reason is left in ``complaint`` and nothing more is
        tried: the sweep has its own records.
        """
        if self.use == "off" or self.complaint:
            return
        started = perf_counter()
        folder = self.folder / setup(setting, block.engine)
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                text = json.dumps(_facts(setting, block.engine), indent=1) + "\n"
                write_atomically(folder / SETUP, lambda file: file.write(text.encode()), sync=False)
            for run in _runs(sorted(block.seeds.tolist())):
                _write_block(folder, block.taken(run), replace=self.use == "refresh")
        except OSError as error:
            self.complaint = f"finished trials cannot be kept in {self.folder}: {error}"
            log.warning("%s", self.complaint)
        self.seconds += perf_counter() - started


def setup(setting: Setting, engine: str) -> Path:
    """Return the folder of a setting's blocks, relative to the cache."""
    text = json.dumps(_facts(setting, engine), sort_keys=True)
    digits = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Path(digits[:2], digits[2:])


def entries(folder: Path) -> list[Entry]:
    """List a setting's blocks, the newest first."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as files:
        for file in files:
            if entry := Entry.of(Path(file.path)):
                found.append((file.stat().st_mtime_ns, entry))
    return [entry for _, entry in sorted(found, reverse=True)]


def read_block(entry: Entry, engine: str) -> Block | None:
    """Read a block and check that it is what was written; else delete it and return None."""
    try:
        content = entry.path.read_bytes()
    except OSError as error:  # pruned by another process, or unreadable
        log.warning("cached trials left out: %s", error)
        return None
    if _checksum(content) != entry.checksum:
        log.warning("cached trials left out and deleted, the file is damaged: %s", entry.path)
        with suppress(OSError):
            entry.path.unlink(missing_ok=True)
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return Block.from_arrays({key: file[key] for key in file.files}, engine)


def _write_block(folder: Path, block: Block, replace: bool) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **block.to_arrays())  # type: ignore[arg-type]
    content = buffer.getvalue()
    first, last = int(block.seeds[0]), int(block.seeds[-1])
    path = folder / f"{first}-{last}.{_checksum(content)}.npz"
    # a torn file after a power cut is known by its checksum, so that there is no need to wait
    write_atomically(path, lambda file: file.write(content), sync=False)
    if replace:
        for old in entries(folder):
            if old.path != path and first <= old.first and old.last <= last:
                old.path.unlink(missing_ok=True)


def _facts(setting: Setting, engine: str) -> dict[str, object]:
    """All that the numbers of a trial depend on, besides its seed."""
    return {**_surroundings(engine), "setting": setting.identity}


@cache
def _surroundings(engine: str) -> dict[str, object]:
    libraries = ("numpy", "numba") if engine == "lanes" else ("numpy",)
    return {
        "layout": LAYOUT,
        "numerics": NUMERICS_VERSION,
        "engine": engine,
        "processor": f"{platform.machine()} {processor()}",
        **{name: version(name) for name in libraries},
    }


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:CHECKSUM_DIGITS]


def _runs(seeds: Sequence[int]) -> Iterator[list[int]]:
    """Cut ascending seeds where one is missing."""
    start = 0
    for i in range(1, len(seeds) + 1):
        if i == len(seeds) or seeds[i] != seeds[i - 1] + 1:
            yield list(seeds[start:i])
            start = i
