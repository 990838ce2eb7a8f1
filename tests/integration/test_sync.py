"""Sending later what a store did not take, exactly once; and reading sweeps back from a store."""

import json
import os
from dataclasses import replace
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nnrun as package
from nnrun import sync as sync_command
from nnrun.config.read import read
from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue
from nnrun.launch.choices import Choices
from nnrun.launch.finish import rebuild
from nnrun.plot.style import LINE_STYLES
from nnrun.records.record import Record
from nnrun.results.tabulate import judged
from nnrun.sync import main, pending, send
from tests.documented import read_document
from tests.forked import SERVER
from tests.integration.conftest import QUICK, CommandLine, ended, reads_mlflow
from tests.integration.test_every_entry import USUAL, job_of, train_into
from tests.integration.test_tracking import clear_environment, rows
from tests.integration.test_tracking_faults import start_server, stop_group
from tests.records import changed
from tests.unit.test_validate import config

SWEEP = ("-m", "lr=0.1,0.3", *QUICK, "report=off")
AWAY = "http://127.0.0.1:9"
"""Nobody listens on the port of the discard service."""

STORE = "sqlite:///m.db"

RUNS = """
    select coalesce(s.value, ''), r.status from runs r join tags k on k.run_uuid = r.run_uuid
    left join tags s on s.run_uuid = r.run_uuid and s.key = 'nnrun.setting'
    where k.key = 'nnrun.kind' and k.value = ? and r.lifecycle_stage = 'active' order by 1
"""


def sync(nnrun: CommandLine, *words: str, code: int = 0) -> str:
    how = {"cwd": nnrun.folder, "env": clear_environment()}
    done = ended(SERVER.start(*words, module="nnrun.sync", **how), code)
    return done.stdout + done.stderr


def tracking(sweep: Path) -> dict[str, object]:
    return json.loads((sweep / "sweep.json").read_text())["tracking"]


@reads_mlflow
def test_a_sweep_that_no_server_took_is_sent_later_exactly_once(nnrun: CommandLine) -> None:
    done = nnrun(*SWEEP, f"tracking.uri={AWAY}")
    assert f"the MLflow server at {AWAY} cannot be used now" in done.stderr
    assert f"python -m nnrun.sync --uri {AWAY} sends what is missing" in done.stdout
    (sweep,) = nnrun.outputs("sweeps")
    assert len(tracking(sweep)["not_logged"]) == 2  # type: ignore[arg-type]
    refused = sync(nnrun, code=2)
    assert (
        f"error: store={AWAY}: is named by the sweep's folder alone, which may be a stranger's (if "
        f"you know it: --uri {AWAY}, or name it by MLFLOW_TRACKING_URI)\n"
    ) == refused
    refused = sync(nnrun, "--uri", AWAY, code=1)
    assert refused.count("cannot be used now") == 1
    assert "training goes on" not in refused

    process, uri = start_server(nnrun.folder)
    try:
        served = nnrun.folder / "served.db"
        for _ in range(2):
            assert f"2 settings and its own run are in {uri}" in sync(
                nnrun, str(sweep), "--uri", uri
            )
            found = rows(RUNS, "setting", database=served)
            assert found == sorted((key, "FINISHED") for key in tracking(sweep)["settings"])  # type: ignore[attr-defined]
            assert rows(RUNS, "sweep", database=served) == [("", "FINISHED")]
    finally:
        stop_group(process)
    told = tracking(sweep)
    assert (told["error"], told["not_logged"], told["uri"]) == (None, [], uri)
    # another store that takes nothing does not make it forget the one that has it
    how = {"cwd": nnrun.folder, "env": clear_environment()}
    words = (str(sweep), "nowhere", "--uri", AWAY, "--json")
    found = read_document(ended(SERVER.start(*words, module="nnrun.sync", **how), 2).stdout)
    assert [one["status"] for one in found["sent"]] == ["failed", "bad_input"]
    assert "cannot be used now" in found["sent"][0]["error"]["message"]
    assert found["sent"][1]["error"]["issues"][0]["rule"] == "is no folder"
    assert tracking(sweep) == told
    assert "nothing to send" in sync(nnrun)


@reads_mlflow
def test_a_password_is_kept_nowhere_and_found_again(nnrun: CommandLine) -> None:
    process, uri = start_server(nnrun.folder)
    secret = uri.replace("://", "://me:geheim@")
    served = nnrun.folder / "served.db"
    try:
        for name, sent in (("nnrun", 2), ("basic", 4)):
            sweep, own = nnrun.folder / name, [f"hydra/launcher={name}", f"hydra/sweeper={name}"]
            nnrun(*SWEEP, *own, f"hydra.sweep.dir={name}", f"tracking.uri={secret}")
            assert len(rows(RUNS, "setting", database=served)) == sent
            hydras_own = {".hydra", "multirun.yaml"}
            for path in (path for path in sweep.rglob("*") if path.is_file()):
                if hydras_own.isdisjoint(path.relative_to(sweep).parts):
                    assert b"geheim" not in path.read_bytes(), path
            assert tracking(sweep)["uri"] == uri.replace("://", "://me:***@")
            tags = rows("select value from tags", database=served)
            assert not any("geheim" in str(value) for (value,) in tags)
            refused = sync(nnrun, str(sweep), code=2)
            assert "is named by the sweep's folder alone" in refused
            assert "are in http" in sync(nnrun, str(sweep), "--uri", secret)
            assert len(rows(RUNS, "setting", database=served)) == sent
    finally:
        stop_group(process)


@reads_mlflow
def test_what_was_deleted_from_the_store_is_sent_again_and_no_more(
    nnrun: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nnrun(*SWEEP)
    (sweep,) = nnrun.outputs("sweeps")
    first, second = tracking(sweep)["settings"].values()  # type: ignore[attr-defined]
    database = nnrun.folder / "outputs" / "mlflow.db"
    _edit(database, "update runs set lifecycle_stage = 'deleted' where run_uuid = ?", second)
    assert "nothing to send" in sync(nnrun)
    # from anywhere: the store is the one that the sweep was logged to
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    sync(CommandLine(elsewhere), str(sweep))
    assert not list(elsewhere.iterdir())
    assert tracking(sweep)["uri"] == "sqlite:///outputs/mlflow.db"
    after = list(tracking(sweep)["settings"].values())  # type: ignore[attr-defined]
    assert after[0] == first
    assert after[1] != second
    assert len(rows(RUNS, "setting", database=database)) == 2
    assert len(rows(RUNS, "sweep", database=database)) == 1


def test_a_sweep_without_tracking_can_be_sent_to_any_store(nnrun: CommandLine) -> None:
    nnrun(*SWEEP, "tracking=off")
    (sweep,) = nnrun.outputs("sweeps")
    assert "nothing to send" in sync(nnrun)
    sync(nnrun, str(sweep), "--uri", "sqlite:///other.db")
    assert len(rows(RUNS, "setting", database=nnrun.folder / "other.db")) == 2


@reads_mlflow
@pytest.mark.parametrize("logged_before", [False, True])
def test_what_a_report_says_by_another_target_is_what_mlflow_says_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged_before: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    jobs, folder, uri = [job_of("data", name) for name in ("xor", "moons")], Path("sweep"), STORE
    train_into(jobs, folder)
    if logged_before:
        assert send(folder, uri)["settings"].keys() == {job.setting.id for job in jobs}
        assert_as_in_the_folder(folder)
        assert pending([folder]) == []
    rebuild([folder], Choices(target="test_loss:0.2:1"))
    assert pending([folder]) == ([folder] if logged_before else [])
    registering = replace(Tracking(uri=uri), register="best")
    monkeypatch.setattr(sync_command, "_tracking", lambda *_: registering)
    told = send(folder, uri)
    assert (told["error"], told["not_logged"], told["model"]) == (None, [], "models:/best/1")
    assert_as_in_the_folder(folder)
    target = "select distinct value from params p join runs r on r.run_uuid = p.run_uuid "
    target += "where key = 'target.value' and lifecycle_stage = 'active'"
    assert rows(target, database=Path("m.db")) == [("0.2",)]
    assert pending([folder]) == []


@reads_mlflow
def test_of_thirty_models_the_best_is_registered_though_it_is_not_the_soonest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient, pyfunc

    monkeypatch.chdir(tmp_path)
    folder, target = Path("sweep"), {"metric": "test_loss", "value": 0.5, "hold": 1}

    def contrived(record: Record, number: int) -> Record:
        """Losses at the end rise with the number; the 26th is the soonest, and does not stay."""
        losses = np.full_like(record.trials.curves.test_loss, 0.9)
        losses[0, 0 if number == 25 else 2] = 0.4
        losses[0, -1] = 0.1 + number * 0.02
        accuracies = np.full_like(losses, 0.9 if number == 7 else 0.6)
        curves = record.trials.curves._replace(test_loss=losses, accuracy=accuracies)
        return judged(changed(record, curves=curves))

    usual = {**USUAL, "target": target, "seeds": 1}
    jobs = [read(config(**usual, lr=(number + 1) / 100)) for number in range(30)]
    train_into(jobs, folder, contrived)
    (soonest,) = package.load(folder).summary.nsmallest(1, "rmst")["label"]
    assert soonest == "lr=0.26"
    for by, number, below in (
        ("final_test_loss", 0, "false"),
        ("time", 25, "true"),
        ("final_accuracy", 7, "false"),
    ):
        registering = Tracking(uri=STORE, models="off", register=by, register_by=by)
        monkeypatch.setattr(sync_command, "_tracking", lambda *_, to=registering: to)
        for _ in range(1 + (by == "time")):  # the second finds it there
            told = send(folder, STORE)
            assert (told["error"], told["model"]) == (None, f"models:/{by}/1")
        assert ("missed its declared target" in told.get("warning", "")) == (below == "true")
        (version,) = MlflowClient(STORE).search_model_versions(f"name = '{by}'")
        tags, about = version.tags, str(version.description)
        assert tags["setting"] == f"lr={(number + 1) / 100:g}"
        assert (tags["below_target"], tags["chosen_by"]) == (below, by)
        assert float(tags["final_test_loss"]) == pytest.approx(0.1 + number * 0.02)
        assert about.startswith("**Warning:** the network missed") == (below == "true")
        assert f"**{tags['setting']}**, of 30 settings the best" in about
        assert f"- final test loss: {0.1 + number * 0.02:.3f}" in about
        assert "Data: xor, samples drawn as needed for training, 1,024 held out" in about
        assert f"/runs/{version.run_id})" in about
        found = pyfunc.load_model(version.source).predict(pd.DataFrame({"x": [0.2], "y": [0.9]}))
        trained = package.load_network(folder / str(number))
        assert found["label"].tolist() == trained.predict([[0.2, 0.9]])[0].tolist()


@reads_mlflow
def test_a_second_sync_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train_into([job_of("data", name) for name in ("xor", "moons")], Path("sweep"))
    told = send(Path("sweep"), STORE)
    before = everything(Path("m.db"))
    for method in ("create_run", "log_batch", "set_tag", "delete_run", "set_experiment_tag"):
        monkeypatch.setattr(f"mlflow.MlflowClient.{method}", None)
    assert send(Path("sweep"), STORE) == told
    assert everything(Path("m.db")) == before


def everything(database: Path) -> dict[str, list[object]]:
    tables = [name for (name,) in rows("select name from sqlite_master where type = 'table'",
                                       database=database)]  # fmt: skip
    return {str(name): list(rows(f"select * from {name}", database=database)) for name in tables}


def assert_as_in_the_folder(sweep: Path) -> None:
    """Compare names, colours and figures in m.db with the summary of a sweep's folder."""
    found = package.load(sweep)
    runs = tracking(sweep)["settings"]
    database = Path("m.db")
    assert rows(RUNS, "setting", database=database) == [
        (setting, "FINISHED") for setting in sorted(found.summary["setting"])
    ]
    assert rows(RUNS, "sweep", database=database) == [("", "FINISHED")]
    for place, row in enumerate(found.summary.to_dict("records")):
        run = runs[row["setting"]]  # type: ignore[index]
        tags, metrics = (
            dict(rows(f"select key, value from {table} where run_uuid = ?", run, database=database))
            for table in ("tags", "latest_metrics")
        )
        assert tags["mlflow.runName"] == row["label"]
        assert rows("select name from runs where run_uuid = ?", run, database=database) == [
            (row["label"],)
        ]
        assert tags["mlflow.runColor"] == LINE_STYLES[place].color
        assert f"restricted mean {row['rmst']:,.0f} samples" in str(tags["mlflow.note.content"])
        for key in ("rmst", "rmst_low", "rmst_high", "success_rate", "reached", "seeds"):
            if isfinite(row[key]):
                assert metrics[key] == pytest.approx(row[key], rel=1e-12), key
            else:
                assert key not in metrics


@reads_mlflow
def test_a_sweep_that_was_killed_before_its_tables_is_sent_once_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train_into([job_of("data", "xor"), job_of("data", "gate")], Path("sweep"))
    kept = {path.name for path in Path("sweep").iterdir() if path.is_file()}
    for name in kept:
        (Path("sweep") / name).unlink()
    told = r"sweep: was not finished \(first make its tables: python -m nnrun\.report sweep\)"
    with pytest.raises(InputError, match=told):
        send(Path("sweep"))
    assert [path.name for path in Path("sweep").iterdir() if path.is_file()] == []
    rebuild([Path("sweep")])
    told = send(Path("sweep"))
    assert (told["error"], len(told["settings"])) == (None, 2)
    assert told["uri"] == "sqlite:///outputs/mlflow.db"


def test_a_folder_that_cannot_be_sent_does_not_keep_others_from_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def mirrored(folder: Path, uri: str, modules: None) -> dict[str, object]:
        if folder.name == "bad":
            raise InputError(Issue("path", folder, "is being written by another process"))
        return {"error": None, "settings": {"a": "b"}, "uri": "m.db"}

    monkeypatch.setattr(sync_command, "send", mirrored)
    assert main(["bad", "good"]) == 2
    out, err = capsys.readouterr()
    assert err == "error: path=bad: is being written by another process\n"
    assert out == "good: 1 setting and its own run are in m.db\n"


@pytest.mark.parametrize("named", ["nowhere", "."])
def test_what_is_no_sweep_is_refused(nnrun: CommandLine, named: str) -> None:
    told = sync(nnrun, named, code=2)
    assert told.startswith("error: path=")
    assert list(nnrun.folder.glob(".*")) == []


@pytest.mark.slow
@reads_mlflow
def test_settings_and_trials_can_be_nested(nnrun: CommandLine) -> None:
    nnrun(*SWEEP, "tracking.nested=true", "tracking.trials=true")
    database = nnrun.folder / "outputs" / "mlflow.db"
    (sweep,) = nnrun.outputs("sweeps")
    told = tracking(sweep)
    parent = """select t.value, count(*) from tags t join tags k on k.run_uuid = t.run_uuid
        where t.key = 'mlflow.parentRunId' and k.key = 'nnrun.kind' and k.value = ? group by 1"""
    assert rows(parent, "setting", database=database) == [(told["sweep"], 2)]
    settings = told["settings"].values()  # type: ignore[attr-defined]
    assert sorted(rows(parent, "trial", database=database)) == sorted((run, 3) for run in settings)
    trial = """select r.name, m.value from runs r join latest_metrics m on m.run_uuid = r.run_uuid
        join tags k on k.run_uuid = r.run_uuid and k.key = 'mlflow.parentRunId'
        where m.key = 'final_test_loss' and k.value = ? order by 1"""
    key, run = next(iter(told["settings"].items()))  # type: ignore[attr-defined]
    trials = package.load(sweep).trials
    trials = trials[trials["setting"] == key].sort_values("seed")
    losses = zip(trials["seed"], trials["final_test_loss"], strict=True)
    expected = [(f"seed {seed}", loss) for seed, loss in losses]
    assert rows(trial, run, database=database) == expected
    sync(nnrun, str(sweep))
    assert tracking(sweep)["sweep"] == told["sweep"]
    assert len(rows(RUNS, "trial", database=database)) == 6


@reads_mlflow
def test_a_sweep_is_read_back_from_the_store(
    nnrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    nnrun(*SWEEP, "name=my/first")
    nnrun("-m", "lr=0.2,0.4", *QUICK, "report=off", "name=my/first")
    monkeypatch.chdir(nnrun.folder)
    older, newer = nnrun.outputs("sweeps")
    for folder, name in ((newer, "mlflow:my/first"), (older, f"mlflow:my/first/{older.name}")):
        here, there = package.load(folder), package.load(name)
        for table in ("trials", "curves", "summary"):
            pd.testing.assert_frame_equal(getattr(there, table), getattr(here, table))
        assert there.varying == here.varying
        assert there.sweep.command == here.sweep.command
    with pytest.raises(InputError, match=r"my/frist: is no experiment of .*did you mean 'm"):
        package.load("mlflow:my/frist")
    with pytest.raises(InputError, match=r"is no experiment of .*did you mean 'my/first'\?"):
        package.load(f"mlflow:my/frist/{older.name}")
    with pytest.raises(InputError, match=r"zzz/1: is no experiment of .*known: Default, my/first"):
        package.load("mlflow:zzz/1")
    one_id, other_id = (str(tracking(folder)["id"]) for folder in (older, newer))
    _edit(
        nnrun.folder / "outputs" / "mlflow.db",
        "update tags set value = ? where key = 'nnrun.sweep'",
        "twin",
    )
    with pytest.raises(InputError, match=rf"name of 2 sweeps .*first: {other_id}, {one_id}"):
        package.load("mlflow:my/first/twin")
    by_id = package.load(f"mlflow:my/first/{one_id}")
    assert by_id.sweep.command == package.load(older).sweep.command
    # a store of another user's, that may not be written
    store = nnrun.folder / "outputs" / "mlflow.db"
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != store and allowed(path, mode))
    pd.testing.assert_frame_equal(
        package.load("mlflow:my/first").trials, package.load(newer).trials
    )
    with pytest.raises(InputError, match=r"sweep=none: .*its newest: twin, twin"):
        package.load("mlflow:my/first/none")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///none.db")
    with pytest.raises(InputError, match=r"store=sqlite:///none\.db: is not there"):
        package.load("mlflow:my/first")


def _edit(database: Path, statement: str, *values: object) -> None:
    import sqlite3

    connection = sqlite3.connect(database)
    connection.execute(statement, values)
    connection.commit()
    connection.close()
