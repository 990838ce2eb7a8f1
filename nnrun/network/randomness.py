"""Randomness by role: a trial's seed gives each of its roles a generator of its own.

Changing how one role draws never shifts what another role gets, and within the role ``init`` each
row of weights has a place of its own. Two settings with the same seed therefore see the same data
and start from the same weights wherever they share them, which makes their comparison paired.
"""

import hashlib
from enum import IntEnum
from functools import lru_cache
from typing import Any

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


class Rows:
    """The ``init`` role of one trial, as an independent generator for each row of weights.

    Philox is counter-based: a row's layer and place are part of the counter, so any row is found
    at once. A row is named by the input it carries, or by the index of the hidden unit: adding
    the input x*y leaves the rows of x and y where they were.

    Args:
        seed: The trial's.

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

    def __init__(self, seed: int) -> None:
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
        if isinstance(row, int):
            what, place = 0, row
        else:
            what, place = (2, 0) if row is None else (1, _digest(row))
        self._state["state"]["counter"][:] = (0, what, place, layer)
        self._bits.state = self._state
        return self._generator


@lru_cache(maxsize=4096)
def _digest(name: str) -> int:
    """Return 64 bits for a name: of a million names two share them once in 37 million times."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
