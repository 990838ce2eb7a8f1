"""What a store says when it does not take a run."""

import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from nnrun.masking import masked
from nnrun.tracking.entities import cut

T = TypeVar("T")

PAUSES = (0.5, 2.0)
"""Seconds before a call is tried again that may pass then."""

BUSY = re.compile(r"is locked|too many \d+ error responses|failed with error code (429|5\d\d)")
"""What a database says that another process holds, and a server that is not up to it just now."""

OF_THE_RUN = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
"""MLflow's codes for a run that it does not take, where the next may fare better."""

RULES = ("IntegrityError", "DataError")
"""What drivers and SQLAlchemy call a row that breaks a rule of its table."""


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


class Vanished(OSError):
    """A database is no longer where it was opened, and what it held is lost with it."""


def first_line(error: BaseException) -> str:
    """Say in at most 200 characters what went wrong; of a store, what its system or driver said.

    A store may repeat the address that it was called by.
    """
    *_, root = chain = list(_causes(error))
    # SQLAlchemy keeps the driver's error as ``orig``; what wraps urllib3's ends in a long address
    said = next((e.orig for e in chain if hasattr(e, "orig")), error)
    if isinstance(root, OSError) or type(root).__module__.startswith("urllib3"):
        said = root
    lines = str(said).strip().splitlines()
    return cut(masked(lines[0]), 200) if lines else type(error).__name__


def unreachable(error: BaseException) -> bool:
    """Say whether a server did not answer at all, so that asking again only costs time."""
    return any(isinstance(e, ConnectionError | TimeoutError) for e in _causes(error))


def passing(error: BaseException) -> bool:
    """Say whether the same call may succeed a moment later.

    Of a server that took longer than its time-out that is not hoped: asking again costs as much.
    """
    chain = list(_causes(error))
    if any(isinstance(e, TimeoutError) for e in chain):
        return False
    dropped = any(isinstance(e, ConnectionError) for e in chain)
    return dropped or any(BUSY.search(str(e)) for e in chain)


def patiently(call: Callable[[], T], again: Callable[[], T] | None = None) -> T:
    """Make a call, and make it again where it may pass then.

    Args:
        call: What is called first.
        again: What is called from the second time on, as an answer may have been lost; None where
            doing ``call`` twice does no harm.
    """
    for pause in PAUSES:
        try:
            return call()
        except Exception as error:
            if not passing(error):
                raise
        time.sleep(pause)
        call = again or call
    return call()


def refusal(what: str, error: Exception) -> TrackingError:
    """Say that the store refused something, and whether it will go on doing so."""
    answered = getattr(error, "error_code", "") in OF_THE_RUN
    broken = any(type(e).__name__ in RULES for e in _causes(error))
    text = f"MLflow refused {cut(what, 100)}: {first_line(error)}"
    lasting = not (answered or broken)
    return TrackingError(text, lasting, lost=isinstance(error, Vanished))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the first cause last."""
    cause: BaseException | None = error
    while cause:
        yield cause
        chained = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        # urllib3 keeps what a connection said among its arguments
        held = (part for part in cause.args if isinstance(part, BaseException))
        cause = chained or next(held, None)
