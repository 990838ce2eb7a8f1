"""The cache: nothing trained twice, nothing wrong ever served."""

import shutil
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.config.settings import Network, Target
from nnrun.problem.feature_sets import Terms
from nnrun.problem.table import Table
from nnrun.trials.cache import Cache, entries, setup
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting
from tests.unit.test_record import job


def launch(cache, *jobs):
    """Run jobs; return their records in order, and what it cost."""
    tally = Tally()
    found = sorted(run_jobs(jobs, tally, cache), key=lambda pair: pair[0])
    return [record for _, record in found], tally


def trained(tally):
    return sum(stack["trials"] for stack in tally.stacks)


def same(a, b):
    for x, y in zip((*a.trials.curves, *a.outcomes), (*b.trials.curves, *b.outcomes), strict=True):
        np.testing.assert_array_equal(x, y)
    for p, q in zip(a.trials.params, b.trials.params, strict=True):
        np.testing.assert_array_equal(p.weights, q.weights)
        np.testing.assert_array_equal(p.bias, q.bias)


def blocks(folder):
    return sorted(folder.glob("*/*/*.npz"))


def test_the_second_time_nothing_is_trained(tmp_path):
    jobs = [job(make_setting(lr=lr)) for lr in (0.1, 0.2)]
    first, cost = launch(Cache(tmp_path), *jobs)
    assert (trained(cost), cost.cached) == (6, 0)
    second, cost = launch(Cache(tmp_path), *jobs)
    assert (trained(cost), cost.cached) == (0, 6)
    for a, b in zip(first, second, strict=True):
        same(a, b)
        np.testing.assert_array_equal(a.trials.ns_per_sample, b.trials.ns_per_sample)


@settings(max_examples=15, deadline=None)
@given(ranges=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 12)), min_size=1, max_size=5))
def test_only_new_seeds_are_trained_whatever_came_before(tmp_path_factory, ranges):
    folder, seen = tmp_path_factory.mktemp("cache"), set()
    for seed, seeds in ranges:
        asked = job(seed=seed, seeds=seeds)
        (record,), cost = launch(Cache(folder), asked)
        assert trained(cost) == len(set(asked.trial_seeds) - seen)
        (fresh,), _ = launch(Cache(use="off"), asked)
        same(record, fresh)
        assert record.seeds.tolist() == list(asked.trial_seeds)
        seen |= set(asked.trial_seeds)


def test_another_learning_rate_trains_only_its_own_trials(tmp_path):
    launch(Cache(tmp_path), job(make_setting(lr=0.1)))
    _, cost = launch(Cache(tmp_path), job(make_setting(lr=0.1)), job(make_setting(lr=0.2)))
    assert (trained(cost), cost.cached) == (3, 3)


def test_what_counts_as_converged_is_judged_anew_without_training(tmp_path):
    launch(Cache(tmp_path), job())
    easier = make_setting(target=Target("test_loss", 0.9, 1))
    (record,), cost = launch(Cache(tmp_path), job(easier))
    assert trained(cost) == 0
    assert record.outcomes.status.tolist() == ["reached"] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"lr": 0.3},
        {"budget": 401},
        {"batch_size": 2},
        {"evals": 11},
        {"engine": "reference"},
        {"network": Network((3, 1), output="sigmoid")},
    ],
    ids=str,
)
def test_any_change_that_matters_is_another_setup(change):
    base, changed = make_setting(), make_setting(**change)
    engine = "reference" if "engine" in change else "compiled"
    assert setup(base, "compiled") != setup(changed, engine)


def test_data_of_a_file_stand_for_themselves(tmp_path):
    def setting(path):
        data = Table(path=str(path), label="c", task="classification")
        return make_setting(data=data, features=Terms())

    rows = [f"{i},{(i * 7) % 5},{'no' if i % 2 else 'yes'}" for i in range(20)]
    first, moved, other = (tmp_path / f"{name}.csv" for name in "abd")
    for path, lines in ((first, rows), (moved, rows), (other, [*rows[:-1], "19,4,no"])):
        path.write_text("a,b,c\n" + "\n".join(lines) + "\n")
    assert setup(setting(first), "compiled") == setup(setting(moved), "compiled")
    assert setup(setting(first), "compiled") != setup(setting(other), "compiled")


@pytest.mark.parametrize("damage", ["flipped byte", "truncated", "empty"])
def test_a_damaged_file_is_told_deleted_and_trained_again(tmp_path, damage):
    (whole,), _ = launch(Cache(tmp_path), job())
    (path,) = blocks(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    kept = {"flipped byte": bytes(content), "truncated": bytes(content[:99]), "empty": b""}
    path.write_bytes(kept[damage])
    cache = Cache(tmp_path)
    (again,), cost = launch(cache, job())
    assert cache.complaints == [f"a damaged file of trained trials was deleted: {path}"]
    assert trained(cost) == 3
    same(whole, again)
    assert launch(Cache(tmp_path), job())[1].cached == 3


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_single_flipped_bit_is_ever_served(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cache")
    setting = make_setting(budget=20, evals=2)
    launch(Cache(folder), job(setting, seeds=1))
    (path,) = blocks(folder)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    assert Cache(folder).find(setting, "compiled", [0]) is None


def test_off_neither_reads_nor_keeps(tmp_path):
    launch(Cache(tmp_path, "off"), job())
    assert not blocks(tmp_path)
    launch(Cache(tmp_path), job())
    assert trained(launch(Cache(tmp_path, "off"), job())[1]) == 3


def test_refresh_trains_again_and_replaces(tmp_path):
    launch(Cache(tmp_path), job())
    before = blocks(tmp_path)
    _, cost = launch(Cache(tmp_path, "refresh"), job())
    assert trained(cost) == 3
    after = blocks(tmp_path)
    assert len(after) == 1
    assert after != before  # the cost of a sample is never twice the same


def test_a_file_in_the_way_costs_the_cache_and_not_the_sweep(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache = Cache(tmp_path / "cache")
    records, _ = launch(cache, job(make_setting(lr=0.1)), job(make_setting(lr=0.2)))
    assert [r.meta["error"] for r in records] == [None, None]
    assert len(cache.complaints) == 1
    assert "cannot be kept" in cache.complaints[0]


def test_a_full_disk_while_a_block_is_written_leaves_no_part_of_it(tmp_path, monkeypatch):
    def full(path, write, sync=True):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nnrun.trials.cache.write_atomically", full)
    cache = Cache(tmp_path)
    (record,), _ = launch(cache, job())
    assert record.meta["error"] is None
    assert "No space left" in cache.complaints[0]
    assert not blocks(tmp_path)


def test_two_sweeps_at_once_share_a_cache(tmp_path):
    jobs = [job(make_setting(lr=i / 10)) for i in range(1, 6)]
    found = {}
    threads = [
        Thread(target=lambda i=i: found.update({i: launch(Cache(tmp_path), *jobs)[0]}))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in (found[1], found[2], found[3]):
        for a, b in zip(found[0], other, strict=True):
            same(a, b)
    assert launch(Cache(tmp_path), *jobs)[1].cached == 15


def test_trained_trials_are_kept_before_their_setting_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr("nnrun.trials.run.KEEP_EVERY", 0.0)
    settings_ = [make_setting(lr=i / 100) for i in range(1, 33)]
    jobs = [job(s, seeds=4) for s in settings_]

    class Stop(Exception):
        pass

    def stop_soon():
        if blocks(tmp_path):
            raise Stop

    with pytest.raises(Stop):
        list(run_jobs(jobs, Tally(), Cache(tmp_path), stop_soon))
    there = [e for s in settings_ for e in entries(tmp_path / setup(s, "compiled").place)]
    assert 0 < sum(e.last - e.first + 1 for e in there) < 128
    whole, _ = launch(Cache(tmp_path), *jobs)
    undisturbed, _ = launch(Cache(use="off"), *jobs)
    for a, b in zip(whole, undisturbed, strict=True):
        same(a, b)


def test_a_setting_with_another_name_of_the_same_values_is_the_same(tmp_path):
    setting = make_setting()
    launch(Cache(tmp_path), job(setting))
    assert Cache(tmp_path).held(replace(setting), "compiled", range(5)) == 3


def test_a_block_of_another_setup_is_not_served(tmp_path):
    ours, theirs = make_setting(lr=0.1), make_setting(lr=0.2)
    launch(Cache(tmp_path), job(ours))
    (path,) = blocks(tmp_path)
    place = tmp_path / setup(theirs, "compiled").place
    place.mkdir(parents=True)
    shutil.copy(path, place / path.name)
    cache = Cache(tmp_path)
    assert cache.find(theirs, "compiled", [0]) is None
    assert "damaged" in cache.complaints[0]


def test_a_block_that_claims_other_seeds_is_not_served(tmp_path):
    setting = make_setting()
    launch(Cache(tmp_path), job(setting))
    (path,) = blocks(tmp_path)
    path.rename(path.with_name(path.name.replace("0-2", "0-9")))
    assert Cache(tmp_path).find(setting, "compiled", [0, 5]) is None


def test_a_folder_in_a_file_s_place_costs_no_sweep(tmp_path):
    setting = make_setting()
    place = tmp_path / setup(setting, "compiled").place
    (place / f"0-2.{'0' * 16}.npz").mkdir(parents=True)
    (record,), cost = launch(Cache(tmp_path), job(setting))
    assert trained(cost) == 3
    assert record.meta["error"] is None
