"""Tables from records, a setting at a time."""

import gc
import json
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from nnrun.errors import InputError
from nnrun.layout import CURVES, LADDER, SUMMARY, TRIALS
from nnrun.records.record import Record, join_records, read_records, write_record
from nnrun.records.sweep import SWEEP
from nnrun.records.trials import Curves, Outcomes, Trials
from nnrun.results import tabulate as module
from nnrun.results.results import load
from nnrun.results.tabulate import tabulate
from nnrun.statistics.curves import bands_of_curves, bands_table
from nnrun.statistics.ladder import RUNGS, rung_name
from tests.records import by_setting, changed, curves_table, described, told, trials_table

GRID = np.array([10, 100, 1000])


def a_record(number, setting, seeds, config=None, error=None):
    """A record whose values tell its number, its seeds and its evaluations apart."""
    seeds = np.array(seeds, dtype=np.int64)
    n, grid = len(seeds), GRID[:0] if error else GRID
    values = number + seeds[:, None] / 100 + np.arange(len(grid)) / 1e4
    unknown = np.full(n, np.nan)
    meta = {
        "setting": setting,
        "config": {"lr": 0.1, "init": "uniform", **(config or {})},
        "number": number,
        "seed": int(seeds[0]),
        "seeds": n,
        "overrides": [],
        "task": "binary",
        "samples": 1000,
        "error": error,
        "engine": "none" if error else "compiled",
    }
    status = np.full(n, "failed" if error else "exhausted", dtype="<U9")
    return Record(
        meta=meta,
        trials=Trials(
            seeds,
            Curves(grid, values, 2 * values, 3 * values),
            (),
            unknown if error else np.full(n, 5.0 + number),
            meta["engine"],
        ),
        outcomes=Outcomes(status, np.zeros(n, dtype=np.bool_), unknown, unknown),
    )


def facts_of(records):
    return described({record.setting: record.meta["config"] for record in records})


def written(records, folder):
    """Write each record into a folder of its own, in an order that is not that of the numbers."""
    paths = []
    for record in reversed(records):
        home = folder / str(record.meta["number"])
        home.mkdir(parents=True)
        paths.append(write_record(record, home).path)
    return paths


@pytest.fixture
def records():
    return [
        a_record(0, "b", [0, 1], {"lr": 1}),
        a_record(1, "a", [0, 1, 2], {"lr": 0.5, "init": [1, 2]}),
        a_record(2, "b", [1, 2], {"lr": 1}),
        a_record(3, "c", [0, 1], {"lr": 3.0}, error="boom"),
    ]


def test_tables_read_back_hold_every_trial_once_in_the_sweeps_order(records, tmp_path):
    heads = read_records(written(records, tmp_path), "head")
    assert [head.meta["number"] for head in heads] == [0, 1, 2, 3]
    facts = facts_of(records)
    (tmp_path / SWEEP).write_text(json.dumps(told(facts)))
    tabulate(by_setting(heads), facts, tmp_path)
    found = load(tmp_path)
    trials = found.trials
    assert trials["setting"].tolist() == list("bbbaaacc")
    assert trials["seed"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert trials["lr"].tolist() == [1, 1, 1, 0.5, 0.5, 0.5, 3, 3]
    assert trials["init"].tolist() == ["uniform"] * 3 + ["[1,2]"] * 3 + ["uniform"] * 2
    assert trials["ns_per_sample"].tolist()[:6] == [5, 5, 7, 6, 6, 6]  # the first record wins
    assert trials["final_test_loss"].tolist()[:3] == pytest.approx([0.0004, 0.0204, 4.0404])
    assert trials["final_test_loss"].isna().tolist() == [False] * 6 + [True] * 2
    curves = found.curves
    assert curves["setting"].tolist() == ["b"] * 9 + ["a"] * 9
    assert curves["seed"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] * 2
    assert curves["samples"].tolist() == [10, 100, 1000] * 6
    assert curves["accuracy"].tolist()[6:9] == pytest.approx([6.06, 6.0603, 6.0606], rel=1e-12)
    assert [str(curves[c].dtype) for c in ("seed", "samples", "accuracy")] == ["int64"] * 2 + [
        "float64"
    ]
    assert found.summary["setting"].tolist() == list("bac")
    assert found.summary["failed"].tolist() == [0, 0, 2]


def test_findings_are_those_that_the_files_give(records, tmp_path):
    facts = facts_of(records)
    (tmp_path / SWEEP).write_text(json.dumps(told(facts)))
    found = tabulate(by_setting(read_records(written(records, tmp_path), "head")), facts, tmp_path)
    again = load(tmp_path)
    pd.testing.assert_frame_equal(found.trials, again.trials)
    pd.testing.assert_frame_equal(found.summary, again.summary)
    assert list(found.bands) == list(again.bands) == ["b", "a"]
    pd.testing.assert_frame_equal(
        bands_table(found.bands), bands_table(bands_of_curves(load(tmp_path).curves))
    )
    pd.testing.assert_frame_equal(found.ladder, again.ladder)
    for setting, mine in found.bands.items():
        np.testing.assert_array_equal(mine.traces, again.bands[setting].traces)


def test_the_ladder_is_written_with_the_hold_of_the_sweep(tmp_path):
    record = a_record(0, "a", [7, 3])
    losses = np.array([[0.5, 0.02, 0.02], [0.5, 0.5, 0.02]])
    curves = Curves(GRID, losses, losses, 1 - losses)
    records = [changed(record, curves=curves), a_record(1, "b", [3], {"lr": 2}, error="boom")]
    target = {"metric": "accuracy", "value": 0.95, "hold": 2}
    tabulate([[r] for r in records], replace(facts_of(records), target=target), tmp_path)
    table = pd.read_parquet(tmp_path / LADDER).set_index(["setting", "seed"])
    assert list(table) == [rung_name(rung) for rung in RUNGS]
    assert table["accuracy>=0.95"].tolist()[:2] == [100, np.inf]
    assert table.loc[("a", 3), ["test_loss<=0.501", "test_loss<=0.398"]].tolist() == [10, np.inf]
    assert table.loc[("b", 3)].isna().all()


def test_a_regression_has_no_rungs_of_accuracy(tmp_path):
    target = {"target.metric": "accuracy", "target.value": 0.9, "target.hold": 3}
    record = a_record(0, "a", [0], target)
    meta = {**record.meta, "task": "regression"}
    found = tabulate([[replace(record, meta=meta)]], facts_of([record]), tmp_path)
    assert found.ladder["accuracy>=0.9"].isna().all()
    assert found.ladder["test_loss<=1"].tolist() == [10]


def test_tables_in_memory_are_those_in_the_files(records, tmp_path):
    facts = facts_of(records)
    tabulate(by_setting(read_records(written(records, tmp_path), "head")), facts, tmp_path)
    from_disk = [pd.read_parquet(tmp_path / name) for name in (TRIALS, CURVES)]
    pd.testing.assert_frame_equal(trials_table(records, facts), from_disk[0])
    pd.testing.assert_frame_equal(curves_table(records, facts), from_disk[1])


def test_same_records_give_the_same_bytes(records, tmp_path):
    facts = facts_of(records)
    for name in ("one", "two"):
        heads = read_records(written(records, tmp_path / name), "head")
        tabulate(by_setting(heads), facts, tmp_path / name)
    for name in (TRIALS, CURVES, SUMMARY, LADDER):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_curves_are_written_in_pieces_of_many_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 50)
    records = [a_record(i, f"s{i:02d}", range(4), {"lr": float(i)}) for i in range(20)]
    tabulate([[record] for record in records], facts_of(records), tmp_path)
    file = pq.ParquetFile(tmp_path / CURVES)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [60, 60, 60, 60]  # 12 rows a setting
    whole = file.read().to_pandas()
    pd.testing.assert_frame_equal(whole, curves_table(records, facts_of(records)))


def test_no_record_is_held_after_the_row_group_that_it_fills(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 6)
    records = [a_record(i, f"s{i}", [0, 1], {"lr": float(i)}) for i in range(6)]
    facts = facts_of(records)
    seen, alive = [], []

    def one_at_a_time():
        while records:
            gc.collect()
            alive.append(sum(reference() is not None for reference in seen))
            record = records.pop(0)
            seen.append(weakref.ref(record.trials.curves.test_loss))
            yield [record]

    tabulate(one_at_a_time(), facts, tmp_path)
    assert max(alive) <= 1  # the one whose turn has just ended


def test_a_record_that_cannot_be_read_leaves_no_half_a_table(records, tmp_path):
    paths = written(records, tmp_path)
    heads = read_records(paths, "head")
    broken = next(path for path in paths if path.parent.name == "2")
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"record\.npz: is not a readable record"):
        tabulate(by_setting(heads), facts_of(records), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]
    with pytest.raises(InputError, match=r"record\.npz: is not a readable record"):
        read_records(paths, "head")


def test_a_seed_that_failed_in_one_job_and_trained_in_another_was_trained():
    failed, sound = a_record(0, "a", [4, 5, 6], error="boom"), a_record(1, "a", [5])
    trials = join_records([failed, sound])
    assert trials.seeds.tolist() == [4, 5, 6]
    assert trials.trained.tolist() == [False, True, False]
    assert trials.trials.curves.test_loss[1].tolist() == sound.trials.curves.test_loss[0].tolist()
    table = trials_table([failed, sound], facts_of([failed]))
    assert table["status"].tolist() == ["failed", "exhausted", "failed"]
    np.testing.assert_array_equal(table["final_accuracy"], [np.nan, 3 * 1.0502, np.nan])


def test_records_of_one_setting_share_their_evaluations():
    other = a_record(1, "a", [5])
    other = changed(other, curves=other.trials.curves._replace(samples=GRID + 1))
    with pytest.raises(ValueError, match="setting=a: has records of different evaluations"):
        join_records([a_record(0, "a", [4]), other])


def test_a_sweep_in_which_all_failed_has_empty_curves(tmp_path):
    record = a_record(0, "a", [0, 1], error="boom")
    found = tabulate([[record]], facts_of([record]), tmp_path)
    assert found.bands == {}
    assert pd.read_parquet(tmp_path / CURVES).empty
    assert found.summary["failed"].tolist() == [2]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5], [1.0, 2.5]),
        ([True, False], [True, False]),
        ([True, 3], ["True", "3"]),
        ([None, "auto"], ["null", "auto"]),
        ([[1, 2], 3], ["[1,2]", "3"]),
    ],
)
def test_values_of_a_varying_key_share_one_type(values, expected):
    records = [a_record(i, f"s{i}", [0], {"key": value}) for i, value in enumerate(values)]
    table = trials_table(records, facts_of(records))
    assert table["key"].tolist() == expected
    assert {type(value) for value in table["key"].tolist()} == {type(expected[0])}


def test_ids_labels_and_null_are_read_back_as_written(tmp_path):
    digits = ["0123456789", "12345e6789"]
    records = [a_record(i, digits[i], [0], {"key": (None, "auto")[i]}) for i in range(2)]
    facts = facts_of(records)
    (tmp_path / SWEEP).write_text(json.dumps(told(facts)))
    tabulate([[record] for record in records], facts, tmp_path)
    found = load(tmp_path).summary
    assert found["setting"].tolist() == digits
    assert found["key"].tolist() == ["null", "auto"]
    assert np.isinf(found["samples_median"]).all()
    alone = described({digits[0]: {}})
    (tmp_path / SWEEP).write_text(json.dumps(told(alone)))
    tabulate([records[:1]], alone, tmp_path)
    assert load(tmp_path).summary["label"].tolist() == [""]
