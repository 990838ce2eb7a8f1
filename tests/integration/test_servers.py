"""Runs on real MLflow servers over PostgreSQL, read back by SQL and plain HTTP."""

import base64
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import nnrun as package
from nnrun.errors import InputError
from nnrun.sync import send
from nnrun.tracking.client import Tracker
from nnrun.tracking.entities import Artifact, SweepRun
from nnrun.tracking.errors import TrackingError
from tests.conftest import slowness
from tests.integration import servers
from tests.integration.conftest import QUICK, CommandLine, reads_mlflow
from tests.integration.faulty import Fault, Faulty
from tests.integration.servers import MlflowServer, Postgres
from tests.integration.test_tracking import bands, setting

pytestmark = [pytest.mark.slow, reads_mlflow]

postgres, mlflow_server = servers.postgres, servers.mlflow_server
guarded_server = servers.guarded_server

WHO = {"nnrun.sweep": "s1", "nnrun.sweep_id": "id1"}


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


@pytest.fixture
def log_in(guarded_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", guarded_server.user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", guarded_server.password)


@pytest.fixture
def faulty(mlflow_server: MlflowServer) -> Iterator[Faulty]:
    with Faulty(mlflow_server.uri) as proxy:
        yield proxy


def stored(postgres: Postgres, server: MlflowServer, run: str, table: str) -> dict[str, str]:
    query = f"select key, value from {table} where run_uuid = %s"
    return dict(postgres.rows(query, run, database=server.database))


def statuses(postgres: Postgres, server: MlflowServer, name: str) -> list[str]:
    """List the runs of a name that are not deleted."""
    query = "select status from runs where name = %s and lifecycle_stage = 'active'"
    return [status for (status,) in postgres.rows(query, name, database=server.database)]


def download(server: MlflowServer, experiment: str, run: str, path: str) -> bytes:
    place = f"{experiment}/{run}/artifacts/{path}"
    request = urllib.request.Request(f"{server.uri}/api/2.0/mlflow-artifacts/artifacts/{place}")
    if server.user:
        words = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {words}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def files(folder: Path) -> list[Artifact]:
    """Write a report, a file without content, and a folder."""
    (folder / "report.html").write_text("<p>verdict</p>", encoding="utf-8")
    (folder / "empty.csv").touch()
    (folder / "figures").mkdir()
    (folder / "figures" / "curve.bin").write_bytes(bytes(range(256)) * 1000)
    return [Artifact(folder / name) for name in ("report.html", "empty.csv", "figures")]


def arrives_whole(postgres: Postgres, server: MlflowServer, uri: str, folder: Path) -> None:
    """Log a setting and a sweep, and look for all of it behind the server."""
    tracker, kept = Tracker(uri, "whole"), files(folder)
    run = tracker.log_setting(
        setting(
            params={"optimizer.lr": 0.1, "features": "x*y"},
            bands=bands([4, 40], q25=[0.2, 0.1], median=[0.3, 0.2], q75=[0.5, 0.4]),
            summary={"success_rate": 0.75},
            tags=WHO,
            artifacts=kept,
        )
    )
    about = postgres.rows(
        "select name, status, experiment_id from runs where run_uuid = %s",
        run,
        database=server.database,
    )
    ((name, status, experiment),) = about
    assert (name, status) == ("lr=0.1", "FINISHED")
    assert stored(postgres, server, run, "params") == {"optimizer.lr": "0.1", "features": "x*y"}
    tags = stored(postgres, server, run, "tags")
    assert {**WHO, "nnrun.kind": "setting", "nnrun.setting": "a1"}.items() <= tags.items()
    logged = "select key, step, value from metrics where run_uuid = %s order by key, step"
    assert postgres.rows(logged, run, database=server.database) == [
        ("success_rate", 0, 0.75),
        ("test_loss/median", 4, 0.3),
        ("test_loss/median", 40, 0.2),
        ("test_loss/q25", 4, 0.2),
        ("test_loss/q25", 40, 0.1),
        ("test_loss/q75", 4, 0.5),
        ("test_loss/q75", 40, 0.4),
    ]
    sweep = tracker.log_sweep(
        SweepRun("sweep", "**lr=0.1** wins", {**WHO, "nnrun.total.settings": "1"}, kept)
    )
    tags = stored(postgres, server, sweep, "tags")
    assert (tags["nnrun.kind"], tags["mlflow.note.content"]) == ("sweep", "**lr=0.1** wins")
    for identity in (run, sweep):
        for path in ("report.html", "empty.csv", "figures/curve.bin"):
            wanted = (folder / path).read_bytes()
            assert download(server, str(experiment), identity, path) == wanted


def test_runs_arrive_whole(postgres: Postgres, mlflow_server: MlflowServer, tmp_path: Path) -> None:
    arrives_whole(postgres, mlflow_server, mlflow_server.uri, tmp_path)


def test_a_proxy_that_does_nothing_changes_nothing(
    postgres: Postgres, mlflow_server: MlflowServer, faulty: Faulty, tmp_path: Path
) -> None:
    arrives_whole(postgres, mlflow_server, faulty.uri, tmp_path)
    assert len(faulty.requests("runs/create")) == 2


@pytest.mark.usefixtures("log_in")
def test_runs_arrive_whole_behind_a_password(
    postgres: Postgres, guarded_server: MlflowServer, tmp_path: Path
) -> None:
    arrives_whole(postgres, guarded_server, guarded_server.uri, tmp_path)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        download(guarded_server._replace(user=""), "1", "none", "report.html")


@pytest.mark.parametrize("user", ["", "admin"])
def test_a_wrong_password_or_none_is_refused_at_once(
    guarded_server: MlflowServer, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    if user:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not-this-one")
    began = time.monotonic()
    with pytest.raises((InputError, TrackingError)) as caught:
        Tracker(guarded_server.uri, "closed")
    told = str(caught.value)
    assert "401" in told or "authenticated" in told
    assert "not-this-one" not in told
    assert "\n" not in told
    assert time.monotonic() - began < 5 * slowness()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_answers_errors_is_known_at_opening(faulty: Faulty, status: int) -> None:
    faulty.spoil(Fault("status", status))
    began = time.monotonic()
    with pytest.raises((InputError, TrackingError), match=str(status)):
        Tracker(faulty.uri, "errors")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", 503, times=1),
        Fault("status", 429, times=1),
        Fault("before", times=1),
        Fault("after", times=1),
        Fault("delay", 1.0, times=1),
    ],
    ids=["503", "429", "dropped", "answer lost", "late"],
)
@pytest.mark.parametrize("path", ["runs/create", "runs/log-batch"])
def test_one_fault_costs_nothing_and_doubles_nothing(
    postgres: Postgres, mlflow_server: MlflowServer, faulty: Faulty, fault: Fault, path: str
) -> None:
    name = f"{fault.kind} {fault.value} {path}"
    tracker = Tracker(faulty.uri, "faults")
    faulty.spoil(Fault(fault.kind, fault.value, path, fault.times))
    tags = {"nnrun.sweep_id": name}
    run = tracker.log_setting(setting(name=name, params={"lr": 0.1}, tags=tags))
    assert statuses(postgres, mlflow_server, name) == ["FINISHED"]
    assert stored(postgres, mlflow_server, run, "params") == {"lr": "0.1"}
    logged = "select count(*), count(distinct (key, step)) from metrics where run_uuid = %s"
    assert postgres.rows(logged, run, database=mlflow_server.database) == [(9, 9)]


def test_a_lasting_error_is_told_and_leaves_no_run_as_running(
    postgres: Postgres, mlflow_server: MlflowServer, faulty: Faulty
) -> None:
    tracker = Tracker(faulty.uri, "faults")
    faulty.spoil(Fault("status", 500, "runs/log-batch"))
    with pytest.raises(TrackingError, match="500"):
        tracker.log_setting(setting(name="half", tags={"nnrun.sweep_id": "half"}))
    assert statuses(postgres, mlflow_server, "half") == ["FAILED"]


def test_a_server_that_comes_back_takes_runs_again(
    postgres: Postgres, mlflow_server: MlflowServer, faulty: Faulty
) -> None:
    tracker = Tracker(faulty.uri, "faults")
    faulty.refuse()
    with pytest.raises(TrackingError, match="refused"):
        tracker.log_setting(setting(name="back", tags={"nnrun.sweep_id": "back"}))
    faulty.heal()
    tracker.log_setting(setting(name="back", tags={"nnrun.sweep_id": "back"}))
    assert statuses(postgres, mlflow_server, "back") == ["FINISHED"]


FILES = "mlflow-artifacts/artifacts"
ONCE = [
    Fault("status", 503, FILES, times=1),
    Fault("before", path=FILES, times=1),
    Fault("after", path=FILES, times=1),
    Fault("delay", 1.0, FILES, times=1),
]


@pytest.mark.parametrize("fault", ONCE, ids=["503", "dropped", "answer lost", "late"])
def test_a_file_that_is_not_taken_at_once_arrives_whole(
    postgres: Postgres, mlflow_server: MlflowServer, faulty: Faulty, fault: Fault, tmp_path: Path
) -> None:
    faulty.spoil(replace(fault))
    arrives_whole(postgres, mlflow_server, faulty.uri, tmp_path)


def test_files_that_no_server_keeps_leave_no_run_as_running(
    postgres: Postgres, mlflow_server: MlflowServer, faulty: Faulty, tmp_path: Path
) -> None:
    tracker = Tracker(faulty.uri, "faults")
    faulty.spoil(Fault("status", 500, FILES))
    with pytest.raises(TrackingError, match="500"):
        tracker.log_setting(setting(name="fileless", artifacts=files(tmp_path)))
    assert statuses(postgres, mlflow_server, "fileless") == ["FAILED"]


LASTING = [
    Fault("before", skip=20),
    Fault("after", skip=20),
    Fault("status", 500, "runs/log-batch", skip=2),
    Fault("status", 503, FILES, skip=4),
]


@pytest.mark.parametrize("fault", LASTING, ids=["vanishes", "deaf", "full", "files"])
def test_a_sweep_that_a_failing_server_took_in_part_is_sent_later_exactly_once(
    postgres: Postgres,
    mlflow_server: MlflowServer,
    faulty: Faulty,
    nnrun: CommandLine,
    fault: Fault,
) -> None:
    faulty.spoil(replace(fault))
    done = nnrun("-m", "lr=0.1,0.2,0.3", *QUICK, "report=off", f"tracking.uri={faulty.uri}")
    (sweep,) = nnrun.outputs("sweeps")
    assert len(package.load(sweep).summary) == 3
    assert done.stderr.count("no more runs are sent") == 1
    assert package.load(sweep).sweep.tracking["not_logged"]
    faulty.heal()
    query = """
        select k.value, r.name, r.status, count(f.key) from runs r
        join tags s on s.run_uuid = r.run_uuid and s.key = 'nnrun.sweep_id' and s.value = %s
        join tags k on k.run_uuid = r.run_uuid and k.key = 'nnrun.kind'
        left join params f on f.run_uuid = r.run_uuid and f.key = 'lr'
        where r.lifecycle_stage = 'active' group by r.run_uuid, k.value order by 1, 2
    """
    identity = package.load(sweep).sweep.tracking["id"]
    for _ in range(2):
        told = send(sweep, faulty.uri)
        assert (told["error"], told["not_logged"]) == (None, [])
        assert postgres.rows(query, identity, database=mlflow_server.database) == [
            *(("setting", f"lr={rate}", "FINISHED", 1) for rate in (0.1, 0.2, 0.3)),
            ("sweep", f"sweep {sweep.name}", "FINISHED", 0),
        ]
    run = next(iter(told["settings"].values()))
    query = "select experiment_id from runs where run_uuid = %s"
    ((experiment,),) = postgres.rows(query, run, database=mlflow_server.database)
    record = download(mlflow_server, str(experiment), run, "record.npz")
    assert record in [path.read_bytes() for path in sweep.glob("*/record.npz")]
