"""Curves that end before others, or never began: none is dropped, each counts as what it is."""

import numpy as np
import pandas as pd
import pytest

from nnrun.errors import InputError
from tests.unit.test_judge import a_table, judged


def test_a_curve_that_ended_because_it_arrived_limits_no_budget():
    table = a_table()
    whole = judged(table, hold=2)
    arrival = table["arm"].map({"a": 10, "b": 5}) + table["seed"] % 4
    found = judged(table[table["step"] <= arrival + 1], hold=2, budget=14)
    assert found.summary["reached"].tolist() == [20, 20]
    same = ["ratio", "p", "sooner", "difference", "median_ratio"]
    pd.testing.assert_frame_equal(found.contrasts[same], whole.contrasts[same])
    (note,) = judged(
        table[(table["arm"] == "a") | (table["step"] <= arrival + 1)], hold=2
    ).sweep.notes
    assert note == (
        "20 curves of 40 end before the 20 steps with the target held; from there on they keep the "
        "last value."
    )


def test_curves_that_end_as_they_meet_a_target_that_is_to_hold_are_refused():
    table = a_table()
    arrival = table["arm"].map({"a": 10, "b": 5}) + table["seed"] % 4
    some = (table["arm"] == "a") | (table["step"] <= arrival) | (table["seed"] == 0)
    said = "hold=3: is not seen: 19 of 20 curves of arm=b end as they meet the target, before 3"
    with pytest.raises(InputError, match=said):
        judged(table[some])
    whole = judged(table, hold=1).contrasts
    pd.testing.assert_frame_equal(judged(table[some], hold=1).contrasts, whole)
    few = judged(table[some | (table["seed"] > 4)])  # an accident, which may change a finding
    assert few.sweep.notes[1].startswith("4 of these met the target, but not at 3 evaluations")
    assert few.sweep.notes[2].startswith("Left out instead, they")


def test_a_curve_that_stopped_is_judged_where_a_coarser_one_was_evaluated():
    # a meets at 1, 2, .. 20 and stops at the third; b is evaluated at 10, 20 .. and meets at 30
    parts = []
    for seed in range(20):
        at, coarse = np.arange(1, seed + 4), np.arange(10, 101, 10)
        parts += [pd.DataFrame({"arm": "b", "seed": seed, "step": coarse, "acc": coarse / 30})]
        parts += [pd.DataFrame({"arm": "a", "seed": seed, "step": at, "acc": at / (seed + 1)})]
    found = judged(pd.concat(parts), target="acc>=1")
    assert found.sweep.common_grid["samples"] == list(range(10, 101, 10))
    trials = found.trials.set_index("arm")["samples_to_target"]
    assert trials["a"].tolist() == [10] * 10 + [20] * 10
    assert trials["b"].tolist() == [30] * 20
    assert found.contrasts["ratio"].iloc[0] == pytest.approx(15 / 30)


def test_curves_that_go_on_after_they_arrived_limit_no_budget():
    table = a_table()
    patient = (table["arm"] == "a") | (table["step"] <= 10 + table["seed"] % 4)
    found = judged(table[patient])
    assert set(found.trials["horizon"]) == {20}
    pd.testing.assert_frame_equal(found.contrasts, judged(table).contrasts)


def test_a_setting_that_breaks_off_early_cuts_the_budget_and_a_larger_one_may_be_asked_for():
    table = a_table()
    crashed = table[(table["arm"] == "a") | (table["step"] <= 4)]
    found = judged(crashed)
    assert set(found.trials["horizon"]) == {4}
    assert found.sweep.notes[0].startswith(
        "All are judged up to the 4 steps of the longest curve of arm=b, though others go on to 20."
    )
    assert "a budget of 20 counts those" in found.sweep.notes[0]
    asked = judged(crashed, budget=20)
    assert asked.summary["reached"].tolist() == [20, 0]
    assert asked.contrasts["verdict"].tolist() == ["fails"]
    assert asked.sweep.notes[0].startswith("20 curves of 40 end before the 20 steps up to which")


def test_a_curve_that_breaks_off_limits_no_budget_either_where_the_others_stopped():
    table = a_table()
    arrival = table["arm"].map({"a": 10, "b": 5}) + table["seed"] % 4
    broken = (table["arm"] == "b") & (table["seed"] == 0) & (table["step"] > 3)
    found = judged(table[(table["step"] <= arrival + 1) & ~broken], hold=2)
    assert set(found.trials["horizon"]) == {9}  # the longest curve of b
    assert found.summary["reached"].tolist() == [0, 19]


def test_a_metric_that_was_not_logged_once_may_still_diverge():
    table = a_table()
    lost = (table["arm"] == "b") & ((table["step"] > 4) | (table["step"] == 2))
    table.loc[lost, "acc"] = np.nan
    found = judged(table)
    assert found.summary["diverged"].tolist() == [0, 20]
    assert set(found.trials["horizon"]) == {20}
    assert found.contrasts["verdict"].tolist() == ["fails"]


def test_a_curve_that_never_got_beyond_0_does_not_vanish():
    table = a_table(steps=np.arange(21))
    crashed = (table["arm"] == "b") & (table["seed"] < 8) & (table["step"] > 0)
    found = judged(table[~crashed])
    assert found.summary["seeds"].tolist() == [20, 20]
    assert found.summary["reached"].tolist() == [20, 12]
    assert found.summary["exhausted"].tolist() == [0, 8]
    assert "8 curves of 40 without an evaluation above step 0 count as not arriving." in (
        found.sweep.notes
    )
    # a arrives at 10 to 13; b at 5 to 8, or not by 20
    means = 11.5, (8 * 20 + 12 * 6.5) / 20
    assert found.contrasts["ratio"].iloc[0] == pytest.approx(means[1] / means[0])
    gone = found.sweep.notes[-1]
    assert gone.startswith("Left out instead, they")


def test_a_curve_that_was_not_evaluated_within_the_budget_does_not_vanish_either():
    table = a_table()
    late = (table["arm"] == "b") & (table["seed"] < 5) & (table["step"] <= 15)
    found = judged(table[~late], budget=15)
    assert found.summary["reached"].tolist() == [20, 15]
    assert found.sweep.notes[0] == (
        "5 curves of 40 without an evaluation above step 0 and up to 15 count as not arriving."
    )


def test_seeds_that_one_setting_lacks_are_told_of():
    table = a_table(seeds=30)
    found = judged(table[(table["arm"] == "a") | (table["seed"] >= 9)])
    assert found.sweep.notes == [
        "arm=b has no curve of 9 of the 30 seeds of arm=a. Only seeds that both have are compared: "
        "where those that lack failed, what is found is too favourable to the setting that lacks "
        "them."
    ]
    assert judged(table, paired=False).sweep.notes == []


def test_pairs_are_looked_for_with_the_baseline_that_is_named():
    table = a_table(("a", "b", "c"), seeds=40)
    seeds = {"a": range(40), "b": range(20), "c": range(20, 40)}
    own = [table[(table["arm"] == arm) & table["seed"].isin(of)] for arm, of in seeds.items()]
    assert not judged(pd.concat(own)).sweep.unpaired
    with pytest.raises(InputError, match="seeds: are in part the same: 0 of 20 of arm=c are among"):
        judged(pd.concat(own), baseline="arm=b")
    alone = judged(pd.concat(own[1:]), baseline="arm=c")
    assert alone.sweep.unpaired


def test_seconds_that_no_two_curves_share_are_refused_with_what_to_do():
    table = a_table(seeds=2).assign(acc=0.5)
    apart = {("a", 0): 0.0, ("a", 1): 0.25, ("b", 0): 0.5, ("b", 1): 0.75}
    table["clock"] = 2.0 ** (
        table["step"] + [apart[key] for key in zip(table["arm"], table["seed"], strict=True)]
    )
    with pytest.raises(
        InputError, match="where these are seconds, give each a row at the same few"
    ):
        judged(table, x="clock")


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_how_curves_end_that_it_did_not_train(tmp_path):
    table = a_table(("a",), seeds=30)
    other = a_table(("b",), seeds=25, first=100).assign(arm="b")
    late = (table["seed"] < 5) & (table["step"] > 6)
    found = judged(pd.concat([table[~late], other]), out=tmp_path)
    said = " ".join(found.verdict)
    # 11.44 against 11.48 on average
    assert " Of those that arrive (25 and 25 trials) it takes 0.996 times the steps" in said
    page = (tmp_path / "report.md").read_text()
    assert "| first in pairs | seeds each | p (Holm) |" in page
    assert (
        "(a seed that failed or ended early counts as not arriving, if it had not before)" in page
    )
    assert "(9%) did not reach the target; in 5 the budget, or the curve, ended first" in page
