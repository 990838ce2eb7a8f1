"""The folder of a sweep: one of its own, or that of an unfinished sweep with the same jobs.

An unfinished sweep leaves a marker with the identity of its jobs. The process that works in a
folder holds a lock on it, which the system takes back however the process ends.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from nnrun.config import Job
from nnrun.errors import InputError, Issue
from nnrun.files.atomic import NEW, write_text
from nnrun.network.files import RECORD
from nnrun.results import CURVES, LADDER, REPORT, SUMMARY, SWEEP, TRIALS
from nnrun.sweep.cache import setup

MARKER, LOCK = ".unfinished", ".lock"
TABLES = (TRIALS, CURVES, SUMMARY, LADDER)
RESTS = tuple(f".{name}." for name in (RECORD, SWEEP, *TABLES, REPORT, MARKER))
"""How files begin that are being written."""
MOVE_AWAY = "choose another, or move it away"

_taken: "dict[Path, Claim]" = {}
"""What this process holds: looking for a folder takes it, and taking it again is no conflict."""


@dataclass(frozen=True)
class Claim:
    """A folder that this process alone works in.

    Attributes:
        folder: Which.
        identity: Of the jobs.
        sweep: Id of the sweep: the same in every process that works on it, and on no other.
        continued: Whether an unfinished sweep with the same jobs is there already.
    """

    folder: Path
    identity: str
    sweep: str
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
        found = _marked(folder)
        if found is None:
            require_unused(folder)
        elif found[0] != identity:
            rule = "holds an unfinished sweep of other jobs"
            raise InputError(Issue("output folder", folder, rule, MOVE_AWAY))
        folder.mkdir(parents=True, exist_ok=True)
        claim = cls._locked(folder, identity)
        if claim is None:
            rule = "is being written by another process"
            raise InputError(Issue("output folder", folder, rule, "wait, or choose another"))
        if not claim.continued:
            write_text(folder / MARKER, f"{claim.identity} {claim.sweep}\n")
        return claim

    @classmethod
    def unfinished(cls, parent: Path, identity: str) -> "Claim | None":
        """Take the newest unfinished sweep with the same jobs that nobody works on, if any."""
        for marker in sorted(parent.glob(f"*/{MARKER}"), reverse=True):
            found = _marked(marker.parent)
            if found and found[0] == identity:
                claim = cls._locked(marker.parent, identity)
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
    def _locked(cls, folder: Path, identity: str) -> "Claim | None":
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, IsADirectoryError):
            return None
        found = _marked(folder)
        sweep = found[1] if found else uuid4().hex
        claim = cls(folder, identity, sweep, found is not None, lock)
        if claim.continued:
            _remove_rests(folder)
        _taken[folder] = claim
        return claim


def require_unused(folder: Path) -> None:
    """Check that a folder is not that of another run or sweep.

    What an interrupted or killed single run has left may be written over: its trials are in the
    cache.

    Raises:
        InputError: If it holds results, which would be overwritten or mixed with new ones.
    """
    try:
        facts = json.loads((folder / SWEEP).read_text(encoding="utf-8"))
        begun = facts["status"] in ("running", "interrupted") and not (folder / MARKER).exists()
    except (OSError, ValueError, KeyError, TypeError):
        begun = False
    used = (folder / SWEEP).exists() or (folder / RECORD).exists()
    if used and not begun:
        rule = "holds the results of another run or sweep"
        raise InputError(Issue("output folder", folder, rule, MOVE_AWAY))


def identity_of(jobs: Iterable[Job]) -> str:
    """Return what two launches share that would leave the same behind, in hexadecimal digits."""
    asked = [
        (setup(j.setting, "lanes").about, j.setting.id, j.seed, j.seeds, j.name, j.tracking.kept)
        for j in jobs
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _marked(folder: Path) -> tuple[str, str] | None:
    """Return the identity and the id of the unfinished sweep in a folder, if there is one."""
    try:
        identity, sweep = (folder / MARKER).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return identity, sweep


def _remove_rests(folder: Path) -> None:
    """Delete what a killed process left half-written; nobody else writes here."""
    for path in folder.rglob(".*.*"):
        if path.name.startswith(RESTS) and path.is_file():
            path.unlink(missing_ok=True)
    for path in folder.glob(f"{NEW}*"):
        shutil.rmtree(path, ignore_errors=True)
