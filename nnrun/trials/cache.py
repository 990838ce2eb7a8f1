"""The cache: trained trials by what they are, so that nothing is trained twice.

A folder for each training setup (setting, engine and numerics), named by its hash, holds blocks of
seeds. Two sweeps may write and read at once. A block's file is called ``FIRST-LAST.CHECKSUM.npz``,
so that one that is not whole is known by its name; it is written under another name and renamed.

Trials that were watched for a report, with their parameters at some moments, are a setup of their
own for these moments; their blocks end in ``.film.npz``.
"""

import hashlib
import io
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
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from nnrun.config.settings import CacheUse, Setting
from nnrun.errors import refused
from nnrun.layout import CACHE, write_atomically
from nnrun.records.archive import Array, arrays_in, require_archive, write_arrays
from nnrun.records.plain import Damaged, opened, require_file
from nnrun.records.record import NUMERICS_VERSION, TRIALS
from nnrun.records.trials import Trials, join
from nnrun.trials.provenance import processor

LAYOUT = 1
"""Raised whenever a block's file gets other content; blocks of another layout are not found."""

SEED_SIZE = 8
"""Bytes that a trial takes at least."""

SHAPES = {
    **TRIALS,
    "frames/*/weights": Array("f8", ("trial", "frame", "fan_in*", "fan_out*")),
    "frames/*/bias": Array("f8", ("trial", "frame", "1", "fan_out*")),
    "setup": Array("u1", ("byte",)),
}
"""The arrays of a block."""

LOOKS = "looks"
"""The folder of a cache in which `nnrun.launch.history` notes at what results were looked at."""

Moments = tuple[int, ...]
"""Samples seen at the evaluations of trials that were watched; of others none, they have all."""


class Entry(NamedTuple):
    """A block's file.

    Attributes:
        path: Where.
        first: Of its seeds, which have no gap.
        last: Of its seeds.
        checksum: Of its content.
        film: Whether its trials were watched.
        size: Bytes, where the file was looked at.
    """

    path: Path
    first: int
    last: int
    checksum: str
    film: bool = False
    size: int = 0

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Read a file's name; None if it is not a block's."""
        found = re.fullmatch(r"(\d+)-(\d+)\.([0-9a-f]+)(\.film)?\.npz", path.name)
        if not found or not int(found[1]) <= int(found[2]) < 2**63:
            return None
        return cls(path, int(found[1]), int(found[2]), found[3], film=bool(found[4]))

    @property
    def seeds(self) -> range:
        """The seeds in it."""
        return range(self.first, self.last + 1)

    @property
    def long_enough(self) -> bool:
        """Whether there can be so many trials in so many bytes."""
        return self.size >= SEED_SIZE * (self.last - self.first + 1)


def entries(folder: Path) -> list[Entry]:
    """List the blocks in a folder, the newest first; none if there is no such folder."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in folder.iterdir():
            if entry := Entry.of(path):
                with suppress(OSError, Damaged):  # gone meanwhile, or something in its place
                    about = require_file(path)
                    found.append((about.st_mtime_ns, entry._replace(size=about.st_size)))
    return [entry for _, entry in sorted(found, reverse=True)]


def read_block(entry: Entry, engine: str, about: str) -> Trials:
    """Read the block of a file, which must be of a setup.

    Raises:
        Damaged: If its content is not what was written under this name, or is of another setup.
        OSError: If it is gone, or cannot be read.
    """
    with opened(entry.path) as file:
        require_archive(file)
        content = file.read()
    if _checksum(content) != entry.checksum:
        raise Damaged("its content is not what its name says")
    arrays = arrays_in(io.BytesIO(content), SHAPES)
    if arrays["setup"].tobytes() != about.encode():
        raise Damaged("it is of another setup")
    block = Trials.from_arrays(arrays, engine)
    ends = block.seeds[[0, -1]].tolist() if block.seeds.size else []
    if ends != [entry.first, entry.last] or (np.diff(block.seeds) != 1).any():
        raise Damaged("its seeds are not what its name says")
    return block


def write_block(folder: Path, block: Trials, about: str) -> Entry:
    """Write a block of ascending seeds without a gap into a folder, which is made if need be."""
    buffer = io.BytesIO()
    setup = np.frombuffer(about.encode(), dtype=np.uint8)
    write_arrays(buffer, {"setup": setup, **block.to_arrays()})
    content = buffer.getvalue()
    first, last, checksum = int(block.seeds[0]), int(block.seeds[-1]), _checksum(content)
    kind = ".film.npz" if block.frames else ".npz"
    path = folder / f"{first}-{last}.{checksum}{kind}"
    for last_try in (False, True):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # a torn file after a power cut is known by its checksum: no need to wait for the disk
            write_atomically(path, lambda file: file.write(content), sync=False)
            break
        except FileNotFoundError:  # another process has just pruned the empty folder
            if last_try:
                raise
    return Entry(path, first, last, checksum, film=bool(block.frames))


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


class Setup(NamedTuple):
    """What a trial's numbers depend on besides its seed, as JSON, and where its blocks are."""

    place: Path
    about: str


@lru_cache(maxsize=16384)
def setup(setting: Setting, engine: str, moments: Moments = (), by: str = "") -> Setup:
    """Describe how an engine trains a setting here, watched at some moments.

    Args:
        setting: What is trained.
        engine: The name of the engine.
        moments: At which it is watched.
        by: A type of processor elsewhere; empty for this machine's.
    """
    facts = {**_surroundings(engine, by), "setting": setting.identity}
    facts |= {"moments": moments} if moments else {}
    about = json.dumps(facts, sort_keys=True)
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
        others: Types of processor, beside this machine's, whose trials are taken, too.
        seconds: Spent in reading and writing.
    """

    folder: Path = CACHE
    use: CacheUse = "use"
    others: tuple[str, ...] = ()
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
        places = [setup(setting, engine, (), by).place for by in ("", *self.others)]
        there = [e for place in places for e in self._entries(place) if e.long_enough]
        asked = np.array(list(seeds), dtype=np.int64)
        found = np.zeros(len(asked), dtype=np.bool_)
        for entry in there:
            found |= (entry.first <= asked) & (asked <= entry.last)
        return int(found.sum())

    def find(
        self, setting: Setting, engine: str, seeds: Sequence[int], moments: Moments = ()
    ) -> Trials | None:
        """Return those of a setting's trials that were trained before; None if none was.

        A block that is not whole is left out and deleted, with a complaint.
        """
        if self.use != "use":
            return None
        wanted, parts = set(seeds), []
        grid = moments or setting.grid
        with self._counted():
            for place, about in (setup(setting, engine, moments, by) for by in ("", *self.others)):
                for entry in self._entries(place):
                    span = entry.seeds
                    here = sorted(seed for seed in wanted if seed in span)
                    if here and (block := self._read(entry, engine, about, grid)) is not None:
                        parts.append(block.take(here))
                        wanted.difference_update(here)
        return join(parts) if parts else None

    def keep(self, setting: Setting, block: Trials, moments: Moments = (), by: str = "") -> None:
        """Keep trials that a type of processor trained, unless the cache is off.

        Where the disk does not take them, that is a complaint, and nothing more is tried: the sweep
        has its own records.
        """
        if self.use == "off" or self._closed:
            return
        place, about = setup(setting, block.engine, moments, by)
        with self._counted():
            try:
                seeds = np.sort(block.seeds)
                for run in np.split(seeds, np.flatnonzero(np.diff(seeds) > 1) + 1):
                    new = write_block(self.folder / place, block.take(run.tolist()), about)
                    for old in entries(self.folder / place) if self.use == "refresh" else ():
                        if old.path != new.path and new.first <= old.first and old.last <= new.last:
                            old.path.unlink(missing_ok=True)
            except OSError as error:
                self._closed = True
                self._refused.setdefault(
                    f"trained trials cannot be kept in {self.folder}", refused(error)
                )

    def _entries(self, place: Path) -> list[Entry]:
        try:
            return entries(self.folder / place)
        except OSError as error:
            self._refused.setdefault(
                f"trained trials cannot be looked up in {self.folder}", refused(error)
            )
            return []

    def _read(self, entry: Entry, engine: str, about: str, grid: ArrayLike) -> Trials | None:
        try:
            block = read_block(entry, engine, about)
            if not np.array_equal(block.curves.samples, grid):
                raise Damaged("its evaluations are not the setting's")
            return block
        except FileNotFoundError:  # pruned meanwhile
            return None
        except Damaged:
            self._damaged.append(entry.path)
            with suppress(OSError):
                entry.path.unlink(missing_ok=True)
        except OSError as error:
            self._refused.setdefault("trained trials were left out", refused(error))
        return None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - started


@cache
def _surroundings(engine: str, by: str) -> dict[str, object]:
    libraries = ("numpy", "llvmlite") if engine == "compiled" else ("numpy",)
    return {
        "layout": LAYOUT,
        "numerics": NUMERICS_VERSION,
        "engine": engine,
        "processor": f"{platform.machine()} {by or processor()}",
        **{name: version(name) for name in libraries},
    }
