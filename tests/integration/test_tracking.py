"""Runs are read back from the database by plain SQL, not by the library that wrote them."""

import os
import shlex
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnrun.errors import InputError
from nnrun.tracking.client import Tracker
from nnrun.tracking.entities import (
    CURVE_POINTS,
    Artifact,
    Dataset,
    SettingRun,
    SweepRun,
    curve_points,
)
from nnrun.tracking.errors import TrackingError
from nnrun.tracking.view import View, version_of
from tests.forked import SERVER, Forked
from tests.integration.servers import await_answer

URI = "sqlite:///outputs/mlflow.db"
DATABASE = Path("outputs/mlflow.db")


def rows(query: str, *values: object, database: Path = DATABASE) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def pairs(table: str, run: str) -> dict[str, object]:
    return {str(k): v for k, v in rows(f"select key, value from {table} where run_uuid = ?", run)}


def bands(samples: list[int], metric: str = "test_loss", **columns: list[float]) -> pd.DataFrame:
    falling = [1.0 / s for s in samples]
    table = {"q25": falling, "median": falling, "q75": falling} | columns
    return pd.DataFrame({"metric": metric, "samples": samples} | table)


def setting(**changes: object) -> SettingRun:
    given = {"setting": "a1", "name": "lr=0.1", "params": {}, "bands": bands([1, 10, 100])}
    return SettingRun(**(given | changes))  # type: ignore[arg-type]


def python(code: str, *arguments: str) -> Forked:
    how = {"cwd": Path.cwd(), "env": clear_environment(), "warnings": "error"}
    return SERVER.start(*arguments, code=textwrap.dedent(code), **how)  # type: ignore[arg-type]


def clear_environment() -> dict[str, str]:
    """Take back what a tracker in this process has set: children start as a user's shell does."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PYTEST"))}
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    # what a server would do in the background costs seven more starts of Python
    return kept | paths | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold one store for all tests that only add to it: creating one takes a second."""
    return tmp_path_factory.mktemp("a home with spaces")


@pytest.fixture
def tracker(home: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    monkeypatch.chdir(home)
    return Tracker(URI, "xor")


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def refused(uri: str, experiment: str = "xor") -> str:
        with pytest.raises(InputError) as caught:
            Tracker(uri, experiment)
        return str(caught.value)

    return refused


def test_a_setting_becomes_one_ended_run_with_its_curves(tracker: Tracker) -> None:
    run = tracker.log_setting(
        setting(
            params={"optimizer.lr": 0.1, "network.hidden": [2, 1], "data.name": "xor"},
            bands=bands([4, 40], q25=[0.2, 0.1], median=[0.3, 0.2], q75=[0.5, 0.4]),
            summary={"success_rate": 0.75},
            tags={"nnrun.sweep": "s1", "mlflow.source.git.commit": "abc"},
        )
    )
    assert rows("select name, status from runs where run_uuid = ?", run) == [("lr=0.1", "FINISHED")]
    assert rows("select end_time >= start_time from runs where run_uuid = ?", run) == [(1,)]
    assert pairs("params", run) == {
        "optimizer.lr": "0.1",
        "network.hidden": "[2, 1]",
        "data.name": "xor",
    }
    tags = pairs("tags", run)
    assert tags["nnrun.kind"] == "setting"
    assert tags["nnrun.setting"] == "a1"
    assert tags["nnrun.sweep"] == "s1"
    assert tags["mlflow.source.git.commit"] == "abc"
    assert "mlflow.parentRunId" not in tags
    logged = rows("select key, step, value from metrics where run_uuid = ? order by key, step", run)
    assert logged == [
        ("success_rate", 0, 0.75),
        ("test_loss/median", 4, 0.3),
        ("test_loss/median", 40, 0.2),
        ("test_loss/q25", 4, 0.2),
        ("test_loss/q25", 40, 0.1),
        ("test_loss/q75", 4, 0.5),
        ("test_loss/q75", 40, 0.4),
    ]
    latest = rows("select value from latest_metrics where run_uuid=? and key='test_loss/q75'", run)
    assert latest == [(0.4,)]


def test_values_that_are_not_finite_are_left_out(tracker: Tracker) -> None:
    nan, inf = float("nan"), float("inf")
    table = bands([1, 2, 3], q25=[0.1, nan, nan], median=[0.2, inf, nan], q75=[0.3, 0.4, inf])
    summary = {"samples_median": nan, "ratio": inf, "success_rate": 0.0}
    run = tracker.log_setting(setting(bands=table, summary=summary))
    logged = rows("select key, step, value, is_nan from metrics where run_uuid=? order by key", run)
    assert sorted(logged) == [
        ("success_rate", 0, 0.0, 0),
        ("test_loss/median", 1, 0.2, 0),
        ("test_loss/q25", 1, 0.1, 0),
        ("test_loss/q75", 1, 0.3, 0),
        ("test_loss/q75", 2, 0.4, 0),
    ]


def test_a_run_lasts_as_long_as_its_training(tracker: Tracker) -> None:
    run = tracker.log_setting(setting(summary={"train_seconds": 12.5}))
    assert rows("select end_time - start_time from runs where run_uuid = ?", run) == [(12_500,)]


def test_failed_settings_are_marked(tracker: Tracker) -> None:
    run = tracker.log_setting(setting(bands=bands([]), failed=True))
    assert rows("select status from runs where run_uuid = ?", run) == [("FAILED",)]


def test_more_than_one_call_takes_is_logged_whole(tracker: Tracker) -> None:
    curves = pd.concat([bands(list(range(1, 51)), metric=f"m{i}") for i in range(10)])
    run = tracker.log_setting(setting(params={f"p{i}": i for i in range(250)}, bands=curves))
    assert len(pairs("params", run)) == 250
    assert rows("select count(*) from metrics where run_uuid = ?", run) == [(10 * 3 * 50,)]


def test_keys_and_values_mlflow_refuses_are_made_acceptable(tracker: Tracker) -> None:
    params = {
        "features.x*y": 1,
        "features.x_y": 2,
        "/absolute": 3,
        "a/../b//c": 4,
        "": 5,
        "k" * 300: 6,
        "long": "v" * 9000,
        "loss: ü": 7,
    }
    summary = {"x*y": 1.0, "x_y": 2.0}
    columns = {"inputs": [f"input number {i}" for i in range(20_000)], "outputs": ["z"]}
    data = Dataset("d" * 600, "training", "d1", {"data.path": "p" * 99_999}, columns, 9)
    given = {"params": params, "summary": summary, "tags": {"a*b": "t" * 9999}}
    run = tracker.log_setting(setting(**given, name="n" * 400, datasets=[data]))
    # a SQLite file takes a name of any length, PostgreSQL does not
    assert rows("select name from runs where run_uuid = ?", run) == [("n" * 247 + "...",)]
    (kept,) = rows("select name, dataset_schema from datasets where digest = 'd1'")
    assert kept == ("d" * 497 + "...", None)
    logged = pairs("params", run)
    assert {k: v for k, v in logged.items() if len(k) < 250 and k != "long"} == {
        "features.x_y": "1",
        "features.x_y_2": "2",
        "absolute": "3",
        "a/b/c": "4",
        "_": "5",
        "loss_ ü": "7",
        "k" * 245: "6",
    }
    assert logged["long"] == "v" * 5997 + "..."
    assert pairs("latest_metrics", run) | {"x_y": 1.0, "x_y_2": 2.0} == pairs("latest_metrics", run)
    assert str(pairs("tags", run)["a_b"]).endswith("t...")


def test_long_curves_are_thinned_evenly_on_a_log_axis() -> None:
    samples = np.unique(np.geomspace(10, 1e6, 2000).astype(int))
    kept = [p.samples for p in curve_points(bands(samples.tolist())) if p.key == "test_loss/median"]
    assert len(kept) <= CURVE_POINTS
    assert (kept[0], kept[-1]) == (10, 1_000_000)
    assert len([s for s in kept if s < 100]) == pytest.approx(len(kept) / 5, abs=2)
    assert len([s for s in kept if s >= 100_000]) == pytest.approx(len(kept) / 5, abs=2)


def test_of_large_sweeps_one_metric_keeps_its_quartiles() -> None:
    curves = pd.concat([bands([1, 2], metric=metric) for metric in ("accuracy", "test_loss")])
    kept = {point.key for point in curve_points(curves, quartiles_of="accuracy")}
    assert kept == {f"accuracy/{q}" for q in ("median", "q25", "q75")} | {"test_loss/median"}


def test_thinning_keeps_an_evaluation_before_training() -> None:
    points = list(curve_points(bands(list(range(1, 500)), median=[0.0] * 499)))
    kept = [p.samples for p in points if p.key == "test_loss/median"]
    assert kept == sorted(set(kept))
    zero = bands([1, *range(2, 500)]).assign(samples=range(499))
    assert next(curve_points(zero)).samples == 0


def test_the_sweep_is_a_run_of_its_own(tracker: Tracker, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<p>verdict</p>", encoding="utf-8")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "summary.csv").write_text("a,b", encoding="utf-8")
    run = tracker.log_sweep(
        SweepRun(
            "sweep of lr",
            description="**lr=0.8** wins",
            tags={"nnrun.sweep": "s1"},
            artifacts=[Artifact(tmp_path / "report.html"), Artifact(tmp_path / "tables")],
            status="KILLED",
        )
    )
    assert rows("select status from runs where run_uuid = ?", run) == [("KILLED",)]
    tags = pairs("tags", run)
    assert tags["nnrun.kind"] == "sweep"
    assert tags["mlflow.note.content"] == "**lr=0.8** wins"
    kept = Path("outputs/mlartifacts") / run / "artifacts"
    assert (kept / "report.html").read_text(encoding="utf-8") == "<p>verdict</p>"
    assert (kept / "tables" / "summary.csv").read_text(encoding="utf-8") == "a,b"


def test_the_experiment_says_what_its_newest_sweep_found_unless_its_owner_says_more(
    tracker: Tracker,
) -> None:
    def told() -> list[object]:
        query = "select value from experiment_tags where key = 'mlflow.note.content'"
        return [value for (value,) in rows(query)]

    for text in ("Yes: a converges sooner.", "No difference shown."):
        tracker.describe(text)
        assert told() == [text]
    tracker._client.set_experiment_tag(tracker._store.experiment, "mlflow.note.content", "Mine.")
    tracker.describe("Yes: b converges sooner.")
    assert told() == ["Mine."]


def test_a_run_that_breaks_off_is_not_left_running(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrackingError, match=r"refused the run 'lost': .*no\.html"):
        tracker.log_sweep(SweepRun("lost", artifacts=[Artifact(Path("no.html"))]))
    assert rows("select status from runs where name = 'lost'") == [("FAILED",)]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tracker, "_log", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tracker.log_setting(setting(name="stopped"))
    assert rows("select status from runs where name = 'stopped'") == [("KILLED",)]


def test_a_relative_store_stays_where_it_was_opened(
    tracker: Tracker, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").touch()
    run = tracker.log_setting(setting(artifacts=[Artifact(tmp_path / "a.txt")]))
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    store = home / DATABASE
    assert rows("select name from runs where run_uuid=?", run, database=store) == [("lr=0.1",)]
    assert (home / "outputs" / "mlartifacts" / run / "artifacts" / "a.txt").is_file()


def test_a_relative_path_in_another_folder_is_another_store(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = Tracker(URI, "xor").log_setting(setting())
    tracker.log_setting(setting())
    assert rows("select run_uuid from runs", database=tmp_path / DATABASE) == [(here,)]


def test_closing_leaves_everything_in_the_one_file(tracker: Tracker, tmp_path: Path) -> None:
    run = tracker.log_setting(setting())
    assert rows("pragma journal_mode") == [("wal",)]
    tracker.close()
    copy = tmp_path / "copy.db"
    copy.write_bytes(DATABASE.read_bytes())
    assert rows("select name from runs where run_uuid=?", run, database=copy) == [("lr=0.1",)]


def test_the_command_names_the_store_as_the_user_did(tracker: Tracker) -> None:
    words = shlex.split(tracker.ui_command())
    assert words[-3:] == ["ui", "--backend-store-uri", URI]
    assert "nnrun.sweep_id%60+%3D+%27s1%27" in tracker.charts_url("s1")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "must be an MLflow tracking URI"),
        ("sqlite:///:memory:", "must be sqlite:/// and the path of a file"),
        ("sqlite:///not_a_database.txt", "file is not a database"),
        ("sqlite:///not_a_database.txt/mlflow.db", "File exists"),
        ("teapot://host", "unsupported URI 'teapot://host'"),
        ("mysql+nodriver://user:secret@host/db", "nodriver"),
    ],
)
def test_bad_stores_are_refused_with_the_reason(
    refusal: Callable[..., str], uri: str, said: str
) -> None:
    Path("not_a_database.txt").write_text("plain text " * 99, encoding="utf-8")
    text = refusal(uri)
    assert text.startswith("tracking.uri=")
    assert said in text
    assert "secret" not in text
    assert text.endswith("(for instance sqlite:///outputs/mlflow.db, or tracking=off)")


@pytest.mark.parametrize(
    ("uri", "rule", "remedy"),
    [
        ("localhost:5000", "is no MLflow tracking URI", "did you mean http://localhost:5000?"),
        ("10.0.0.7:80/ml", "is no MLflow tracking URI", "did you mean http://10.0.0.7:80/ml?"),
        ("https:host:5000", "is no MLflow tracking URI", "did you mean https://host:5000?"),
        ("postgres://me:pw@h/d", "is no MLflow", "did you mean postgresql+psycopg2://me:***@h/d?"),
        ("outputs/m.db", "is no MLflow tracking URI", "did you mean sqlite:///outputs/m.db?"),
        ("/tmp/m.db", "is no MLflow tracking URI", "did you mean sqlite:////tmp/m.db?"),
        ("sqlite://m.db", "must be sqlite:/// and the path", "did you mean sqlite:///m.db?"),
        ("sqlite:m.db", "must be sqlite:/// and the path", "did you mean sqlite:///m.db?"),
        ("file:./mlruns", "keeps no runs", "set MLFLOW_ALLOW_FILE_STORE=true in the environment"),
        ("mlruns", "keeps no runs", "'mlflow migrate-filestore' brings a folder's runs into such"),
    ],
)
def test_the_likely_uri_is_named(
    refusal: Callable[..., str], uri: str, rule: str, remedy: str
) -> None:
    text = refusal(uri)
    assert rule in text
    assert remedy in text
    assert not list(Path().iterdir())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no file")
def test_a_database_where_no_file_can_be_made_is_refused_at_once(
    refusal: Callable[..., str],
) -> None:
    began = time.monotonic()
    assert "no file can be made in /proc (" in refusal("sqlite:////proc/mlflow.db")
    assert time.monotonic() - began < 5


def test_a_server_that_does_not_answer_is_given_up_soon() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(
        TrackingError, match=f"the MLflow server at {uri} cannot be used now: .*refus"
    ):
        Tracker(uri, "xor")
    assert time.monotonic() - began < 20


def test_a_deleted_experiment_is_refused_with_the_remedy(
    tracker: Tracker, home: Path, refusal: Callable[..., str]
) -> None:
    uri = f"sqlite:///{(home / DATABASE).as_posix()}"
    Tracker(uri, "gone")
    connection = sqlite3.connect(home / DATABASE)
    connection.execute("update experiments set lifecycle_stage = 'deleted' where name = 'gone'")
    connection.commit()
    number = connection.execute("select experiment_id from experiments where name='gone'")
    identity = number.fetchone()[0]
    connection.close()
    text = refusal(uri, "gone")
    assert text.startswith("experiment=gone: was deleted in the MLflow store (take another name")
    assert f"experiments restore --experiment-id {identity})" in text


def test_mlflow_is_imported_by_opening_a_store_only_and_says_nothing(tmp_path: Path) -> None:
    code = """
        import logging, os, sys
        logging.basicConfig(level=logging.INFO)
        from nnrun.tracking.entities import SweepRun
        from nnrun.tracking.client import Tracker
        assert not {"mlflow", "sqlalchemy", "pandas"} & set(sys.modules)
        os.chdir(sys.argv[1])
        tracker = Tracker("sqlite:///m.db", "xor")
        tracker.log_sweep(SweepRun("sweep"))
        tracker.close()
        from mlflow.telemetry.utils import is_telemetry_disabled
        assert is_telemetry_disabled()
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=clear_environment())
    assert (done.stdout, done.stderr) == ("", "")
    assert done.returncode == 0


def test_processes_may_create_the_store_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NNRUN_TEST_SCHEMA")
    code = """
        import os, sys, time
        import pandas
        from nnrun.tracking.entities import SettingRun
        from nnrun.tracking.client import Tracker
        os.chdir(sys.argv[1])
        print("ready", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.001)
        tracker = Tracker("sqlite:///outputs/mlflow.db", "xor")
        bands = pandas.DataFrame({"metric": "m", "samples": [1], "q25": 1.0, "median": 2.0,
                                  "q75": 3.0})
        for n in range(20):
            tracker.log_setting(SettingRun(str(n), "s", {}, bands))
        tracker.close()
    """
    processes = [python(code, str(tmp_path)) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * 3
    store = tmp_path / DATABASE
    assert rows("select count(*) from experiments where name = 'xor'", database=store) == [(1,)]
    assert rows("select status, count(*) from runs", database=store) == [("FINISHED", 60)]
    assert rows("select count(*) from metrics", database=store) == [(180,)]
    assert rows("pragma integrity_check", database=store) == [("ok",)]


@pytest.mark.slow
def test_the_command_serves_the_store_and_a_server_takes_runs(
    tracker: Tracker, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker.close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
    words = [*shlex.split(tracker.ui_command()), "--port", port, "--workers", "1"]
    log = (home / "ui.log").open("w")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    server = subprocess.Popen(
        words,
        cwd=home,
        env=clear_environment() | {"PATH": path},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        uri = f"http://127.0.0.1:{port}"
        await_answer(f"{uri}/health", server, home / "ui.log")
        remote = Tracker(uri, "xor")
        (home / "report.html").write_text("<p>verdict</p>", encoding="utf-8")
        run = remote.log_sweep(SweepRun("over http", artifacts=[Artifact(home / "report.html")]))
        assert remote.ui_command() == ""
        assert version_of(remote._store.version()) == version_of(version("mlflow"))
        view = View([["test_loss/median"]], ["lr"])
        with monkeypatch.context() as changed:
            changed.setattr("nnrun.tracking.view.KNOWN", ((3, 5), (3, 6)))
            assert remote.save_view("s1", view, "Sweep s1") == ""
        assert remote.save_view("s1", view, "Sweep s1").endswith("viewStateShareKey=s1")
        assert remote.charts_url("s1").startswith(f"{uri}/#/experiments/1/runs?")
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)
        log.close()
    assert rows("select name, status from runs where run_uuid=?", run) == [
        ("over http", "FINISHED")
    ]
