"""What a cluster's executor does when workers, schedulers and shards do what they should not."""

import gc
import time
import weakref
from concurrent.futures import wait

import numpy as np
import pytest
from distributed.scheduler import KilledWorker

from nnrun.problem.planar_generators import Xor
from nnrun.training.stack import Stack, Trial
from nnrun.trials import cluster as module
from nnrun.trials import parcel as parcels
from nnrun.trials.cluster import Cluster, ClusterLost
from nnrun.trials.parcel import Packer, unpack
from nnrun.trials.scheduler import facts_here
from nnrun.trials.shard import train_shard
from tests.conftest import make_setting

SOON = 60.0  # seconds for what takes one or two where nothing else runs
OTHERS = ({"numerics": 0, "numpy": "1.0", "llvmlite": "0.1"}, "another")


class Scheduler:
    """Workers that do what a test has them do.

    Attributes:
        there: What each worker says that it is; None if it says nothing.
        runs: The trainings that were asked for, oldest first.
        dropped: Those of them that nobody wants any more.
    """

    def __init__(self, **there):
        self.there = there
        self.answers, self.returns = True, False
        self.runs, self.dropped = [], []

    def workers(self):
        return dict.fromkeys(self.there, 1)

    def ask(self, workers, tell):
        for worker in workers:
            if self.there[worker] is not None:
                tell(worker, self.there[worker])

    def train(self, parcel, large, workers, tell):
        run = Run(parcel, large, workers, tell)
        self.runs.append(run)
        return run

    def drop(self, runs):
        self.dropped += runs

    def close(self):
        self.answers = False

    def run(self, number):
        """Wait for a training to be asked for."""
        assert eventually(lambda: len(self.runs) > number)
        return self.runs[number]


class Run:
    def __init__(self, parcel, large, workers, tell):
        self.parcel, self.large, self.workers, self.tell = parcel, large, workers, tell

    @property
    def rates(self):
        return {trial.setting.lr for trial in unpack(self.parcel, [*self.large.values()]).trials}

    def ends(self, came=None):
        done = came or train_shard(unpack(self.parcel, [*self.large.values()]))
        self.tell(self, done)


def eventually(true):
    deadline = time.monotonic() + SOON
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    for name, value in (("TICK", 0.01), ("LOOK", 0.02), ("FIRST", 0.1), ("ANSWER", 0.1)):
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def opened():
    """Open clusters, and let go of them."""
    found = []

    def opened(scheduler, place="a place"):
        found.append(Cluster(lambda: scheduler, place))
        return found[-1]

    yield opened
    for cluster in found:
        cluster.shutdown()


def stack(*rates, seeds=2):
    settings = [make_setting(lr=rate, engine="reference", budget=60) for rate in rates]
    return Stack(tuple(Trial(setting, seed) for setting in settings for seed in range(seeds)))


def killed():
    return KilledWorker("train", None, 3)


def good():
    return facts_here()


def finals(shard, pieces):
    """Return the last test loss of each trial, in order; NaN where it failed."""
    losses = np.full(len(shard.trials), np.nan)
    for piece in pieces:
        if piece.trained is not None:
            losses[list(piece.rows)] = piece.trained.trials.curves.test_loss[:, -1]
    return losses


def test_a_shard_has_the_result_that_it_has_here_and_nothing_of_it_stays(opened):
    scheduler, shard, told = Scheduler(a=good(), b=good()), stack(0.1, 0.2), []
    cluster = opened(scheduler)
    assert (cluster.slots, cluster.room, cluster.words()) == (2, 6, "2 workers of a place")
    order = cluster.submit(train_shard, shard, told.append)
    run = scheduler.run(0)
    assert not run.workers
    run.ends()
    pieces = order.result(SOON)
    np.testing.assert_array_equal(finals(shard, pieces), finals(shard, train_shard(shard)))
    assert [piece.processor for piece in pieces] == [""]
    assert sum(told) == 4 * 60
    gone, scheduler.runs = weakref.ref(order), []
    del order, run
    gc.disable()
    try:
        assert eventually(lambda: gone() is None)
    finally:
        gc.enable()


def test_shards_go_to_workers_that_train_equal_numbers_and_wait_for_none_that_is_silent(
    opened, capsys
):
    scheduler = Scheduler(a=good(), odd=OTHERS, silent=None, broken=ImportError("no nnrun"))
    cluster = opened(scheduler)
    assert cluster.words() == "1 worker of a place"
    assert cluster.processors == ()
    order = cluster.submit(train_shard, stack(0.1), print)
    assert scheduler.run(0).workers == {"a"}
    said = capsys.readouterr().err
    assert "the worker odd is left out, it has numerics 0 and not" in said
    assert "numpy 1.0 and not" in said
    assert "the worker broken is left out, it cannot say its versions: no nnrun" in said
    # it is gone, and with it a training that nobody else may do; another comes
    scheduler.there = {"odd": OTHERS, "late": good()}
    assert scheduler.run(1).workers == {"late"}
    assert scheduler.dropped == scheduler.runs[:1]
    scheduler.runs[1].ends()
    assert order.result(SOON)


def test_a_scheduler_without_workers_is_told_that_there_is_something_to_do(opened, monkeypatch):
    monkeypatch.setattr(module, "SILENT", (0.1, 0.0))
    scheduler = Scheduler()
    cluster = opened(scheduler)
    order = cluster.submit(train_shard, stack(0.1), lambda n: None)
    assert not scheduler.run(0).workers
    time.sleep(0.3)
    assert len(scheduler.runs) == 1  # nobody is late
    assert cluster.words() == "0 workers of a place"
    scheduler.there = {"late": good()}
    assert eventually(lambda: cluster.words() == "1 worker of a place")
    scheduler.runs[0].ends()
    assert order.result(SOON)


def test_what_takes_far_too_long_is_handed_out_again_and_the_first_to_end_counts(
    opened, monkeypatch
):
    monkeypatch.setattr(module, "SILENT", (0.2, 0.0))
    scheduler, shard = Scheduler(a=good(), b=good()), stack(0.1)
    order = opened(scheduler).submit(train_shard, shard, lambda n: None)
    scheduler.run(1).ends()
    np.testing.assert_array_equal(
        finals(shard, order.result(SOON)), finals(shard, train_shard(shard))
    )
    assert eventually(lambda: scheduler.runs[0] in scheduler.dropped)
    scheduler.runs[0].ends()  # too late, and no harm


def test_a_setting_whose_workers_die_is_found_alone_when_nothing_else_is_left(opened):
    scheduler, shard = Scheduler(a=good()), stack(0.1, 0.2, 0.3)
    cluster = opened(scheduler)
    order = cluster.submit(train_shard, shard, lambda n: None)
    scheduler.run(0).ends(killed())
    other = cluster.submit(train_shard, stack(0.4), lambda n: None)
    scheduler.run(1).ends()
    assert other.result(SOON)
    for number, rate in ((2, 0.1), (3, 0.2), (4, 0.3)):
        run = scheduler.run(number)
        assert run.rates == {rate}
        run.ends(killed() if rate == 0.2 else None)
    pieces = order.result(SOON)
    (failed,) = [piece for piece in pieces if piece.trained is None]
    assert failed.rows == (2, 3)
    assert "each worker that trained it died" in failed.error
    expected = finals(shard, train_shard(shard))
    expected[2:4] = np.nan
    np.testing.assert_array_equal(finals(shard, pieces), expected)


def test_what_cannot_be_begun_fails_each_of_its_settings_the_third_time(opened):
    scheduler, shard = Scheduler(a=good()), stack(0.1, 0.2)
    order = opened(scheduler).submit(train_shard, shard, lambda n: None)
    for number in range(3):
        assert not order.done()
        scheduler.run(number).ends(ValueError("no space left"))
    pieces = order.result(SOON)
    assert [piece.rows for piece in pieces] == [(0, 1), (2, 3)]
    assert all(piece.error.endswith("ValueError: no space left\n") for piece in pieces)


def test_what_was_cancelled_is_dropped_and_nobody_waits_for_it(opened):
    scheduler = Scheduler(a=good())
    order = opened(scheduler).submit(train_shard, stack(0.1), lambda n: None)
    scheduler.run(0)
    assert order.cancel()
    assert not wait([order], timeout=SOON).not_done
    assert eventually(lambda: scheduler.dropped == scheduler.runs)


def test_a_scheduler_that_has_gone_is_waited_for(opened, capsys, monkeypatch):
    first, second = Scheduler(a=good()), Scheduler(b=good())
    second.answers = False
    found = [first]
    cluster = Cluster(lambda: found[-1], "a place that goes")
    order = cluster.submit(train_shard, stack(0.1), lambda n: None)
    first.run(0)
    first.answers, first.returns = False, True
    assert eventually(lambda: "a place that goes does not answer" in capsys.readouterr().err)
    found.append(second)
    second.answers = True
    first.returns = False
    second.run(0).ends()
    assert order.result(SOON)
    # and for good: what comes then fails, too, and what was cancelled meanwhile stops nothing
    monkeypatch.setattr(module, "GONE", 0.1)
    second.answers = False
    cluster._connect = refused
    orders = [cluster.submit(train_shard, stack(0.1), lambda n: None) for _ in range(3)]
    orders[0].cancel()
    for order in orders[1:]:
        with pytest.raises(ClusterLost, match="the Dask scheduler a place that goes has gone"):
            order.result(SOON)
    with pytest.raises(ClusterLost):
        cluster.submit(train_shard, stack(0.1), lambda n: None).result(SOON)
    cluster.shutdown()
    with pytest.raises(RuntimeError):
        cluster.submit(train_shard, stack(0.1), lambda n: None)


def refused():
    raise ConnectionRefusedError


def test_large_parts_are_held_while_they_are_needed_and_no_more(monkeypatch):
    monkeypatch.setattr(parcels, "MOST_HELD", 1)
    monkeypatch.setattr(parcels, "_parts", {})
    packer, one, two = Packer(), stack(0.1), on_another_problem()
    for shard in (one, two, Stack(one.trials + two.trials)):
        parcel, large = packer.pack(shard)
        assert tuple(large) == parcel.large
        there = unpack(parcel, [*large.values()])
        assert [t.setting.id for t in there.trials] == [t.setting.id for t in shard.trials]
        assert len(parcels._parts) == len(packer._held) == 1


def on_another_problem():
    setting = make_setting(data=Xor(n_test=3), engine="reference", budget=60)
    return Stack((Trial(setting, 0),))
