"""Opening a file, and saying in one sentence what is wrong with it and what helps."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nnrun.errors import InputError, Issue, listed

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What may stand in the place of a file."""

REFUSALS = {
    errno.ENOENT: ("does not exist", ""),
    errno.EACCES: ("may not be read by this user", "ask its owner for permission to read it"),
    errno.EPERM: ("may not be read by this user", "ask its owner for permission to read it"),
    errno.ELOOP: ("is a link that leads to itself", "delete the link"),
}
"""What the system's refusals mean for a file that is to be read, and what helps."""


class Damaged(Exception):
    """A file holds something else than what was written; the words say what."""


class OtherVersion(Exception):
    """A file was written by another version, whose files this one does not read."""

    def __init__(self, rule: str, remedy: str) -> None:
        super().__init__(rule, remedy)
        self.rule, self.remedy = rule, remedy


@contextmanager
def reading(key: str, path: Path, kind: str, remedy: str) -> Iterator[None]:
    """Say what keeps the ``with`` block from reading a file, and what helps.

    Args:
        key: What the file was named by.
        path: Of the file.
        kind: What it should be, for instance ``record``.
        remedy: How it is made anew if it is damaged.

    Raises:
        InputError: If it cannot be read, is damaged, or was written by another version.
    """
    try:
        yield
        return
    except Damaged as why:
        rule = f"is not a readable {kind}: {why}"
    except OtherVersion as other:
        rule, remedy = other.rule, other.remedy
    except OSError as error:
        words = f"cannot be read: {error.strerror or error}"
        rule, remedy = REFUSALS.get(error.errno or 0, (words, ""))
    raise InputError(Issue(key, path, rule, remedy))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file; what only looks like one, such as a pipe, is never waited for.

    Raises:
        Damaged: If something else stands in its place.
        OSError: If it cannot be opened.
    """
    require_file(path)
    with path.open("rb") as file:
        yield file


def require_file(path: Path) -> os.stat_result:
    """Return what the system knows of a file.

    Raises:
        Damaged: If something else stands in its place.
        OSError: If there is nothing, or it cannot be looked at.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise Damaged(f"it is {KINDS.get(stat.S_IFMT(about.st_mode), 'no file')}")
    return about


def is_itself(path: Path) -> bool:
    """Say whether a file, or all in a folder, is there itself: a link may lead anywhere."""
    mode = os.lstat(path).st_mode if os.path.lexists(path) else 0
    if stat.S_ISDIR(mode):
        return all(map(is_itself, path.iterdir()))
    return stat.S_ISREG(mode)


def require_version(found: Any, known: int, of: Any = None) -> None:
    """Check that this version of nnrun reads the version of a file.

    Args:
        found: As the file says.
        known: The one that is read.
        of: What the file says of the packages that wrote it, by name.

    Raises:
        Damaged: If it says none.
        OtherVersion: If it is another one.
    """
    if type(found) is not int:
        raise Damaged("it does not say its version")
    if found == known:
        return
    name = of.get("nnrun") if isinstance(of, dict) else None
    author = f"nnrun {name}" if isinstance(name, str) else "another version of nnrun"
    rule = f"has schema {found}, written by {author}, and this one reads {known}"
    older = "read it with the nnrun that wrote it, or train again"
    raise OtherVersion(rule, "update nnrun" if found > known else older)


def names(found: list[str]) -> str:
    """Quote some names."""
    return listed([f"'{name}'" for name in found], 4)
