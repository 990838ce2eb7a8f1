"""The folder of a sweep: one of its own, or that of an unfinished sweep with the same jobs.

An unfinished sweep leaves a marker with the identity of its jobs. The process that works in a
folder holds its lock, see ``nnrun.records.lock``.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from nnrun.config.settings import Job
from nnrun.errors import InputError, Issue
from nnrun.layout import CURVES, LADDER, NEW, REPORT, SUMMARY, TRIALS, write_text
from nnrun.records.lock import FolderLock, being_written, in_use
from nnrun.records.plain import Damaged, opened
from nnrun.records.record import RECORD
from nnrun.records.sweep import SWEEP, read_sweep
from nnrun.trials.cache import setup

MARKER = ".unfinished"
TABLES = (TRIALS, CURVES, SUMMARY, LADDER)
RESTS = tuple(f".{name}." for name in (RECORD, SWEEP, *TABLES, REPORT, MARKER))
"""How files begin that are being written."""
MOST_MARKED = 1000
"""Bytes of a marker that are read."""

MOVE_AWAY = "choose another, or move it away"
KEY = "output folder"
"""What errors call the folder."""


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
    _lock: FolderLock = field(repr=False)

    @classmethod
    def take(cls, folder: Path, identity: str) -> "Claim":
        """Take a folder that is new, or that of an unfinished sweep with the same jobs.

        Raises:
            InputError: If it holds results, or is another's.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        if not lock.acquire():
            raise in_use(folder, KEY)
        try:
            found = _marked(folder)
            if found is None:
                _require_no_results(folder)
            elif found[0] != identity:
                rule = "holds an unfinished sweep of other jobs"
                raise InputError(Issue(KEY, folder, rule, MOVE_AWAY))
            if found is None:
                write_text(folder / MARKER, f"{identity} {uuid4().hex}\n")
            return cls._begun(folder, lock, continued=found is not None)
        except BaseException:
            with suppress(OSError):
                folder.rmdir()  # unless something is in it
            lock.release()
            raise

    @classmethod
    def unfinished(cls, parent: Path, identity: str) -> "Claim | None":
        """Take the newest unfinished sweep with the same jobs that nobody works on, if any."""
        for marker in sorted(parent.glob(f"*/{MARKER}"), reverse=True):
            folder = marker.parent
            lock = FolderLock(folder)
            if _same_jobs(folder, identity) and lock.acquire():
                if _same_jobs(folder, identity):  # not finished while we looked
                    return cls._begun(folder, lock, continued=True)
                lock.release()
        return None

    def withdraw(self) -> None:
        """Leave the folder as it was found."""
        if not self.continued:
            (self.folder / MARKER).unlink(missing_ok=True)
            with suppress(OSError):
                self.folder.rmdir()
        self.release(finished=False)

    def release(self, finished: bool) -> None:
        """Let others have the folder; what is not finished can be continued by any process.

        Only the first call does anything.
        """
        if not self._lock.held:
            return
        if finished:
            (self.folder / MARKER).unlink(missing_ok=True)
        self._lock.release()

    @classmethod
    def _begun(cls, folder: Path, lock: FolderLock, continued: bool) -> "Claim":
        """Return the claim on a folder that is marked and locked."""
        marked = _marked(folder)
        assert marked is not None
        if continued:
            _remove_rests(folder)
        return cls(folder, *marked, continued, lock)


def take_unused(folder: Path) -> FolderLock:
    """Lock a folder that is not that of another run or sweep; it is made if need be.

    Raises:
        InputError: As of ``require_unused``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    if not lock.acquire():
        raise in_use(folder, KEY)
    try:
        _require_no_results(folder)
    except BaseException:
        lock.release()
        raise
    return lock


def require_unused(folder: Path) -> None:
    """Check that a folder is not that of another run or sweep, and that nobody writes into it.

    What an interrupted or killed single run has left may be written over: its trials are in the
    cache.

    Raises:
        InputError: If it holds results, which would be overwritten or mixed with new ones, or is in
            use.
    """
    if folder.is_dir() and being_written(folder):
        raise in_use(folder, KEY)
    _require_no_results(folder)


def _require_no_results(folder: Path) -> None:
    begun = False
    with suppress(InputError):
        sweep = read_sweep(folder)
        unfinished = sweep is not None and sweep.status in ("running", "interrupted")
        begun = unfinished and not (folder / MARKER).exists()
    used = (folder / SWEEP).exists() or (folder / RECORD).exists()
    if used and not begun:
        rule = "holds the results of another run or sweep"
        raise InputError(Issue(KEY, folder, rule, MOVE_AWAY))


def identity_of(jobs: Iterable[Job]) -> str:
    """Return what two launches share that would leave the same behind, in hexadecimal digits."""
    asked = [
        (setup(j.setting, "compiled").about, j.setting.id, j.seed, j.seeds, j.name, j.tracking.kept)
        + ((j.auto.block,) if j.auto else ())
        for j in jobs
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _marked(folder: Path) -> tuple[str, str] | None:
    """Return the identity and the id of the unfinished sweep in a folder, if there is one."""
    try:
        with opened(folder / MARKER) as file:
            identity, sweep = file.read(MOST_MARKED).decode().split()
    except (OSError, ValueError, Damaged):
        return None
    return identity, sweep


def _same_jobs(folder: Path, identity: str) -> bool:
    found = _marked(folder)
    return found is not None and found[0] == identity


def _remove_rests(folder: Path) -> None:
    """Delete what a killed process left half-written; nobody else writes here."""
    for path in folder.rglob(".*.*"):
        if path.name.startswith(RESTS) and path.is_file():
            path.unlink(missing_ok=True)
    for path in folder.glob(f"{NEW}*"):
        shutil.rmtree(path, ignore_errors=True)
