"""A trial's random numbers, sample by sample: the same in a kernel and by NumPy, to the last bit.

Sample k of a role is a function of the trial's seed, the role and k: any one is found at once,
whatever was drawn before, and what one role draws never shifts what another gets.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.rows.functions import cos, log, sin, threefry, unit
from nnrun.rows.trace import Row, Untraceable

Size = int | tuple[int, ...] | None


class Draws:
    """The generator that a component draws samples from, with NumPy's names.

    Every size begins with the number of samples: a number belongs to the sample of its row.

    Args:
        seed: Of the trial, a row of one word.
        places: Of the samples among all that the trial may see, a row of words.
        role: What the numbers are for, and what beside it, outermost first.
    """

    def __init__(self, seed: Any, places: Any, *role: int) -> None:
        self._seed, self._places, self._role = seed, places, role
        word = 0
        for part in role:
            word = word * 256 + part + 1
        self._word = np.uint64(word)
        self._pairs = 0
        self._left: list[Any] = []

    def beside(self, purpose: int) -> "Draws":
        """Return the generator of the same samples for another purpose, at its start."""
        return Draws(self._seed, self._places, *self._role, purpose)

    def spawn(self, n: int) -> list["Draws"]:
        """Return several, independent of each other and of this one."""
        return [self.beside(128 + i) for i in range(n)]

    def random(self, size: Size = None) -> Row:
        """Draw numbers uniform on [0, 1)."""
        return _shaped([unit(self._next()) for _ in range(self._count(size))], size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Size = None) -> Row:
        """Draw numbers uniform on [low, high)."""
        result: Row = low + (high - low) * self.random(size)
        return result

    def integers(self, low: int, high: int | None = None, size: Size = None) -> Row:
        """Draw whole numbers from low to high - 1, or from 0 to low - 1; they are float64."""
        first, end = (0, low) if high is None else (low, high)
        result: Row = first + np.floor(self.random(size) * (end - first))
        return result

    def choice(self, values: Any, size: Size = None) -> Row:
        """Draw some of a few plain numbers, each as often as any other."""
        options = np.arange(values) if np.ndim(values) == 0 else np.asarray(values)
        at = self.integers(options.shape[0], size=size)
        result: Any = float(options[-1])
        for place, option in enumerate(options[:-1].tolist()):
            result = np.where(at == place, float(option), result)
        chosen: Row = result
        return chosen

    def exponential(self, scale: Any = 1.0, size: Size = None) -> Row:
        """Draw exponential numbers of that mean."""
        result: Row = scale * -log(1.0 - self.random(size))
        return result

    def standard_normal(self, size: Size = None) -> Row:
        """Draw standard normal numbers, two from two words.

        References:
            Box & Muller, A note on the generation of random normal deviates, 1958,
            doi:10.1214/aoms/1177706645.
        """
        n, found = self._count(size), list[Row]()
        while len(found) < n:
            one, other = unit(self._next()), unit(self._next())
            radius, angle = np.sqrt(-2.0 * log(1.0 - one)), 2.0 * math.pi * other
            found += [radius * cos(angle), radius * sin(angle)]
        return _shaped(found[:n], size)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Size = None) -> Row:
        """Draw normal numbers."""
        result: Row = loc + scale * self.standard_normal(size)
        return result

    def kept(self, n: int, share: float) -> Any:
        """Draw dropout's factors of n units, shape (sample, n): 1 / share by that chance, else 0.

        A unit takes 16 bits, so the chance is kept to within 2^-17. Seed and places may be arrays
        of uint64, too.
        """
        words, below = [self._next() for _ in range(-(-n // 4))], np.uint64(round(2**16 * share))
        bits = (words[i // 4] >> np.uint64(16 * (i % 4)) & np.uint64(0xFFFF) for i in range(n))
        return np.stack([np.where(b < below, 1.0 / share, 0.0) for b in bits], axis=-1)

    def _next(self) -> Any:
        """Return the next word of every sample; two are made at once, the second waits."""
        if not self._left:
            counter = self._places, np.uint64(self._pairs)
            self._left = list(threefry((self._seed, self._word), counter))
            self._pairs += 1
        return self._left.pop(0)

    def _count(self, size: Size) -> int:
        """Return how many numbers a sample gets."""
        shape = size if isinstance(size, tuple) else (size,)
        if shape[0] != len(self._places):
            raise Untraceable("it draws other sizes than one row a sample")
        return math.prod(shape[1:])

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"rng.{name}")


def _shaped(numbers: Sequence[Row], size: Size) -> Row:
    """Put numbers of every sample side by side, in rows of that size."""
    result: Any = np.stack(numbers, axis=-1)
    shaped: Row = result.reshape(size)
    return shaped
