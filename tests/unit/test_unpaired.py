"""Arms whose seeds have nothing to do with each other, against SciPy, statsmodels and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from nnrun.statistics import unpaired
from nnrun.statistics.pairs import Clock, Question
from nnrun.statistics.unpaired import drawn_means, groups, lined_up, measured, welch_anova
from tests.unit.sweeps import a_sweep

QUESTION = Question("setting", "", "a", "b", "a", "b", [("a", "b")])


def on_clock(a, b, horizon=np.inf):
    times = np.full((max(len(a), len(b)), 2), np.nan)
    for column, arm in enumerate((a, b)):
        times[: len(arm), column] = np.minimum(arm, horizon)
    return Clock(times, times < horizon, {"a": 0, "b": 1})


def drawn(n, mean, seed, sigma=0.6):
    return np.exp(sigma * np.random.default_rng(seed).normal(size=n)) * mean


def test_who_is_first_is_as_of_brunner_and_munzel():
    a, b = np.round(drawn(25, 90, 1), -1), np.round(drawn(40, 110, 2), -1)
    on = on_clock(a, b)
    found = measured(groups(QUESTION, on), np.empty(0), drawn_means(on))
    theirs = stats.brunnermunzel(a, b)
    assert found["p_order"] == pytest.approx(theirs.pvalue, rel=0.02)  # whole degrees of freedom
    by_hand = (a[:, None] < b).mean() + (a[:, None] == b).mean() / 2
    assert found["sooner"] == pytest.approx(by_hand)
    assert found["tied"] == pytest.approx((a[:, None] == b).mean())
    assert found["tied"] > 0
    assert found["sooner_low"] < by_hand < found["sooner_high"]


def test_neighbouring_points_tie():
    points = np.array([10.0, 20.0, 30.0, 40.0])
    on = on_clock(np.array([10.0, 10.0]), np.array([20.0, 30.0]))
    found = measured(groups(QUESTION, on), points, drawn_means(on))
    assert (found["sooner"], found["tied"]) == (0.75, 0.5)


def test_log_rank_is_that_of_two_groups():
    a, b = drawn(30, 90, 3), drawn(45, 130, 4)
    block = groups(QUESTION, on_clock(a, b, horizon=150)).blocks[0]
    arms = [stats.CensoredData(x[x < 150], right=np.full((x >= 150).sum(), 150.0)) for x in (a, b)]
    theirs = stats.logrank(*arms)
    found = unpaired.logrank(block)
    assert found.statistic == pytest.approx(theirs.statistic**2)
    assert found.p == pytest.approx(theirs.pvalue)


def test_the_levels_of_another_factor_are_compared_as_of_welch():
    samples = [drawn(n, mean, seed) for n, mean, seed in ((12, 1, 5), (20, 1.5, 6), (15, 1, 7))]
    errors = [(x.var(ddof=1) / len(x), len(x) - 1) for x in samples]
    theirs = anova_oneway(samples, use_var="unequal", welch_correction=True)
    assert welch_anova(np.array([x.mean() for x in samples]), errors) == pytest.approx(
        theirs.pvalue
    )


def test_the_ratio_is_bounded_and_tested_as_a_t_test_of_two_groups_is():
    a, b = drawn(40, 80, 8, sigma=0.2), drawn(60, 100, 9, sigma=0.2)
    on = on_clock(a, b)
    found = measured(groups(QUESTION, on), np.empty(0), drawn_means(on))
    assert found["ratio"] == pytest.approx(a.mean() / b.mean())
    assert found["difference"] == pytest.approx(a.mean() - b.mean())
    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert found["difference_low"] == pytest.approx(theirs.low, abs=1.0)
    assert found["difference_high"] == pytest.approx(theirs.high, abs=1.0)
    near = measured(groups(QUESTION, on_clock(a, a[::-1] * 1.01)), np.empty(0), drawn_means(on))
    assert near["p"] > 0.5 > 0.001 > found["p"]


def test_many_trials_are_tested_by_students_t():
    a, b = drawn(600, 100, 10), drawn(700, 104, 11)
    on = on_clock(a, b)
    found = measured(groups(QUESTION, on), np.empty(0), drawn_means(on))
    theirs = stats.ttest_ind(a, b, equal_var=False).pvalue
    assert found["p"] == pytest.approx(theirs, rel=0.1)


def test_equal_arms_are_called_different_in_few_of_many_sweeps():
    # 200 draws of 25 and 35: 5% within binomial error is at most 16, one in a hundred times 18
    wrong = missed = 0
    for seed in range(200):
        on = on_clock(drawn(25, 100, [1, seed]), drawn(35, 100, [2, seed]), horizon=130)
        found = measured(groups(QUESTION, on), np.empty(0), drawn_means(on))
        wrong += found["p"] < 0.05
        missed += not found["ratio_low"] <= 1 <= found["ratio_high"]
    assert wrong <= 18
    assert missed <= 18


def test_contrasts_of_groups_have_the_columns_of_contrasts_of_pairs():
    results = a_sweep(["lr=0", "lr=1", "lr=2"], seeds=24)
    apart = results.trials.assign(seed=np.arange(len(results.trials)))
    both = {}
    for name, table, flag in (("paired", results.trials, False), ("groups", apart, True)):
        sweep = type(results.sweep).of({**results.sweep.to_facts(), "unpaired": flag})
        both[name] = type(results)(table, sweep).contrasts
    paired, unpaired_ = both["paired"], both["groups"]
    assert list(paired.columns) == list(unpaired_.columns)
    same = ["ratio", "difference", "n_a", "n_b", "reached_a", "reached_b", "pairs"]
    pd.testing.assert_frame_equal(paired[same], unpaired_[same])


def test_few_of_a_group_are_no_finding():
    results = a_sweep(["lr=0", "lr=1"], seeds=12)
    sweep = type(results.sweep).of({**results.sweep.to_facts(), "unpaired": True})
    found = type(results)(results.trials, sweep).contrasts.iloc[0]
    assert (found["verdict"], found["why"]) == ("few", "12 seeds each, and a verdict takes 20")


def test_groups_that_are_looked_at_again_are_lined_up():
    times = np.array([[1.0, np.nan], [np.nan, 5.0], [2.0, np.nan], [np.nan, 6.0]])
    found = lined_up(Clock(times, times < 6, {"a": 0, "b": 1}))
    assert found.times[:2].tolist() == [[1.0, 5.0], [2.0, 6.0]]
    assert found.arrived[:2].tolist() == [[True, True], [True, False]]
    assert np.isnan(found.times[2:]).all()
