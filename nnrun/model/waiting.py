"""Samples that are given one at a time: they wait to be learned together, and so do their losses.

Python takes as long to call the engine for one sample as for hundreds. So lone samples wait until
there are many, or until somebody looks at the network; the result is that of a step for each at
once. What a sample's loss was is found out when somebody asks: its steps are then taken again.
"""

from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from nnrun.model.learning import PIECE, Learner
from nnrun.network.activations import Array

WAITING = 1024
"""Most samples that wait."""

PLAIN = (list, tuple)
"""What lone samples are quickly taken from."""


class Waiting:
    """The samples that wait for a learner.

    Args:
        learner: Learns them, one a step.
        n_inputs: Numbers of a sample.
        n_outputs: Numbers of its targets.

    Attributes:
        n: Samples that wait.
    """

    def __init__(self, learner: Learner, n_inputs: int, n_outputs: int) -> None:
        self._learner, self._widths = learner, (n_inputs, n_outputs)
        self._room = max(1, min(WAITING, PIECE // (n_inputs + n_outputs)))
        self._begin()

    def _begin(self) -> None:
        self.n, self._x, self._y = 0, list[float](), list[float]()
        self._piece = Piece(self)

    def take(self, x: Any, y: Any) -> "Loss | None":
        """Take one sample of plain numbers, quickly; None if it may be anything else."""
        if isinstance(y, int | float):
            y = (y,)
        # Python's own numbers are summed, and kept, several times as quickly as NumPy's
        several = isinstance(x, np.ndarray) and x.ndim > 1  # a million rows are no list yet
        x, y = (v.tolist() if isinstance(v, np.ndarray) and not several else v for v in (x, y))
        if type(x) not in PLAIN or type(y) not in PLAIN or (len(x), len(y)) != self._widths:
            return None
        try:
            # of anything but finite numbers the sum is none, either
            total = sum(y, sum(x, 0.0))
        except (TypeError, ValueError, OverflowError):
            return None
        if not isinstance(total, float) or not -inf < total < inf:
            return None
        loss = Loss(self._piece, self.n)
        self._x += x
        self._y += y
        self.n += 1
        if self.n == self._room:
            self.flush()
        return loss

    def flush(self) -> None:
        """Have learned what waits."""
        if self.n:
            given = zip((self._x, self._y), self._widths, strict=True)
            x, y = (np.array(part, np.float64).reshape(-1, width) for part, width in given)
            piece = self._piece
            self._begin()
            piece.learn(self._learner, x, y)


class Piece:
    """Samples that were learned together, one a step.

    Args:
        waiting: Where they wait until then.
    """

    def __init__(self, waiting: Waiting) -> None:
        self._waiting: Waiting | None = waiting

    def learn(self, learner: Learner, x: Array, y: Array) -> None:
        """Have a learner take the steps, and keep what it takes to take them again."""
        self._waiting = None
        if len(x) == 1:
            self.losses = np.array([learner.train(x, y, 1)])
        else:
            self._again = learner.twin(), x, y
            learner.train(x, y, 1)

    @cached_property
    def losses(self) -> Array:
        """The loss of each sample before its own step, shape (sample,)."""
        if self._waiting is not None:
            self._waiting.flush()
            return self.losses
        twin, x, y = self._again
        del self._again
        return np.array([twin.train(x[i : i + 1], y[i : i + 1], 1) for i in range(len(x))])


class Loss(NDArrayOperatorsMixin):
    """A sample's loss before its own step: a number, which is computed when it is looked at."""

    __slots__ = ("_piece", "_place")

    def __init__(self, piece: Piece, place: int) -> None:
        self._piece, self._place = piece, place

    def __float__(self) -> float:
        return float(self._piece.losses[self._place])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(float(self), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = (float(one) if isinstance(one, Loss) else one for one in inputs)
        return getattr(ufunc, method)(*plain, **options)

    def __repr__(self) -> str:
        return repr(float(self))

    def __format__(self, how: str) -> str:
        return format(float(self), how)

    def __round__(self, digits: int | None = None) -> float:
        return round(float(self), digits)
