"""Grids of evaluations, and the points that several have in common."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nnrun.config.evaluation_grid import APART, CommonGrid, common_grid, evaluation_grid

CONF = Path(__file__).parents[2] / "conf"


@given(budget=st.integers(1, 10**7), batch=st.integers(1, 500), evals=st.integers(1, 200))
def test_the_grid_runs_from_the_first_batch_to_the_budget(budget, batch, evals):
    if batch > budget:
        return
    grid = evaluation_grid(budget, batch, evals)
    assert grid[-1] == budget // batch * batch
    assert 1 <= len(grid) <= evals
    assert (np.diff(grid) > 0).all()
    assert (grid % batch == 0).all()
    if evals > 1:
        assert grid[0] == batch


def test_the_grid_is_even_on_a_log_axis_and_twice_as_dense_in_the_last_two_decades():
    half = [10**4, 31623, 10**5, 316228, 10**6]  # of a decade
    np.testing.assert_array_equal(evaluation_grid(10**6, 1, 9), [1, 10, 100, 1000, *half])
    np.testing.assert_array_equal(evaluation_grid(100, 1, 3), [1, 10, 100])


def test_the_default_grid_has_steps_of_seven_percent_where_targets_are_met():
    evals = yaml.safe_load((CONF / "config.yaml").read_text())["evals"]
    grid = evaluation_grid(10**6, 1, evals)
    steps = np.diff(grid) / grid[:-1]
    assert steps[grid[:-1] >= 10_000] == pytest.approx(0.071, abs=0.001)
    assert steps[(grid[:-1] > 1000) & (grid[1:] <= 10_000)] == pytest.approx(0.147, abs=0.002)
    assert len(grid) <= 1.5 * 93  # of the hundred that were even


@pytest.mark.parametrize("budget", [2 * 10**12, 10**15, 10**15 - 1])
@pytest.mark.parametrize("batch", [1, 7])
def test_the_largest_budgets_end_exactly(budget, batch):
    grid = evaluation_grid(budget, batch, 135)
    assert grid[-1] == budget // batch * batch
    assert (np.diff(grid) > 0).all()
    assert not (grid % batch).any()
    fine = grid[grid >= grid[-1] // 99]
    assert np.diff(np.log(fine)) == pytest.approx(np.log(fine[1] / fine[0]), rel=1e-7)


def test_equal_grids_need_no_common_one():
    grid = evaluation_grid(1000, 1, 30)
    assert common_grid([grid, grid.copy(), grid[:0]]) is None
    assert common_grid([]) is None


def test_a_grid_that_holds_the_other_is_judged_at_the_other():
    fine, coarse = np.arange(1, 101), np.array([1, 10, 30, 100])
    found = common_grid([fine, coarse])
    np.testing.assert_array_equal(found.samples, coarse)
    assert found.apart == 0
    np.testing.assert_array_equal(found.places(fine), coarse - 1)
    np.testing.assert_array_equal(found.places(coarse), range(4))


def test_points_without_an_evaluation_near_by_are_left_out():
    found = common_grid([np.array([10, 100, 150, 1000]), np.array([10, 101, 1000])])
    np.testing.assert_array_equal(found.samples, [10, 101, 1000])
    assert found.apart == pytest.approx(0.01)
    # 150 would be taken for 101 otherwise
    assert found.places(np.array([10, 100, 150, 1000])).tolist() == [0, 1, 3]


GRIDS = st.tuples(st.integers(500, 10**6), st.integers(1, 100), st.integers(2, 120))


@given(st.lists(GRIDS, min_size=2, max_size=4, unique=True))
def test_every_setting_was_evaluated_near_every_common_point_and_there_alone(wanted):
    grids = [evaluation_grid(*one) for one in wanted]
    found = common_grid(grids)
    again = common_grid(grids[::-1])
    if found is None:
        assert again is None
        return
    assert found.samples.tolist() == again.samples.tolist()
    assert not found.samples.size or found.samples[-1] <= min(grid[-1] for grid in grids)
    near = np.array([grid[found.places(grid)] for grid in grids])
    assert (np.diff(near, axis=1) > 0).all()
    apart = near.max(axis=0) / near.min(axis=0) - 1
    assert found.apart == pytest.approx(apart.max(initial=0))
    for before, after in pairwise(range(len(found.samples))):
        way = np.log(found.samples[after] / found.samples[before])
        assert np.log1p(max(apart[before], apart[after])) <= way / 2 + 1e-12
    assert found.apart <= APART[-1] + 1e-12


def test_a_target_holds_as_long_on_fewer_points():
    """Evaluations of which every third is shared: four in a row last as long as two of those."""
    every = np.rint(10_000 * 1.09 ** np.arange(61)).astype(np.int64)
    between = np.rint(every * 1.04).astype(np.int64)
    other = np.where(np.arange(61) % 3 == 0, every, between)
    found = common_grid([every, other])
    np.testing.assert_array_equal(found.samples, every[::3])
    assert found.one_in == 3
    assert [found.hold(declared) for declared in (1, 2, 4, 5, 7)] == [1, 1, 2, 2, 3]
    own = np.log(every[3] / every[0])
    assert np.log(found.samples[found.hold(4) - 1] / found.samples[0]) == pytest.approx(own)
    # where all points of the coarsest grid are shared nothing changes
    whole = common_grid([np.arange(1, 101), np.array([1, 10, 30, 100])])
    assert [whole.hold(declared) for declared in (1, 3, 4)] == [1, 3, 4]


@pytest.mark.parametrize(
    ("grids", "most"),
    [
        ([(50_000, 1, 135), (50_000, 4, 135), (50_000, 8, 135)], 0.03),
        ([(1_000_000, 1, 135), (300_000, 1, 135)], 0.03),
        ([(20_000, 1, 50), (20_000, 1, 100)], 0.05),
        ([(200_000, 2**k, 135) for k in range(7)], 0.05),
    ],
    ids=["batch_size", "budget", "evals", "many"],
)
def test_points_lie_close_together_over_all_of_the_last_two_decades(grids, most):
    found = common_grid([evaluation_grid(*one) for one in grids])
    assert found.apart <= most
    end = min(budget for budget, _, _ in grids)
    assert found.samples[-1] >= 0.8 * end
    late = found.samples[found.samples >= found.samples[-1] / 100]
    assert late[0] <= 1.6 * found.samples[-1] / 100
    assert (late[1:] / late[:-1]).max() <= 1.4


def test_plain_values_read_back():
    found = CommonGrid(np.array([1, 10]), 0.02, 2.5)
    again = CommonGrid.from_facts(found.to_facts())
    np.testing.assert_array_equal(again.samples, found.samples)
    assert (again.apart, again.one_in) == (0.02, 2.5)
    # as sweeps have it that were judged by the hold that was declared
    assert CommonGrid.from_facts({"samples": [1, 10], "apart": 0.0}).hold(4) == 4
    assert CommonGrid.from_facts(None) is None
