"""The plan of a launch: what it asks for, what there is, how long the rest takes."""

import heapq
from concurrent.futures import Executor, Future
from time import perf_counter

import numpy as np
import pytest

from nnrun.config.settings import Network
from nnrun.training.stack import Trial, seconds
from nnrun.trials.cache import Cache
from nnrun.trials.executors import run_all
from nnrun.trials.forecast import CLUSTER, busy, expected, forecast, main, wanted
from nnrun.trials.run import Tally, _shards, run_jobs
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


class Simulated(Executor):
    """Workers who train nothing in no time, and the clock that they say it takes.

    A shard that is lost is begun anew, and its worker is away for five seconds.
    """

    room = property(lambda self: 3 * self.slots)
    processors = ()

    def __init__(self, slots, each, costs):
        self.slots, self.each, self.costs = slots, each, costs
        self.now, self.trained, self.lost = 0.0, 0.0, 0
        self._free, self._ends = [0.0] * slots, []
        self._rng = np.random.default_rng(7)

    def words(self):
        return "nobody"

    def submit(self, work, /, *args):
        future, took = Future(), self.each * len(args[0].trials)
        begin = max(heapq.heappop(self._free), self.now)
        while self._rng.random() < self.costs.lost:
            self.lost += 1
            heapq.heappush(self._free, begin + took * self._rng.random() + 5.0)
            begin = max(heapq.heappop(self._free), self.now)
        end = begin + self.costs.shard + took * self._rng.uniform(0.97, 1.03)
        self.trained += took
        heapq.heappush(self._free, end)
        heapq.heappush(self._ends, (end, id(future), future))
        return future

    def tick(self):
        if self._ends:
            end, _, future = heapq.heappop(self._ends)
            self.now = max(self.now, end)
            future.set_result(None)


def simulated(trials, each, workers, costs):
    """Hand shards out as real ones are; return to whom, and how many trials each had."""
    setting = make_setting(budget=1000)
    stretched = each / seconds(setting, 1, "compiled")
    there = Simulated(workers, each, costs)
    # shards are sized by the seconds that their trials should take
    unit = costs._replace(
        shard=costs.shard / stretched, client_shard=costs.client_shard / stretched
    )
    there.costs = unit
    cut = _shards([Trial(setting, seed) for seed in range(trials)], Tally(), there)
    there.costs = costs

    def submit(shard, _):
        there.now += costs.client_shard / 2
        return there.submit(None, shard.trials)

    for shard, _ in run_all(submit, cut, lambda: there.room, there.tick):
        there.now += costs.client_shard / 2 + costs.client_trial * len(shard.trials.trials)
    return there, len(cut[0].trials.trials)


@pytest.mark.parametrize(
    ("trials", "each", "workers", "lost"),
    [
        (10_000, 1e-2, 2, 0.0),
        (20_000, 1e-2, 100, 0.0),
        (64_000, 1.0, 1_000, 0.0),
        (64_000, 1.0, 1_000, 0.02),
        (20_000, 1e-2, 1_000, 0.0),  # more workers than one client can feed
        (50_000, 1e-4, 1_000, 0.0),  # the client's time
    ],
)
def test_a_simulated_cluster_takes_the_time_that_is_expected(trials, each, workers, lost):
    costs = CLUSTER._replace(lost=lost)
    there, size = simulated(trials, each, workers, costs)
    assert expected(trials, each, workers, costs, size) == pytest.approx(there.now, rel=0.15)
    assert there.trained == pytest.approx(trials * each)
    assert bool(there.lost) == bool(lost)
    if trials * each > 10_000 and not lost:
        assert there.trained / (workers * there.now) > 0.9


def test_no_more_workers_are_fed_than_makes_it_sooner():
    assert busy(1e6, 1_000, CLUSTER) == 1_000
    few = busy(10.0, 1_000, CLUSTER)
    assert 1 < few < 100
    times = [expected(10_000, 1e-3, workers, CLUSTER) for workers in (1, 10, few, 1_000)]
    assert times[0] > times[1] > times[2] == pytest.approx(times[3])


def test_a_table_of_expected_times_is_printed(capsys):
    main()
    said = capsys.readouterr().out
    assert "| trials | 2 cores | 10 cores | 100 cores | 1,000 cores | 10,000 cores |" in said
    assert "| 1,000,000,000 |" in said
