"""Samples that are given one at a time: they wait to be learned together, and so do their losses.

Python takes as long to call the engine for one sample as for hundreds. So lone samples wait until
there are many, or until somebody looks at the network; the result is that of a step for each at
once. What a sample's loss was is found out when somebody asks: its steps are then taken again.
"""

from math import inf
from numbers import Real
from threading import RLock
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from nnrun.model.learning import PIECE, Learner
from nnrun.model.samples import TOLERANCE, Coding
from nnrun.network.activations import Array

WAITING = 1024
"""Most samples that wait."""

PLAIN = (list, tuple)
"""What lone samples are quickly taken from."""

NUMBERS = (int, float)


class Waiting:
    """The samples that wait for a learner.

    Args:
        learner: Learns them, one a step.
        n_inputs: Numbers of a sample.
        n_outputs: Numbers of its targets.
        lock: Held by the thread that adds to them or has them learned.
        coding: What the loss needs targets to be.

    Attributes:
        n: Samples that wait.
        lock: As given.
    """

    def __init__(
        self, learner: Learner, n_inputs: int, n_outputs: int, lock: RLock, coding: Coding
    ) -> None:
        self._learner, self._widths = learner, (n_inputs, n_outputs)
        self.lock = lock
        self._classes, self._each = coding is not Coding.ANY, coding is Coding.CLASSES
        self._room = max(1, min(WAITING, PIECE // (n_inputs + n_outputs)))
        self._begin()

    def _begin(self) -> None:
        self.n, self._x, self._y = 0, list[float](), list[float]()
        self._piece = Piece(self)

    def take(self, x: Any, y: Any) -> "Loss | None":
        """Take one sample of plain numbers, quickly; None if it may be anything else."""
        # Python's own numbers are summed, and kept, several times as quickly as NumPy's
        if isinstance(x, np.ndarray):
            if x.ndim > 1:
                return None  # a million rows are no list yet
            x = x.tolist()
        if isinstance(y, np.ndarray):
            y = y.tolist()
        elif isinstance(y, NUMBERS):
            y = (y,)
        if type(x) not in PLAIN or type(y) not in PLAIN or (len(x), len(y)) != self._widths:
            return None
        try:
            # of anything but finite numbers the sum is none, either
            total = sum(y, sum(x, 0.0))
        except (TypeError, ValueError, OverflowError):
            return None
        if not isinstance(total, float) or not -inf < total < inf:
            return None
        if self._classes and not (
            min(y) >= 0.0 and max(y) <= 1.0 and (self._each or abs(sum(y) - 1.0) <= TOLERANCE)
        ):
            return None
        with self.lock:
            loss = Loss(self._piece, self.n)
            self._x += x
            self._y += y
            self.n += 1
            if self.n >= self._room:
                self.flush()
        return loss

    def flush(self) -> None:
        """Have learned what waits; after an interrupt it goes on waiting."""
        with self.lock:
            if self.n:
                given = zip((self._x, self._y), self._widths, strict=True)
                x, y = (np.array(part, np.float64).reshape(-1, width) for part, width in given)
                self._piece.learn(self._learner, x, y)
                self._begin()


class Piece:
    """Samples that were learned together, one a step.

    Args:
        waiting: Where they wait until then.
    """

    def __init__(self, waiting: Waiting) -> None:
        self._waiting: Waiting | None = waiting
        self._lock = waiting.lock
        self._again: tuple[Learner, Array, Array] | None = None
        self._losses: Array | None = None

    def learn(self, learner: Learner, x: Array, y: Array) -> None:
        """Have a learner take the steps, and keep what it takes to take them again.

        After an interrupt the learner stands where it stood.
        """
        if len(x) == 1:
            self._losses = np.array([learner.train(x, y, 1)])
        else:
            before = learner.twin()
            try:
                learner.train(x, y, 1)
            except BaseException:
                learner.stand(before.state)
                raise
            self._again = before, x, y
        self._waiting = None

    @property
    def losses(self) -> Array:
        """The loss of each sample before its own step, shape (sample,)."""
        with self._lock:
            if self._waiting is not None:
                self._waiting.flush()
            if self._losses is None:
                assert self._again is not None
                before, x, y = self._again
                twin, rows = before.twin(), range(len(x))  # an interrupted attempt begins anew
                self._losses = np.array([twin.train(x[i : i + 1], y[i : i + 1], 1) for i in rows])
                self._again = None
            return self._losses


@Real.register
class Loss(NDArrayOperatorsMixin):
    """A sample's loss before its own step: a number, which is computed when it is looked at.

    ``float`` makes it a plain one, which JSON asks for.
    """

    __slots__ = ("_piece", "_place")

    def __init__(self, piece: Piece, place: int) -> None:
        self._piece, self._place = piece, place

    def __float__(self) -> float:
        return float(self._piece.losses[self._place])

    def __int__(self) -> int:
        return int(float(self))

    __trunc__ = __int__

    def __bool__(self) -> bool:
        return bool(float(self))

    def __hash__(self) -> int:
        return hash(float(self))

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)  # copied or pickled, it is a plain number

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
