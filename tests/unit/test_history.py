"""At how many seeds results were looked at, by hand or by what was merged."""

import json
from multiprocessing import get_context

import pytest

from nnrun.launch.history import History, Note, looked_at, looks_at, note, noted
from nnrun.records.sweep import Sweep
from nnrun.statistics.sequences import looks_of
from nnrun.trials.cache import Cache
from tests.unit.test_rebuild import a_record, config_of


def arms(n, *names, first=0):
    return {name: [(first, first + n - 1)] for name in names}


@pytest.mark.parametrize(
    ("earlier", "looks"),
    [
        ([], []),
        ([arms(50, *"abc")], []),  # as many seeds: the same look again
        ([arms(80, *"abc")], []),  # more were looked at before: these are some of them
        ([arms(20, *"abc")], [20, 50]),
        ([arms(20, *"abc"), arms(20, *"ab"), arms(30, *"bc")], [20, 30, 50]),
        ([arms(20, "a", "z")], []),  # only the baseline is shared
        ([arms(20, "a", "b", "z")], [20, 50]),
        ([arms(20, *"abc", first=50)], []),  # other seeds
        ([arms(20, *"abc", first=40)], [10, 50]),
        ([{"a": [(0, 19)], "b": [(0, 4), (10, 19)]}], [20, 50]),
    ],
)
def test_a_look_is_one_at_two_settings_that_have_more_seeds_now(earlier, looks):
    assert looks_at(arms(50, *"abc"), earlier) == looks


def test_a_comparison_that_has_no_more_seeds_than_then_is_not_looked_at_again():
    now = {**arms(50, "a"), **arms(20, "b", "c"), **arms(30, "d")}
    assert looks_at(now, [arms(20, *"abc")]) == []
    assert looks_at(now, [arms(20, *"ad")]) == [20, 50]


def records(seeds, first=0, rates=(0.1, 0.2), **target):
    numbers = range(first, first + seeds)
    return [a_record(i, numbers, config=config_of(lr, **target)) for i, lr in enumerate(rates)]


def looked(folder, seeds, use="use", looks=(), **more):
    """Make a report of so many seeds: say at how many it was looked at, and note it."""
    history = History.of([records(seeds, **more)], Cache(folder, use))
    complaints = []
    sweep = Sweep("complete", looks=list(looks))
    sweep = history.add_to(sweep, complaints)
    history.note(sweep)
    return sweep.looks, complaints


def test_a_sweep_with_more_seeds_carries_its_history(tmp_path):
    assert looked(tmp_path, 20) == ([], [])
    assert looked(tmp_path, 20) == ([], [])
    assert looked(tmp_path, 50) == ([20, 50], [])
    assert looked(tmp_path, 50) == ([20, 50], [])
    assert looked(tmp_path, 100, rates=(0.2, 0.1, 0.3)) == ([20, 50, 100], [])
    assert looked(tmp_path, 30, rates=(0.1, 0.4)) == ([], [])
    assert looked(tmp_path, 30, first=100) == ([], [])
    # the same trials, whatever counts as converged
    assert looked(tmp_path, 60, **{"target.value": 0.5})[0] == [20, 50, 60]


def test_looks_of_an_automatic_number_of_seeds_are_history_too(tmp_path):
    assert looked(tmp_path, 30, looks=[10, 20, 30])[0] == [10, 20, 30]
    assert looked(tmp_path, 45)[0] == [10, 20, 30, 45]
    assert looked(tmp_path, 60, looks=[20, 40, 60])[0] == [10, 20, 30, 40, 45, 60]


def test_what_is_trained_anew_was_looked_at_and_without_a_cache_nothing_is_known(tmp_path):
    looked(tmp_path, 20)
    assert looked(tmp_path, 30, "off")[0] == []
    assert looked(tmp_path, 50, "refresh")[0] == [20, 50]
    assert looked(tmp_path, 60)[0] == [20, 50, 60]


def test_a_single_setting_leaves_no_note(tmp_path):
    looked(tmp_path, 20, rates=(0.1,))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"settings": {}}',
        '{"settings": {"a": [[3, 1]]}, "looks": []}',
        '{"settings": {"a": 1}, "looks": []}',
    ],
)
def test_a_damaged_note_is_left_out_and_told_of(tmp_path, text):
    looked(tmp_path, 20)
    path = tmp_path / "looks" / "damaged.json"
    path.write_text(text)
    looks, complaints = looked(tmp_path, 50)
    assert looks == [20, 50]
    assert len(complaints) == 1
    assert "what was looked at is left out" in complaints[0]
    assert str(path) in complaints[0]


def test_notes_that_cannot_be_written_lose_no_results(tmp_path):
    place = tmp_path / "cache"
    place.write_text("a file")
    assert looked(place, 20) == ([], [])


@pytest.mark.parametrize(
    ("then", "replanned"),
    [
        (Note(arms(30, *"ab"), (10, 20, 30), {"most": 30, "block": 10}), True),
        (Note(arms(60, *"ab"), (20, 40, 60), {"most": 60, "block": 20}), True),
        (Note(arms(30, *"ab"), (10, 20, 30), {"most": 60, "block": 10}), False),  # the same
        (Note(arms(90, *"ab"), (), {"most": 90, "block": 10}), True),
        (Note(arms(60, *"ab"), (), {"most": 60, "block": 10, "replanned": True}), True),
        (Note(arms(30, "a", "z"), (10, 20, 30), {"most": 30, "block": 10}), False),
        (Note(arms(30, *"ab")), True),  # by hand
    ],
)
def test_who_raises_the_most_seeds_has_not_kept_to_his_plan(then, replanned):
    sweep = Sweep("complete", looks=[10, 20], auto={"most": 60, "block": 10})
    found = looked_at(sweep, arms(20, *"ab"), [then])
    assert bool(found.auto.get("replanned")) is replanned
    assert looks_of(found).planned is not replanned
    assert looked_at(found, arms(20, *"ab"), [then]) == found


def test_a_plan_that_was_carried_out_stays_what_it_was():
    sweep = Sweep("complete", looks=[10, 20], auto={"most": 60, "block": 10})
    kept = Note(arms(60, *"ab"), (10, 60), sweep.auto)
    later = Note(arms(20, *"ab"), (10, 20), {"most": 20, "block": 10})
    assert "replanned" not in looked_at(sweep, arms(20, *"ab"), [later, kept]).auto


def _note_many(folder):
    for n in range(2, 40):
        note(folder, Note(arms(n, "a", "b")))


def test_two_processes_note_the_same_looks_at_once(tmp_path):
    context = get_context("spawn")
    several = [context.Process(target=_note_many, args=(tmp_path,)) for _ in range(2)]
    for process in several:
        process.start()
    for process in several:
        process.join()
    complaints = []
    assert len(list(noted(tmp_path, complaints))) == 38
    assert not complaints
    assert all(json.loads(path.read_text()) for path in (tmp_path / "looks").iterdir())
