import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from nnrun.records.sweep import Sweep
from nnrun.statistics.calibration import contrasts_of
from nnrun.statistics.contrasts import COLUMNS, contrasts
from nnrun.statistics.drawn_sweeps import Cell, draw
from nnrun.statistics.hypothesis_tests import swap_test
from nnrun.statistics.measures import detectable, measure, sooner_interval
from tests.unit.test_summary import trial

NAN, INF = math.nan, math.inf
BUDGET = 1000


def sweep_of(*configs, **more):
    settings = [
        {"id": f"s{i}", "label": ", ".join(f"{k}={v}" for k, v in c.items()), "config": c}
        for i, c in enumerate(configs)
    ]
    target = {"metric": "accuracy", "value": 0.95, "hold": 3}
    return Sweep.of({"settings": settings, "varying": list(configs[0]), "target": target, **more})


def trials_of(*arms, first_seed=0):
    """Trials of settings s0, s1, ... from times by seed; inf is exhausted, NaN an error."""
    rows = []
    for i, times in enumerate(arms):
        for seed, time in enumerate(times, start=first_seed):
            status = "reached" if time < INF else "failed" if math.isnan(time) else "exhausted"
            samples = time if time < INF else NAN
            budget = NAN if status == "failed" else BUDGET
            rows.append(trial(f"s{i}", seed, status, samples, budget=budget))
    return pd.DataFrame(rows)


def compare(*arms):
    """The one contrast of s1 with s0."""
    table = contrasts(trials_of(*arms), sweep_of(*({"lr": i} for i in range(len(arms)))))
    return table.iloc[0]


def spread(n, centre=300.0, sigma=0.3, seed=0):
    return centre * np.exp(sigma * np.random.default_rng(seed).standard_normal(n))


def test_a_contrast_by_hand():
    # restricted to 1,000: a 100 300 1000, b 200 300 1000
    found = compare([200, 300, INF], [100, 300, INF])
    assert found["ratio"] == pytest.approx(1400 / 1500)
    assert found["difference"] == pytest.approx(-100 / 3)
    assert found["sooner"] == pytest.approx(2 / 3)  # one sooner, two ties
    assert found["p"] == 1.0  # all swaps are as far apart: only one seed differs
    assert math.isnan(found["median_ratio"])
    counts = ["blocks", "blocks_left_out", "pairs", "n_a", "n_b", "reached_a", "reached_b"]
    assert found[counts].tolist() == [1, 0, 3, 3, 3, 2, 2]
    assert found["verdict"] == "few"
    assert found["why"] == "3 seeds in common, and a verdict takes 20"
    assert found[["family", "key", "a", "b"]].tolist() == ["setting", "", "s1", "s0"]
    assert found[["name_a", "name_b"]].tolist() == ["lr=1", "lr=0"]


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "sooner"), (2.0, "later"), (1.0, "same")])
def test_the_verdict_follows_the_effect(factor, verdict):
    base = spread(25)
    jitter = spread(25, 1.0, 0.05, seed=1)
    found = compare(base, base * (jitter if factor == 1.0 else factor))
    assert (found["verdict"], found["why"]) == (verdict, "")
    if factor != 1.0:
        assert found["ratio"] == pytest.approx(factor)
        assert found["median_ratio"] == pytest.approx(factor)
        assert (found["ratio_low"], found["ratio_high"]) == pytest.approx((factor, factor))
        assert found["p"] == pytest.approx(1 / 10_001)  # the smallest there is


def test_nineteen_pairs_claim_nothing_however_clear():
    found = compare(spread(19), spread(19) / 3)
    assert found["verdict"] == "few"
    assert found["p"] < 0.001


def test_equal_arms_show_no_difference_without_any_variance():
    found = compare([300.0] * 20, [300.0] * 20)
    assert found[["ratio", "ratio_low", "ratio_high", "p"]].tolist() == [1.0] * 4
    assert np.isnan(found["detectable"])  # without a spread nothing is known of what could be seen
    assert found[["difference", "difference_low", "difference_high"]].tolist() == [0.0] * 3
    assert found["sooner_low"] < 0.5 < found["sooner_high"]
    assert (found["logrank"], found["p_logrank"]) == (0.0, 1.0)
    assert found["verdict"] == "same"


def test_the_ratios_interval_agrees_with_scipys_bca_on_pairs():
    base, arm = spread(30), spread(30, 250, 0.4, seed=2)
    truth = stats.bootstrap(
        (arm, base),
        lambda a, b, axis=-1: np.log(a.mean(axis=axis) / b.mean(axis=axis)),
        paired=True,
        vectorized=True,
        n_resamples=50_000,
        # the expansion, said as a level of confidence
        confidence_level=2 * stats.norm.cdf(stats.t.ppf(0.975, 29) * (30 / 29) ** 0.5) - 1,
        method="BCa",
        rng=1,
    ).confidence_interval
    found = compare(base, arm)
    width = truth.high - truth.low
    assert np.log(found["ratio_low"]) == pytest.approx(truth.low, abs=0.04 * width)
    assert np.log(found["ratio_high"]) == pytest.approx(truth.high, abs=0.04 * width)


def test_only_seeds_of_both_are_paired_and_errors_are_left_out():
    base, arm = trials_of([100, 200, NAN, 400]), trials_of([100, NAN, 100, 200, 50])
    trials = pd.concat([base, arm.assign(setting="s1")])
    found = contrasts(trials, sweep_of({"lr": 0}, {"lr": 1})).iloc[0]
    assert found[["pairs", "n_a", "n_b"]].tolist() == [2, 4, 3]
    assert found["ratio"] == pytest.approx(300 / 500)
    assert found["median_ratio"] == pytest.approx(np.sqrt(1 * 0.5))


def test_a_diverged_trial_counts_with_the_budget():
    trials = trials_of([500.0, 500.0], [500.0, INF])
    trials.loc[3, "status"] = "diverged"
    found = contrasts(trials, sweep_of({"lr": 0}, {"lr": 1})).iloc[0]
    assert found["ratio"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("arms", "why"),
    [
        (([NAN] * 3, [100] * 3), "the baseline was not trained"),
        (([100] * 3, [NAN] * 3), "the setting was not trained"),
        (([INF] * 3, [INF] * 3), "no seed of either reached the target"),
        (([100, NAN], [NAN, 100]), "they have no seed in common"),
        (([NAN], [NAN]), "the baseline was not trained"),
    ],
)
def test_what_cannot_be_compared_says_why(arms, why):
    found = compare(*arms)
    assert (found["verdict"], found["why"]) == ("incomparable", why)
    assert found[["ratio", "p", "p_holm", "sooner_low", "logrank", "detectable"]].isna().all()


def test_a_setting_without_any_row_was_not_trained():
    trials = trials_of([100.0] * 3)
    found = contrasts(trials, sweep_of({"lr": 0}, {"lr": 1})).iloc[0]
    assert found["why"] == "the setting was not trained"


def test_settings_with_different_targets_are_not_compared():
    configs = [{"target.metric": "accuracy", "target.value": v, "target.hold": 3} for v in (0.9, 1)]
    found = contrasts(trials_of(spread(25), spread(25)), sweep_of(*configs)).iloc[0]
    assert (found["verdict"], found["why"]) == (
        "incomparable",
        "the settings have different targets",
    )
    assert math.isnan(found["p"])


def test_a_lone_setting_has_no_contrast():
    table = contrasts(trials_of([100.0] * 20), sweep_of({}))
    assert table.empty
    assert table.columns.tolist() == list(COLUMNS)


def test_holm_corrects_within_the_family_of_settings_and_skips_the_incomparable():
    base = spread(25)
    arms = [base, base * spread(25, 0.8, 0.3, seed=3), base * spread(25, 0.9, 0.3, seed=4)]
    table = contrasts(trials_of(*arms, [NAN] * 25), sweep_of(*({"lr": i} for i in range(4))))
    low, high = sorted(table["p"].dropna())
    assert sorted(table["p_holm"].dropna()) == pytest.approx([2 * low, max(2 * low, high)])
    assert table["verdict"].tolist()[-1] == "incomparable"


def grid_sweep(**more):
    configs = [{"lr": lr, "hidden": h} for lr, h in itertools.product((0.1, 0.3), (2, 4))]
    return sweep_of(*configs, **more)


def test_levels_are_pooled_within_blocks_of_the_other_factor():
    easy, hard = spread(25, 100, 0.2), spread(25, 400, 0.2, seed=1)
    # lr=0.3 halves the time of hidden=2 and quarters that of hidden=4
    table = contrasts(trials_of(easy, hard, easy / 2, hard / 4), grid_sweep())
    assert table["family"].tolist() == ["setting"] * 3 + ["factor"] * 2
    lr = table[table["key"] == "lr"].iloc[0]
    assert lr[["a", "b", "name_a", "name_b"]].tolist() == ["0.3", "0.1", "lr=0.3", "lr=0.1"]
    assert lr[["blocks", "blocks_left_out", "pairs", "n_a", "n_b"]].tolist() == [2, 0, 25, 50, 50]
    assert lr["ratio"] == pytest.approx(math.sqrt(1 / 2 * 1 / 4))
    truth = (easy / 2 - easy).mean() / 2 + (hard / 4 - hard).mean() / 2
    assert lr["difference"] == pytest.approx(truth)
    assert lr["median_ratio"] == pytest.approx(math.sqrt(1 / 2 * 1 / 4))  # 25 halves, 25 quarters
    assert lr["sooner"] == 1.0
    assert lr["verdict"] == "sooner"
    assert lr[["logrank", "p_logrank", "p_logrank_holm"]].isna().all()


def test_a_block_in_which_neither_arrived_is_left_out_and_counted():
    base, never = spread(25), [INF] * 25
    table = contrasts(trials_of(base, never, base / 2, never), grid_sweep())
    lr = table[table["key"] == "lr"].iloc[0]
    assert lr[["blocks", "blocks_left_out", "n_a", "reached_a"]].tolist() == [1, 1, 25, 25]
    assert lr["ratio"] == pytest.approx(0.5)
    dead = contrasts(trials_of(never, never, never, never), grid_sweep())
    assert (dead["why"] == "no seed of either reached the target").all()


def test_a_tuned_rate_is_no_factor():
    table = contrasts(trials_of(*[spread(20)] * 4), grid_sweep(tuned=["lr"]))
    assert set(table["family"]) == {"setting"}


def test_all_blocks_of_a_seed_are_swapped_together():
    rng = np.random.default_rng(6)
    a, b = rng.lognormal(size=(2, 5, 1, 3))
    seen = abs(np.log(a.mean(0) / b.mean(0)).mean())
    hits = 0
    for swap in itertools.product((False, True), repeat=5):
        mask = np.array(swap)[:, None, None]
        x, y = np.where(mask, b, a), np.where(mask, a, b)
        hits += abs(np.log(x.mean(0) / y.mean(0)).mean()) >= seen - 1e-12
    assert swap_test(a, b)[0] == hits / 32


def test_the_swap_test_agrees_with_scipys_permutations_of_pairs():
    rng = np.random.default_rng(7)
    for n in (6, 13):
        a, b = rng.integers(1, 6, (2, n)).astype(float)  # with ties
        truth = stats.permutation_test(
            (a, b),
            lambda x, y, axis=-1: np.abs(np.log(x.sum(axis=axis) / y.sum(axis=axis))),
            permutation_type="samples",
            vectorized=True,
            n_resamples=INF,
            alternative="greater",
        )
        assert swap_test(a[:, None, None], b[:, None, None])[0] == pytest.approx(truth.pvalue)


def test_the_sampled_swap_test_is_close_to_the_exact_one():
    rng = np.random.default_rng(8)
    difference = rng.integers(-4, 8, 16).astype(float)
    a, b = 20 + difference, np.full(16, 20.0)
    swaps = np.array(list(itertools.product((1, -1), repeat=16)))
    moved = (np.abs(swaps @ difference) >= abs(difference.sum())).mean()
    # the totals of both arms together never change, so the ratio orders swaps as the difference
    assert swap_test(a[:, None, None], b[:, None, None])[0] == pytest.approx(moved, abs=0.01)


def test_the_swap_test_does_not_care_which_arm_comes_first():
    a, b = np.random.default_rng(9).lognormal(size=(2, 30, 4, 2))
    np.testing.assert_array_equal(swap_test(a, b), swap_test(b, a))


def test_sooner_has_an_interval_at_either_end_and_shrinks_with_ties():
    low, high = sooner_interval(np.stack([np.zeros(20), np.ones(20), np.full(20, 0.5)], axis=1))
    assert low[0] == 0.0
    assert 0.1 < high[0] < 0.2
    assert high[1] == 1.0
    assert 0.8 < low[1] < 0.9
    untied = sooner_interval(np.repeat([0.0, 1.0], 10))
    assert untied[0] < low[2] < 0.5 < high[2] < untied[1]


@pytest.mark.parametrize(("together", "cell"), [(1, Cell(20)), (10, Cell(20, sigma=0.8))])
def test_what_is_called_detectable_is_claimed_in_four_of_five(together, cell):
    rng = np.random.default_rng(10)
    null = contrasts_of(cell, draw(cell, 150, rng), 150)
    errors = zip(null["error"], null["discordant"], strict=True)
    found = [detectable(error, 20, n, 0.05 / together) for error, n in errors]
    if together == 1:
        np.testing.assert_allclose(null["detectable"], found)
    for ratio in (np.median(found), 1 / np.median(found)):
        other = cell._replace(ratio=float(ratio))
        table = contrasts_of(other, draw(other, 300, rng), 300)
        apart = (table["ratio_low"] > 1) | (table["ratio_high"] < 1)
        # the first step of Holm's correction: none of the others differs
        assert 0.75 <= (apart & (table["p"] * together < 0.05)).mean() <= 0.93


def test_what_can_make_no_claim_does_not_cost_the_others_power():
    few = [np.nan] * 12 + list(spread(10, 250, seed=2))
    none = [INF] * 22
    arms = (spread(22), spread(22, 150, seed=1), few, none)
    trials, sweep = trials_of(*arms), sweep_of(*({"lr": i} for i in range(len(arms))))
    found = contrasts(trials, sweep)
    assert found["verdict"].tolist()[1] == "few"
    able = found["p_holm"].notna()
    assert able.tolist() == [True, False, True]
    np.testing.assert_allclose(
        found["p_holm"][able], multipletests(found["p"][able], method="holm")[1]
    )


def test_ties_are_counted_apart():
    found = compare([INF] * 10 + [100.0] * 10 + [70.0] * 5, [INF] * 10 + [100.0] * 10 + [50.0] * 5)
    assert found["sooner"] == pytest.approx((10 + 5) / 25)
    assert found["tied"] == pytest.approx(20 / 25)


def test_intervals_are_wider_by_what_evaluations_that_count_as_one_are_apart():
    trials, sweep = trials_of(spread(22), spread(22, 250, seed=1)), sweep_of({"lr": 0}, {"lr": 1})
    exact = contrasts(trials, sweep).iloc[0]
    shared = {"samples": [10, 100, 1000], "apart": 0.03}
    wide = contrasts(trials, replace(sweep, common_grid=shared)).iloc[0]
    assert wide["ratio"] == exact["ratio"]
    assert wide["ratio_low"] == pytest.approx(exact["ratio_low"] / 1.03)
    assert wide["ratio_high"] == pytest.approx(exact["ratio_high"] * 1.03)
    assert wide["detectable"] == pytest.approx(exact["detectable"] * 1.03)
    assert wide["difference_low"] < exact["difference_low"]
    shared = {"samples": [10, 1000], "apart": 0.0}
    few = contrasts(trials, replace(sweep, common_grid=shared)).iloc[0]
    assert few["verdict"] == "incomparable"
    assert few["why"] == ("their evaluations have 2 points in common, and a target must hold at 3")


def test_a_single_pair_has_no_intervals():
    found = compare([200.0], [100.0])
    assert found["ratio"] == pytest.approx(0.5)
    assert found[["ratio_low", "difference_high", "detectable"]].isna().all()
    assert found["p"] == 1.0
    assert found["why"] == "1 seed in common, and a verdict takes 20"


def test_contrasts_measured_together_are_as_measured_alone():
    a, b = np.random.default_rng(11).lognormal(size=(2, 20, 150, 2))
    together = measure(a, b)
    alone = measure(a[:, 140:141], b[:, 140:141])
    for name, values in together.items():
        assert values[140] == pytest.approx(alone[name][0], rel=1e-9), name


def test_the_order_of_trials_does_not_matter():
    trials, sweep = trials_of(spread(22), spread(22, 250, seed=1)), sweep_of({"lr": 0}, {"lr": 1})
    shuffled = trials.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(contrasts(trials, sweep), contrasts(shuffled, sweep))
