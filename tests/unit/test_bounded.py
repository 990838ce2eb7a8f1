import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from nnrun.statistics.bounded import bounded_means, few
from nnrun.statistics.summary import summarise

HORIZON = 20_000.0  # samples


def arms(rng, share, seeds, settings, median=1_000.0):
    """Log-normal times of trials of which a share arrives, shape (seed, setting)."""
    times = median * np.exp(0.5 * rng.standard_normal((seeds, settings)))
    arrived = (rng.random(times.shape) < share) & (times < HORIZON)
    return np.where(arrived, times, HORIZON), arrived


def truth(share, median):
    """Restricted mean and expected running time, from a huge sample."""
    times, arrived = arms(np.random.default_rng(1), share, 2_000_000, 1, median)
    return times.mean(), times.mean() / arrived.mean()


@pytest.mark.parametrize("seeds", [10, 20, 30])
@pytest.mark.parametrize("arrivals", [0, 1, 4, 6, -2, -1])
def test_of_times_that_are_nothing_or_the_horizon_bounds_are_clopper_and_pearsons(seeds, arrivals):
    k = arrivals % seeds
    arrived = (np.arange(seeds) < k)[:, None]
    found = bounded_means(np.where(arrived, 0.0, 1.0), arrived, 1.0)
    low, high = proportion_confint(k, seeds, method="beta")
    assert 1 - found.rmst_high[0] == pytest.approx(low, abs=0.01)
    assert 1 - found.rmst_low[0] == pytest.approx(high, abs=0.01)


@pytest.mark.parametrize("median", [1_000.0, 8_000.0])
@pytest.mark.parametrize("expected", [1, 2, 4, -4, -2, -1])
def test_with_few_arrivals_or_failures_intervals_hold_the_truth(expected, median):
    seeds, repeats = 20, 1_000
    share = (expected % seeds) / seeds
    times, arrived = arms(np.random.default_rng([seeds, expected % seeds]), share, seeds, repeats)
    if median != 1_000.0:
        times, arrived = arms(np.random.default_rng(3), share, seeds, repeats, median)
    found = bounded_means(times, arrived, HORIZON)
    for low, high, mean in zip(found[::2], found[1::2], truth(share, median), strict=True):
        held = (low <= mean) & (mean <= high)
        assert held.sum() >= stats.binom.ppf(0.001, repeats, 0.95)


def test_few_are_counted_on_either_side():
    assert few(np.arange(6)[:, None] < [0, 1, 3, 5, 6]).tolist() == [False, True, True, True, False]


def trials(arrived):
    n = len(arrived)
    times = np.where(arrived, 1_000.0 + 10 * np.arange(n), np.nan)
    about = {"status": np.where(arrived, "reached", "exhausted"), "samples_to_target": times}
    about |= {"setting": "a", "label": "a", "seed": range(n), "budget": HORIZON, "task": "binary"}
    about |= {"plateaued": False, "ns_per_sample": 1.0, "final_accuracy": 1.0}
    return pd.DataFrame({**about, "final_train_loss": 0.0, "final_test_loss": 0.0})


def test_a_failure_makes_room_in_the_summary_for_those_that_were_not_seen():
    one = summarise(trials(np.arange(20) != 7), []).iloc[0]
    # by Clopper and Pearson 25% may fail; 20 times as late as the others they make a mean of 5,800
    assert 5_000 < one["rmst_high"] < 7_000
    assert one["rmst_low"] < 1_400 < one["rmst"] < one["rmst_high"] < one["ert_high"]
    several = summarise(trials(np.arange(20) > 6), []).iloc[0]
    assert several["rmst_high"] < 12_500
    none = summarise(trials(np.arange(20) >= 0), []).iloc[0]
    assert none["rmst_high"] < 1_200
