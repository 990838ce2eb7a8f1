"""Who writes into a folder: one process at a time, whatever it does there and however it ends.

The system locks the folder itself. There is no file that could be left behind, taken away under
another's hands, or be a user's own; a process that is killed holds nothing. Only where a system
cannot lock folders (Windows, NFS) a file in it is locked instead, and stays.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from nnrun.errors import InputError, Issue

if sys.platform != "win32":
    import fcntl

INSTEAD = ".nnrun.lock"
"""The file that is locked where folders cannot be."""


class FolderLock:
    """The right to write into a folder, which one holder has at a time.

    Whoever asks for it a second time is another, also in the same process.

    Args:
        folder: Which; it exists when the lock is acquired.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None
        self._file: FileLock | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._handle is not None or self._file is not None

    def acquire(self) -> bool:
        """Take the folder if nobody else has it; say whether it is ours now."""
        if sys.platform != "win32":
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(handle)
                if isinstance(error, BlockingIOError):
                    return False  # any other: this file system locks no folders
            else:
                self._handle = handle
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), self._folder.stat()):
                        return True
                self.release()  # another has removed it, and a third may have made it anew
                return False
        lock = FileLock(self._folder / INSTEAD)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._file = lock
        return True

    def release(self) -> None:
        """Let others have the folder; a second call does nothing."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            # children that were forked share the lock: closing alone would leave it to them
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)
        if self._file is not None:
            self._file.release()
            self._file = None


def being_written(folder: Path) -> bool:
    """Say whether somebody writes into a folder at this moment."""
    lock = FolderLock(folder)
    try:
        return not lock.acquire()
    finally:
        lock.release()


@contextmanager
def alone_in(folder: Path, key: str = "path") -> Iterator[None]:
    """Let nobody else write into a folder while the ``with`` block runs.

    Args:
        folder: Which; it exists.
        key: What an error calls it.

    Raises:
        InputError: If somebody else does.
    """
    lock = FolderLock(folder)
    if not lock.acquire():
        raise in_use(folder, key)
    try:
        yield
    finally:
        lock.release()


def in_use(folder: Path, key: str = "path") -> InputError:
    """Say that another writes into a folder."""
    hint = "wait until it has ended"
    return InputError(Issue(key, folder, "is being written by another process", hint))
