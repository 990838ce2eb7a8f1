"""Opening an MLflow store: reached quickly or refused clearly, created once and safely."""

import errno
import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from nnrun.errors import InputError, Issue
from nnrun.layout import DATABASE, WEB
from nnrun.masking import masked
from nnrun.tracking.address import (
    advice,
    deleted,
    in_shell,
    mlflow,
    require_usable,
    sqlite_file,
)
from nnrun.tracking.errors import (
    TrackingError,
    Vanished,
    first_line,
    passing,
    patiently,
    unreachable,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

# MLflow reads these when it is imported; by default it sends usage data home on every use and
# tries a dead server for four minutes. What the user has set stands.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # we do: a run must not be created twice
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


IN_FOLDERS = "MLFLOW_ALLOW_FILE_STORE"
"""What MLflow asks for before it uses a folder as a store."""

FOLDER_HINT = (
    f"take {DATABASE}: 'mlflow migrate-filestore' brings a folder's runs into such "
    f"a file; or set {IN_FOLDERS}=true in the environment"
)

READING = "MLFLOW_TRACKING_URI names the store"

_sparing: set[Path] = set()


@dataclass(frozen=True)
class Database:
    """A SQLite file that was opened.

    Its connections stay with the device and inode of then, which its path may not.
    """

    path: Path
    identity: tuple[int, int]

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


def create(path: Path, make: Callable[[str], object]) -> None:
    """Create a database whole or not at all; ``make`` makes the tables in that of a URI.

    MLflow makes its tables in dozens of steps, and a file that was left in the middle of them, by a
    process that was killed, can never be opened again.
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


@dataclass(frozen=True)
class Store:
    """An MLflow store that was reached, and the experiment in it.

    Attributes:
        uri: Tracking URI as the user gave it.
        client: Its MLflow client.
        experiment: The experiment's id.
        database: The SQLite file, None for other stores.
    """

    uri: str
    client: "MlflowClient"
    experiment: str
    database: Database | None

    def version(self) -> str:
        """Ask for the version of the MLflow that shows the store: a server's, else the installed.

        What MLflow raises passes through.
        """
        import mlflow
        from mlflow.utils import rest_utils

        if not WEB.match(self.uri):
            return mlflow.__version__
        server = self.client._tracking_client.store.get_host_creds()
        ask: Callable[..., Any] = rest_utils.http_request
        return str(ask(server, "/version", "GET", raise_on_status=True).text)


def open_store(uri: str, experiment: str, artifacts: str | None) -> Store:
    """Reach a store and its experiment, creating what is missing.

    Args:
        uri: Any MLflow tracking URI; a relative SQLite path is taken from the working directory.
        experiment: The experiment's name.
        artifacts: Folder or URI for a new experiment's files. None is the folder ``mlartifacts``
            beside a SQLite file, and the store's own choice elsewhere.

    Raises:
        InputError: If the store or the experiment cannot be used.
        TrackingError: If a server does not answer now.
    """
    require_usable(uri, experiment)
    path, database = sqlite_file(uri), None
    try:
        with _quiet():
            if path is None:
                _reach(uri)
                client = _client(uri)
                place = _location(artifacts)
                found = patiently(lambda: _experiment(client, experiment, place))
            else:
                client, found = _open_sqlite(uri, path, experiment, artifacts)
                database = Database(path, _identity(path))
    except Exception as error:  # MLflow's, SQLAlchemy's, a driver's or the system's
        if WEB.match(uri) and (unreachable(error) or passing(error)):
            raise _away(uri, error) from error
        raise unusable(uri, error) from error
    if found.lifecycle_stage == "deleted":
        raise InputError(deleted(uri, experiment, str(found.experiment_id)))
    return Store(uri, client, str(found.experiment_id), database)


def connect(uri: str, scratch: Path) -> "MlflowClient":
    """Reach a store that is there already, to read from it.

    MLflow writes where it reads: a database that may not be written is copied to ``scratch``.

    Raises:
        InputError: If it is not there, or cannot be used.
    """
    path = sqlite_file(uri)
    if path is not None and not path.exists():
        raise InputError(Issue("store", masked(uri), "is not there"))
    try:
        if path is not None and not all(os.access(p, os.W_OK) for p in (path, path.parent)):
            uri = f"sqlite:///{copied(path, scratch).as_posix()}"
        with _quiet():
            client = _client(uri)
            client.search_experiments(max_results=1)
    except Exception as error:
        raise unusable(uri, error, READING) from error
    return client


def _open_sqlite(
    uri: str, database: Path, experiment: str, artifacts: str | None
) -> tuple["MlflowClient", "Experiment"]:
    database.parent.mkdir(parents=True, exist_ok=True)
    location = _location(artifacts or str(database.parent / "mlartifacts"))
    # Two processes that create the schema at once leave a database that nobody can open again.
    with FileLock(f"{database}.lock", timeout=120):
        if not database.exists() or not database.stat().st_size:
            create(database, lambda draft: _client(draft).search_experiments(max_results=1))
        execute(database, "PRAGMA journal_mode=WAL")
        spare_syncs(database)
        # MLflow keeps one connection a URI: a relative one would stay with its first folder.
        client = _client(re.sub(r"///[^?]*", lambda _: f"///{database.as_posix()}", uri))
        return client, _experiment(client, experiment, location)


def _client(uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _experiment(client: "MlflowClient", name: str, location: str | None) -> "Experiment":
    """Find the experiment or create it, also where another process creates it meanwhile."""
    found = client.get_experiment_by_name(name)
    if found is None:
        # Releases that go by this tag open the experiment on its training runs.
        tags = {"mlflow.experimentKind": "custom_model_development"}
        try:
            found = client.get_experiment(client.create_experiment(name, location, tags))
        except Exception:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return found


def _reach(uri: str) -> None:
    """Connect once to a database server: MLflow would go on trying for over a minute."""
    if re.match(r"(postgresql|mysql|mssql)\b", uri):
        import sqlalchemy

        engine = sqlalchemy.create_engine(uri)
        try:
            engine.connect().close()
        finally:
            engine.dispose()


def _location(artifacts: str | None) -> str | None:
    """Make a local folder an absolute file URI; leave URIs and None as they are."""
    if artifacts is None or "://" in artifacts:
        return artifacts
    return Path(artifacts).absolute().as_uri()


def _away(uri: str, error: Exception) -> TrackingError:
    """Say that a server does not answer now."""
    said = first_line(error)
    return TrackingError(f"the MLflow server at {masked(uri)} cannot be used now: {said}")


def unusable(uri: str, error: Exception, hint: str = "") -> InputError:
    """Say that a store cannot be used, and why."""
    hint = hint or advice(uri)
    if isinstance(error, ModuleNotFoundError) and uri.startswith("postgresql:"):
        hint = "name a driver that is installed: postgresql+psycopg2://..."
    if "out-of-date database schema" in str(error):
        command = in_shell([*mlflow(), "db", "upgrade", masked(uri)])
        hint = f"back the database up, then: {command}"
    if IN_FOLDERS in str(error):
        rule = "is a folder, in which this MLflow keeps no runs"
        return InputError(Issue("tracking.uri", masked(uri), rule, FOLDER_HINT))
    rule = f"cannot be used as an MLflow store: {first_line(error)}"
    return InputError(Issue("tracking.uri", masked(uri), rule, hint))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep off the terminal what MLflow says besides its result: warnings, retries, tracebacks."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # errors reach the user as exceptions; for good, as the store may vanish at any time
    for name, level in (("urllib3", logging.ERROR), ("mlflow.store.db.utils", logging.CRITICAL)):
        logging.getLogger(name).setLevel(level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
