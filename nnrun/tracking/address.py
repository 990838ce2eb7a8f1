"""Where a store is, by its URI alone: what can be said of it without importing MLflow."""

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit
from urllib.request import url2pathname

from nnrun.errors import InputError, Issue
from nnrun.layout import DATABASE, STORE, WEB
from nnrun.masking import masked

EXAMPLE = f"for instance {DATABASE}, or tracking=off"

UI_ADDRESS = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` serves unless told otherwise."""

WHOLE = re.compile(r"(https?|sqlite(\+\w+)?:/|postgresql(\+\w+)?|mysql\S*|mssql\S*)://.*", re.I)
"""A URI of a kind that needs no guess."""

HOST = re.compile(r"(?:(https?)(?::/{0,2}|//))?([\w.-]+:\d+(?:/.*)?)", re.I)
"""A server's host and port, and what people write before it."""

FILE = re.compile(r"(?:(?:sqlite|file):/{0,2})?(/?[^:?]+\.(?:db|sqlite3?))", re.I)
"""The path of a SQLite file, likewise."""


def meant(uri: str) -> str:
    """Say which URI was likely meant by something that is none; empty where that is not clear.

    Example:
        >>> meant("localhost:5000"), meant("outputs/mlflow.db"), meant("./mlruns")
        ('http://localhost:5000', 'sqlite:///outputs/mlflow.db', '')
    """
    if WHOLE.fullmatch(uri):
        return ""
    if found := HOST.fullmatch(uri):
        return f"{(found[1] or 'http').lower()}://{found[2]}"
    if found := FILE.fullmatch(uri):
        return f"sqlite:///{found[1]}"
    scheme, _, rest = uri.partition("://")
    return f"postgresql+psycopg2://{rest}" if scheme == "postgres" else ""


def advice(uri: str) -> str:
    """Say what to write instead of a URI that cannot be used."""
    likely = meant(uri)
    return f"did you mean {masked(likely)}?" if likely else EXAMPLE


def is_server(uri: str) -> bool:
    """Say whether a URI is that of a tracking server, which has pages of its own."""
    return bool(WEB.match(uri)) or uri.lower().startswith(("databricks", "uc"))


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of a SQLite URI's file, None for any other kind of store.

    Raises:
        InputError: If it names no file.
    """
    if not uri.startswith("sqlite"):
        return None
    path = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    if path is None or path[1] == ":memory:":
        rule = "must be sqlite:/// and the path of a file"
        raise InputError(Issue("tracking.uri", uri, rule, advice(uri)))
    return Path(path[1]).absolute()


def require_usable(uri: str, experiment: str) -> None:
    """Check what can be seen of a store and its experiment at once.

    Raises:
        InputError: If the URI is none, its file no database that can be written, or the experiment
            was deleted there.
    """
    if not uri.strip():
        raise InputError(Issue("tracking.uri", "''", "must be an MLflow tracking URI", EXAMPLE))
    path = sqlite_file(uri)
    if path is None:
        if meant(uri):
            rule = "is no MLflow tracking URI"
            raise InputError(Issue("tracking.uri", masked(uri), rule, advice(uri)))
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_room(path.parent)
        gone = _deleted_experiment(path, experiment) if path.exists() else None
    except (OSError, sqlite3.Error) as error:
        rule = f"cannot be used as an MLflow store: {error}"
        raise InputError(Issue("tracking.uri", uri, rule, EXAMPLE)) from error
    if gone is not None:
        raise InputError(deleted(uri, experiment, gone))


def require_files_beside(uri: str, experiment: str) -> None:
    """Check that the files of an experiment are kept below the folder of its SQLite file.

    Where is written in the file itself, and it may be a stranger's.

    Raises:
        InputError: If they are, or may be, elsewhere.
    """
    path = sqlite_file(uri)
    if path is None or not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            places = _file_places(connection, experiment)
    except sqlite3.Error as error:
        rule = f"cannot be used as an MLflow store: {error}"
        raise InputError(Issue("store", path, rule, EXAMPLE)) from error
    for place in places:
        parts = urlsplit(place)
        local = url2pathname(parts.path) if parts.scheme == "file" else place
        inside = Path(local).resolve().is_relative_to(path.parent.resolve())
        if parts.netloc or parts.scheme not in ("", "file") or not inside:
            rule = f"has the files of the experiment '{experiment}' elsewhere: {masked(place)}"
            raise InputError(Issue("store", path, rule, f"if that is yours: --uri {masked(uri)}"))


def require_own_host(place: str, *own: str | None) -> None:
    """Check that files are not on a host that nobody named: it would be sent the store's password.

    Named are hosts of the user's ``own`` URIs, and that of MLFLOW_TRACKING_URI.

    Raises:
        InputError: If they are.
    """
    parts = urlsplit(place)
    if parts.scheme.lower() not in ("http", "https", "mlflow-artifacts") or not parts.netloc:
        return
    named = [urlsplit(uri) for uri in (*own, os.environ.get(STORE)) if uri]
    if not any((parts.hostname, parts.port) == (uri.hostname, uri.port) for uri in named):
        rule = "is where the store has its files, and nobody named this host"
        hint = f"its password would go there; if that is meant, name it by {STORE}"
        raise InputError(Issue("artifacts", masked(place), rule, hint))


def _file_places(connection: sqlite3.Connection, experiment: str) -> list[str]:
    """List where a database says that the files of an experiment and of its runs are."""
    tables = "select 1 from sqlite_master where name = 'experiments'"
    if connection.execute(tables).fetchone() is None:
        return []
    query = """select artifact_location from experiments where name = ? union
        select r.artifact_uri from runs r join experiments e on e.experiment_id = r.experiment_id
        where e.name = ?"""
    return [str(place) for (place,) in connection.execute(query, (experiment, experiment))]


def _require_room(folder: Path) -> None:
    """Check that files can be made in a folder: SQLite keeps its journal beside a database.

    Raises:
        OSError: If not.
    """
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # what the system says need not name the folder: in /proc there is 'no such file'
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"no file can be made in {folder} ({reason})") from error


def _deleted_experiment(path: Path, name: str) -> str | None:
    """Return the id of an experiment that was deleted; None for one that was not, or is new."""
    if not os.access(path, os.W_OK):
        raise PermissionError(f"no permission to write {path}")
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        tables = "select 1 from sqlite_master where name = 'experiments'"
        if connection.execute(tables).fetchone() is None:
            return None
        query = "select experiment_id, lifecycle_stage from experiments where name = ?"
        found = connection.execute(query, (name,)).fetchone()
    return str(found[0]) if found and found[1] == "deleted" else None


def deleted(uri: str, name: str, identity: str) -> Issue:
    """Say that an experiment was deleted, and how it is restored."""
    command = in_shell([*mlflow(), "experiments", "restore", "--experiment-id", identity])
    store = shlex.quote(masked(uri))
    hint = f"take another name, or restore it: MLFLOW_TRACKING_URI={store} {command}"
    return Issue("experiment", name, "was deleted in the MLflow store", hint)


def ui_command(uri: str) -> str:
    """Give the shell command that serves a database's pages, for the directory of the start.

    It is quoted for the shell, a password in it as ``***``; empty for a server, which needs none.
    """
    if is_server(uri):
        return ""
    return in_shell([*mlflow(), "ui", "--backend-store-uri", masked(uri)])


def page_address(uri: str) -> str:
    """Say where a store's pages are: on the server, or where ``ui_command`` serves them.

    Empty for a hosted service whose pages are not at its URI.
    """
    if WEB.match(uri):
        # who opens it is asked for name and password
        return masked(re.sub(r"://[^/@]*@", "://", uri)).rstrip("/")
    return "" if is_server(uri) else UI_ADDRESS


def mlflow() -> list[str]:
    """Name the MLflow of this interpreter so that the shell finds it."""
    program = shutil.which("mlflow")
    found = program is not None and Path(program).parent == Path(sys.executable).parent
    return ["mlflow"] if found else [sys.executable, "-m", "mlflow"]


def in_shell(words: Sequence[str]) -> str:
    """Write a command for the system's shell."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
