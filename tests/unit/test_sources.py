"""Training samples in the order a seed gives, wherever they are begun with."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nnrun.network.randomness import Role
from nnrun.problem.feature_sets import Terms
from nnrun.problem.features import make_problem
from nnrun.problem.pattern_generators import Gate
from nnrun.problem.planar_generators import Xor
from nnrun.rows.streams import BLOCK, Stream, drawn, record_of
from nnrun.training.sources import Source
from tests.conftest import samples_of

RAW = Terms(("x", "y"))
PROBLEMS = {
    "stream": make_problem(Xor(), RAW),
    "pool": make_problem(Xor(n_train=7), RAW),
    "fixed pool": make_problem(Gate("and"), RAW),
    "blocks": make_problem(Xor(balance=0.3), RAW),
}


@pytest.mark.parametrize("kind", PROBLEMS)
@given(first=st.integers(0, 3 * BLOCK), n=st.integers(1, BLOCK + 5))
def test_a_sample_is_the_same_wherever_one_begins(kind, first, n):
    source = Source(PROBLEMS[kind], [5])
    whole, part = source.take(0, first + n), source.take(first, n)
    np.testing.assert_array_equal(part.inputs, whole.inputs[:, first:])
    np.testing.assert_array_equal(part.targets, whole.targets[:, first:])


ENTANGLED = {
    "centred": lambda rng, n: _centred(rng.random((n, 2))),
    "first half, second half": lambda rng, n: (rng.random((n, 2)), np.arange(n)[:, None] * 2 // n),
    "twos": lambda rng, n: (rng.random((n, 2)), np.arange(n)[:, None] // 2 % 2),
}


LAWS = {
    "integers": (lambda rng, n: rng.integers(-1, 3, n), stats.randint(-1, 3)),
    "whole numbers": (lambda rng, n: rng.integers(6, size=n), stats.randint(0, 6)),
    "choice": (lambda rng, n: rng.choice([2, 0, 1, 3], n), stats.randint(0, 4)),
    "exponential": (lambda rng, n: rng.exponential(3.0, n), stats.expon(scale=3)),
    "uniform": (lambda rng, n: rng.uniform(-2, 5, n), stats.uniform(-2, 7)),
    "normal": (lambda rng, n: rng.normal(1.0, 2.0, n), stats.norm(1, 2)),
}


@pytest.mark.parametrize("name", LAWS)
def test_what_a_generator_draws_has_numpys_distribution(name):
    draws, law = LAWS[name]
    draw = lambda rng, n: (draws(rng, n)[:, None], np.zeros((n, 1)))  # noqa: E731
    assert not isinstance(record_of(draw, Role.DATA), Exception)
    values = drawn(draw, 1, Role.DATA, 20_000)[0][:, 0]
    numpys, _ = draw(np.random.default_rng(1), 20_000)
    assert stats.ks_2samp(values, numpys[:, 0]).pvalue > 1e-4
    # of whole numbers a distance is taken where they lie
    ends = np.unique(values)
    found = np.searchsorted(np.sort(values), ends, side="right") / 20_000
    assert np.abs(found - law.cdf(ends)).max() < 2 / 20_000**0.5


def _centred(points):
    return points - points.mean(axis=0), points[:, :1]


@pytest.mark.parametrize("name", ENTANGLED)
def test_samples_that_are_not_made_one_by_one_are_drawn_in_blocks(name):
    draw = ENTANGLED[name]
    assert isinstance(record_of(draw, Role.DATA), Exception)
    stream = Stream(draw, Role.DATA)
    whole = [stream.block(3, number) for number in range(3)]
    for part, several in zip(stream.take([3], 5, 2 * BLOCK), zip(*whole, strict=True), strict=True):
        np.testing.assert_array_equal(part[0], np.concatenate(several)[5 : 5 + 2 * BLOCK])


def test_every_epoch_visits_every_sample_once_in_a_new_order():
    taken = samples_of(PROBLEMS["pool"], 1, 70).inputs.reshape(10, 7, 2)
    epochs = {tuple(map(tuple, np.sort(epoch, axis=0))) for epoch in taken}
    assert len(epochs) == 1
    assert len({tuple(map(tuple, epoch)) for epoch in taken}) > 1


def test_without_shuffling_the_order_is_that_of_the_pool():
    problem = make_problem(Gate("xor", shuffle=False), RAW)
    taken = samples_of(problem, 9, 8)
    np.testing.assert_array_equal(taken.targets[:, 0], [0, 1, 1, 0] * 2)


def test_settings_with_one_seed_see_the_same_points():
    product = make_problem(Xor(), Terms(("x", "x*y", "y")))
    a, b = samples_of(PROBLEMS["stream"], 3, 50), samples_of(product, 3, 50)
    np.testing.assert_array_equal(b.inputs[:, [0, 2]], a.inputs)
    np.testing.assert_array_equal(b.inputs[:, 1], a.inputs[:, 0] * a.inputs[:, 1])
    np.testing.assert_array_equal(a.targets, b.targets)


def test_trials_draw_pools_of_their_own():
    a, b = (np.sort(samples_of(PROBLEMS["pool"], seed, 7).inputs, axis=0) for seed in (0, 1))
    assert not np.array_equal(a, b)


def test_stacked_streams_hold_each_trials_own_samples():
    inputs, targets, which, _ = Source(PROBLEMS["stream"], [4, 2, 4]).take(0, 5)
    assert inputs.shape == (2, 5, 2)
    for row, seed in enumerate([4, 2, 4]):
        own = samples_of(PROBLEMS["stream"], seed, 5)
        np.testing.assert_array_equal(inputs[which[row]], own.inputs)
        np.testing.assert_array_equal(targets[which[row]], own.targets)


def test_a_block_is_drawn_once_however_often_one_looks():
    calls = []

    def draw(rng, n):
        calls.append(n)
        return ENTANGLED["centred"](rng, n)

    source = Source(replace(PROBLEMS["blocks"], draw=draw), [3, 4])
    calls.clear()  # it was tried whether it can be traced
    for first in range(0, BLOCK + 100, 64):
        source.take(first, 64)
    assert calls == [BLOCK] * 4


def test_a_large_set_is_drawn_without_room_for_much_else():
    rows = 300_000
    tracemalloc.start()
    make_problem(Xor(n_train=rows, pool_seed=1, noise=0.1), RAW)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3 * rows * 24


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_pool_that_all_seeds_share_is_held_once(shuffle):
    rows, seeds = 100_000, 8
    problem = make_problem(Xor(n_train=rows, pool_seed=1, shuffle=shuffle), RAW)
    tracemalloc.start()
    source = Source(problem, range(seeds))
    source.take(0, 10)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # the order of visits, four bytes a row, where a copy of the samples takes 24
    assert held < seeds * rows * 5
