"""What MLflow leaves open about its SQLite files: cheap commits, and whether one still exists."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_sparing: set[Path] = set()


@dataclass(frozen=True)
class Database:
    """A SQLite file that was opened.

    Attributes:
        path: Absolute path.
        identity: Device and inode at opening: connections stay with these, the path may not.
    """

    path: Path
    identity: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> Self:
        """Take the file that stands at ``path`` now."""
        return cls(path, _identity(path))

    def require(self) -> None:
        """Check that the file is the one that was opened.

        Raises:
            Vanished: If it was deleted or replaced: SQLite would go on writing into nowhere.
        """
        try:
            now = _identity(self.path)
        except FileNotFoundError:
            text = "the database was deleted"
            raise Vanished(errno.ENOENT, text, str(self.path)) from None
        if now != self.identity:
            raise Vanished(errno.ESTALE, "the database was replaced", str(self.path))

    def settle(self) -> None:
        """Move the journal into the file itself, so that a copy of it is whole."""
        with suppress(sqlite3.Error):  # a reader is in the way; the data is safe either way
            execute(self.path, "PRAGMA wal_checkpoint(TRUNCATE)")


class Vanished(OSError):
    """A database is no longer where it was opened, and what it held is lost with it."""


def create(path: Path, make: Callable[[str], object]) -> None:
    """Create a database whole or not at all.

    MLflow makes its tables in dozens of steps, and a file that was left in the middle of them, by a
    process that was killed, can never be opened again.

    Args:
        path: Where it shall be.
        make: Makes the tables in the database of a URI.
    """
    draft, copy = (path.with_name(f"{path.name}.{ending}") for ending in ("draft", "copy"))
    rests = [Path(f"{file}{end}") for file in (draft, copy) for end in ("", "-journal", "-wal")]
    for file in rests:
        file.unlink(missing_ok=True)
    make(f"sqlite:///{draft.as_posix()}")
    # MLflow keeps its connections to the draft open, so that the draft itself cannot be renamed
    with closing(sqlite3.connect(draft)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.replace(path)
    for file in rests:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def copied(path: Path, folder: Path) -> Path:
    """Copy a database that may only be read into a folder."""
    copy = folder / path.name
    for access in ("mode=ro", "immutable=1"):  # the latter where not even a lock can be taken
        with suppress(sqlite3.OperationalError):
            source = sqlite3.connect(f"{path.absolute().as_uri()}?{access}", uri=True)
            with closing(source), closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            return copy
    raise PermissionError(f"no permission to read {path}")


def execute(path: Path, statement: str) -> None:
    """Execute one statement on a connection of its own."""
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        connection.execute(statement).fetchall()


def spare_syncs(path: Path) -> None:
    """Let MLflow's connections to a WAL database sync at checkpoints only, not at each commit.

    A killed process loses nothing by it; a power cut may lose the last runs, never the database.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    _sparing.add(path.resolve())
    if not event.contains(Engine, "connect", _connected):
        event.listen(Engine, "connect", _connected)


def _connected(connection: Any, _: object) -> None:
    """Set up a new connection of SQLAlchemy; those to other databases are left alone."""
    if isinstance(connection, sqlite3.Connection):
        names = {Path(row[2]).resolve() for row in connection.execute("PRAGMA database_list")}
        if names & _sparing:
            connection.execute("PRAGMA synchronous=NORMAL")


def _identity(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino
