"""Stores that vanish, fill up or are held, and sweeps that are killed and continued."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from nnrun import load
from nnrun.config.settings import Tracking
from nnrun.records.sweep import Sweep, SweepJob
from nnrun.results.tabulate import tabulate
from nnrun.tracking import client as tracker
from nnrun.tracking import errors
from nnrun.tracking.client import Tracker
from nnrun.tracking.errors import TrackingError
from nnrun.tracking.mirror import SEEDS, Mirror
from tests.conftest import slowness
from tests.integration.conftest import QUICK, CommandLine, reads_mlflow
from tests.integration.servers import await_answer
from tests.integration.test_tracking import (
    DATABASE,
    clear_environment,
    pairs,
    python,
    rows,
    setting,
)
from tests.records import a_record, described, on_disk

RECORDS = [a_record(f"s{i}", lr=0.1 * (i + 1)) for i in range(30)]
JOBS = [SweepJob(number, [], f"s{number}") for number in (1, 2)]
FACTS = described({record.setting: record.meta["config"] for record in RECORDS})
ACTIVE = """
    select t.value, r.status from runs r join tags t on t.run_uuid = r.run_uuid
    where t.key = 'nnrun.setting' and r.lifecycle_stage = 'active' order by t.value
"""


def opened(go_on: bool = False, **tracking: Any) -> Mirror:
    runs = Mirror.open(Tracking(**tracking), "xor", "sweep 1", {"command": "nnrun"}, go_on=go_on)
    assert runs is not None
    runs._opened.exception(60)  # until it is open, or not to be opened
    return runs


def logged(runs: Mirror, records: list[Any] = RECORDS) -> None:
    for record in records:
        runs.add_setting([on_disk(record)], FACTS, record.setting)


def settle(runs: Mirror) -> None:
    """Wait until what was added is logged."""
    assert runs._queue.wait(60)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pragma() -> Iterator[list[str]]:
    """Statements that every connection executes when it is taken into use."""
    statements: list[str] = []

    def checked_out(connection: sqlite3.Connection, *_: object) -> None:
        for statement in statements:
            connection.execute(statement)

    event.listen(Pool, "checkout", checked_out)
    yield statements
    event.remove(Pool, "checkout", checked_out)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Let MLflow wait a fifth of a second for a lock, not twenty."""

    def shortened(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return statement.replace("busy_timeout = 20000", "busy_timeout = 200"), parameters

    event.listen(Engine, "before_cursor_execute", shortened, retval=True)
    yield
    event.remove(Engine, "before_cursor_execute", shortened)


# --- a store that fails in mid-sweep


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA query_only = ON", "attempt to write a readonly database"),
        ("PRAGMA max_page_count = 1", "database or disk is full"),
    ],
)
def test_a_database_that_takes_no_more_costs_no_result(
    here: Path,
    pragma: list[str],
    statement: str,
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    runs = opened()
    logged(runs, RECORDS[:2])
    settle(runs)
    pragma.append(statement)
    began = time.monotonic()
    logged(runs, RECORDS[2:])
    runs.close()
    assert time.monotonic() - began < 10
    facts = runs.facts
    assert len(facts["settings"]) + len(facts["not_logged"]) == len(RECORDS)
    assert len(facts["not_logged"]) >= 1
    assert said in facts["error"]
    assert "settings are not in MLflow: python -m nnrun.sync sends" in facts["error"]
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 1, told
    assert said in told[0]
    assert "; no more runs are sent" in told[0]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_deleted_database_is_noticed_though_writing_goes_on(here: Path, replaced: bool) -> None:
    runs = opened()
    logged(runs, RECORDS[:3])
    settle(runs)
    copy = DATABASE.read_bytes()
    for path in DATABASE.parent.glob("mlflow.db*"):
        path.unlink()
    if replaced:
        DATABASE.with_name("other").write_bytes(copy)
        DATABASE.with_name("other").rename(DATABASE)
    logged(runs, RECORDS[3:])
    runs.close()
    assert runs.facts["settings"] == {}
    assert sorted(runs.facts["not_logged"]) == sorted(record.setting for record in RECORDS)
    assert ("was replaced" if replaced else "was deleted") in runs.facts["error"]
    assert DATABASE.exists() == replaced


def test_a_lock_that_is_held_for_long_is_given_up(
    here: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "PAUSES", (0.2,))
    runs = opened()
    holder = sqlite3.connect(DATABASE, isolation_level=None)
    holder.execute("begin immediate")
    began = time.monotonic()
    logged(runs)
    runs.close()
    took = time.monotonic() - began
    holder.execute("rollback")
    holder.close()
    assert took < 5 * slowness()
    assert runs.facts["settings"] == {}
    assert "database is locked" in runs.facts["error"]
    assert rows("select count(*) from runs") == [(0,)]


def test_a_lock_that_is_released_soon_costs_nothing(
    here: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "PAUSES", (0.2,) * 50)
    runs = opened()
    holder = sqlite3.connect(DATABASE, isolation_level=None)
    logged(runs)
    for _ in range(3):
        holder.execute("begin immediate")
        time.sleep(0.5)
        holder.execute("rollback")
    holder.close()
    runs.close()
    assert runs.facts["error"] is None
    assert rows(ACTIVE) == sorted((record.setting, "FINISHED") for record in RECORDS)


def test_a_killed_server_costs_one_time_out(here: Path) -> None:
    process, uri = start_server(here)
    try:
        runs = opened(uri=uri)
        logged(runs, RECORDS[:2])
        settle(runs)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        stop_group(process)
        began = time.monotonic()
        logged(runs, RECORDS[2:])
        runs.close()
        assert time.monotonic() - began < 30
        assert sorted(runs.facts["settings"]) == ["s0", "s1"]
        assert len(runs.facts["not_logged"]) == len(RECORDS) - 2
        assert "refused" in runs.facts["error"]
    finally:
        stop_group(process)


@pytest.mark.slow
@reads_mlflow
def test_a_server_killed_in_mid_sweep_costs_no_result(nnrun: CommandLine) -> None:
    process, uri = start_server(nnrun.folder)
    rates = ",".join(f"{0.01 * (i + 1):.2f}" for i in range(40))
    try:
        overrides = (f"lr={rates}", "budget=3000", "seeds=3", f"tracking.uri={uri}")
        command = nnrun.start("-m", *overrides)
        served = nnrun.folder / "served.db"
        await_that(lambda: rows("select 1 from runs", database=served) != [])
        stop_group(process)
        out, err = command.communicate(timeout=300)
        assert command.returncode == 0, out + err
    finally:
        stop_group(process)
    (sweep,) = nnrun.outputs("sweeps")
    results = load(sweep)
    assert len(results.summary) == 40
    told = results.sweep.tracking
    assert len(told["settings"]) + len(told["not_logged"]) == 40
    assert told["not_logged"]
    assert told["sweep"] is None
    assert (sweep / "report.html").is_file()
    assert err.count("no more runs are sent") == 1
    assert "sends what is missing" in out


# --- going on with a sweep


def test_going_on_keeps_what_is_finished_and_nothing_else(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "PAGE", 2)
    first = opened()
    logged(first, RECORDS[:4])
    first.add_sweep(*whole(RECORDS[:4], "interrupted", here), here)
    first.close()
    assert rows("select status from runs where run_uuid = ?", first.facts["sweep"]) == [("KILLED",)]
    kept = dict(first.facts["settings"])
    store = Tracker(Tracking().uri, "xor")
    tags = {"nnrun.sweep_id": "sweep 1", SEEDS: "0-2"}
    double = store.log_setting(setting(setting="s1", tags=tags))
    failed = store.log_setting(setting(setting="s4", tags=tags, failed=True))
    other = store.log_setting(setting(setting="s1", tags={"nnrun.sweep": "sweep 2"}))
    edit("update runs set status = 'RUNNING', end_time = null where run_uuid = ?", kept.pop("s3"))

    second = opened(go_on=True)
    logged(second, RECORDS[:6])
    second.add_sweep(*whole(RECORDS[:6], "complete", here), here)
    second.close()
    after = second.facts["settings"]
    assert {key: after[key] for key in ("s0", "s2")} == {key: kept[key] for key in ("s0", "s2")}
    assert after["s1"] in (kept["s1"], double)
    deleted = {run for (run,) in rows("select run_uuid from runs where lifecycle_stage='deleted'")}
    assert {failed, first.facts["sweep"]} < deleted
    assert other not in deleted
    assert rows(ACTIVE) == sorted([("s1", "FINISHED"), *((f"s{i}", "FINISHED") for i in range(6))])
    active = "select count(*) from runs where lifecycle_stage = 'active' and name like 'sweep%'"
    assert rows(active) == [(1,)]


def test_going_on_with_other_seeds_replaces_the_run(here: Path) -> None:
    first = opened(trials=True)
    logged(first, RECORDS[:2])
    first.close()
    second = opened(go_on=True, trials=True)
    logged(second, [RECORDS[0], a_record("s1", lr=0.2, seeds=range(8))])
    second.close()
    kinds = """
        select s.value, k.value, count(*) from runs r
        join tags k on k.run_uuid = r.run_uuid and k.key = 'nnrun.kind'
        join tags s on s.run_uuid = r.run_uuid and s.key = 'nnrun.setting'
        where r.lifecycle_stage = 'active' and r.status = 'FINISHED' group by 1, 2 order by 1, 2
    """
    trials = len(RECORDS[0].seeds)
    expected = [("setting", 1, 1), ("trial", trials, 8)]
    assert rows(kinds) == [
        (key, kind, both[i]) for i, key in enumerate(("s0", "s1")) for kind, *both in expected
    ]
    assert second.facts["settings"]["s0"] == first.facts["settings"]["s0"]
    run = second.facts["settings"]["s1"]
    assert pairs("latest_metrics", run)["seeds"] == 8.0
    assert pairs("tags", run)[SEEDS] == "0-7"


def test_names_with_quotes_are_found_again(here: Path) -> None:
    name = 'o\'clock "x"'
    for _ in range(2):
        runs = Mirror.open(Tracking(), "xor", name, {"command": "c"}, go_on=True)
        assert runs is not None
        logged(runs, RECORDS[:2])
        runs.close()
    assert rows("select count(*) from runs") == [(2,)]


CHILD = """
    import os, sys
    os.chdir(sys.argv[1])
    from tests.integration.test_tracking_faults import RECORDS, logged, opened
    runs = opened(go_on=True)
    print("ready", flush=True)
    logged(runs)
    {end}
"""


@pytest.mark.slow
def test_killed_at_any_moment_a_sweep_goes_on_without_doubles(here: Path) -> None:
    for more in (1, 6, 11):
        child = python(CHILD.format(end="runs.close()"), str(here))
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        before = rows("select count(*) from runs")[0][0]
        await_that(lambda: rows("select count(*) from runs")[0][0] >= before + more)  # noqa: B023
        child.kill()
        child.communicate(timeout=60)
    assert rows("select count(*) from runs where lifecycle_stage = 'active'")[0][0] < len(RECORDS)
    runs = opened(go_on=True)
    logged(runs)
    runs.close()
    assert runs.facts["error"] is None
    assert rows(ACTIVE) == sorted((record.setting, "FINISHED") for record in RECORDS)
    # three metrics with three quantiles at three evaluations, and the share that has arrived
    points = "select count(*) from metrics where run_uuid = ? and key like '%/%' and step > 0"
    assert {rows(points, run)[0] for run in runs.facts["settings"].values()} == {(30,)}
    assert rows("pragma integrity_check") == [("ok",)]


@pytest.mark.slow
def test_a_process_that_ends_in_mid_sweep_leaves_no_run_running(here: Path) -> None:
    child = python(CHILD.format(end="sys.exit(3)"), str(here))
    child.communicate(timeout=60)
    assert child.returncode == 3
    found = rows("select status, count(*) from runs group by status")
    assert [status for status, _ in found] in ([], ["FINISHED"])
    assert sum(count for _, count in found) < len(RECORDS)  # type: ignore[misc]


def test_a_store_that_cannot_be_tidied_gets_no_doubles(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().close()

    def fail(*_: object) -> None:
        raise TrackingError("MLflow refused to delete the run")

    Tracker(Tracking().uri, "xor").log_setting(
        setting(setting="s0", tags={"nnrun.sweep_id": "sweep 1"}, failed=True)
    )
    monkeypatch.setattr(Tracker, "delete", fail)
    runs = opened(go_on=True)
    logged(runs, RECORDS[:2])
    runs.close()
    assert rows("select count(*) from runs") == [(1,)]
    assert runs.facts["not_logged"] == ["s0", "s1"]
    assert "MLflow refused to delete the run; 2 of 2 settings" in runs.facts["error"]


# --- helpers


def whole(records: list[Any], status: str, folder: Path) -> tuple[Sweep, Any]:
    """Make what sweep.json says of a sweep of some records, and its tables."""
    facts = described({record.setting: record.meta["config"] for record in records})
    facts = replace(facts, jobs=JOBS, command="nnrun -m", status=status, target={})
    return facts, tabulate([[record] for record in records], facts, folder)


def edit(statement: str, *values: object) -> None:
    connection = sqlite3.connect(DATABASE)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def await_that(holds: Callable[[], bool]) -> None:
    for _ in range(6000):
        try:
            if holds():
                return
        except sqlite3.OperationalError:  # not created yet
            pass
        time.sleep(0.01)
    raise AssertionError("did not happen within a minute")


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start an MLflow server in a process group of its own."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{folder / 'served.db'}"]
    process = subprocess.Popen(
        [*command, *store],
        cwd=folder,
        env=clear_environment() | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    uri = f"http://127.0.0.1:{port}"
    try:
        await_answer(f"{uri}/health", process)
    except BaseException:
        stop_group(process)
        raise
    return process, uri


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a server with the workers that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(30)


HALF_MADE = """
    import os, signal, sys
    os.chdir(sys.argv[1])
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "after_cursor_execute")
    def end_after(connection, cursor, statement, *rest):
        if sys.argv[2] in statement:
            os.kill(os.getpid(), signal.SIGKILL)

    from tests.integration.test_tracking_faults import opened
    opened()
"""


@pytest.mark.parametrize("last", ["CREATE TABLE", "creation_time", "INSERT INTO experiments"])
def test_a_database_is_made_whole_or_not_at_all(
    here: Path, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NNRUN_TEST_SCHEMA")
    child = python(HALF_MADE, str(here), last)
    _, told = child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL, told
    runs = opened()
    logged(runs, RECORDS[:2])
    runs.close()
    assert rows("select count(*) from runs") == [(2,)]
    assert not [path for path in here.rglob("mlflow.db*") if "draft" in path.name]


def held(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file below a folder, and of those within archives."""
    for path in filter(Path.is_file, folder.rglob("*")):
        yield str(path), path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from ((f"{path}: {name}", archive.read(name)) for name in archive.namelist())


@pytest.mark.parametrize(
    "sweep",
    [[], ["-m", "lr=0.1,0.2"], ["-m", "lr=0.1,0.2", "hydra/sweeper=basic", "hydra/launcher=basic"]],
)
def test_a_password_is_in_no_file_and_in_no_line(nnrun: CommandLine, sweep: list[str]) -> None:
    address = 'tracking.uri="http://me:p@ss s3cr3tZq7@127.0.0.1:9?token=s3cr3tZq7"'
    done = nnrun(*sweep, address, "tracking.wait=0.5", *QUICK, "report=off")
    assert "s3cr3tZq7" not in done.stdout + done.stderr
    found = dict(held(nnrun.folder))
    assert any(name.endswith("record.npz: meta.npy") for name in found)
    assert any(name.endswith("hydra.yaml") for name in found)
    assert not [name for name, content in found.items() if b"s3cr3tZq7" in content]
    assert b"http://me:***@127.0.0.1:9?token=***" in b"".join(found.values())


def test_a_sweep_that_is_killed_leaves_no_password(nnrun: CommandLine) -> None:
    kill = "import os\nfrom nnrun.hydra_ext import invoke\ninvoke.finish_all = lambda: os._exit(9)"
    words = ["-m", "lr=0.1,0.2", "hydra/sweeper=basic", "hydra/launcher=basic", *QUICK]
    address = 'tracking.uri="http://me:s3cr3tZq7@127.0.0.1:9"'
    nnrun(*words, address, "report=off", patch=kill, code=9)
    found = dict(held(nnrun.folder))
    assert any(name.endswith("multirun.yaml") for name in found)
    assert not [name for name, content in found.items() if b"s3cr3tZq7" in content]
