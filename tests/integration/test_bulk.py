"""Runs written past MLflow's client: the same rows as the client's own, in every table."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnrun.tracking import bulk as module
from nnrun.tracking.bulk import Bulk
from nnrun.tracking.entities import Artifact, Dataset, Line, SettingRun, SweepRun, TrialRun
from nnrun.tracking.tracker import Tracker
from tests.integration.test_tracking import bands, rows

LINE = Line(np.array([1, 10, 100]), np.array([0.0, 0.5, np.nan]))
DATA = {"source": {"data.name": "xor"}, "columns": {"inputs": ["x", "y"], "outputs": ["z"]}}
DIFFERENT = {
    "run_uuid", "dataset_uuid", "input_uuid", "source_id", "destination_id", "start_time",
    "end_time", "timestamp", "artifact_uri",
}  # fmt: skip
"""Columns with ids and times."""


def whole_run(tmp_path: Path) -> SettingRun:
    (tmp_path / "weights").write_bytes(b"123")
    return SettingRun(
        setting="a1",
        name="lr=0.1",
        params={"lr": 0.1, "x*y": [1], "long": "v" * 9000, "": "ü"},
        bands=bands([1, 10, 100], q25=[0.2, 0.1, np.inf]),
        summary={"rmst": 5.0, "gone": np.nan, "x*y": 1.0, "x_y": -2.0},
        tags={"nnrun.sweep_id": "s", "mlflow.user": "me"},
        lines={"success/so_far": LINE},
        description="**bold**",
        datasets=[
            Dataset("xor", "training", "d1", samples=None, **DATA),  # type: ignore[arg-type]
            Dataset("xor", "test", "d2", samples=9, **DATA),  # type: ignore[arg-type]
        ],
        texts={"config.yaml": "lr: 0.1"},
        artifacts=[Artifact(tmp_path / "weights", "seeds_0-1")],
        trials=[TrialRun(3, {"seed": 3}, {"accuracy": LINE}, {"final": 1.0}, "reached")],
    )


def contents(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a database holds, without ids and times."""
    connection = sqlite3.connect(database)
    names = [n for (n,) in connection.execute("select name from sqlite_master where type='table'")]
    found = {}
    for name in sorted(names):
        cursor = connection.execute(f'select * from "{name}"')
        columns = [about[0] for about in cursor.description]
        kept = [i for i, column in enumerate(columns) if column not in DIFFERENT]
        found[name] = sorted((tuple(row[i] for i in kept) for row in cursor), key=repr)
    connection.close()
    # ids of runs are in the tag of those that are below another
    found["tags"] = [row for row in found["tags"] if row[0] != "mlflow.parentRunId"]
    del found["experiments"]
    return found


def write(folder: Path, monkeypatch: pytest.MonkeyPatch, bulk: bool) -> dict[str, Any]:
    folder.mkdir()
    monkeypatch.chdir(folder)
    tracker = Tracker("sqlite:///m.db", "xor", bulk=bulk)
    assert isinstance(tracker._runs, Bulk) is bulk
    for failed in (False, True):
        run = whole_run(folder)
        tracker.log_setting(SettingRun(**{**vars(run), "failed": failed}))
    tracker.log_sweep(SweepRun("sweep", "Yes.", {"sweep/seeds": 2.0}, status="KILLED"))
    tracker.close()
    return contents(folder / "m.db")


@pytest.mark.parametrize("revision", sorted(module.REVISIONS))
def test_every_row_is_what_the_client_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    theirs = write(tmp_path / "client", monkeypatch, bulk=False)
    if theirs["alembic_version"] != [(revision,)]:
        pytest.skip(f"this MLflow has another schema than {revision}")
    ours = write(tmp_path / "bulk", monkeypatch, bulk=True)
    assert theirs.keys() == ours.keys()
    for table, expected in theirs.items():
        assert ours[table] == expected, table
    assert len(ours["runs"]) == 5
    files = {p.name for p in (tmp_path / "bulk" / "mlartifacts").rglob("*") if p.is_file()}
    assert files == {"config.yaml", "weights"}


def test_the_client_reads_the_run_and_adds_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tracker = Tracker("sqlite:///m.db", "xor")
    run = tracker.log_setting(whole_run(tmp_path))
    client = tracker._store.client
    found = client.get_run(run)
    assert found.data.metrics["test_loss/median"] == 0.01
    assert [i.dataset.digest for i in found.inputs.dataset_inputs] == ["d1", "d2"]
    assert [f.path for f in client.list_artifacts(run)] == ["config.yaml", "seeds_0-1"]
    history = client.get_metric_history(run, "success/so_far")
    assert [(m.step, m.value) for m in history] == [(1, 0.0), (10, 0.5)]
    client.log_metric(run, "rmst", 4.0, step=7)
    assert client.get_run(run).data.metrics["rmst"] == 4.0


def test_another_schema_is_left_to_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "REVISIONS", frozenset({"another"}))
    tracker = Tracker("sqlite:///m.db", "xor")
    assert not isinstance(tracker._runs, Bulk)
    tracker.log_setting(whole_run(tmp_path))
    assert rows("select count(*) from runs", database=tmp_path / "m.db") == [(2,)]
