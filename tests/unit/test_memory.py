"""Memory: what is made of many trials is made a piece at a time."""

import tracemalloc

import numpy as np
import pytest

from nnrun.records.record import join_records
from nnrun.records.trials import METRICS
from nnrun.results.tabulate import ROW_GROUP, curve_rows
from nnrun.statistics.curves import setting_bands
from nnrun.statistics.ladder import ladder_times
from tests.records import a_record

N_TRIALS, N_EVALS = 20_000, 60
ONE = N_TRIALS * N_EVALS * 8
"""Bytes of one metric's curves."""


@pytest.fixture(scope="module")
def metrics():
    rng = np.random.default_rng(1)
    return {name: rng.random((N_TRIALS, N_EVALS)) for name in METRICS}


def peak(run):
    """Return the most bytes that are allocated while something runs, and what it returns."""
    tracemalloc.start()
    try:
        found = run()
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


def test_bands_take_one_metric_at_a_time(metrics):
    most, found = peak(lambda: setting_bands(np.arange(1, N_EVALS + 1), metrics))
    assert most < 2.5 * ONE  # of three metrics; all at once took nine
    middle = np.median(metrics["accuracy"], axis=0)
    np.testing.assert_allclose(found.quartiles[2, 1], middle, rtol=1e-15)
    np.testing.assert_array_equal(found.traces[1], metrics["test_loss"][:20])


def test_a_ladder_is_found_for_some_trials_at_a_time(metrics):
    several = {name: metrics[name] for name in ("accuracy", "test_loss")}
    most, found = peak(lambda: ladder_times(np.arange(1, N_EVALS + 1), several, hold=1))
    assert most < 7 * ONE  # two thirds of it the result
    alone = {name: values[[7, -1]] for name, values in several.items()}
    expected = ladder_times(np.arange(1, N_EVALS + 1), alone, hold=1)
    np.testing.assert_array_equal(found[[7, -1]], expected)


def test_trials_of_one_record_are_not_copied_and_their_rows_made_in_pieces():
    record = a_record("a", seeds=range(150_000))
    assert join_records([record]) is record
    sizes = [piece.num_rows for piece in curve_rows([record])]
    assert sum(sizes) == 3 * 150_000
    assert max(sizes) <= ROW_GROUP
    twice, once = join_records([record, record]).trials.curves, record.trials.curves
    np.testing.assert_array_equal(twice.test_loss, once.test_loss)


def test_all_trials_of_some_are_these():
    trials = a_record("a", seeds=range(5, 9)).trials
    assert trials.take(range(5, 9)) is trials
    np.testing.assert_array_equal(trials.take([8, 5]).seeds, [8, 5])
