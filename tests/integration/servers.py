"""Real servers for tests: PostgreSQL, MLflow over it, and MLflow behind a password.

A test module takes a fixture by giving it its name: ``postgres = servers.postgres``. Each is
started once a module, where it is first asked for.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

OWNER = "nnrun"


@dataclass(frozen=True)
class Postgres:
    """A running cluster that listens on a socket in a folder of its own, and nowhere else."""

    folder: Path

    def uri(self, database: str) -> str:
        # with the driver: which one a bare postgresql:// means depends on SQLAlchemy's release
        return f"postgresql+psycopg2://{OWNER}@/{database}?host={self.folder}"

    def create(self, database: str) -> str:
        """Create a database and return its URI."""
        self.execute(f'create database "{database}"', database="postgres")
        return self.uri(database)

    def rows(self, query: str, *values: object, database: str) -> list[tuple[Any, ...]]:
        """Ask by plain SQL, with ``%s`` in the place of values."""
        import psycopg2

        connection = psycopg2.connect(host=str(self.folder), user=OWNER, dbname=database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def execute(self, statement: str, *, database: str) -> None:
        """Execute a statement outside any transaction."""
        import psycopg2

        connection = psycopg2.connect(host=str(self.folder), user=OWNER, dbname=database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


class MlflowServer(NamedTuple):
    """A server that answers.

    Attributes:
        uri: Of the server, without a password.
        database: Its name in the cluster.
        user: Who may use it; empty for everybody.
        password: Likewise.
    """

    uri: str
    database: str
    user: str = ""
    password: str = ""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Run a cluster of our own; skip where PostgreSQL or its driver is not installed."""
    if importlib.util.find_spec("psycopg2") is None:
        pytest.skip("needs psycopg2")
    programs, become = _programs(), _unprivileged()
    # the parents of pytest's own folders are closed to the account that the cluster runs under,
    # and a socket's path may have about a hundred characters
    folder = Path(tempfile.mkdtemp(prefix="nnrun-pg-"))
    try:
        if become:
            os.chown(folder, become.pw_uid, become.pw_gid)
        with _cluster(programs, folder, become):
            yield Postgres(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def mlflow_server(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """Run ``mlflow server`` over PostgreSQL; files go through it into a folder."""
    folder = tmp_path_factory.mktemp("mlflow_server")
    with _mlflow(folder, postgres.create("open")) as uri:
        yield MlflowServer(uri, "open")


@pytest.fixture(scope="module")
def guarded_server(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """Run the same behind MLflow's basic authentication."""
    if importlib.util.find_spec("flask_wtf") is None:
        pytest.skip("needs mlflow[auth]")
    folder = tmp_path_factory.mktemp("guarded_server")
    user, password = "admin", secrets.token_urlsafe(16)
    (folder / "auth.ini").write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder}/auth.db\n"
        f"admin_username = {user}\n"
        f"admin_password = {password}\n",
        encoding="utf-8",
    )
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
    }
    store = postgres.create("guarded")
    with _mlflow(folder, store, ["--app-name", "basic-auth"], environment) as uri:
        yield MlflowServer(uri, "guarded", user, password)


def _programs() -> Path:
    """Find the folder of PostgreSQL's programs: Debian keeps them off the path."""
    found = shutil.which("pg_ctl")
    homes = [Path(found).resolve().parent] if found else []
    homes += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for home in homes:
        if all((home / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
            return home
    pytest.skip("needs PostgreSQL")


def _unprivileged() -> pwd.struct_passwd | None:
    """Choose whom to become: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL needs an account besides root")


@contextmanager
def _cluster(programs: Path, folder: Path, become: pwd.struct_passwd | None) -> Iterator[None]:
    account = {"user": become.pw_uid, "group": become.pw_gid, "extra_groups": []} if become else {}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}

    def run(program: str, *words: str) -> None:
        # to a file: the server would keep a pipe open and this call waiting
        with (folder / "log").open("w+") as log:
            command = [str(programs / program), "-D", str(folder / "data"), *words]
            done = subprocess.run(
                command,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=kept | {"LC_ALL": "C"},
                timeout=60,
                **account,  # type: ignore[call-overload]
            )
            log.seek(0)
            assert done.returncode == 0, log.read()

    trust = ("-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync")
    run("initdb", *trust)
    fast = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    run("pg_ctl", "start", "-w", "-o", f"-k {folder} -c listen_addresses='' {fast}")
    try:
        yield
    finally:
        run("pg_ctl", "stop", "-w", "-m", "immediate")


@contextmanager
def _mlflow(
    folder: Path,
    store: str,
    words: Sequence[str] = (),
    environment: dict[str, str] | None = None,
) -> Iterator[str]:
    """Run a server on a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    # a child that ends even if the tests are killed
    command = [
        sys.executable,
        "-m",
        "nnrun.tracking.server",
        "server",
        "--port",
        port,
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(folder / "files")]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PYTEST"))}
    kept |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *words],
            cwd=folder,
            env=kept | {"PYTHONPATH": os.pathsep.join(sys.path)} | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            await_answer(f"http://127.0.0.1:{port}/health", process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def await_answer(address: str, process: subprocess.Popen[bytes], log: Path | None = None) -> None:
    """Wait for a server that was started to answer, as long as it may take on a busy machine."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    told = log.read_text(errors="replace")[-3000:] if log else ""
    raise AssertionError(f"{address} does not answer:\n{told}")
