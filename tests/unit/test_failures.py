"""A setting that raises fails alone, with its traceback; the others are as if it were not there."""

import threading
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from nnrun.config.settings import Executor, Job, Report, Tracking
from nnrun.problem.feature_sets import Terms
from nnrun.problem.planar_generators import Xor
from nnrun.problem.problem import Problem
from nnrun.trials.cache import Cache
from nnrun.trials.executors import Threads, run_all
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting


@dataclass(frozen=True)
class Flaky(Xor):
    """XOR that raises when it draws more than so many samples."""

    most: int = 10**9

    def problem(self) -> Problem:
        fine = super().problem()
        drawn = []

        def draw(rng, n):
            drawn.append(n)
            if sum(drawn) > self.most:
                raise RuntimeError("the sensor broke")
            points = fine.draw(rng, n)
            np.asarray(points.inputs)  # looked at, so that it is not traced but called
            return points

        return Problem(fine.task, fine.inputs, fine.outputs, fine.held_out, None, draw)


def job(setting, seeds=3):
    report = Report("off")
    return Job(setting, 0, seeds, "test", Tracking("off"), Executor(workers=2), report)


def run(jobs, cache=None):
    cache = cache or Cache(use="off")
    return [record for _, record in sorted(run_jobs(jobs, Tally(), cache), key=lambda p: p[0])]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_the_guilty_setting_of_a_shard_is_found(monkeypatch, engine):
    from nnrun.training import trainer

    whole = trainer.Source

    class Broken(whole):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            current = threading.current_thread()
            if any(t.setting.lr == 0.2 for t in getattr(current, "shard", [])):
                raise RuntimeError("the sensor broke")

    def watched(shard, *arguments):
        threading.current_thread().shard = shard.trials
        return trainer.train(shard, *arguments)

    jobs = [job(make_setting(lr=lr, engine=engine)) for lr in (0.1, 0.2, 0.3)]
    calm = run(jobs)
    monkeypatch.setattr("nnrun.training.trainer.Source", Broken)
    monkeypatch.setattr("nnrun.trials.shard.train", watched)
    records = run(jobs)
    assert [record.meta["error"] is None for record in records] == [True, False, True]
    assert "RuntimeError: the sensor broke" in records[1].meta["error"]
    assert "Traceback" in records[1].meta["error"]
    assert records[1].outcomes.status.tolist() == ["failed"] * 3
    for i in (0, 2):
        np.testing.assert_array_equal(
            records[i].trials.curves.test_loss, calm[i].trials.curves.test_loss
        )


def test_a_failed_setting_fails_all_its_jobs_once_and_is_tried_again_next_time(tmp_path):
    flaky = make_setting(data=Flaky(most=200), features=Terms())
    cache = Cache(tmp_path)
    records = run([job(flaky), job(flaky, seeds=40), job(make_setting())], cache)
    assert [record.meta["error"] is None for record in records] == [False, False, True]
    assert cache.held(flaky, "compiled", range(40)) == 0
    assert run([job(flaky)], cache)[0].meta["error"]


def test_every_other_setting_of_a_large_shard_is_still_trained():
    settings = [make_setting(lr=i / 100, data=Xor()) for i in range(1, 20)]
    bad = make_setting(data=Flaky(most=200), features=Terms())
    records = run([job(s) for s in (*settings, bad)])
    assert [bool(record.meta["error"]) for record in records] == [False] * 19 + [True]


def test_running_out_of_memory_is_a_failure_like_others(monkeypatch):
    def hungry(shard, *arguments):
        raise MemoryError("8 TiB")

    monkeypatch.setattr("nnrun.trials.shard.train", hungry)
    (record,) = run([job(make_setting())])
    assert "MemoryError: 8 TiB" in record.meta["error"]


def test_work_is_taken_as_workers_get_free_and_results_do_not_pile_up():
    taken = []

    def items():
        for i in range(10_000):
            taken.append(i)
            yield i

    with Threads(2) as pool:
        handed = run_all(lambda i, _: pool.submit(int, i), items(), lambda: pool.room, lambda: None)
        first = [next(handed) for _ in range(100)]
        assert len(set(first)) == 100
        assert len(taken) < 300
        assert sorted([*first, *handed]) == [(i, i) for i in range(10_000)]


def test_an_end_in_the_middle_stops_what_is_in_flight():
    started, stopped = [], []

    def work(item, stop):
        started.append(item)
        while not stop():
            pass
        stopped.append(item)

    def check():
        if len(started) == 2:
            raise KeyboardInterrupt

    with Threads(2) as pool:
        handed = run_all(partial(pool.submit, work), range(50), lambda: pool.room, check)
        with pytest.raises(KeyboardInterrupt):
            list(handed)
    assert sorted(started) == sorted(stopped)
    assert len(started) == 2
