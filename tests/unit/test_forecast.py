"""The plan of a launch: what it asks for, what there is, how long the rest takes."""

from time import perf_counter

import pytest

from nnrun.config.settings import Network
from nnrun.trials.cache import Cache
from nnrun.trials.forecast import forecast, wanted
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting
from tests.unit.test_record import job


def test_settings_and_seeds_are_counted_once():
    a, b = make_setting(lr=0.1), make_setting(lr=0.2)
    todo = wanted([job(a, seed=0, seeds=3), job(b), job(a, seed=2, seeds=3)])
    assert list(todo) == [a.id, b.id]
    assert todo[a.id].seeds == (0, 1, 2, 3, 4)
    assert todo[a.id].jobs == (0, 2)


def test_a_setting_that_asks_for_the_lanes_says_which_engine_it_gets():
    huge = make_setting(network=Network((256, 256), output="sigmoid"), batch_size=64)
    engines = [w.engine for w in wanted([job(make_setting()), job(huge)]).values()]
    assert engines == ["compiled", "reference"]


def test_the_cached_share_is_what_a_run_then_finds(tmp_path):
    cache = Cache(tmp_path)
    list(run_jobs([job(seeds=3)], Tally(), cache))
    todo = wanted([job(seed=1, seeds=10), job(make_setting(lr=0.7))])
    expected = forecast(todo, cache, workers=2, measure_from=1e9)
    assert (expected.trials, expected.cached) == (13, 2)
    tally = Tally()
    list(run_jobs([job(seed=1, seeds=10), job(make_setting(lr=0.7))], tally, cache))
    assert tally.cached == 2


def test_nothing_left_takes_no_time(tmp_path):
    cache = Cache(tmp_path)
    list(run_jobs([job()], Tally(), cache))
    assert forecast(wanted([job()]), cache, 2, 0.0).seconds == 0


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_calibrated_estimate_is_about_right_and_quickly_made(engine):
    setting = make_setting(engine=engine, budget=60_000, lr=0.05)
    jobs = [job(setting, seeds=32)]
    list(run_jobs([job(seeds=1)], Tally(), Cache(use="off")))  # compiled before the clock starts
    started = perf_counter()
    expected = forecast(wanted(jobs), Cache(use="off"), workers=1, measure_from=0.0)
    assert perf_counter() - started < 5
    assert expected.measured
    started = perf_counter()
    list(run_jobs(jobs, Tally(), Cache(use="off")))
    took = perf_counter() - started
    # shared machines are noisy: the order of magnitude is what is promised
    assert took / 8 < expected.seconds < took * 8
