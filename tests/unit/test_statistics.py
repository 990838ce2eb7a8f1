import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nnrun.report.statistics import (
    bands,
    censored,
    common_budget,
    kaplan_meier,
    quantile_with_failures,
    rmst,
    shown,
    summarise,
    wilson_interval,
)

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
        "final_accuracy": 0.9,
        "ns_per_sample": 10.0,
    }
    return {**row, **more}


def curves_of(*trials):
    """Curves from (setting, seed, losses, accuracies), evaluated at 10, 20, 30, ... samples."""
    rows = []
    for setting, seed, losses, accuracies in trials:
        for i, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True)):
            point = {"setting": setting, "seed": seed, "samples": 10 * (i + 1)}
            values = {"train_loss": 2 * loss, "test_loss": loss, "accuracy": accuracy}
            rows.append({**point, **values})
    return pd.DataFrame(rows)


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


def test_rmst_is_the_area_worked_by_hand():
    # Survival 1 to 2, 3/4 to 5 (one censored at 3), 3/8 to 10: 2 + 9/4 + 15/8.
    assert rmst([2, 3, 5, 10], [True, False, True, False], horizon=10) == pytest.approx(6.125)
    # The same curve cut at 4: 2 + 3/4 * 2.
    assert rmst([2, 3, 5, 10], [True, False, True, False], horizon=4) == pytest.approx(3.5)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=30))
def test_rmst_without_early_censoring_is_the_mean_of_the_capped_times(times):
    t = np.array(times, dtype=float)
    capped = np.minimum(t, 60)
    assert rmst(capped, t <= 60, horizon=60) == pytest.approx(capped.mean())


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=40),
    st.sampled_from([0, 0.1, 0.25, 0.5, 0.55, 0.9, 1]),
)
def test_quantile_of_finite_values_agrees_with_numpy(values, q):
    assert quantile_with_failures(values, q) == pytest.approx(np.quantile(values, q), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([1, 2, INF], 0.5, 2),  # exactly on an order statistic: the failure has no weight
        ([1, 2, INF, INF], 0.5, INF),
        ([1, NAN, NAN], 0.5, INF),
        ([INF, INF], 0.0, INF),
        ([4], 0.9, 4),
        ([1] * 56 + [INF] * 45, 0.55, 1),  # 0.55 * 100 is not 55 in floating point
    ],
)
def test_quantile_counts_failures_as_infinite(values, q, expected):
    assert quantile_with_failures(values, q) == expected


def test_quantile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no trial"):
        quantile_with_failures([], 0.5)


def test_bands_keep_a_diverged_trial_as_the_worst():
    curves = curves_of(
        ("a", 0, [1.0, 0.5], [0.5, 0.8]),
        ("a", 1, [2.0, 0.6], [0.6, 0.9]),
        ("a", 2, [3.0, NAN], [0.7, NAN]),
    )
    table = bands(curves).set_index(["metric", "samples"])
    assert table.loc[("test_loss", 10), ["q25", "median", "q75", "n"]].tolist() == [1.5, 2, 2.5, 3]
    late = table.loc[("test_loss", 20)]
    assert late["q25"] == pytest.approx(0.55)
    assert (late["median"], late["q75"], late["n"]) == (0.6, INF, 3)
    accuracy = table.loc[("accuracy", 20)]
    assert accuracy["median"] == 0.8  # of 0, 0.8, 0.9
    assert accuracy["q25"] == pytest.approx(0.4)


def test_bands_take_an_evaluation_that_a_seed_lacks_as_a_failure():
    curves = curves_of(("a", 0, [1.0, 0.5], [0.5, 0.8]), ("a", 1, [1.0], [0.5]))
    late = bands(curves).query("samples == 20").set_index("metric")
    assert late.loc["test_loss", "median"] == INF
    assert late.loc["accuracy", "median"] == pytest.approx(0.4)


def test_bands_of_settings_with_other_seeds_and_grids_stay_apart():
    both = curves_of(("b", 5, [1.0, 3.0], [0.1, 0.3]), ("a", 1, [2.0], [0.2]), ("a", 2, [4.0], [1]))
    table = bands(both).query("metric == 'test_loss'")
    assert table[["setting", "samples", "median", "n"]].values.tolist() == [
        ["b", 10, 1.0, 1],
        ["b", 20, 3.0, 1],
        ["a", 10, 3.0, 2],
    ]


def test_bands_leave_accuracy_out_for_regression_only():
    regression = ("a", 0, [1.0, 0.5], [NAN, NAN])
    lost = ("b", 0, [NAN, NAN], [NAN, NAN])
    classifier = ("c", 0, [1.0, 0.5], [0.5, 0.6])
    assert set(bands(curves_of(regression))["metric"]) == {"train_loss", "test_loss"}
    mixed = bands(curves_of(regression, lost, classifier)).query("metric == 'accuracy'")
    assert set(mixed["setting"]) == {"b", "c"}
    assert (mixed.query("setting == 'b'")["median"] == 0).all()


def test_bands_agree_with_pandas_on_a_large_table():
    rng = np.random.default_rng(3)
    grid = pd.MultiIndex.from_product(
        [["s", "t", "u"], range(40), [10, 20, 40]], names=["setting", "seed", "samples"]
    )
    curves = pd.DataFrame(index=grid).reset_index()
    for metric in ("train_loss", "test_loss", "accuracy"):
        curves[metric] = rng.random(len(curves))
    curves = curves.sample(frac=1, random_state=0)
    table = bands(curves).set_index(["setting", "samples"])
    groups = curves.groupby(["setting", "samples"])
    for metric, part in table.groupby("metric"):
        for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75)):
            truth = groups[metric].quantile(q).reindex(part.index)
            np.testing.assert_allclose(part[name], truth, rtol=1e-12)


def test_bands_of_no_curves_are_empty():
    columns = ["setting", "seed", "samples", "train_loss", "test_loss", "accuracy"]
    assert bands(pd.DataFrame(columns=columns)).empty


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
    assert [b[c] for c in counts] == [4, 2, 1, 1, 1, 1]
    assert b["success_rate"] == 0.5  # of 4: the failed one is in no denominator
    truth = stats.binomtest(2, 4).proportion_ci(method="wilson")
    assert (b["success_low"], b["success_high"]) == pytest.approx((truth.low, truth.high))
    assert b["samples_median"] == INF  # half way between 1,500 and never
    assert b["samples_q10"] == pytest.approx(100 + 0.3 * 1400)
    assert b["samples_q90"] == INF
    # At the common budget of 1,000: 100 and three that count as 1,000.
    assert b["rmst"] == pytest.approx(775.0)
    assert b["final_test_loss_median"] == pytest.approx(0.5)  # of 0.1 0.3 0.7 inf
    assert b["final_accuracy_median"] == pytest.approx(0.9)  # of 0 0.9 0.9 0.9
    assert a["samples_median"] == 300.0
    assert a["rmst"] == pytest.approx(300.0)
    assert a["success_high"] == 1.0
    assert a["ns_per_sample"] == 10.0


def test_summarise_shows_a_setting_that_never_trained_without_numbers(trials):
    failed = trial("c", 0, "failed", budget=NAN)
    table = summarise(pd.concat([trials, pd.DataFrame([failed])]), ["optimizer.lr"])
    c = table.iloc[-1]
    assert (c["seeds"], c["failed"]) == (0, 1)
    unknown = ["success_rate", "success_low", "samples_median", "rmst", "final_test_loss_median"]
    assert c[unknown].isna().all()


def test_summarise_regression_has_no_accuracy_even_where_trials_diverged():
    rows = [trial("a", 0, "reached", 5.0), trial("a", 1, "diverged")]
    table = summarise(pd.DataFrame(rows).assign(final_accuracy=NAN), [])
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


def test_statistics_load_no_drawing_library():
    code = "import sys, nnrun.report.statistics; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
