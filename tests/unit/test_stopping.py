import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nnrun.records.sweep import Sweep
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.drawn_sweeps import CORRELATION, Cell, draw, false_claim_limit, sweep_of
from nnrun.statistics.sequences import Looks
from nnrun.statistics.stopping import _rng, fixed_design, plan, report_looks, report_stops, stop

ALIKE = Cell(0, 0.3, correlation=CORRELATION)
LOOKS = list(range(10, 101, 10))


@pytest.mark.parametrize("rule", [Looks(), Looks(10, 100)], ids=["bets", "planned"])
@pytest.mark.parametrize("arms", [2, 6])
def test_who_looks_ten_times_claims_falsely_seldom_enough(rule, arms):
    repeats = 1_000 if arms == 2 else 400
    found = stop(ALIKE._replace(arms=arms), repeats, LOOKS, rule)
    assert found.claimed() <= false_claim_limit(repeats)
    assert found.claimed() > 0.01
    assert found.held.mean() >= 0.95


def test_with_what_is_made_for_one_look_he_claims_falsely_far_too_often():
    assert stop(ALIKE, 200, LOOKS, None).claimed() > 0.12


@pytest.mark.parametrize("rule", [Looks(), Looks(10, 400)], ids=["bets", "planned"])
def test_a_ratio_at_the_margin_is_seldom_called_the_same_and_equal_arms_are_in_the_end(rule):
    looks = list(range(10, 401, 10))
    near = Cell(0, correlation=CORRELATION, sigma=0.2, ratio=1.1)
    assert stop(near, 400, looks, rule).same() <= false_claim_limit(400)
    alike = stop(near._replace(ratio=1.0), 100, looks, rule)
    assert alike.same() > 0.8


def test_the_fixed_design_is_that_of_the_t_test():
    """Power of a paired t-test, by the noncentral distribution."""
    sigma = 0.5 * np.sqrt(2)
    power = [
        stats.nct.sf(stats.t.isf(0.025, n - 1), n - 1, np.log(1.5) / sigma * np.sqrt(n))
        for n in range(2, 60)
    ]
    expected = 2 + int(np.argmax(np.array(power) >= 0.9))
    assert abs(fixed_design(Cell(0, ratio=1.5), 100) - expected) <= 2


def test_a_planned_number_of_seeds_saves_a_fifth_and_bets_cost_little():
    cell = Cell(0, ratio=1.5)
    rule, found = plan(cell, 35, 400)
    assert found.claimed(-1) >= 0.9
    assert rule.most <= 60
    assert found.pairs.mean() < 0.9 * 35
    assert stop(cell, 400, list(range(10, 201, 10)), Looks()).pairs.mean() < 1.3 * 35


@pytest.mark.parametrize("auto", [None, {"block": 10, "most": 30}])
def test_a_sweep_that_stopped_is_what_its_report_says(auto):
    cell, repeats = Cell(30, 0.3, correlation=CORRELATION, ratio=1.6), 12
    rule = Looks() if auto is None else Looks(**{"every": auto["block"], "most": auto["most"]})
    found = stop(cell, repeats, [10, 20, 30], rule)
    assert len(set(found.pairs.ravel())) > 1
    trials, every = draw(cell, repeats, _rng(cell)), sweep_of(cell, repeats)
    for r in range(repeats):
        own = trials[trials["setting"].isin([f"{r}/0", f"{r}/1"])]
        settings = [one for one in every.settings if one.id in (f"{r}/0", f"{r}/1")]
        n = int(found.pairs[r, 0])
        looks = [k for k in (10, 20, 30) if k <= n]
        sweep = Sweep(
            "complete",
            **{"settings": settings, "varying": ["arm"], "telling": ["arm"]},
            **{"target": every.target, "looks": looks, "auto": auto or {"block": 7, "most": 999}},
        )
        (row,) = contrasts(own[own["seed"] < n], sweep).to_dict("records")
        said = found.verdict[r, 0]
        assert row["verdict"] == (said if said != "not decided yet" else "unsure")
        assert row["pairs"] == n


def test_the_tables_are_whole():
    looks, stops = list(report_looks(20, 3)), list(report_stops(20, few=True))
    assert looks[0].count("|") == looks[2].count("|") == 7
    assert "20 sweeps a world, 3 looks" in looks[-1]
    assert len(stops) == 2 + 4 + 2
    assert all(line.count("|") == 9 for line in stops[:-2])
    assert pd.Series(stops[2:-2]).str.contains("ratio 1.5").all()
