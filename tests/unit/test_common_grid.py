"""Settings whose evaluations differ: the same trainings looked at more or less often."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from nnrun.config.evaluation_grid import common_grid, evaluation_grid
from nnrun.config.settings import Network, Setting, Target
from nnrun.layout import write_text
from nnrun.network.optimizers import Momentum
from nnrun.problem.feature_sets import Terms
from nnrun.problem.problem import DATA
from nnrun.records.sweep import SWEEP, LabelledSetting, Sweep
from nnrun.records.trials import Curves
from nnrun.results.results import load
from nnrun.results.tabulate import common_facts, judged_at, tabulate
from nnrun.statistics.contrasts import Rules, compared, judged
from nnrun.statistics.findings import DIFFERENCES
from nnrun.statistics.pairs import Question, clock
from nnrun.training.convergence import at_points, outcomes
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run
from tests.records import a_record, changed, described, told

GATE = make_setting(
    data=DATA["gate"](),
    features=Terms(("x", "y")),
    network=Network((4,), output="sigmoid"),
    optimizer=Momentum(),
    lr=1.0,
    batch_size=4,
    budget=16_000,
    evals=100_000,
    target=Target("accuracy", 1.0, 3),
)
SEEDS, BLOCKS = 300, 200


@pytest.fixture(scope="module")
def curves():
    """Of many seeds, evaluated wherever one of the settings below is."""
    every = [evaluation_grid(*one) for asked in (*GRIDS.values(), *SHORT) for one in asked]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Setting, "grid", np.unique(np.concatenate(every)))
        return run(Stack(tuple(Trial(GATE, seed) for seed in range(SEEDS)))).curves


def looked_at(curves, grid):
    """What a setting with these evaluations would have measured of the same trainings."""
    places = np.searchsorted(curves.samples, grid)
    np.testing.assert_array_equal(curves.samples[places], grid)
    return Curves(grid, *(metric[:, places] for metric in curves[1:]))


def claims(curves, grids, shared, draws, target=GATE.target):
    """In what share of blocks of seeds one of two arms with other evaluations is claimed sooner."""
    parts = []
    names = [f"{block}/" for block in range(len(draws))]
    for arm, grid in enumerate(grids):
        seen = looked_at(curves, grid)
        there = replace(target, hold=shared.hold(target.hold)) if shared else target
        found = outcomes(at_points(seen, shared) if shared else seen, there)
        arms = {
            "setting": np.repeat([f"{name}{arm}" for name in names], draws.shape[1]),
            "seed": np.tile(np.arange(draws.shape[1]), len(draws)),
            "status": found.status[draws.ravel()],
            "samples_to_target": found.samples_to_target[draws.ravel()],
            "horizon": shared.samples[-1] if shared else min(g[-1] for g in grids),
        }
        parts.append(pd.DataFrame(arms))
    sweep = Sweep(
        "complete",
        settings=[LabelledSetting(f"{name}{arm}", "", {}) for name in names for arm in (0, 1)],
        target=asdict(target),
        common_grid=shared and shared.to_facts(),
    )
    pairs = [(f"{name}1", f"{name}0") for name in names]
    asked = [Question("setting", "", *pair, "", "", [pair]) for pair in pairs]
    on = clock(pd.concat(parts, ignore_index=True), sweep)
    table = compared(asked, on, Rules(apart=shared.apart if shared else 0.0))
    table = judged(table.assign(family=names))
    return table["verdict"].isin(DIFFERENCES).mean(), table["ratio"].median()


GRIDS = {
    "evals": [(8000, 4, 30), (8000, 4, 100)],
    "budget": [(4000, 4, 135), (16_000, 4, 135)],
    "few evaluations": [(4000, 4, 30), (16_000, 4, 30)],
    "batch_size": [(8000, 4, 100), (8000, 16, 100)],
    "large batches": [(8000, 4, 45), (8000, 400, 45)],
}


SHORT = [[(660, 4, 135), (672, 16, 135)], [(660, 4, 100), (660, 4, 40)]]


@pytest.mark.parametrize("asked", GRIDS.values(), ids=GRIDS)
def test_the_same_trainings_looked_at_otherwise_are_the_same(curves, asked):
    grids = [evaluation_grid(*one) for one in asked]
    draws = np.random.default_rng(0).integers(SEEDS, size=(BLOCKS, 20))
    shared = common_grid(grids)
    share, ratio = claims(curves, grids, shared, draws)
    assert share <= 0.05
    assert ratio == pytest.approx(1, abs=0.001 + shared.apart)


@pytest.mark.parametrize(
    "grids",
    SHORT,
    ids=["batch_size", "evals"],
)
def test_of_many_seeds_cut_short_none_seems_usually_first(curves, grids):
    """Where some do not arrive it is asked who is first: a point more or less is no answer."""
    grids = [evaluation_grid(*one) for one in grids]
    draws = np.random.default_rng(0).integers(SEEDS, size=(40, 200))
    shared = common_grid(grids)
    assert shared.apart > 0
    share, ratio = claims(curves, grids, shared, draws, replace(GATE.target, hold=4))
    assert share <= 0.05
    assert ratio == pytest.approx(1, abs=0.02)


def test_each_on_its_own_evaluations_they_would_not_be(curves):
    grids = [evaluation_grid(*one) for one in GRIDS["evals"]]
    draws = np.random.default_rng(0).integers(SEEDS, size=(BLOCKS, 20))
    share, ratio = claims(curves, grids, None, draws)
    assert share > 0.9
    assert ratio < 0.95


@pytest.fixture
def records(curves):
    """Two settings that differ in their budgets and evaluations alone."""
    found = []
    for number, (budget, batch, evals) in enumerate(GRIDS["budget"]):
        seen = looked_at(curves, evaluation_grid(budget, batch, evals))
        seen = Curves(seen.samples, *(metric[:24] for metric in seen[1:]))
        config = replace(GATE, budget=budget, evals=evals).flat
        record = a_record(f"s{number}", seeds=range(24), config=config, samples=budget)
        fate = outcomes(seen, GATE.target)
        record = changed(replace(record, outcomes=fate), curves=seen)
        found.append(replace(record, meta={**record.meta, "number": number}))
    return found


def test_all_tables_tell_the_same_story(records, tmp_path):
    facts = described({record.setting: record.meta["config"] for record in records})
    heads = records
    facts = replace(facts, common_grid=common_facts(heads))
    found = tabulate([[record] for record in records], facts, tmp_path)
    ends = facts.common_grid["samples"][-1]
    assert ends <= 4000
    assert set(found.trials["horizon"]) == {ends}
    assert found.trials.groupby("setting")["budget"].first().tolist() == [4000, 16_000]
    times = found.trials["samples_to_target"].dropna()
    assert set(times) <= set(facts.common_grid["samples"])
    first, second = found.summary.to_dict("records")
    assert first["reached"] == second["reached"]
    assert first["rmst"] == pytest.approx(second["rmst"], rel=0.05)
    contrast = found.contrasts.iloc[0]
    assert contrast["verdict"] == "same"
    assert contrast["ratio"] == pytest.approx(1, abs=0.05)
    assert (contrast["reached_a"], contrast["reached_b"]) == (first["reached"], second["reached"])
    one, two = (found.ladder[found.trials["setting"] == key] for key in ("s0", "s1"))
    reached = np.isfinite(one["accuracy>=1"])
    points = facts.common_grid["samples"]
    steps = [
        np.searchsorted(points, each["accuracy>=1"][reached.to_numpy()]) for each in (one, two)
    ]
    assert abs(steps[0] - steps[1]).max() <= 1
    assert contrast["tied"] == 1
    ladder = one["accuracy>=1"].replace(np.inf, np.nan).to_numpy()
    np.testing.assert_array_equal(ladder, found.trials["samples_to_target"][:24])
    last = found.sensitivity(["s1"]).groupby("kind").last()["ratio"]
    assert last[["budget", "seeds"]].tolist() == pytest.approx([contrast["ratio"]] * 2)
    (part,) = found.effects.loc[found.effects["term"] == "budget", "share"].tolist()
    assert part < 0.02
    # and so do those that are read back
    write_text(tmp_path / SWEEP, json.dumps(told(facts)))
    again = load(tmp_path)
    pd.testing.assert_frame_equal(again.ladder, found.ladder)
    pd.testing.assert_frame_equal(again.contrasts, found.contrasts)


def step_records(times, settings):
    """The same networks in each setting: at their target from given moments on, for good."""
    found = {}
    for number, asked in enumerate(settings):
        grid = evaluation_grid(*asked)
        met = (grid >= times[:, None]).astype(np.float64)
        config = replace(GATE, budget=asked[0], batch_size=asked[1], evals=asked[2]).flat
        record = a_record(f"s{number}", seeds=range(len(times)), config=config, samples=asked[0])
        curves = Curves(grid, 1 - met, 1 - met, met)
        record = changed(replace(record, outcomes=outcomes(curves, GATE.target)), curves=curves)
        found[f"s{number}"] = replace(record, meta={**record.meta, "number": number})
    return found


@pytest.mark.parametrize(
    "settings",
    [
        [(50_000, 1, 135), (50_000, 4, 135), (50_000, 8, 135)],
        [(200_000, 1, 135), (200_000, 10, 135)],
        [(300_000, 1, 135), (1_000_000, 1, 135)],
        [(50_000, 1, 40), (50_000, 1, 135)],
    ],
    ids=["batch_size", "batch_size of ten", "budget", "evals"],
)
def test_who_stays_at_its_target_arrives_wherever_it_is_looked_at(settings):
    """Networks that arrive once, at moments that no two evaluations of one point lie around."""
    grids = [evaluation_grid(*one) for one in settings]
    shared = common_grid(grids)
    seen = np.array([grid[shared.places(grid)] for grid in grids])
    last = shared.samples[-1] / 2
    times = np.random.default_rng(0).uniform(last / 50, last, 400).round()
    first = np.array([np.searchsorted(points, times) for points in seen])
    times = times[(first == first[0]).all(axis=0)]
    assert len(times) > 300
    records = step_records(times, settings)
    for record in records.values():
        assert (record.outcomes.status == "reached").all()
        (judged,) = judged_at([record], shared)
        assert (judged.outcomes.status == "reached").all()
        # the first point at which it is there, counted by hand
        points = shared.samples[np.searchsorted(seen[0], times)]
        np.testing.assert_array_equal(judged.outcomes.samples_to_target, points)
        assert (points >= times / (1 + shared.apart)).all()


def test_settings_that_share_too_few_evaluations_are_not_compared(records, tmp_path):
    few = [np.array([16, 100, 1000]), np.array([16, 50, 600])]
    facts = described({record.setting: record.meta["config"] for record in records})
    shared = common_facts(
        [
            changed(record, curves=record.trials.curves._replace(samples=grid))
            for record, grid in zip(records, few, strict=True)
        ]
    )
    facts = replace(facts, common_grid=shared)
    assert shared["samples"] == [16]
    found = tabulate([[record] for record in records], facts, tmp_path)
    row = found.contrasts.iloc[0]
    assert row["verdict"] == "incomparable"
    assert row["why"] == "their evaluations have 1 point in common, and a target must hold at 3"
    assert found.effects.empty
    assert found.summary["reached"].min() > 0  # each on its own evaluations
