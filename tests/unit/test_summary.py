import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nnrun.statistics.summary import shown, summarise
from nnrun.statistics.survival import censored, common_budget

INF, NAN = math.inf, math.nan


def trial(setting, seed, status, samples=NAN, budget=1000, **more):
    row = {
        "setting": setting,
        "label": f"lr={setting}",
        "optimizer.lr": float(ord(setting[0])),
        "seed": seed,
        "status": status,
        "plateaued": False,
        "samples_to_target": samples,
        "first_hit": samples,
        "budget": budget,
        "final_train_loss": 0.1,
        "final_test_loss": 0.2,
        "task": "binary",
        "final_accuracy": 0.9,
        "ns_per_sample": 10.0,
    }
    return {**row, **more}


@pytest.fixture
def trials():
    lost = {"final_train_loss": NAN, "final_test_loss": NAN, "final_accuracy": NAN}
    return pd.DataFrame(
        [
            trial("b", 0, "reached", 100.0, budget=2000, final_test_loss=0.1),
            trial("b", 1, "reached", 1500.0, budget=2000, final_test_loss=0.3),
            trial("b", 2, "diverged", budget=2000, **lost),
            trial("b", 3, "exhausted", budget=2000, plateaued=True, final_test_loss=0.7),
            trial("b", 4, "failed", budget=NAN, ns_per_sample=NAN, **lost),
            trial("a", 0, "reached", 200.0),
            trial("a", 1, "reached", 400.0),
        ]
    )


def test_summarise_by_hand(trials):
    table = summarise(trials, ["optimizer.lr"])
    assert table["setting"].tolist() == ["b", "a"]  # order of first appearance
    b, a = table.to_dict("records")
    assert b["label"] == "lr=b"
    assert b["optimizer.lr"] == 98.0
    counts = ("seeds", "reached", "exhausted", "diverged", "failed", "plateaued")
    # by the common budget of 1,000: who had twice as many samples gains nothing by it
    assert [b[c] for c in counts] == [4, 1, 2, 1, 1, 1]
    assert b["success_rate"] == 0.25  # of 4: the failed one is in no denominator
    truth = stats.binomtest(1, 4).proportion_ci(method="wilson")
    assert (b["success_low"], b["success_high"]) == pytest.approx((truth.low, truth.high))
    assert b["samples_median"] == INF
    assert b["samples_q90"] == INF
    # At the common budget of 1,000: 100 and three that count as 1,000.
    assert b["rmst"] == pytest.approx(775.0)
    assert b["final_test_loss_median"] == pytest.approx(0.5)  # of 0.1 0.3 0.7 inf
    assert b["final_accuracy_median"] == pytest.approx(0.9)  # of 0 0.9 0.9 0.9
    assert a["samples_median"] == 300.0
    assert a["rmst"] == pytest.approx(300.0)
    assert a["success_high"] == 1.0
    assert a["ns_per_sample"] == 10.0


def test_mean_times_by_hand(trials):
    b, a = summarise(trials, []).to_dict("records")
    # b spent 100 to arrive, and the common budget three times: diverged counts as late
    assert b["ert"] == pytest.approx(3100 / 1)
    assert a["ert"] == pytest.approx(300)
    assert b["final_test_loss_iqm"] == pytest.approx(0.5)  # the middle two of 0.1 0.3 0.7 inf
    assert b["final_accuracy_iqm"] == pytest.approx(0.9)
    assert a["final_test_loss_iqm"] == pytest.approx(0.2)
    for mean in ("rmst", "ert"):
        assert b[f"{mean}_low"] < b[mean] < b[f"{mean}_high"]
        assert 200 <= a[f"{mean}_low"] < 300 < a[f"{mean}_high"] <= 400
    # one of four that arrives may be 0.63% (Clopper and Pearson), each after budgets of 1000
    assert b["ert_high"] == pytest.approx(1000 / 0.0063, rel=0.1)
    assert b["rmst_high"] <= 1000


def test_a_setting_that_never_arrives_runs_for_ever():
    rows = [trial("a", seed, "exhausted") for seed in range(20)]
    row = summarise(pd.DataFrame(rows), []).iloc[0]
    assert row[["ert", "rmst"]].tolist() == [INF, 1000.0]
    # twenty equal failures are not certainty: there is nothing to resample
    assert row[["ert_low", "ert_high", "rmst_low", "rmst_high"]].isna().all()


def test_no_arrival_by_the_common_budget_is_none_at_all():
    rows = [trial("a", seed, "reached", 1500.0 + seed, budget=2000) for seed in range(20)]
    rows += [trial("b", seed, "reached", 500.0 + seed) for seed in range(20)]
    row = summarise(pd.DataFrame(rows), []).iloc[0]
    assert row[["reached", "exhausted", "success_rate", "ert"]].tolist() == [0, 20, 0.0, INF]
    assert row[["rmst_low", "rmst_high"]].isna().all()
    # a point that all settings share may come before the smallest budget
    whole = pd.DataFrame(rows).assign(horizon=510)
    assert summarise(whole, [])["reached"].tolist() == [0, 11]


def test_a_network_that_arrives_and_diverges_has_arrived_and_ends_as_a_failure():
    lost = {"final_train_loss": NAN, "final_test_loss": NAN, "final_accuracy": NAN}
    rows = [trial("a", seed, "reached", 500.0, **(lost if seed < 3 else {})) for seed in range(5)]
    row = summarise(pd.DataFrame(rows), []).iloc[0]
    assert row[["reached", "diverged", "reached_then_diverged"]].tolist() == [5, 0, 3]
    assert row["final_accuracy_median"] == 0.0
    assert row["final_accuracy_iqm"] == pytest.approx(0.3)  # the middle three, as SciPy trims
    assert row["final_test_loss_median"] == INF


def test_a_single_seed_has_means_without_bounds():
    rows = [trial("a", 0, "reached", 250.0)]
    row = summarise(pd.DataFrame(rows), []).iloc[0]
    assert row[["rmst", "ert"]].tolist() == [250.0, 250.0]
    assert row[["rmst_low", "rmst_high", "ert_low", "ert_high"]].isna().all()


def test_a_middle_half_with_a_divergence_is_infinitely_wrong():
    lost = {"final_test_loss": NAN, "final_accuracy": NAN}
    rows = [
        trial("a", i, "diverged", **lost) if i < 2 else trial("a", i, "reached", 9.0)
        for i in range(4)
    ]
    row = summarise(pd.DataFrame(rows), []).iloc[0]
    assert row["final_test_loss_iqm"] == INF
    assert row["final_accuracy_iqm"] == pytest.approx(0.45)


def test_bounds_of_settings_agree_with_scipys_bca():
    rng = np.random.default_rng(6)
    rows = [
        trial("ab"[i % 2], i, "reached", x) for i, x in enumerate(rng.lognormal(5, 0.5, 24 + 24))
    ]
    trials = pd.DataFrame([*rows, trial("c", 0, "reached", 7.0)])  # another number of seeds
    table = summarise(trials, []).set_index("setting")
    # the expansion, said as a level of confidence
    level = 2 * stats.norm.cdf(stats.t.ppf(0.975, 23) * (24 / 23) ** 0.5) - 1
    for name in "ab":
        times = trials.loc[trials["setting"] == name, "samples_to_target"].to_numpy()
        truth = stats.bootstrap(
            (times,), np.mean, n_resamples=50_000, confidence_level=level, method="BCa", rng=1
        ).confidence_interval
        width = truth.high - truth.low
        for mean in ("rmst", "ert"):  # all arrive: both are the mean
            assert table.loc[name, f"{mean}_low"] == pytest.approx(truth.low, abs=0.05 * width)
            assert table.loc[name, f"{mean}_high"] == pytest.approx(truth.high, abs=0.05 * width)


def test_summarise_of_many_settings_agrees_with_pandas():
    rng = np.random.default_rng(2)
    names = rng.permutation(np.repeat([f"s{i:02d}" for i in range(40)], rng.integers(1, 9, 40)))
    rows = [
        trial(name, i, "reached", x, budget=2000)
        for i, (name, x) in enumerate(zip(names, rng.integers(1, 1500, len(names)), strict=True))
    ]
    trials = pd.DataFrame(rows)
    trials["final_test_loss"], trials["final_accuracy"] = rng.random((2, len(trials)))
    table = summarise(trials, []).set_index("setting")
    assert table.index.tolist() == list(dict.fromkeys(names))
    groups = trials.groupby("setting", sort=False)
    for column, truth in {
        "samples_median": groups["samples_to_target"].median(),
        "samples_q10": groups["samples_to_target"].quantile(0.1),
        "samples_q90": groups["samples_to_target"].quantile(0.9),
        "rmst": trials["samples_to_target"].clip(upper=2000).groupby(names, sort=False).mean(),
        "final_test_loss_median": groups["final_test_loss"].median(),
        "final_accuracy_median": groups["final_accuracy"].median(),
        "seeds": groups.size(),
    }.items():
        np.testing.assert_allclose(table[column], truth, rtol=1e-12, err_msg=column)


def test_summarise_gives_a_diverged_regression_no_accuracy_beside_classifiers():
    rows = [
        trial("a", 0, "reached", 5.0),
        trial("b", 0, "diverged", task="regression", final_accuracy=NAN),
    ]
    table = summarise(pd.DataFrame(rows), [])
    assert table["final_accuracy_median"].tolist()[0] == 0.9
    assert math.isnan(table["final_accuracy_median"].tolist()[1])


def test_summarise_shows_a_setting_that_never_trained_without_numbers(trials):
    failed = trial("c", 0, "failed", budget=NAN)
    table = summarise(pd.concat([trials, pd.DataFrame([failed])]), ["optimizer.lr"])
    c = table.iloc[-1]
    assert (c["seeds"], c["failed"]) == (0, 1)
    unknown = ["success_rate", "success_low", "samples_median", "rmst", "final_test_loss_median"]
    assert c[unknown].isna().all()


def test_summarise_regression_has_no_accuracy_even_where_trials_diverged():
    rows = [trial("a", 0, "reached", 5.0), trial("a", 1, "diverged")]
    table = summarise(pd.DataFrame(rows).assign(final_accuracy=NAN, task="regression"), [])
    assert math.isnan(table.loc[0, "final_accuracy_median"])
    assert table.loc[0, "final_test_loss_median"] == INF


def test_summarise_of_no_trials_keeps_its_columns(trials):
    table = summarise(trials.iloc[:0], ["optimizer.lr"])
    assert table.columns.tolist() == summarise(trials, ["optimizer.lr"]).columns.tolist()


def test_censored_holds_a_diverged_trial_to_the_horizon(trials):
    assert common_budget(trials) == 1000
    times, observed = censored(trials[trials["setting"] == "b"].iloc[:4], 1000)
    assert times.tolist() == [100, 1000, 1000, 1000]
    assert observed.tolist() == [True, False, False, False]


def test_shown_keeps_the_baseline_the_best_and_the_worst():
    # Baseline slow, then restricted means 1..11 in mixed order.
    means = [50, 7, 3, 11, 1, 9, 2, 8, 4, 10, 6, 5]
    summary = pd.DataFrame({"setting": [f"s{m}" for m in means], "rmst": means, "seeds": 20})
    # Best 1-4; of the rest 5..11 the median is 8, the worst 11.
    assert shown(summary) == ["s50", "s3", "s11", "s1", "s2", "s8", "s4"]
    assert shown(summary.head(8)) == summary["setting"].head(8).tolist()


def test_statistics_and_verdict_load_no_drawing_library():
    code = "import sys, nnrun.report.verdict; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
