"""A block on disk: named by its seeds and by the hash of its content.

A file is called ``FIRST-LAST.CHECKSUM.npz``, so that one that is not whole is known by its name. It
is written under another name and renamed.
"""

import hashlib
import io
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from nnrun.files.archive import Array, arrays_in, require_archive
from nnrun.files.atomic import write_atomically
from nnrun.files.reading import Damaged, opened, require_file
from nnrun.files.record import TRIALS
from nnrun.sweep.block import Block

CHECKSUM_DIGITS = 16
SEED_SIZE = 8
"""Bytes that a trial takes at least."""


SHAPES = {**TRIALS, "setup": Array("u1", ("byte",))}
"""The arrays of a block."""


class Entry(NamedTuple):
    """A block's file.

    Attributes:
        path: Where.
        first: Of its seeds, which have no gap.
        last: Of its seeds.
        checksum: Of its content.
        size: Bytes, where the file was looked at.
    """

    path: Path
    first: int
    last: int
    checksum: str
    size: int = 0

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Read a file's name; None if it is not a block's."""
        found = re.fullmatch(r"(\d+)-(\d+)\.([0-9a-f]+)\.npz", path.name)
        if not found or not int(found[1]) <= int(found[2]) < 2**63:
            return None
        return cls(path, int(found[1]), int(found[2]), found[3])

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
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as files:
        for file in files:
            entry = Entry.of(Path(file.path))
            if entry is None:
                continue
            with suppress(OSError, Damaged):  # gone meanwhile, or something in its place
                about = require_file(entry.path)
                found.append((about.st_mtime_ns, entry._replace(size=about.st_size)))
    return [entry for _, entry in sorted(found, reverse=True)]


def read_block(entry: Entry, engine: str, about: str) -> Block:
    """Read a block.

    Args:
        entry: Its file.
        engine: Name of the engine that trained it.
        about: What setup it must be of.

    Raises:
        Damaged: If its content is not what was written under this name, or is of another setup.
        OSError: If it is gone, or cannot be read.
    """
    with opened(entry.path) as file:
        require_archive(file)
        content = file.read()
    if checksum(content) != entry.checksum:
        raise Damaged("its content is not what its name says")
    arrays = arrays_in(io.BytesIO(content), SHAPES)
    if arrays["setup"].tobytes() != about.encode():
        raise Damaged("it is of another setup")
    block = Block.from_arrays(arrays, engine)
    ends = block.seeds[[0, -1]].tolist() if block.seeds.size else []
    if ends != [entry.first, entry.last] or (np.diff(block.seeds) != 1).any():
        raise Damaged("its seeds are not what its name says")
    return block


def write_block(folder: Path, block: Block, about: str) -> Entry:
    """Write a block of seeds without a gap into a folder, which is made if need be.

    Args:
        folder: Of the blocks of one setup.
        block: Its seeds ascend.
        about: What setup it is of, for those who open the file.
    """
    buffer = io.BytesIO()
    setup = np.frombuffer(about.encode(), dtype=np.uint8)
    np.savez(buffer, setup=setup, **block.to_arrays())  # type: ignore[arg-type]
    content = buffer.getvalue()
    first, last = int(block.seeds[0]), int(block.seeds[-1])
    path = folder / f"{first}-{last}.{checksum(content)}.npz"
    for last_try in (False, True):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # a torn file after a power cut is known by its checksum: no need to wait for the disk
            write_atomically(path, lambda file: file.write(content), sync=False)
            break
        except FileNotFoundError:  # another process has just pruned the empty folder
            if last_try:
                raise
    return Entry(path, first, last, checksum(content))


def checksum(content: bytes) -> str:
    """Return the hash that names a content."""
    return hashlib.sha256(content).hexdigest()[:CHECKSUM_DIGITS]


def without_gaps(seeds: Sequence[int]) -> list[list[int]]:
    """Cut ascending seeds where one is missing.

    Example:
        >>> without_gaps([0, 1, 2, 5, 7, 8])
        [[0, 1, 2], [5], [7, 8]]
    """
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return runs
