"""What a store says when it does not take a run."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from nnrun.tracking.entities import cut
from nnrun.tracking.sqlite import Vanished

T = TypeVar("T")

PAUSES = (1.0,)
"""Seconds before a call is tried again where the database is locked; MLflow waits 20 s itself."""


class TrackingError(RuntimeError):
    """The store did not take a run; what was trained is safe in its records.

    Attributes:
        lasting: Whether the next run would fare no better: the store is gone, full or locked. Not
            so where it answered and refused the run itself.
        lost: Whether the runs that it took before are lost, too.
    """

    def __init__(self, message: str, lasting: bool = True, lost: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting
        self.lost = lost


def first_line(error: BaseException) -> str:
    """Say in at most 200 characters what went wrong; of a store, what its system or driver said."""
    *_, root = chain = list(_causes(error))
    # SQLAlchemy keeps the driver's error as ``orig``
    said = next((e.orig for e in chain if hasattr(e, "orig")), error)
    lines = str(root if isinstance(root, OSError) else said).strip().splitlines()
    return cut(lines[0], 200) if lines else type(error).__name__


def unreachable(error: BaseException) -> bool:
    """Say whether a server did not answer at all, so that asking again only costs time."""
    return any(isinstance(e, ConnectionError | TimeoutError) for e in _causes(error))


def patiently(call: Callable[[], T]) -> T:
    """Make a call again where another process holds the database; doing so twice does no harm."""
    for pause in PAUSES:
        try:
            return call()
        except Exception as error:
            if "is locked" not in str(error):
                raise
        time.sleep(pause)
    return call()


def refusal(what: str, error: Exception) -> TrackingError:
    """Say that the store refused something, and whether it will go on doing so."""
    answered = getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE"
    text = f"MLflow refused {what}: {first_line(error)}"
    return TrackingError(text, lasting=not answered, lost=isinstance(error, Vanished))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the first cause last."""
    cause: BaseException | None = error
    while cause:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
