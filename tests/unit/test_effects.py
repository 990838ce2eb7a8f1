import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from nnrun.records.labels import describe
from nnrun.records.sweep import Sweep
from nnrun.statistics.effects import decompose, effects

INF = np.inf


def a_study(shape, seeds, draw, budget=1000.0):
    """A full grid of factors a, b, ...; ``draw(cell, seed)`` gives the time, inf if never."""
    cells = list(itertools.product(*map(range, shape)))
    configs = {f"s{i}": dict(zip("abc", cell, strict=False)) for i, cell in enumerate(cells)}
    rows = []
    for name, cell in zip(configs, cells, strict=True):
        for seed in range(seeds):
            time = draw(cell, seed)
            status = "reached" if np.isfinite(time) else "exhausted"
            row = {"setting": name, "seed": seed, "status": status, "budget": budget}
            rows.append({**row, "samples_to_target": time if np.isfinite(time) else np.nan})
    target = {"metric": "accuracy", "value": 0.95, "hold": 3}
    return pd.DataFrame(rows), Sweep("complete", **describe(configs), target=target)


def noisy(rng):
    return lambda cell, seed: float(np.exp(sum(cell) / 3 + seed / 20 + rng.normal(0, 0.4)) * 20)


def test_two_by_two_worked_by_hand():
    # logs to base e: 0 0 | 2 4 | 2 4 | 4 8 for (a, b) = 00, 01, 10, 11 and two seeds
    logs = {(0, 0): (0, 0), (0, 1): (2, 4), (1, 0): (2, 4), (1, 1): (4, 8)}
    trials, sweep = a_study((2, 2), 2, lambda c, s: float(np.exp(logs[c][s])), budget=1e4)
    table = effects(trials, sweep).set_index("term")
    # mean 3; a: 1.5 and 4.5; b alike; cells 0 3 3 6 add up, so no interaction; seeds 2 and 4;
    # total 9+9+1+1+1+1+1+25 = 48
    assert table.index.tolist() == ["a", "b", "a × b", "seed", "rest"]
    assert table["degrees"].tolist() == [1, 1, 1, 1, 3]
    np.testing.assert_allclose(table["share"] * 48, [18, 18, 0, 8, 4], atol=1e-9)
    np.testing.assert_allclose(table["F"][:4], [13.5, 13.5, 0, 6], atol=1e-9)
    # F with 1 and 3 degrees is t squared with 3: P(|t| > sqrt(6)) from the closed form
    t = np.sqrt(6.0)
    angle = np.arctan(t / np.sqrt(3))
    p = 1 - 2 / np.pi * (angle + np.sin(angle) * np.cos(angle))
    assert table["p"]["seed"] == pytest.approx(p, rel=1e-9)
    assert np.isnan(table["F"]["rest"])


@pytest.mark.parametrize(("shape", "seeds"), [((3,), 6), ((3, 4), 5), ((2, 3, 2), 4), ((3, 2), 2)])
@pytest.mark.parametrize("kind", [1, 2])
def test_the_table_is_that_of_statsmodels(shape, seeds, kind):
    trials, sweep = a_study(shape, seeds, noisy(np.random.default_rng(len(shape))), budget=40.0)
    trials.loc[trials["samples_to_target"] > 40, ["status", "samples_to_target"]] = [
        "exhausted",
        np.nan,
    ]
    configs = {s.id: s.config for s in sweep.settings}
    keys = list("abc"[: len(shape)])
    data = pd.DataFrame([configs[name] for name in trials["setting"]], columns=keys)
    data["seed"] = trials["seed"]
    data["y"] = np.log(trials["samples_to_target"].fillna(40.0))
    terms = [f"C({key})" for key in keys]
    pairs = [":".join(pair) for pair in itertools.combinations(terms, 2)]
    order = [*terms, *pairs, "C(seed)"]
    truth = anova_lm(smf.ols("y ~ " + " + ".join(order), data).fit(), typ=kind)
    truth = truth.loc[[*order, "Residual"]]
    found = effects(trials, sweep)
    assert 0 < trials["samples_to_target"].isna().sum() < len(trials)
    np.testing.assert_allclose(found["degrees"], truth["df"])
    np.testing.assert_allclose(found["share"], truth["sum_sq"] / truth["sum_sq"].sum(), rtol=1e-8)
    np.testing.assert_allclose(found["F"], truth["F"], rtol=1e-8)
    np.testing.assert_allclose(found["p"], truth["PR(>F)"], rtol=1e-7)


def test_only_seeds_that_every_setting_has_count():
    trials, sweep = a_study((2, 2), 5, noisy(np.random.default_rng(0)))
    whole = effects(trials[trials["seed"] > 0], sweep)
    trials.loc[(trials["setting"] == "s1") & (trials["seed"] == 0), "status"] = "failed"
    pd.testing.assert_frame_equal(effects(trials, sweep), whole)
    shuffled = trials.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(effects(shuffled, sweep), whole)


def test_the_order_of_settings_does_not_matter_but_for_the_levels():
    trials, sweep = a_study((2, 3), 4, noisy(np.random.default_rng(2)))
    settings = [sweep.settings[4], *sweep.settings[:4], sweep.settings[5]]
    moved = replace(sweep, settings=settings)
    pd.testing.assert_frame_equal(effects(trials, moved), effects(trials, sweep))


def test_one_seed_leaves_no_row_for_seeds_and_no_test():
    trials, sweep = a_study((2, 2), 1, noisy(np.random.default_rng(1)))
    table = effects(trials, sweep).set_index("term")
    assert table["degrees"].to_dict() == {"a": 1, "b": 1, "a × b": 1, "rest": 0}
    assert table["share"].sum() == pytest.approx(1)
    assert table["share"]["rest"] == 0
    assert table[["F", "p"]].isna().all(axis=None)


def test_what_is_all_due_to_one_factor_leaves_no_rest():
    trials, sweep = a_study((3, 2), 4, lambda cell, seed: 10.0 * (1 + cell[0]))
    table = effects(trials, sweep).set_index("term")
    assert table["share"].tolist() == [1, 0, 0, 0, 0]
    assert (table["F"]["a"], table["p"]["a"]) == (INF, 0)
    assert table["F"][["b", "a × b", "seed", "rest"]].isna().all()


def test_nothing_is_said_without_a_grid_a_target_in_common_or_any_spread():
    trials, sweep = a_study((2, 2), 4, noisy(np.random.default_rng(1)))
    columns = ["term", "degrees", "share", "F", "p"]
    ragged = replace(sweep, settings=sweep.settings[:3])
    alone = replace(sweep, settings=sweep.settings[:1])
    censored, _ = a_study((2, 2), 4, lambda cell, seed: INF)
    failed = trials.assign(status="failed")
    apart = trials[(trials["setting"] == "s0") == (trials["seed"] < 2)]
    different = [
        replace(s, config={**s.config, "target.metric": "accuracy", "target.value": i / 9 + 0.1})
        for i, s in enumerate(sweep.settings)
    ]
    for table, facts in (
        (trials, ragged),
        (trials, alone),
        (censored, sweep),
        (failed, sweep),
        (apart, sweep),
        (trials, replace(sweep, settings=different)),
    ):
        found = effects(table, facts)
        assert found.empty
        assert list(found) == columns


def test_the_parts_add_up():
    values = np.random.default_rng(0).normal(size=(4, 3, 2, 5))
    parts = decompose(values, ["a", "b", "c"])
    assert [part.term for part in parts[3:6]] == ["a × b", "a × c", "b × c"]
    assert sum(part.degrees for part in parts) == values.size - 1
    assert sum(part.squares for part in parts) == pytest.approx(values.var() * values.size)
