"""Which stores count as the user's own where only a sweep's folder names them."""

import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

import nnrun
from nnrun.config.settings import Tracking
from nnrun.errors import InputError
from nnrun.layout import own_store
from nnrun.tracking.address import require_files_beside, require_own_host

DEFAULT = Tracking().uri


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A sweep of a project that is not the working directory; neither has a store yet."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    here, sweep = tmp_path / "here", tmp_path / "there" / "outputs" / "sweeps" / "one"
    here.mkdir()
    sweep.mkdir(parents=True)
    monkeypatch.chdir(here)
    return sweep


def a_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:9",
        "https://me:***@host/mlflow",
        "databricks",
        "postgresql+psycopg2://host/db",
        "sqlite:////etc/mlflow.db",
        "sqlite:///../here.db",
        "sqlite:///sub/mlflow.db",
        "sqlite:///nowhere.db",
        "sqlite:///here.db?mode=ro",
        "file:///etc",
        "/etc",
        "",
    ],
)
def test_what_only_a_folder_names_is_refused(uri, folder):
    for path in (Path("../here.db"), Path("sub/mlflow.db"), Path("here.db")):
        a_file(path)
    with pytest.raises(InputError, match=r"is named by the sweep's folder alone.*--uri"):
        own_store(uri, folder, DEFAULT)


def test_the_store_of_the_environment_is_taken_with_its_own_password(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:geheim@host:5000/")
    for named in ("http://me:***@host:5000/", "http://host:5000", "http://other:x@host:5000"):
        assert own_store(named, folder, DEFAULT) == "http://me:geheim@host:5000/"
    for named in ("http://host:5001", "http://host", "http://me:***@host:5000@evil", DEFAULT + "x"):
        with pytest.raises(InputError, match="is named by the sweep's folder alone"):
            own_store(named, folder, DEFAULT)


def test_the_default_file_is_looked_for_above_the_folder_then_where_one_works(folder):
    here = Path("outputs/mlflow.db").absolute()
    assert own_store(DEFAULT, folder, DEFAULT) == f"sqlite:///{here}"
    there = a_file(folder.parents[1] / "mlflow.db")
    assert own_store(DEFAULT, folder, DEFAULT) == f"sqlite:///{there}"
    there.unlink()
    there.symlink_to(a_file(folder.parents[3] / "elsewhere.db"))
    assert own_store(DEFAULT, folder, DEFAULT) == f"sqlite:///{here}"


def test_a_file_in_the_working_directory_is_ones_own(folder):
    path = a_file(Path("m.db"))
    assert own_store("sqlite:///m.db", folder, DEFAULT) == f"sqlite:///{path.absolute()}"


@pytest.mark.parametrize(
    ("place", "fine"),
    [
        ("file://{home}/mlartifacts", True),
        ("{home}/mlartifacts", True),
        ("file:///home/me/.ssh", False),
        ("file://{home}/../elsewhere", False),
        ("file://host/{home}", False),
        ("file://{home}/linked", False),
        ("/home/me", False),
        ("s3://bucket", False),
        ("http://127.0.0.1:9/x", False),
    ],
)
@pytest.mark.parametrize("of", ["experiment", "run"])
def test_a_database_does_not_say_where_files_go(place, fine, of, folder):
    store = folder.parents[1] / "mlflow.db"
    home = store.parent
    (home / "linked").symlink_to("/etc")
    place, usual = place.format(home=home), f"file://{home}/mlartifacts"
    with sqlite3.connect(store) as connection:
        connection.execute("create table experiments (experiment_id, name, artifact_location)")
        connection.execute("create table runs (experiment_id, artifact_uri)")
        values = (1, "nnrun", place if of == "experiment" else usual)
        connection.execute("insert into experiments values (?, ?, ?)", values)
        connection.execute("insert into runs values (?, ?)", (1, usual if of != "run" else place))
    connection.close()
    uri = f"sqlite:///{store}"
    require_files_beside(uri, "another")
    if fine:
        require_files_beside(uri, "nnrun")
        return
    said = f"has the files of the experiment 'nnrun' elsewhere: {place} (if that is yours: --uri"
    with pytest.raises(InputError, match=re.escape(said)):
        require_files_beside(uri, "nnrun")


@pytest.mark.parametrize(
    ("place", "fine"),
    [
        ("mlflow-artifacts:/1/x", True),
        ("mlflow-artifacts://host:5000/1/x", True),
        ("http://host:5000/api/2.0/mlflow-artifacts/artifacts/1", True),
        ("https://files.example/1", True),
        ("s3://bucket/1", True),
        ("file:///home/me", True),
        ("/home/me", True),
        ("http://host:5001/1", False),
        ("http://evil/1", False),
        ("HTTPS://host:5000@evil/1", False),
        ("mlflow-artifacts://evil:5000/1", False),
    ],
)
def test_no_password_goes_to_a_host_that_a_store_names(place, fine, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    named = ("http://me:geheim@host:5000", "https://files.example/all", None)
    if fine:
        require_own_host(place, *named)
        return
    with pytest.raises(InputError, match="nobody named this host"):
        require_own_host(place, *named)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
    require_own_host(place)


def test_tables_are_not_fetched_from_a_host_that_a_database_names(folder, monkeypatch):
    class Client:
        """A store whose run has its files elsewhere; nothing else is asked of it."""

    run = SimpleNamespace(info=SimpleNamespace(artifact_uri="http://127.0.0.1:9/x", run_id="r"))
    monkeypatch.setattr("nnrun.tracking.read.connect", lambda uri, scratch: Client())
    monkeypatch.setattr("nnrun.tracking.read._found", lambda client, uri, named: run)
    with pytest.raises(InputError, match=r"artifacts=http://127\.0\.0\.1:9/x: is where the store"):
        nnrun.load("mlflow:nnrun")
