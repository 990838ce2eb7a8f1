"""Files written under another name and renamed: each is there whole, or not at all."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

NEW = ".new-"
"""How folders begin in which files wait for each other."""


def write_text(path: Path, text: str) -> None:
    """Write a text file, or not at all."""
    write_atomically(path, lambda file: file.write(text.encode()))


def write_atomically(path: Path, write: Callable[[IO[bytes]], object], sync: bool = True) -> None:
    """Write a file under a temporary name beside it, then rename it.

    Args:
        path: Where the file shall be; its folder exists.
        write: Writes the content to an open binary file.
        sync: Whether to wait until the disk has it, so that a power cut leaves no empty file.

    Raises:
        OSError: With the name of the file, if the system refuses it: nothing of it is left.
    """
    with naming(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            # mkstemp keeps others out; a result is as readable as any file of its owner
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """Write several files that belong together: all take their places, or none does.

    Args:
        folder: Where they shall be; it exists.

    Yields:
        A folder to write them into. When the ``with`` block ends they take their places in
        ``folder``, each instead of an older one; if it ends in an error, nothing there changes.

    Raises:
        OSError: With the name that a file would have had, if the system refuses it.
    """
    with naming(folder):
        waiting = tempfile.TemporaryDirectory(dir=folder, prefix=NEW)
    with waiting as made:
        try:
            yield Path(made)
        except OSError as error:
            if Path(str(error.filename)).is_relative_to(made):
                raise named(error, folder / Path(str(error.filename)).name) from error
            raise
        new = sorted(Path(made).iterdir())
        for path in new:
            if (folder / path.name).is_dir():
                raise named(OSError(errno.EISDIR, "Is a directory"), folder / path.name)
        for path in new:
            with naming(folder / path.name):
                path.replace(folder / path.name)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what the system refuses while the ``with`` block runs name a file, and only this one."""
    try:
        yield
    except OSError as error:
        raise named(error, path) from error


def named(error: OSError, path: Path) -> OSError:
    """Return the same error as one of a file."""
    return OSError(error.errno, error.strerror or str(error), str(path))
