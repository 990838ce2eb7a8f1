"""The statistics against other people's implementations of them."""

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from nnrun.statistics.hypothesis_tests import holm, logrank
from nnrun.statistics.measures import sooner_interval
from nnrun.statistics.quantiles import interquartile_means
from nnrun.statistics.survival import expected_running_time, kaplan_meier, wilson_interval


def arm(rng, n, censoring, ties):
    times = rng.lognormal(3.0, 1.0, n)
    times = np.ceil(times / 10) if ties else times
    return times, rng.random(n) >= censoring


def excess(times, observed):
    """Arrivals of the first arm beyond those expected: the score of Cox's model without effect."""
    first = np.repeat([[1.0, 0.0]], len(times), axis=0).ravel()
    model = PHReg(times.ravel(), first[:, None], observed.ravel().astype(int), ties="breslow")
    return float(model.score(np.zeros(1))[0])


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("censoring", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("pairs", [2, 6])
def test_logrank_is_coxs_score_over_its_variance_among_all_swaps(pairs, censoring, ties):
    rng = np.random.default_rng([pairs, round(10 * censoring), ties])
    times, observed = arm(rng, 2 * pairs, censoring, ties)
    observed[0] = True
    times, observed = times.reshape(pairs, 2), observed.reshape(pairs, 2)
    swaps = np.array(list(itertools.product([False, True], repeat=pairs)))[:, :, None]
    scores = [excess(*(np.where(swap, x[:, ::-1], x) for x in (times, observed))) for swap in swaps]
    assert np.mean(scores) == pytest.approx(0.0, abs=1e-12)
    chi2 = excess(times, observed) ** 2 / np.mean(np.square(scores))
    assert logrank(times, observed) == pytest.approx((chi2, stats.chi2.sf(chi2, 1)), rel=1e-9)


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("censoring", [0.0, 0.4, 0.9])
def test_kaplan_meier_agrees_with_statsmodels(censoring, ties):
    times, observed = arm(np.random.default_rng(8), 35, censoring, ties)
    truth = SurvfuncRight(times, observed.astype(int))
    table = kaplan_meier(times, observed)
    events = table[table["events"] > 0]
    np.testing.assert_allclose(events["time"], truth.surv_times[truth.n_events > 0])
    np.testing.assert_allclose(
        events["survival"], truth.surv_prob[truth.n_events > 0], rtol=1e-12, atol=1e-15
    )


def test_wilsons_interval_agrees_with_statsmodels_and_so_does_that_of_untied_pairs():
    for n in (1, 2, 20, 100):
        for successes in {0, 1, n // 2, n}:
            truth = proportion_confint(successes, n, method="wilson")
            assert wilson_interval(successes, n) == pytest.approx(truth, abs=1e-12)
            scores = np.arange(n) < successes
            found = sooner_interval(scores.astype(float))
            assert [float(x) for x in found] == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_holm_agrees_with_statsmodels(n):
    rng = np.random.default_rng(n)
    for p in (rng.random(n), rng.random(n) ** 4, np.round(rng.random(n), 1), np.zeros(n)):
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_holm_leaves_out_what_was_not_tested():
    found = holm([0.01, np.nan, 0.04])
    np.testing.assert_allclose(found, [0.02, np.nan, 0.04])
    assert holm([]).shape == (0,)
    assert np.isnan(holm([np.nan])).all()


def test_expected_running_time_by_hand():
    # two arrivals at 100 and 300, one that spent its budget of 1,000: 1,400 samples for two
    assert expected_running_time(1400, 2) == 700
    assert expected_running_time(2000, 0) == np.inf
    assert expected_running_time(40, 1) == 40


def test_expected_running_time_is_what_restarting_costs():
    rng = np.random.default_rng(5)
    times = rng.lognormal(4, 1, 300)
    budget = np.quantile(times, 0.4)
    arrived, spent = times <= budget, np.minimum(times, budget)
    order = rng.integers(300, size=200_000)  # restarts, one after another, until the draws run out
    ends = np.flatnonzero(arrived[order])
    cost = np.diff(np.cumsum(spent[order])[ends])
    assert expected_running_time(spent.sum(), arrived.sum()) == pytest.approx(cost.mean(), rel=0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 20, 41])
def test_interquartile_mean_agrees_with_scipy(n):
    x = np.random.default_rng(n).lognormal(size=n)
    truth = stats.trim_mean(x, 0.25)
    assert interquartile_means(x, np.zeros(n, int), 1)[0] == pytest.approx(truth, rel=1e-12)


def test_interquartile_mean_ignores_a_quarter_of_failures_but_no_more():
    group = np.repeat([0, 1, 2], [4, 4, 1])
    found = interquartile_means([1, 2, 4, np.inf, 1, 2, np.nan, np.inf, np.inf], group, 4)
    np.testing.assert_array_equal(found, [3.0, np.inf, np.inf, np.nan])
