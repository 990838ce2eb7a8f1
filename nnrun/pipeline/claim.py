"""The folder of a sweep: one of its own, or that of an unfinished sweep with the same jobs.

An unfinished sweep leaves a marker with the identity of its jobs. The process that works in a
folder holds a lock on it, which the system takes back however the process ends.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from nnrun.config import Job
from nnrun.errors import InputError, Issue
from nnrun.results import SWEEP
from nnrun.sweep.store import RECORD, write_text

MARKER, LOCK = ".unfinished", ".lock"
MOVE_AWAY = "choose another, or move it away"

_taken: "dict[Path, Claim]" = {}
"""What this process holds: looking for a folder takes it, and taking it again is no conflict."""


@dataclass(frozen=True)
class Claim:
    """A folder that this process alone works in.

    Attributes:
        folder: Which.
        continued: Whether an unfinished sweep with the same jobs is there already.
    """

    folder: Path
    continued: bool
    _lock: FileLock = field(repr=False)

    @classmethod
    def take(cls, folder: Path, identity: str) -> "Claim":
        """Take a folder that is new, or that of an unfinished sweep with the same jobs.

        Raises:
            InputError: If it holds results, or is another's.
        """
        if folder in _taken:
            return _taken[folder]
        found = _identity(folder)
        if found is None:
            require_unused(folder)
        elif found != identity:
            rule = "holds an unfinished sweep of other jobs"
            raise InputError(Issue("output folder", folder, rule, MOVE_AWAY))
        folder.mkdir(parents=True, exist_ok=True)
        claim = cls._locked(folder)
        if claim is None:
            rule = "is being written by another process"
            raise InputError(Issue("output folder", folder, rule, "wait, or choose another"))
        if not claim.continued:
            write_text(folder / MARKER, identity + "\n")
        return claim

    @classmethod
    def unfinished(cls, parent: Path, identity: str) -> "Claim | None":
        """Take the newest unfinished sweep with the same jobs that nobody works on, if any."""
        for marker in sorted(parent.glob(f"*/{MARKER}"), reverse=True):
            if _identity(marker.parent) == identity:
                claim = cls._locked(marker.parent)
                if claim is not None and claim.continued:
                    return claim
                if claim is not None:  # finished while we looked
                    claim.release(finished=True)
        return None

    def withdraw(self) -> None:
        """Leave the folder as it was found."""
        self.release(finished=not self.continued)
        with suppress(OSError):
            self.folder.rmdir()

    def release(self, finished: bool) -> None:
        """Let others have the folder; what is not finished can be continued by any process.

        Only the first call does anything.
        """
        if not self._lock.is_locked:
            return
        if finished:
            (self.folder / MARKER).unlink(missing_ok=True)
        _taken.pop(self.folder, None)
        self._lock.release()
        with suppress(OSError):
            (self.folder / LOCK).unlink(missing_ok=True)

    @classmethod
    def _locked(cls, folder: Path) -> "Claim | None":
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        claim = cls(folder, _identity(folder) is not None, lock)
        _taken[folder] = claim
        return claim


def require_unused(folder: Path) -> None:
    """Check that a folder is not that of another run or sweep.

    Raises:
        InputError: If it holds results, which would be overwritten or mixed with new ones.
    """
    if (folder / SWEEP).exists() or (folder / RECORD).exists():
        rule = "holds the results of another run or sweep"
        raise InputError(Issue("output folder", folder, rule, MOVE_AWAY))


def identity_of(jobs: Iterable[Job]) -> str:
    """Return what two launches share that would do the same, in hexadecimal digits."""
    asked = [(j.setting.id, j.seed, j.seeds, j.name, str(j.tracking), j.report.name) for j in jobs]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _identity(folder: Path) -> str | None:
    try:
        return (folder / MARKER).read_text(encoding="utf-8").strip()
    except OSError:
        return None
