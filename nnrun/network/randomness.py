"""Randomness by role: a trial's seed gives each of its roles a generator of its own.

Changing how one role draws never shifts what another role gets, and within the role ``init`` each
row of weights has a place of its own. Two settings with the same seed therefore see the same data
and start from the same weights wherever they share them, which makes their comparison paired.
"""

import hashlib
from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np


class Role(IntEnum):
    """What a generator is for. The numbers are part of the numerics version: never reorder."""

    INIT = 0
    DATA = 1
    ORDER = 2
    NOISE = 3
    HELD_OUT = 4


def generator(seed: int, role: Role) -> np.random.Generator:
    """Return the generator of one role of one trial, at its start."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(role,))))


BIASES = " bias"
"""Whose checksum the row of a layer's biases goes by."""


class Rows:
    """The ``init`` role of one trial, as an independent generator for each row of weights.

    Philox is counter-based: a row's layer and place are part of the counter, so any row is found
    at once. A row is named by the input it carries, or by the index of the hidden unit: adding
    the input x*y leaves the rows of x and y where they were.

    Args:
        seed: The trial's.
        names: Of all inputs, which are told apart even if their checksums are one.

    Example:
        >>> rows = Rows(seed=0)
        >>> first = rows.at(0, "x").random()
        >>> rows.at(0, "x*y").random() == first
        False
        >>> rows.at(0, "x").random() == first
        True

    References:
        Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, 2011,
        doi:10.1145/2063384.2063405.
    """

    def __init__(self, seed: int, names: Sequence[str] = ()) -> None:
        self._longer = longer_keys(tuple(names))
        sequence = np.random.SeedSequence(seed, spawn_key=(Role.INIT,))
        self._bits = np.random.Philox(key=sequence.generate_state(2, np.uint64))
        self._state: Any = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def at(self, layer: int, row: str | int | None) -> np.random.Generator:
        """Return the generator of one row, at its start; valid until the next call.

        Args:
            layer: Index of the layer.
            row: The input or the hidden unit that its weights lead from; None for the biases.
        """
        longer = self._longer.get(row, 0) if isinstance(row, str) else 0
        place = row if isinstance(row, int) else _place(BIASES if row is None else row)
        self._state["state"]["counter"][:] = (0, longer, place, layer)
        self._bits.state = self._state
        return self._generator


@lru_cache(maxsize=64)
def longer_keys(names: tuple[str, ...]) -> Mapping[str, int]:
    """Return a second key of 64 bits for each input whose checksum is another's, too.

    Of those that share one, the biases or else the first in the alphabet need none, whatever the
    order of the inputs.

    Example:
        >>> list(longer_keys(("plumless", "x", "buckeroo")))
        ['plumless']
    """
    taken = {_place(BIASES)}
    found = {}
    for name in sorted(names):
        if _place(name) in taken:
            found[name] = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) | 1
        taken.add(_place(name))
    return found


def _place(name: str) -> int:
    """Return where a name's row is, behind those of the hidden units."""
    return crc32(name.encode()) + (1 << 32)
