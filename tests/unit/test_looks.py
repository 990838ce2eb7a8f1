"""What was known at each look, and the figure of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import nnrun.plot
from nnrun.errors import InputError
from nnrun.plot import canvas
from nnrun.plot.figures.looks import looks
from nnrun.plot.style import INK, LATER, SOONER
from nnrun.report.figures import drawing
from nnrun.results.results import Results
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.looks import MOST, SAME, history
from tests.unit.grids import a_grid
from tests.unit.test_contrasts import spread, sweep_of, trials_of
from tests.unit.test_figures import an_axis, texts

N = 60


def looked_at(several, stop=None, n=N):
    """A sweep of three settings of which one is much later, and may have fewer seeds."""
    trials = trials_of(spread(n, 200), spread(n, 500, seed=1), spread(n, 210, seed=2))
    if stop is not None:
        trials = trials[(trials["setting"] != "s1") | (trials["seed"] < stop)]
    configs = [{"lr": rate} for rate in (0.1, 0.2, 0.3)]
    return trials, sweep_of(*configs, looks=list(several))


def test_a_look_is_what_a_report_of_its_seeds_says():
    trials, sweep = looked_at([20, 40, N])
    table = history(trials, sweep)
    for place, seeds in enumerate(sweep.looks):
        then = contrasts(
            trials[trials["seed"] < seeds], replace(sweep, looks=sweep.looks[: place + 1])
        )
        found = table[table["seeds"] == seeds]
        shared = [name for name in table if name in then]
        pd.testing.assert_frame_equal(
            found[shared].reset_index(drop=True), then[shared], check_dtype=False
        )
        assert (found["pairs"] == seeds).all()
    assert list(table[table["arm"] == "lr=0.2"]["seeds"]) == [20, 40, N]


def test_seeds_count_from_the_first_whatever_its_number():
    trials, sweep = looked_at([20, N])
    moved = history(trials.assign(seed=trials["seed"] + 1000), sweep)
    pd.testing.assert_frame_equal(moved, history(trials, sweep))


def test_a_decision_falls_once_and_an_arm_ends_where_it_got_no_more_seeds():
    table = history(*looked_at(range(10, N + 1, 10), stop=30))
    later = table[table["arm"] == "lr=0.2"]
    assert list(later["seeds"]) == [10, 20, 30]
    assert list(later["verdict"].iloc[1:]) == ["later", "later"]
    assert list(later["fell"]) == [False, True, False]
    other = table[table["arm"] == "lr=0.3"]
    assert list(other["seeds"]) == list(range(10, N + 1, 10))
    assert not other["fell"].any()


def test_means_that_come_near_without_a_finding_are_a_decision_too():
    both = np.where(np.arange(200) % 2, spread(200, 300, 0.05), np.inf)  # half never arrive
    trials = trials_of(both, both * np.exp(0.02 * np.random.default_rng(1).standard_normal(200)))
    table = history(trials, sweep_of({"lr": 0.1}, {"lr": 0.2}, looks=[20, 100, 200]))
    assert list(table["verdict"]) == ["unsure"] * 3
    assert list(table["fell"]).count(True) == 1  # the first look at which they are near
    assert "no difference shown" in " ".join(texts(looks(an_axis(), table, "lr=0.2").figure))


def test_of_many_looks_some_are_judged_and_each_at_which_an_arm_ended():
    n = 4 * MOST
    trials, sweep = looked_at(range(2, n + 1, 2), stop=22, n=n)
    drawn = set(history(trials, sweep)["seeds"])
    assert {2, 22, n} <= drawn
    assert MOST <= len(drawn) <= MOST + 3


@pytest.mark.parametrize("several", [[], [N]])
def test_one_look_has_no_history(several):
    trials, sweep = looked_at(several)
    assert history(trials, sweep).empty
    with pytest.raises(InputError, match="looks: there is one look, or nothing to compare"):
        nnrun.plot.looks(Results(trials, sweep))


def a_look(seeds, ratio, verdict, fell=False, arm="lr=0.3", spread=1.3):
    about = dict.fromkeys(SAME, "") | {"arm": arm, "name_a": arm, "name_b": "lr=0.1"}
    bounds = {"ratio_low": ratio / spread, "ratio_high": ratio * spread, "margin": 0.1}
    row = {**about, "seeds": seeds, "pairs": seeds, "ratio": ratio, **bounds}
    return {**row, "verdict": verdict, "fell": fell}


LOOKS = pd.DataFrame(
    [
        a_look(20, 0.8, "unsure", spread=1.6),
        a_look(40, 0.7, "sooner", fell=True),
        a_look(60, 0.7, "sooner"),
        a_look(20, 1.05, "unsure", arm="lr=1"),
        a_look(40, 1.0, "same", fell=True, arm="lr=1", spread=1.05),
        a_look(20, 1.5, "later", fell=True, arm="lr=3"),
        a_look(40, 1.2, "unsure", arm="lr=3"),
        a_look(20, 1.5, "unsure", arm="lr=9"),
    ]
)


@pytest.mark.parametrize(
    ("arm", "at", "colour", "told"),
    [
        ("lr=0.3", (40, 0.7), SOONER, "sooner\nafter 40 seeds"),
        ("lr=1", (40, 1.0), INK, "the same\nafter 40 seeds"),
        ("lr=3", (20, 1.5), LATER, "later\nafter 20 seeds,\nno longer so"),
        ("lr=9", None, None, "not decided\nafter 20 seeds"),
    ],
)
def test_a_marker_stands_where_a_decision_fell(arm, at, colour, told):
    figure = canvas.paint(lambda ax: looks(ax, LOOKS, arm), 7.2)
    ax = figure.axes[0]
    markers = [line for line in ax.lines if line.get_marker() in ("o", "s", "D")]
    single = [line for line in markers if line.get_linestyle() == "None"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in single] == ([at] if at else [])
    assert [to_hex(line.get_markerfacecolor()) for line in single] == ([colour] if at else [])
    assert told in texts(figure)
    (band,) = ax.patches
    assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx([1 / 1.1, 1.1])
    bars = ax.collections[0].get_segments()
    assert len(bars) == (LOOKS["arm"] == arm).sum()
    assert ax.get_yscale() == "log"
    assert f"time of {arm}, × that of lr=0.1 (below 1: sooner)" in ax.get_title("left")
    assert ax.get_xlabel() == "seeds · shaded: the same within 10%"


def test_many_looks_are_a_band_over_a_logarithmic_number_of_seeds():
    several = [a_look(n, 1.0, "unsure", spread=1 + 5 / n) for n in range(10, 301, 10)]
    ax = looks(an_axis(), pd.DataFrame(several), "lr=0.3")
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel().startswith("seeds (log scale) · ")
    path = ax.collections[0].get_paths()[0].vertices
    assert path[:, 1].max() == pytest.approx(1.5)
    assert ax.get_xlim()[0] < 10 < 300 < ax.get_xlim()[1]


def test_a_report_draws_what_its_verdict_is_made_of(tmp_path):
    rates = [0.1 * 2**i for i in range(10)]
    results = a_grid({"lr": rates}, looks=[10, 20])
    with drawing(results, tmp_path) as made:
        picture = made().pictures["looks"]
    assert "at each of 2 looks: from 10 to 20 seeds" in picture.caption
    assert picture.caption.endswith("Not drawn: lr=51.2.")
    assert "after 20 seeds" in picture.wide
    assert (tmp_path / "looks.png").stat().st_size > 10_000
    once = replace(results, sweep=replace(results.sweep, looks=[20]))
    with drawing(once, tmp_path) as made:
        assert "looks" not in made().pictures


def test_an_arm_is_asked_for_by_its_name():
    results = a_grid({"lr": [0.1, 0.3], "batch_size": [1, 2]}, looks=[10, 20])
    ax = nnrun.plot.looks(results, "batch_size=2")
    assert np.isclose(ax.lines[1].get_ydata()[-1], _ratio(results, "batch_size=2"))
    with pytest.raises(InputError, match=r"arm=lr=3: is not compared with anything \(did you mean"):
        nnrun.plot.looks(results, "lr=3")


def _ratio(results, name):
    table = results.contrasts
    return table[table["name_a"] == name]["ratio"].iloc[0]
