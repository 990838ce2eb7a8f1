"""Outcomes, on curves worked out by hand."""

import numpy as np
import pytest

from nnrun.config.evaluation_grid import CommonGrid
from nnrun.config.settings import Target
from nnrun.errors import InputError
from nnrun.records.trials import Curves
from nnrun.training.convergence import WINDOW, at_points, averaged, held, loss_window, outcomes
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import end_at_divergence
from tests.conftest import make_setting, run

SAMPLES = np.array([1, 10, 100, 500, 1000, 2000])
NAN = np.nan


def curves(accuracy, loss=None):
    accuracy = np.atleast_2d(np.array(accuracy, dtype=float))
    loss = 1 - accuracy if loss is None else np.atleast_2d(np.array(loss, dtype=float))
    return Curves(SAMPLES, loss, loss, accuracy)


def one(accuracy, hold=3, **target):
    found = outcomes(curves(accuracy), Target(hold=hold, **target))
    return tuple(field[0] for field in found)


def test_the_time_is_the_first_evaluation_of_the_first_stretch_that_holds():
    status, _, time, hit = one([0.5, 0.96, 0.5, 0.95, 0.97, 1.0])
    assert (status, time, hit) == ("reached", 500, 10)


def test_a_target_met_too_late_to_hold_is_not_reached():
    status, _, time, hit = one([0.5, 0.5, 0.5, 0.5, 0.99, 0.99])
    assert status == "exhausted"
    assert np.isnan(time)
    assert hit == 1000
    assert one([0.5, 0.5, 0.5, 0.5, 0.99, 0.99], hold=2)[2] == 1000


def test_a_loss_is_reached_from_above():
    status, _, time, _ = one([0.0, 0.5, 0.9, 0.9, 0.9, 0.9], metric="test_loss", value=0.11)
    assert (status, time) == ("reached", 100)


def test_a_hold_longer_than_the_grid_is_never_met():
    assert not held(np.ones((2, 3), dtype=bool), 4).any()


def test_divergence_is_a_status_unless_the_target_came_first():
    lost = end_at_divergence(curves([[0.5, 0.5, NAN, 0.5, 0.5, 0.5]]))
    assert outcomes(lost, Target()).status[0] == "diverged"
    kept = end_at_divergence(curves([[0.99, 0.99, 0.99, 0.5, NAN, NAN]]))
    found = outcomes(kept, Target(hold=3))
    assert (found.status[0], found.samples_to_target[0]) == ("reached", 1)


def test_a_training_loss_is_averaged_over_as_many_samples_as_a_window_has(rng):
    samples = np.array([1, 2, 3, 5, 8, 20, 60])
    each = rng.random((2, 60))  # the loss of every sample
    starts = [0, *samples[:-1]]
    ends = zip(starts, samples, strict=True)
    loss = np.stack([each[:, start:end].mean(axis=1) for start, end in ends], axis=1)
    found = averaged(loss, samples, 5)
    assert np.isnan(found[:, :3]).all()  # fewer than five samples seen
    np.testing.assert_allclose(found[:, 3], each[:, :5].mean(axis=1))
    np.testing.assert_allclose(found[:, 4], each[:, 3:8].mean(axis=1))
    np.testing.assert_array_equal(found[:, 5:], loss[:, 5:])  # a window of their own
    loss[1, 4:] = NAN
    assert np.isnan(averaged(loss, samples, 5)[1, 4:]).all()
    assert (loss_window(None), loss_window(4), loss_window(10**6)) == (WINDOW, 4, WINDOW)


def test_a_few_lucky_samples_are_no_convergence():
    setting = make_setting(budget=1000, evals=100, lr=0.01)
    found = run(Stack(tuple(Trial(setting, seed) for seed in range(100)))).curves
    middle = float(np.median(found.train_loss[:, -10:].mean(axis=1)))
    target = Target("train_loss", 0.9 * middle, 3)
    every = held(found.train_loss <= target.value, 3)[:, found.samples < WINDOW].any(axis=1)
    assert every.sum() >= 10  # so many seeds have three lucky samples at the beginning
    judged = outcomes(found, target)
    times = judged.samples_to_target
    assert np.nansum(times < WINDOW) == 0
    assert (judged.status == "reached").sum() < every.sum() / 2
    # and what has arrived stays there
    at_end = averaged(found.train_loss, found.samples, WINDOW)
    assert (judged.status == "reached").sum() <= 2 + (at_end <= target.value)[:, -10:].any(1).sum()


def test_curves_at_common_points_are_as_if_evaluated_there_alone(rng):
    each = rng.random((3, 40))
    fine, coarse = np.arange(4, 41, 4), np.array([4, 12, 40])

    def evaluated(grid):
        ends = zip([0, *grid[:-1]], grid, strict=True)
        loss = np.stack([each[:, start:end].mean(axis=1) for start, end in ends], axis=1)
        return Curves(grid, loss, each[:, grid - 1], 1 - each[:, grid - 1])

    found = at_points(evaluated(fine), CommonGrid(coarse, 0.0))
    for value, truth in zip(found, evaluated(coarse), strict=True):
        np.testing.assert_allclose(value, truth)


def test_an_infinite_loss_blanks_all_that_follows():
    loss = [[1.0, 1.0, np.inf, 1.0, 1.0, 1.0]]
    ended = end_at_divergence(curves([[0.5] * 6], loss))
    np.testing.assert_array_equal(np.isnan(ended.accuracy[0]), [False, False] + [True] * 4)


def test_a_plateau_is_a_flag_on_exhausted():
    flat = [[0.4, 0.3, 0.2, 0.2, 0.2, 0.2]]
    falling = [[0.4, 0.3, 0.2, 0.2, 0.2, 0.1]]
    for loss, expected in ((flat, True), (falling, False)):
        found = outcomes(curves([[0.5] * 6], loss), Target())
        assert found.plateaued[0] == expected
    reached = outcomes(curves([[0.99] * 6], flat), Target())
    assert not reached.plateaued[0]


@pytest.mark.parametrize(
    ("metric", "value"), [("accuracy", 95), ("accuracy", 0), ("test_loss", -1)]
)
def test_impossible_targets_are_refused(metric, value):
    with pytest.raises(InputError, match="value"):
        Target(metric, value)
