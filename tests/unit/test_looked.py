"""What a reader is told where results were looked at more than once."""

from dataclasses import replace

import pytest

from nnrun.launch.terminal import show_results
from nnrun.report import captions
from nnrun.report.looked import ending
from nnrun.report.methods import methods
from nnrun.report.sections import reading_limits
from nnrun.report.verdict import answer, cautions, statements
from nnrun.results.results import Results
from tests.unit.grids import a_grid
from tests.unit.test_contrasts import spread
from tests.unit.test_findings import seen

AUTO = {"most": 40, "block": 10}


def grown(*medians, **more):
    """Settings of 40 seeds each with these median times, the baseline first."""
    arms = [({"lr": i}, spread(40, median, seed=i)) for i, median in enumerate(medians)]
    return seen(arms, **more)


def stopped(results, setting, seeds):
    """The same, if a setting had been given no more than so many seeds."""
    trials = results.trials
    kept = trials[(trials["setting"] != setting) | (trials["seed"] < seeds)]
    return Results(kept, results.sweep)


def test_of_one_look_nothing_is_said():
    for looks in ([], [40]):
        results = grown(300, 100, looks=looks)
        text = " ".join([*cautions(results), statements(results)[1].text])
        assert "look" not in text
        assert "Stopped" not in text


def test_looks_by_hand_are_told_on_the_first_screen_and_beside_each_interval():
    results = grown(300, 100, looks=[20, 30, 40])
    assert cautions(results) == [
        "Results were looked at with 20, 30 and 40 seeds. Tests and intervals of comparisons hold "
        "at every look; intervals are wider than of a number of seeds that was fixed beforehand."
    ]
    told = statements(results)[1]
    assert "(95% interval at every look 0." in told.text
    assert "Stopped" not in told.text
    many = grown(300, 100, looks=range(5, 41, 5))
    assert cautions(many)[0].startswith("Results were looked at 8 times, with 5 to 40 seeds.")


def test_an_interval_at_every_look_is_the_wider_one():
    once, often = (grown(300, 200, looks=looks).contrasts.iloc[0] for looks in ([40], [20, 40]))
    assert often["ratio_low"] < once["ratio_low"] < once["ratio_high"] < often["ratio_high"]


def test_seeds_that_the_results_decided_on_are_told_arm_by_arm():
    whole = grown(300, 60, 310, auto=AUTO, looks=[10, 20, 30, 40])
    results = stopped(whole, "s1", 20)
    assert answer(results).startswith("Yes: lr=1 converges sooner than lr=0")
    assert cautions(results)[0] == (
        "Seeds were added 10 at a time, 40 at most. The settings have 20 to 40 seeds. 1 of 2 "
        "comparisons is not decided. Tests and intervals of comparisons hold at every look."
    )
    sooner, unsure = statements(results)[1:]
    assert sooner.text.endswith(" Stopped after 20 seeds, as it was decided.")
    assert unsure.text.endswith(" Not decided with 40 seeds, the most that there could be.")


@pytest.mark.parametrize(
    ("verdict", "pairs", "told"),
    [
        ("same", 30, " Stopped after 30 seeds, as it was decided."),
        ("same", 40, " Decided with 40 seeds, the most that there could be."),
        ("unsure", 30, ""),
        ("near", 30, " Stopped after 30 seeds: the means differ by less than 10%."),
        ("few", 40, " Not decided with 40 seeds, the most that there could be."),
        ("incomparable", 40, ""),
    ],
)
def test_how_a_comparison_ended(verdict, pairs, told):
    near = verdict == "near"
    row = {"verdict": "unsure" if near else verdict, "pairs": pairs, "margin": 0.1}
    row |= {"ratio_low": 0.95 if near else 0.5, "ratio_high": 1.05}
    sweep = grown(300, 100, auto=AUTO).sweep
    assert ending(row, sweep) == told
    assert ending(row, replace(sweep, auto=None)) == ""


def test_methods_and_captions_say_by_which_tests_it_was_compared():
    once = a_grid({"lr": [0.1, 0.3]}, looks=[20])
    by_hand = replace(once, sweep=replace(once.sweep, looks=[10, 20]))
    planned = replace(once, sweep=replace(once.sweep, auto={"most": 20, "block": 10}))
    far = replace(once, sweep=replace(once.sweep, auto={"most": 10_000, "block": 10}))
    told = [methods(results) for results in (once, by_hand, planned, far)]
    assert ["percentile bootstrap intervals" in text for text in told] == [True, *[False] * 3]
    assert ["(an e-process;" in text for text in told] == [False, True, False, True]
    assert ["a group-sequential test of" in text for text in told] == [False, False, True, False]
    assert "Seeds were added by hand, and results looked at with 10 and 20 seeds." in told[1]
    assert "planned for looks after every 10 pairs up to 20 (Wang and Tsiatis 1987)" in told[2]
    assert "and a setting was trained on, up to 10,000 seeds, for as long as" in told[3]
    assert "with at least 20 pairs" in told[0]
    assert "with at least 20 pairs" not in " ".join(told[1:])
    for results in (by_hand, planned, far):
        assert "intervals that hold at every look" in captions.contrasts_caption(results)
        assert "intervals that hold at every look" in captions.forest_caption(results, 1)
        assert not any(text.startswith("Power") for text in reading_limits(results))
    assert any(text.startswith("Power") for text in reading_limits(once))


def test_a_verdict_at_every_look_asks_for_no_number_of_pairs():
    few = [({"lr": i}, spread(8, 300 / (1 + 9 * i), sigma=0.1, seed=i)) for i in (0, 1)]
    assert answer(seen(few)).startswith("No verdict: it takes 20 seeds in common")
    found = seen(few, looks=[4, 8])
    assert "fewer than 20" not in " ".join(cautions(found))
    assert "it takes 20" not in answer(found) + statements(found)[1].text


def test_the_terminal_says_it_below_the_answer(tmp_path, capsys):
    results = a_grid({"lr": [0.1, 0.3]}, looks=[10, 20], verdict=["Yes: it does."])
    show_results(results, results.sweep, tmp_path)
    said = capsys.readouterr().out
    assert "found: Yes: it does.\n    looks: Results were looked at with 10 and 20 seeds." in said
