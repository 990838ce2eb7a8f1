import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from nnrun.records.sweep import Sweep
from nnrun.statistics.ladder import NAMES, RUNGS
from nnrun.statistics.sensitivity import restricted_ratios, sensitivity, sizes
from tests.unit.sweeps import a_sweep

INF, NAN = np.inf, np.nan
TARGET = {"metric": "accuracy", "value": 0.95, "hold": 3}


def a_case(times, ladders=None, budget=1000, configs=None):
    """Trials, ladder and sweep; ``times`` by setting and seed, inf where never."""
    trials, rows = [], []
    for setting, by_seed in times.items():
        for seed, time in by_seed.items():
            reached = np.isfinite(time)
            row = {"setting": setting, "seed": seed, "budget": budget}
            row["status"] = "reached" if reached else "exhausted"
            trials.append({**row, "samples_to_target": time if reached else NAN})
            rows.append((ladders or {}).get(setting, {}).get(seed, [INF] * 35))
    settings = [{"id": s, "label": s, "config": (configs or {}).get(s, {})} for s in times]
    ladder = pd.DataFrame(np.array(rows, dtype=float), columns=list(NAMES))
    return (
        pd.DataFrame(trials),
        ladder,
        Sweep.of({"settings": settings, "varying": [], "target": TARGET}),
    )


def drawn(rng, n, scale=100.0, lost=0):
    times = scale * np.exp(rng.normal(0, 0.7, n))
    times[:lost] = INF
    return dict(enumerate(times))


def test_budgets_worked_by_hand():
    # baseline 100 and never, setting 10 and 40: at a budget of 1000, 25 against 550
    case = a_case({"base": {0: 100, 1: INF}, "new": {0: 10, 1: 40}})
    found = sensitivity(*case, ["base", "new"]).query("kind == 'budget'").set_index("x")["ratio"]
    assert len(found) == 20
    assert found.index[0] == 10
    assert found[10] == 1  # none can be sooner than the first arrival
    assert found[1000] == 25 / 550
    for budget, ratio in found.items():
        truth = (10 + min(40, budget)) / (min(100, budget) + budget)
        assert ratio == pytest.approx(truth, rel=1e-12)


def test_targets_worked_by_hand():
    easy, hard = [10, 100], [2000, INF]
    ladders = {
        name: {s: [easy[s] * k, hard[s], INF, NAN, *[INF] * 31] for s in (0, 1)}
        for name, k in (("base", 2), ("new", 1))
    }
    case = a_case({"base": {0: 1, 1: 2}, "new": {0: 1, 1: 2}}, ladders)
    found = sensitivity(*case, ["new"]).query("kind == 'target'")
    # the second rung was reached, but after the budget; the third never, the fourth means nothing
    assert found[["metric", "x", "ratio"]].values.tolist() == [["accuracy", 0.9, 0.5]]


def test_the_last_choice_is_the_headline():
    findings = a_sweep(["one", "two", "three"], seeds=30, diverged=3)
    found = findings.sensitivity(["s1", "s2"])
    contrasts = findings.contrasts.query("family == 'setting'").set_index("a")
    for setting in ("s1", "s2"):
        mine = found[found["setting"] == setting]
        last = mine[mine["kind"].isin(["budget", "seeds"])].groupby("kind").last()
        assert last["x"].to_dict() == {"budget": 1000, "seeds": 30}
        truth = contrasts.loc[setting, ["ratio", "ratio_low", "ratio_high"]].astype(float)
        for kind in ("budget", "seeds"):
            shown = last.loc[kind, ["ratio", "low", "high"]].astype(float)
            np.testing.assert_allclose(shown, truth, rtol=1e-9)


def test_seeds_are_the_first_ones_that_both_have():
    rng = np.random.default_rng(0)
    base, new = drawn(rng, 40), drawn(rng, 50)
    missing = {seed: time for seed, time in new.items() if seed not in (2, 3)}
    trials, ladder, sweep = a_case({"base": base, "new": missing})
    order = rng.permutation(len(trials))
    shuffled = trials.iloc[order], ladder.iloc[order], sweep
    found = sensitivity(*shuffled, ["new"])
    seeds = found.query("kind == 'seeds'")
    shared = [s for s in range(40) if s not in (2, 3)]
    assert seeds["x"].tolist() == sizes(38)
    for row in seeds.itertuples():
        first = shared[: int(row.x)]
        truth = sum(min(new[s], 1000) for s in first) / sum(min(base[s], 1000) for s in first)
        assert row.ratio == pytest.approx(truth, rel=1e-12)
    pd.testing.assert_frame_equal(found, sensitivity(trials, ladder, sweep, ["new"]))


def test_intervals_are_near_those_of_scipy_and_a_little_wider():
    rng = np.random.default_rng(3)
    a, b = np.exp(rng.normal(0, 0.5, (2, 40)))
    ratio, low, high = (float(x[0]) for x in restricted_ratios(a[:, None], b[:, None]))

    def log_ratio(x, y, axis=-1):
        return np.log(np.mean(x, axis=axis) / np.mean(y, axis=axis))

    truth = bootstrap((a, b), log_ratio, paired=True, method="BCa", rng=2).confidence_interval
    assert ratio == pytest.approx(a.mean() / b.mean())
    wider = (np.log(high) - np.log(low)) / (truth.high - truth.low)
    # Student's t with 39 degrees and n / (n - 1): 2.0227 / 1.95996 * sqrt(40 / 39)
    assert wider == pytest.approx(1.0452, abs=0.03)
    assert low < ratio < high


def test_equal_arms_have_a_ratio_of_one_without_width():
    times = drawn(np.random.default_rng(1), 12)
    found = sensitivity(*a_case({"base": times, "new": times}), ["new"])
    assert set(found["kind"]) == {"budget", "seeds"}
    np.testing.assert_allclose(found[["ratio", "low", "high"]], 1, rtol=1e-12)


def test_where_none_arrived_nothing_is_said():
    never = dict.fromkeys(range(10), INF)
    columns = ["kind", "setting", "metric", "x", "ratio", "low", "high"]
    found = sensitivity(*a_case({"base": never, "new": never}), ["new"])
    assert found.empty
    assert list(found) == columns
    late = {**never, 9: 5.0}
    some = sensitivity(*a_case({"base": never, "new": late}), ["new"]).query("kind == 'seeds'")
    assert some["x"].tolist() == [10]  # the first nine seeds tell nothing


def test_a_single_seed_has_a_ratio_but_no_interval():
    found = sensitivity(*a_case({"base": {4: 100}, "new": {4: 50}}), ["new"])
    assert found.query("kind == 'seeds'")[["x", "ratio"]].values.tolist() == [[1, 0.5]]
    assert found[["low", "high"]].isna().all(axis=None)


def test_seeds_that_failed_or_stand_alone_are_no_pairs():
    trials, ladder, sweep = a_case({"base": {0: 10, 1: 20}, "new": {1: 10, 2: 5}})
    found = sensitivity(trials, ladder, sweep, ["new"])
    assert found.query("kind == 'seeds'")[["x", "ratio"]].values.tolist() == [[1, 0.5]]
    trials.loc[1, "status"] = "failed"
    assert sensitivity(trials, ladder, sweep, ["new"]).empty


def test_settings_with_other_targets_are_compared_by_the_ladder_only():
    other = {"target.metric": "accuracy", "target.value": 0.9, "target.hold": 3}
    times = {name: dict.fromkeys(range(5), 10) for name in ("base", "new")}
    ladders = {name: {s: [7.0] * 35 for s in range(5)} for name in times}
    found = sensitivity(*a_case(times, ladders, configs={"new": other}), ["new"])
    assert found["kind"].unique().tolist() == ["target"]
    assert found["x"].tolist() == [rung.value for rung in RUNGS]


def test_losses_on_other_data_are_not_compared():
    times = {name: dict.fromkeys(range(5), 10) for name in ("base", "new")}
    ladders = {name: {s: [7.0] * 35 for s in range(5)} for name in times}
    configs = {"base": {"data.name": "xor"}, "new": {"data.name": "moons"}}
    found = sensitivity(*a_case(times, ladders, configs=configs), ["new"])
    assert found.query("kind == 'target'")["metric"].unique().tolist() == ["accuracy"]


@pytest.mark.parametrize(("n", "last"), [(1, [1]), (5, [5]), (6, [5, 6]), (20, None), (9999, None)])
def test_sizes_rise_to_all(n, last):
    found = sizes(n)
    assert found == sorted(set(found))
    assert found[-1] == n
    assert len(found) <= 10
    assert last in (None, found)


def test_a_ratio_does_not_depend_on_those_computed_beside_it():
    # with few distinct times many resamples equal the estimate, but for how the sums round
    rng = np.random.default_rng(5)
    a, b = rng.choice([30.0, 100.0, 300.0, 1000.0 / 3], (2, 12, 40))
    together = np.array(restricted_ratios(a, b))
    alone = [np.array(restricted_ratios(a[:, [i]], b[:, [i]]))[:, 0] for i in range(40)]
    np.testing.assert_allclose(together, np.transpose(alone), rtol=1e-9)
