"""Logging beside training, with stores that are made up."""

import threading
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue
from nnrun.records.record import Record, join_records
from nnrun.records.sweep import Sweep, SweepJob
from nnrun.results.tabulate import assemble, tabulate, trial_rows
from nnrun.tracking import mirror as module
from nnrun.tracking.entities import SettingRun, SweepRun, Update
from nnrun.tracking.errors import TrackingError
from nnrun.tracking.log_queue import LogQueue
from nnrun.tracking.mirror import Mirror
from nnrun.tracking.run_contents import setting_run, spans, updates
from nnrun.tracking.view import View
from tests.records import a_record, described, on_disk


class Store:
    """Takes runs, or raises what it is told to at a setting."""

    def __init__(self, **refusals: Exception) -> None:
        self.refusals = refusals
        self.taken: list[str] = []
        self.texts: dict[str, str] = {}
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def log_setting(self, run: SettingRun) -> str:
        self.begun.set()
        assert self.go.wait(20)
        if run.setting in self.refusals:
            raise self.refusals[run.setting]
        self.taken.append(run.setting)
        return f"run of {run.setting}"

    def log_sweep(self, run: SweepRun, into: str = "") -> str:
        self.taken.append(run.status)
        return "sweep"

    def update_setting(self, run: str, name: str, tags: Any, metrics: Any, texts: Any) -> None:
        self.taken.append(f"{run} is {name or 'as it was'}: {len(metrics)} figures")
        self.texts |= texts

    def delete(self, run: str) -> None:
        self.taken.append(f"deleted {run}")

    def save_view(self, sweep: str, view: View, name: str) -> str:
        return f"#view of {sweep}"

    def run_page(self, run: str) -> str:
        return f"#page of {run}"

    def describe(self, text: str) -> None:
        self.described = text

    def charts_url(self, sweep: str) -> str:
        return f"#charts of {sweep}"

    def begin_sweep(self, name: str, tags: dict[str, str]) -> str:
        return "whole"

    def abandon(self, run: str) -> None:
        self.taken.append(f"abandoned {run}")

    def close(self) -> None:
        self.taken.append("closed")


RECORDS = [a_record(f"s{i}", lr=0.1 * (i + 1)) for i in range(4)]
JOBS = [SweepJob(number, [], f"s{number}") for number in (1, 2)]
FACTS = described({record.setting: record.meta["config"] for record in RECORDS})


@pytest.fixture
def runs_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Mirror]:
    monkeypatch.chdir(tmp_path)

    def make(store: Store, **tracking: Any) -> Mirror:
        monkeypatch.setattr(module, "Tracker", lambda *_: store)
        runs = Mirror.open(Tracking(**tracking), "xor", "s", {"command": "nnrun -m lr=1,2"})
        assert runs is not None
        return runs

    return make


def add(runs: Mirror, *records: Record) -> None:
    for record in records:
        runs.add_setting([on_disk(record)], FACTS, record.setting)


def test_settings_are_logged_in_the_background_and_noted_by_the_end(
    runs_into: Callable[..., Mirror],
) -> None:
    store = Store()
    runs = runs_into(store)
    store.go.clear()
    add(runs, *RECORDS)
    assert runs.facts["settings"] == {}
    store.go.set()
    runs.close()
    assert store.taken == ["s0", "s1", "s2", "s3", "closed"]
    assert runs.facts["settings"] == {f"s{i}": f"run of s{i}" for i in range(4)}
    assert (runs.facts["not_logged"], runs.facts["error"]) == ([], None)


def test_a_sweep_that_is_not_finished_is_not_left_running(runs_into: Callable[..., Mirror]) -> None:
    store = Store()
    runs = runs_into(store, nested=True)
    add(runs, *RECORDS[:1])
    runs.close()
    assert store.taken == ["s0", "abandoned whole", "closed"]


def test_an_error_that_lasts_is_met_once_and_said_once(
    runs_into: Callable[..., Mirror], capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(s1=TrackingError("the store is gone"), s2=AssertionError("was asked again"))
    runs = runs_into(store)
    add(runs, *RECORDS)
    runs.close()
    assert store.taken == ["s0"]
    assert runs.facts["settings"] == {"s0": "run of s0"}
    assert sorted(runs.facts["not_logged"]) == ["s1", "s2", "s3"]
    said = "the store is gone; 3 of 4 settings are not in MLflow: python -m nnrun.sync sends what"
    assert runs.facts["error"] == f"{said} is missing"
    told = capsys.readouterr().err
    assert told.startswith("the store is gone; no more runs are sent")
    assert told.count("\n") == 1


def test_a_run_that_is_refused_by_itself_does_not_stop_the_others(
    runs_into: Callable[..., Mirror],
) -> None:
    store = Store(
        s1=TrackingError("a bad name", lasting=False), s2=ZeroDivisionError("a bug of ours")
    )
    runs = runs_into(store)
    add(runs, *RECORDS)
    runs.close()
    assert store.taken == ["s0", "s3", "closed"]
    assert runs.facts["not_logged"] == ["s1", "s2"]
    assert runs.facts["error"].startswith("a bad name; 2 of 4 settings")


def test_runs_that_were_lost_with_their_store_are_not_claimed(
    runs_into: Callable[..., Mirror],
) -> None:
    runs = runs_into(Store(s2=TrackingError("deleted", lost=True)))
    add(runs, *RECORDS[:3])
    runs.close()
    assert runs.facts["settings"] == {}
    assert sorted(runs.facts["not_logged"]) == ["s0", "s1", "s2"]


def test_a_setting_that_comes_again_is_logged_again_for_new_seeds_only(
    runs_into: Callable[..., Mirror],
) -> None:
    store = Store()
    runs = runs_into(store)
    add(runs, a_record("s0", lr=0.1, seeds=range(3)))
    add(runs, a_record("s0", lr=0.1, seeds=range(3)))
    add(runs, a_record("s0", lr=0.1, seeds=range(5)))
    runs.close()
    assert store.taken == ["s0", "deleted run of s0", "s0", "closed"]


def test_an_interrupt_while_waiting_drops_what_waits(
    runs_into: Callable[..., Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    runs = runs_into(store)
    store.go.clear()
    add(runs, *RECORDS)
    assert store.begun.wait(20)
    wait, waited = LogQueue.wait, []

    def interrupted(queue: LogQueue, seconds: float) -> bool:
        if not waited:
            waited.append(seconds)
            threading.Timer(0.1, store.go.set).start()
            raise KeyboardInterrupt
        return wait(queue, seconds)

    monkeypatch.setattr(LogQueue, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.close()
    assert store.taken == ["s0"]  # the one in hand is whole
    assert sorted(runs.facts["not_logged"]) == ["s1", "s2", "s3"]


@pytest.mark.parametrize("count", [1, 4])
def test_who_is_in_a_hurry_waits_for_nothing_and_notes_what_is_not_there(
    runs_into: Callable[..., Mirror], count: int
) -> None:
    store = Store()
    runs = runs_into(store)
    store.go.clear()
    add(runs, *RECORDS[:count])
    began = monotonic()
    runs.hurry(0.1)
    runs.close()
    assert monotonic() - began < 2
    assert store.taken == []  # nor was it closed: it is busy
    assert runs.facts["settings"] == {}
    assert sorted(runs.facts["not_logged"]) == [f"s{i}" for i in range(count)]
    told = f"{module.ENDED}; {count} of {count} settings are not in MLflow: {module.SYNC} sends"
    assert runs.facts["error"].startswith(told)
    store.go.set()


@pytest.mark.parametrize(
    ("seeds", "written"),
    [([[0]], "0"), ([[0, 1, 2], [2, 3]], "0-3"), ([[20], [0, 1], [7, 8]], "0-1,7-8,20")],
)
def test_seeds_are_written_as_spans(seeds: list[list[int]], written: str) -> None:
    assert spans([a_record("s0", seeds=s) for s in seeds]) == written


def test_a_run_says_what_its_trials_did() -> None:
    record = a_record("s0", lr=0.1, seeds=range(4), losses=[0.4, 0.1, 0.3, np.nan])
    facts = described(
        {"s0": record.meta["config"], "s1": {"optimizer.lr": 0.2, "data.name": "xor"}}
    )
    run = as_run(record, facts)
    assert list(run.params.items()) == [("optimizer.lr", "0.1"), ("data.name", "xor")]
    assert (run.summary["seeds"], run.summary["diverged"], run.summary["reached"]) == (4, 1, 3)
    last = run.bands[run.bands["metric"] == "test_loss"].iloc[-1]
    # of 0.1, 0.3, 0.4 and a diverged one, which counts as inf
    assert last["median"] == pytest.approx(0.35)
    assert last["q75"] == np.inf
    assert not run.failed


def test_a_setting_whose_trials_all_failed_is_a_failed_run() -> None:
    record = a_record("s0", lr=0.1, failed=True)
    facts = described({"s0": record.meta["config"]})
    run = as_run(record, facts)
    assert run.failed
    assert len(run.bands) == 0


def test_the_trials_of_a_run_are_a_table_that_pandas_reads() -> None:
    record = a_record("s0", lr=0.1, seeds=[3, 8], losses=[0.4, np.nan])
    facts = described(
        {"s0": record.meta["config"], "s1": {"optimizer.lr": 0.2, "data.name": "xor"}}
    )
    found = pd.read_csv(StringIO(as_run(record, facts).texts["trials.csv"]))
    expected = assemble([trial_rows(join_records([record]))], facts)
    assert found.columns.tolist() == expected.columns.tolist()
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def as_run(record: Record, facts: Sweep, **tracking: Any) -> SettingRun:
    tags = {"nnrun.sweep": "s", "nnrun.command": "nnrun -m lr=0.1,0.2"}
    about = next(one for one in facts.settings if one.id == record.setting)
    return setting_run([record], about, facts, tags, Tracking(**tracking))


def as_update(record: Record, folder: Path, facts: Sweep) -> Update:
    tags = {"nnrun.sweep": "s", "nnrun.command": "nnrun -m lr=0.1,0.2"}
    return updates(facts, tabulate([[record]], facts, folder), tags)[record.setting]


def test_a_run_tells_how_many_had_arrived_by_when(tmp_path: Path) -> None:
    record = a_record("s0", losses=[0.4, 0.1, 0.3, np.nan], seeds=range(4))
    times = np.array([10.0, 1000.0, 100.0, np.nan])
    record = replace(record, outcomes=record.outcomes._replace(samples_to_target=times))
    facts = described({"s0": record.meta["config"]})
    run, update = as_run(record, facts), as_update(record, tmp_path, facts)
    line = run.lines["success/so_far"]
    found = list(zip(line.samples.tolist(), line.values.tolist(), strict=True))
    assert found == [(10, 0.25), (100, 0.5), (1000, 0.75)]
    assert run.tags["nnrun.status"] == update.tags["nnrun.status"] == "3 reached, 1 diverged"
    told = update.tags["mlflow.note.content"]
    assert "3 of 4 seeds reached its target (75%, 95% interval 30% to 95%)" in told


def test_the_ladder_is_of_medians_and_inf_where_most_never_arrive(tmp_path: Path) -> None:
    record = a_record("s0", losses=[0.4, 0.1, 0.1])
    config = {**record.meta["config"], "target.metric": "accuracy", "target.value": 0.9}
    config["target.hold"] = 1
    record = replace(record, meta={**record.meta, "config": config})
    found = as_update(record, tmp_path, described({"s0": config})).metrics
    # two of three have an accuracy of 0.9, and a test loss of 0.1, at the last evaluation
    assert found["until_accuracy/0.9"] == 1000
    assert found["until_accuracy/0.95"] == np.inf
    assert found["until_test_loss/0.1"] == 1000
    assert found["until_test_loss/0.0316"] == np.inf


def test_trials_are_runs_of_their_own_where_they_are_wanted() -> None:
    record = a_record("s0", losses=[0.4, 0.1], seeds=[3, 8])
    facts = described({"s0": record.meta["config"], "s1": {"optimizer.lr": 0.2}})
    assert as_run(record, facts).trials == ()
    first, second = as_run(record, facts, trials=True).trials
    assert (first.seed, second.seed, second.status) == (3, 8, "reached")
    assert second.params == {"optimizer.lr": "0.1", "data.name": "xor", "seed": 8}
    assert second.lines["test_loss"].values.tolist() == [0.5, 0.5, 0.1]
    assert second.summary["samples_to_target"] == 1000


def test_the_end_sends_what_differs_once(runs_into: Callable[..., Mirror], tmp_path: Path) -> None:
    store = Store()
    runs = runs_into(store)
    # as under a sweeper that learns: what varies is not known by then
    early = described({RECORDS[0].setting: RECORDS[0].meta["config"]})
    runs.add_setting([on_disk(RECORDS[0])], early, "s0")
    add(runs, RECORDS[1])
    facts = described({record.setting: record.meta["config"] for record in RECORDS[:2]})
    facts = replace(facts, jobs=JOBS, command="nnrun -m", target={})
    found = tabulate([[record] for record in RECORDS[:2]], facts, tmp_path)
    for _ in range(2):
        runs.add_sweep(facts, found, tmp_path)
    runs.close()
    told = store.taken
    assert store.described.startswith("[Sweep s](#view of s)\n\nSweep s of 2 settings: [its run, ")
    assert "(#page of sweep)" in store.described
    assert told[:2] == ["s0", "s1"]
    assert told[2].startswith("run of s0 is lr=0.1: ")
    assert told[3].startswith("run of s1 is as it was: ")
    assert told[4:] == ["FINISHED", "closed"]
    assert set(pd.read_csv(StringIO(store.texts["trials.csv"]))["label"]) == {"lr=0.1"}
    kept = runs._kept["s0"].metrics
    assert {key: kept[key] for key in ("rmst", "success_rate")} == {
        key: found.summary[key][0] for key in ("rmst", "success_rate")
    }


def test_a_store_that_cannot_be_used_does_not_stop_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def refuse(*_: object) -> Store:
        raise InputError(Issue("tracking.uri", "sqlite:///m.db", "is out of date"))

    monkeypatch.setattr(module, "Tracker", refuse)
    runs = Mirror.open(Tracking(), "xor", "s", {"command": "c"})
    assert runs is not None
    add(runs, *RECORDS)
    runs.close()
    assert sorted(runs.facts["not_logged"]) == ["s0", "s1", "s2", "s3"]
    assert "sqlite:///m.db: is out of date; no more runs" in capsys.readouterr().err


@pytest.mark.parametrize("uri", ["sqlite:///m.db", "http://127.0.0.1:9"])
def test_an_mlflow_that_is_broken_does_not_stop_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.chdir(tmp_path)

    def broken(*_: object) -> Store:
        raise ImportError("cannot import name 'MlflowClient'")

    monkeypatch.setattr(module, "Tracker", broken)
    runs = Mirror.open(Tracking(uri=uri), "xor", "s", {"command": "c"})
    assert runs is not None
    add(runs, *RECORDS[:1])
    runs.close()
    assert "cannot import name 'MlflowClient'; 1 of 1 settings" in runs.facts["error"]


def test_what_a_server_refuses_at_once_is_said_before_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> Store:
        raise InputError(Issue("tracking.uri", "http://x", "is not yours"))

    monkeypatch.setattr(module, "Tracker", refuse)
    with pytest.raises(InputError, match="is not yours"):
        Mirror.open(Tracking(uri="http://x"), "xor", "s", {"command": "c"})


def test_a_slow_store_is_not_waited_for_without_end(runs_into: Callable[..., Mirror]) -> None:
    store = Store()
    runs = runs_into(store, wait=0.3)
    store.go.clear()
    add(runs, *RECORDS)
    assert store.begun.wait(20)
    threading.Timer(1.0, store.go.set).start()
    runs.close()
    assert store.taken == ["s0"]  # the one in hand is whole
    assert runs.facts["not_logged"] == ["s1", "s2", "s3"]
    assert "not done within tracking.wait=0.3 s; 3 of 4 settings" in runs.facts["error"]
