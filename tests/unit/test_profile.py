import numpy as np
import pandas as pd
import pytest

from nnrun.records.sweep import Sweep
from nnrun.statistics.ladder import NAMES, POINTS, profile, rungs_used
from tests.unit.sweeps import a_sweep

INF, NAN = np.inf, np.nan
ACCURACIES = list(NAMES[:4])


def a_case(times, budget=1000, configs=None, status="reached"):
    """Trials, ladder and sweep of settings of which ``times`` has (trial, rung) arrays by id."""
    trials, rows = [], []
    for setting, rungs in times.items():
        for seed, row in enumerate(rungs):
            trials.append({"setting": setting, "seed": seed, "status": status, "budget": budget})
            rows.append(row)
    settings = [{"id": s, "label": s, "config": (configs or {}).get(s, {})} for s in times]
    ladder = pd.DataFrame(np.array(rows, dtype=float), columns=list(NAMES))
    return ladder, pd.DataFrame(trials), Sweep.of({"settings": settings, "varying": []})


def rungs(*accuracies, losses=INF):
    return [*accuracies, *[losses] * 31]


def test_shares_of_a_case_worked_by_hand():
    ladder, trials, sweep = a_case(
        {"a": [rungs(10, 10, 100, INF), rungs(10, 100, INF, INF)], "b": [rungs(*[INF] * 4)] * 2}
    )
    table = profile(ladder[ACCURACIES], trials, sweep, ["a", "b"]).set_index(["setting", "samples"])
    share = table["share"]
    assert share["a"].iloc[0] == 3 / 8  # three of eight at the first arrival
    assert share["a"].index[0] == 10
    assert (share["a"][share["a"].index < 100] == 3 / 8).all()
    assert (share["a"][share["a"].index >= 100] == 5 / 8).all()
    assert (share["b"] == 0).all()
    assert table.loc["b", ["low", "high"]].eq(0).all(axis=None)
    assert share["a"].index[-1] == share["b"].index[-1] == 1000


def test_the_band_is_that_of_all_resamples_of_two_seeds():
    # one seed solves nothing, the other all: a draw of two has 0, 1/2 or 1 at 1:2:1
    ladder, trials, sweep = a_case({"a": [rungs(*[INF] * 4), rungs(*[5] * 4, losses=5)]})
    late = profile(ladder, trials, sweep, ["a"]).iloc[-1]
    assert (late["low"], late["share"], late["high"]) == (0, 0.5, 1)


def test_the_band_agrees_with_a_bootstrap_of_scipy():
    from scipy.stats import bootstrap

    rng = np.random.default_rng(4)
    times = np.exp(rng.normal(4, 1.5, (40, 1)) + np.sort(rng.random((40, 35))))
    ladder, trials, sweep = a_case({"a": times})
    table = profile(ladder, trials, sweep, ["a"])
    for row in table.iloc[[20, 40]].itertuples():
        solved = (times <= row.samples).mean(axis=1)
        truth = bootstrap((solved,), np.mean, method="percentile", rng=1, vectorized=True)
        interval = truth.confidence_interval
        assert row.low == pytest.approx(interval.low, abs=0.01)
        assert row.high == pytest.approx(interval.high, abs=0.01)


def test_a_profile_rises_within_its_band_on_a_grid_that_all_share():
    findings = a_sweep(["one", "two", "three"], seeds=15, diverged=2)
    found = findings.profile(["s0", "s1", "s2"])
    grids = {tuple(part["samples"]) for _, part in found.groupby("setting")}
    assert len(grids) == 1
    assert len(next(iter(grids))) <= POINTS
    for _, part in found.groupby("setting"):
        assert part["share"].is_monotonic_increasing
        assert part["low"].le(part["share"] + 1e-12).all()
        assert part["high"].ge(part["share"] - 1e-12).all()


def test_a_single_seed_has_no_band():
    ladder, trials, sweep = a_case({"a": [rungs(1, 2, 3, 4)]})
    found = profile(ladder, trials, sweep, ["a"])
    assert found[["low", "high"]].isna().all(axis=None)
    assert found["share"].iloc[0] == 1 / 35


def test_none_ever_solved_is_a_share_of_nothing():
    ladder, trials, sweep = a_case({"a": [rungs(*[INF] * 4)] * 3})
    found = profile(ladder, trials, sweep, ["a"])
    assert (found[["share", "low", "high"]] == 0).all(axis=None)
    assert found["samples"].iloc[[0, -1]].tolist() == [1, 1000]


def test_what_came_after_the_common_budget_does_not_count():
    ladder, trials, sweep = a_case({"a": [rungs(5, 5, 5, 5, losses=5000)], "b": [rungs(*[7] * 4)]})
    trials.loc[0, "budget"] = 10_000
    found = profile(ladder, trials, sweep, ["a"])
    assert found["samples"].max() == 1000
    assert found["share"].max() == 4 / 35


@pytest.mark.parametrize("key", ["loss.name", "loss.targets", "data.name", "data.noise"])
def test_losses_that_mean_different_things_are_left_out(key):
    configs = {"a": {key: 1}, "b": {key: 2}, "c": {key: 2, "lr": 3}}
    case = a_case({name: [rungs(*[9] * 4)] for name in "abc"}, configs=configs)
    assert rungs_used(*case, ["a", "b"]) == ACCURACIES
    assert rungs_used(*case, ["b", "c"]) == list(NAMES)


def test_a_regression_beside_a_classifier_has_nothing_in_common_with_it():
    configs = {"a": {"data.name": "sine"}, "b": {"data.name": "xor"}}
    case = a_case({"a": [rungs(*[NAN] * 4)], "b": [rungs(*[9] * 4)]}, configs=configs)
    assert rungs_used(*case, ["a", "b"]) == []
    assert profile(*case, ["a", "b"]).empty
    assert rungs_used(*case, ["a"]) == list(NAMES[4:])


def test_trials_that_failed_count_for_nothing():
    ladder, trials, sweep = a_case(
        {
            "a": [rungs(5, 5, 5, 5), rungs(*[NAN] * 4, losses=NAN)],
            "b": [rungs(*[NAN] * 4, losses=NAN)],
        }
    )
    trials["status"] = ["reached", "failed", "failed"]
    found = profile(ladder, trials, sweep, ["a", "b"])
    assert set(found["setting"]) == {"a"}
    assert found["share"].iloc[-1] == 4 / 35
    trials["status"] = "failed"
    assert list(profile(ladder, trials, sweep, ["a"])) == [
        "setting",
        "samples",
        "share",
        "low",
        "high",
    ]
