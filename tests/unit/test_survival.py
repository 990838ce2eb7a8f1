import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nnrun.statistics.survival import kaplan_meier, wilson_interval

INF = math.inf


@pytest.mark.parametrize("censoring", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.filterwarnings("ignore:The confidence interval is undefined:RuntimeWarning")
def test_kaplan_meier_and_its_interval_agree_with_scipy(censoring, confidence):
    rng = np.random.default_rng(7)
    times = rng.integers(1, 25, 60).astype(float)  # many ties
    observed = rng.random(60) >= censoring
    sample = stats.CensoredData(uncensored=times[observed], right=times[~observed])
    truth = stats.ecdf(sample).sf
    interval = truth.confidence_interval(confidence, method="log-log")

    table = kaplan_meier(times, observed, confidence)

    np.testing.assert_array_equal(table["time"], truth.quantiles)
    np.testing.assert_allclose(table["survival"], truth.probabilities, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(table["low"], interval.low.probabilities, rtol=1e-10)
    np.testing.assert_allclose(table["high"], interval.high.probabilities, rtol=1e-10)


def test_kaplan_meier_of_the_6_mp_arm_of_freireich_matches_the_textbook():
    # Freireich et al. 1963, weeks in remission; survival as printed in Kleinbaum and Klein,
    # Survival Analysis, table 2.1.
    events = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    right = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    table = kaplan_meier(events + right, [True] * len(events) + [False] * len(right))
    at = table[table["events"] > 0].set_index("time")
    assert at["at_risk"].to_dict() == {6: 21, 7: 17, 10: 15, 13: 12, 16: 11, 22: 7, 23: 6}
    printed = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    np.testing.assert_allclose(at["survival"], printed, atol=5e-5)


def test_kaplan_meier_without_events_stays_at_one_and_has_no_interval():
    table = kaplan_meier([50, 50, 50], [False] * 3)
    assert table["survival"].tolist() == [1.0]
    assert table["events"].tolist() == [0]
    assert table[["low", "high"]].isna().all(axis=None)


def test_kaplan_meier_with_all_events_ends_at_exactly_zero():
    table = kaplan_meier([3, 1, 2, 2], [True] * 4)
    assert table["survival"].tolist() == [0.75, 0.25, 0.0]
    assert table["at_risk"].tolist() == [4, 3, 1]
    assert table["low"].notna().tolist() == [True, True, False]


def test_kaplan_meier_counts_a_tied_censoring_as_at_risk():
    table = kaplan_meier([5, 5], [True, False])
    assert table["survival"].tolist() == [0.5]


def test_kaplan_meier_of_one_trial():
    assert kaplan_meier([8], [True])["survival"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("times", "observed", "words"),
    [
        ([], [], "n_trials >= 1"),
        ([1.0, 2.0], [True], "need one shape"),
        ([1.0, INF], [True, False], "not finite"),
    ],
)
def test_kaplan_meier_refuses_what_it_cannot_read(times, observed, words):
    with pytest.raises(ValueError, match=words):
        kaplan_meier(times, observed)


@given(n=st.integers(1, 500), share=st.floats(0, 1), confidence=st.sampled_from([0.9, 0.95]))
def test_wilson_interval_agrees_with_scipy(n, share, confidence):
    k = round(share * n)
    truth = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(k, n, confidence) == pytest.approx((truth.low, truth.high), abs=1e-12)


def test_wilson_interval_of_no_trial_is_unknown():
    assert all(map(math.isnan, wilson_interval(0, 0)))
