import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from nnrun.statistics.hypothesis_tests import holm, logrank, order_test

TRIAL = st.tuples(st.integers(1, 8), st.booleans())
PAIRS = st.lists(st.tuples(TRIAL, TRIAL), min_size=1, max_size=15)


def test_logrank_by_hand():
    # Arrivals at 1 of 6 at risk, at 2 of 5 and, two at once, at 4 of 3: cumulative hazards 1/6,
    # 11/30 and 31/30; that censored at 3 has 11/30 behind it. Excess within pairs: 5/6 + 31/30,
    # 19/30 + 11/30, 0.
    found = logrank([[1, 4], [2, 3], [4, 4]], [[True, False], [True, False], [True, True]])
    pairs = np.array([5 / 6 + 31 / 30, 19 / 30 + 11 / 30, 0.0])
    assert found.statistic == pytest.approx(pairs.sum() ** 2 / (pairs**2).sum())


@pytest.mark.parametrize("pairs", [1, 3])
def test_logrank_without_an_event_finds_nothing(pairs):
    assert logrank([[5.0, 7.0]] * pairs, [[False, False]] * pairs) == (0.0, 1.0)


def test_logrank_of_seeds_that_arrive_together_finds_nothing():
    assert logrank([[4.0, 4.0]], [[True, True]]) == (0.0, 1.0)


@given(PAIRS)
def test_logrank_does_not_care_which_arm_comes_first(pairs):
    times, seen = (np.array([[trial[i] for trial in pair] for pair in pairs]) for i in (0, 1))
    there, back = logrank(times, seen), logrank(times[:, ::-1], seen[:, ::-1])
    assert there.statistic == pytest.approx(back.statistic, abs=1e-9)
    assert 0 <= there.p <= 1


def test_logrank_refuses_what_is_no_pairs():
    with pytest.raises(ValueError, match=r"times \(2,\) and observed \(2,\): need one shape"):
        logrank([1.0, 2.0], [True, True])
    with pytest.raises(ValueError, match="n_pairs >= 1"):
        logrank(np.empty((0, 2)), np.empty((0, 2)))


def paired_arms(correlation, ratio, repeats, seeds=30, budget=1.3):
    """Log-normal times of pairs, shape (repeat, seed, arm), and which of them are seen."""
    rng = np.random.default_rng(17)
    shared, own = (rng.standard_normal((repeats, seeds, k)) for k in (1, 2))
    z = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    times = np.exp(0.5 * z) / [ratio, 1.0]
    return np.minimum(times, budget), times < budget


def of_all_trials(times, seen):
    """The log-rank test that takes all trials for independent."""
    arms = [
        stats.CensoredData(uncensored=times[seen[:, i], i], right=times[~seen[:, i], i])
        for i in (0, 1)
    ]
    return stats.logrank(*arms).pvalue


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_level_of_logrank_is_kept_whether_seeds_matter_or_not(correlation):
    repeats = 2000
    p = [logrank(*pair).p for pair in zip(*paired_arms(correlation, 1.0, repeats), strict=True)]
    low, high = stats.binom.ppf([0.001, 0.999], repeats, 0.05)
    assert low <= np.sum(np.array(p) < 0.05) <= high


def test_pairs_find_with_logrank_what_neither_all_trials_nor_signs_do():
    repeats = 300
    times, seen = paired_arms(0.5, 1.3, repeats)
    pairs = list(zip(times, seen, strict=True))
    found = np.mean([logrank(*pair).p < 0.05 for pair in pairs])
    assert found > np.mean([of_all_trials(*pair) < 0.05 for pair in pairs]) + 0.1
    first = np.sign(times[:, :, 1] - times[:, :, 0]).T[:, :, None]
    assert found > (order_test(first) < 0.05).mean() + 0.05
    times, seen = paired_arms(0.8, 1.0, repeats)
    false = [of_all_trials(*pair) < 0.05 for pair in zip(times, seen, strict=True)]
    assert np.mean(false) < 0.01


def test_holm_corrects_each_family_as_if_it_were_alone():
    rng = np.random.default_rng(5)
    p, family = rng.random(60) ** 3, rng.integers(7, size=60)
    p[::11] = np.nan
    found = holm(p, family)
    for one in range(7):
        own = (family == one) & ~np.isnan(p)
        np.testing.assert_allclose(found[own], multipletests(p[own], method="holm")[1])
    assert np.isnan(found[::11]).all()
    assert holm([]).size == 0
