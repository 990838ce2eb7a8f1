"""Logging beside training, with stores that are made up."""

import threading
import time

import numpy as np
import pytest

from nnrun.pipeline.setting_run import setting_run, spans
from nnrun.pipeline.track import Runs
from nnrun.sweep.describe import describe
from nnrun.tracking import SettingRun, SweepRun, TrackingError, Writer
from tests.records import a_record


class Store:
    """Takes runs, or raises what it is told to at a setting."""

    def __init__(self, **refusals: Exception) -> None:
        self.refusals = refusals
        self.taken: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def log_setting(self, run: SettingRun) -> str:
        assert self.go.wait(20)
        if run.setting in self.refusals:
            raise self.refusals[run.setting]
        self.taken.append(run.setting)
        return f"run of {run.setting}"

    def log_sweep(self, run: SweepRun) -> str:
        self.taken.append(run.status)
        return "sweep"

    def delete(self, run: str) -> None:
        self.taken.append(f"deleted {run}")

    def close(self) -> None:
        self.taken.append("closed")


def runs_into(store: Store) -> Runs:
    facts = {"settings": {}, "not_logged": [], "sweep": None, "error": None}
    return Runs(store, facts, {"nnrun.sweep": "s"})  # type: ignore[arg-type]


RECORDS = [a_record(f"s{i}", lr=0.1 * (i + 1)) for i in range(4)]
FACTS = describe({record.setting: record.meta["config"] for record in RECORDS})


def test_settings_are_logged_in_the_background_and_noted_by_the_end() -> None:
    store = Store()
    runs = runs_into(store)
    store.go.clear()
    for record in RECORDS:
        runs.add_setting([record], FACTS)
    assert runs.facts["settings"] == {}
    store.go.set()
    runs.close()
    assert store.taken == ["s0", "s1", "s2", "s3", "closed"]
    assert runs.facts["settings"] == {f"s{i}": f"run of s{i}" for i in range(4)}
    assert (runs.facts["not_logged"], runs.facts["error"]) == ([], None)


def test_an_error_that_lasts_is_met_once_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(s1=TrackingError("the store is gone"), s2=AssertionError("was asked again"))
    runs = runs_into(store)
    for record in RECORDS:
        runs.add_setting([record], FACTS)
    runs.close()
    assert store.taken == ["s0"]
    assert runs.facts["settings"] == {"s0": "run of s0"}
    assert sorted(runs.facts["not_logged"]) == ["s1", "s2", "s3"]
    said = "the store is gone; 3 of 4 settings are not in MLflow, sweep.json lists them"
    assert runs.facts["error"] == said
    told = capsys.readouterr().err
    assert told == "the store is gone; no more runs are sent, training goes on\n"


def test_a_run_that_is_refused_by_itself_does_not_stop_the_others() -> None:
    store = Store(
        s1=TrackingError("a bad name", lasting=False), s2=ZeroDivisionError("a bug of ours")
    )
    runs = runs_into(store)
    for record in RECORDS:
        runs.add_setting([record], FACTS)
    runs.close()
    assert store.taken == ["s0", "s3", "closed"]
    assert runs.facts["not_logged"] == ["s1", "s2"]
    assert runs.facts["error"].startswith("a bad name; 2 of 4 settings")


def test_runs_that_were_lost_with_their_store_are_not_claimed() -> None:
    runs = runs_into(Store(s2=TrackingError("deleted", lost=True)))
    for record in RECORDS[:3]:
        runs.add_setting([record], FACTS)
    runs.close()
    assert runs.facts["settings"] == {}
    assert sorted(runs.facts["not_logged"]) == ["s0", "s1", "s2"]


def test_a_setting_that_comes_again_is_logged_again_for_new_seeds_only() -> None:
    store = Store()
    runs = runs_into(store)
    runs.add_setting([a_record("s0", lr=0.1, seeds=range(3))], FACTS)
    runs.add_setting([a_record("s0", lr=0.1, seeds=range(3))], FACTS)
    runs.add_setting([a_record("s0", lr=0.1, seeds=range(5))], FACTS)
    runs.close()
    assert store.taken == ["s0", "deleted run of s0", "s0", "closed"]


def test_an_interrupt_while_waiting_drops_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    runs = runs_into(store)
    store.go.clear()
    for record in RECORDS:
        runs.add_setting([record], FACTS)
    wait, waited = Writer.wait, []

    def interrupted(writer: Writer, seconds: float) -> bool:
        if not waited:
            waited.append(seconds)
            threading.Timer(0.1, store.go.set).start()
            raise KeyboardInterrupt
        return wait(writer, seconds)

    monkeypatch.setattr(Writer, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.close()
    assert store.taken == ["s0"]  # the one in hand is whole
    assert sorted(runs.facts["not_logged"]) == ["s1", "s2", "s3"]


def test_whoever_adds_to_a_full_queue_waits() -> None:
    writer, go = Writer(ahead=2), threading.Event()

    def log() -> str:
        assert go.wait(20)
        return "run"

    writer.add("a", log)
    while writer._waiting:  # until the thread has it in hand
        time.sleep(0.001)
    writer.add("b", log)
    writer.add("c", log)
    adder = threading.Thread(target=writer.add, args=("d", log))
    adder.start()
    adder.join(0.2)
    assert adder.is_alive()
    go.set()
    adder.join(20)
    assert writer.wait(20)
    writer.close()
    assert list(writer.finished()) == [(key, "run") for key in "abcd"]


@pytest.mark.parametrize(
    ("seeds", "written"),
    [([[0]], "0"), ([[0, 1, 2], [2, 3]], "0-3"), ([[20], [0, 1], [7, 8]], "0-1,7-8,20")],
)
def test_seeds_are_written_as_spans(seeds: list[list[int]], written: str) -> None:
    assert spans([a_record("s0", seeds=s) for s in seeds]) == written


def test_a_run_says_what_its_trials_did() -> None:
    record = a_record("s0", lr=0.1, seeds=range(4), losses=[0.4, 0.1, 0.3, np.nan])
    facts = describe({"s0": record.meta["config"], "s1": {"optimizer.lr": 0.2, "data.name": "xor"}})
    run = setting_run([record], facts["settings"][0], facts, {})
    assert list(run.params.items()) == [("optimizer.lr", "0.1"), ("data.name", "xor")]
    assert (run.summary["seeds"], run.summary["diverged"], run.summary["reached"]) == (4, 1, 3)
    last = run.bands[run.bands["metric"] == "test_loss"].iloc[-1]
    # of 0.1, 0.3, 0.4 and a diverged one, which counts as inf
    assert last["median"] == pytest.approx(0.35)
    assert last["q75"] == np.inf
    assert not run.failed


def test_a_setting_whose_trials_all_failed_is_a_failed_run() -> None:
    record = a_record("s0", lr=0.1, failed=True)
    facts = describe({"s0": record.meta["config"]})
    run = setting_run([record], facts["settings"][0], facts, {})
    assert run.failed
    assert len(run.bands) == 0
