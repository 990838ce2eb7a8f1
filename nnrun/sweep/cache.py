"""The cache: trained trials by what they are, so that nothing is trained twice.

A folder for each training setup (setting, engine and numerics), named by its hash, holds blocks of
seeds. Two sweeps may write and read at once.
"""

import hashlib
import json
import platform
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from nnrun.config import CacheUse, Setting
from nnrun.errors import refused
from nnrun.files.reading import Damaged
from nnrun.sweep.block import Block, joined
from nnrun.sweep.blockfile import (
    Entry,
    entries,
    read_block,
    without_gaps,
    write_block,
)
from nnrun.sweep.provenance import NUMERICS_VERSION, processor

HOME = Path("outputs/cache")
"""Where the cache is, from the working directory."""

LAYOUT = 1
"""Raised whenever a block's file gets other content; blocks of another layout are not found."""


class Setup(NamedTuple):
    """What the numbers of a trial depend on, besides its seed.

    Attributes:
        place: Of its blocks, relative to the cache.
        about: All of it, as JSON.
    """

    place: Path
    about: str


@lru_cache(maxsize=16384)
def setup(setting: Setting, engine: str) -> Setup:
    """Describe how an engine trains a setting here."""
    about = json.dumps({**_surroundings(engine), "setting": setting.identity}, sort_keys=True)
    digits = hashlib.sha256(about.encode()).hexdigest()[:32]
    return Setup(Path(digits[:2], digits[2:]), about)


def setups(folder: Path) -> Iterator[Path]:
    """List the folders of setups in a cache: by their names, and none that is a link."""
    for place in sorted(folder.glob("[0-9a-f][0-9a-f]/*")):
        own = re.fullmatch("[0-9a-f]{30}", place.name) and place.is_dir()
        if own and not place.is_symlink() and not place.parent.is_symlink():
            yield place


@dataclass
class Cache:
    """Finished trials under one folder.

    Attributes:
        folder: Where; need not exist.
        use: What may be done.
        seconds: Spent in reading and writing.
    """

    folder: Path = HOME
    use: CacheUse = "use"
    _damaged: list[Path] = field(default_factory=list, init=False)
    _refused: dict[str, str] = field(default_factory=dict, init=False)
    seconds: float = field(default=0.0, init=False)
    _closed: bool = field(default=False, init=False)

    @property
    def complaints(self) -> list[str]:
        """What was wrong with files of the cache: a sentence for the user for each kind of it."""
        found = [f"{what}: {why}" for what, why in self._refused.items()]
        if self._damaged:
            first, others = self._damaged[0], len(self._damaged) - 1
            files = f"{others + 1:,} damaged files" if others else "a damaged file"
            were = "were deleted, the first" if others else "was deleted"
            found.append(f"{files} of trained trials {were}: {first}")
        return found

    def held(self, setting: Setting, engine: str, seeds: Collection[int]) -> int:
        """Count the seeds that there are blocks of, going by the names of the files."""
        if self.use != "use":
            return 0
        place = setup(setting, engine).place
        there = [entry for entry in self._entries(place) if entry.long_enough]
        return sum(any(seed in entry.seeds for entry in there) for seed in seeds)

    def find(self, setting: Setting, engine: str, seeds: Sequence[int]) -> Block | None:
        """Return those of a setting's trials that were trained before; None if none was.

        A block that is not whole is left out and deleted, with a complaint.
        """
        if self.use != "use":
            return None
        wanted, parts = set(seeds), []
        place, about = setup(setting, engine)
        with self._counted():
            for entry in self._entries(place):
                here = sorted(seed for seed in wanted if seed in entry.seeds)
                if here and (block := self._read(entry, engine, about, setting)) is not None:
                    parts.append(block.taken(here))
                    wanted.difference_update(here)
        return joined(parts) if parts else None

    def keep(self, setting: Setting, block: Block) -> None:
        """Keep trained trials, unless the cache is off.

        Where the disk does not take them, that is a complaint, and nothing more is tried: the sweep
        has its own records.
        """
        if self.use == "off" or self._closed:
            return
        place, about = setup(setting, block.engine)
        with self._counted():
            try:
                for run in without_gaps(sorted(block.seeds.tolist())):
                    new = write_block(self.folder / place, block.taken(run), about)
                    if self.use == "refresh":
                        _delete_older(new)
            except OSError as error:
                self._closed = True
                self._complain(f"trained trials cannot be kept in {self.folder}", error)

    def _entries(self, place: Path) -> list[Entry]:
        try:
            return entries(self.folder / place)
        except OSError as error:
            self._complain(f"trained trials cannot be looked up in {self.folder}", error)
            return []

    def _complain(self, what: str, error: OSError) -> None:
        self._refused.setdefault(what, refused(error))

    def _read(self, entry: Entry, engine: str, about: str, setting: Setting) -> Block | None:
        try:
            block = read_block(entry, engine, about)
            if not np.array_equal(block.curves.samples, setting.grid):
                raise Damaged("its evaluations are not the setting's")
            return block
        except FileNotFoundError:  # pruned meanwhile
            return None
        except Damaged:
            self._damaged.append(entry.path)
            with suppress(OSError):
                entry.path.unlink(missing_ok=True)
        except OSError as error:
            self._complain("trained trials were left out", error)
        return None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - started


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


def _delete_older(new: Entry) -> None:
    """Delete the blocks that a new one replaces."""
    for old in entries(new.path.parent):
        if old.path != new.path and new.first <= old.first and old.last <= new.last:
            old.path.unlink(missing_ok=True)
