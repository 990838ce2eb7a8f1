"""Best at the end, beside soonest."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import trim_mean

from nnrun.report.ends import ends
from nnrun.results.scores import Scores
from nnrun.statistics.quantiles import interquartile_interval
from tests.unit.sweeps import a_sweep


def ending(labels, losses, spread=0.01, **more):
    """A sweep whose settings arrive ever sooner and end with such losses."""
    results = a_sweep(labels, **more)
    about = dict(zip([f"s{i}" for i in range(len(labels))], losses, strict=True))
    trials = results.trials
    loss = trials["setting"].map(about) * (1 + spread * trials["seed"])
    accuracy = 1 - loss
    return replace(results, trials=trials.assign(final_test_loss=loss, final_accuracy=accuracy))


def test_the_soonest_need_not_be_the_best():
    found = ends(ending(["lr=1", "lr=2", "lr=3"], [0.1, 0.2, 0.3]))
    assert found.text == (
        "Lowest test loss at the end: lr=1 (median 0.110). It has the highest accuracy, too "
        "(0.891). The soonest by restricted mean is another, lr=3, which ends at a median of "
        "0.329. So the soonest is not the best at the end."
    )
    assert [row.name for row in found.rows] == ["lr=1", "lr=2", "lr=3"]
    assert found.measures == [("loss", "Test loss"), ("accuracy", "Accuracy")]
    assert not found.sized


def test_where_intervals_overlap_it_is_not_sure():
    found = ends(ending(["lr=1", "lr=2"], [0.1, 0.101], spread=0.2))
    assert found.text.endswith("which of the two is better at the end is not sure.")


def test_one_setting_can_be_both():
    found = ends(ending(["lr=1", "lr=2"], [0.2, 0.1]))
    assert found.text.endswith("It is the soonest, too, by restricted mean.")
    assert "the soonest is not" not in found.text


@pytest.mark.parametrize(
    ("key", "text"), [("data.noise", "different data"), ("loss.name", "Highest accuracy")]
)
def test_what_is_not_of_one_scale_is_not_compared(key, text):
    results = ending(["a=1", "a=2"], [0.1, 0.2])
    known = {**results.known, "summary": results.summary}
    told = ends(replace(results, sweep=replace(results.sweep, varying=[key]), known=known)).text
    assert text in told
    assert "Lowest test loss" not in told


def test_without_a_race_no_one_is_soonest():
    assert "none is the soonest" in ends(ending(["a=1", "a=2"], [0.1, 0.2], arrives=0)).text
    assert ends(ending([""], [0.1])).text == ""
    regression = ends(a_sweep(["a=1", "a=2"], regression=True))
    assert regression.measures == [("loss", "Test loss")]


def test_sizes_and_scores_are_told_where_networks_are_at_hand():
    results = ending(["hidden=9", "hidden=2", "hidden=1"], [0.1, 0.101, 0.4])
    several = np.full(20, 0.75)
    scores = {f"s{i}": Scores(n, several, several) for i, n in enumerate((90, 20, 10))}
    found = ends(results, (scores, []))
    assert "hidden=9 has 90 parameters; with 20, hidden=2 is not clearly worse" in found.text
    assert found.rows[0].values["auc"][:2] == (0.75, 0.75)
    assert [key for key, _ in found.measures] == ["loss", "accuracy", "auc", "f1"]
    lost = ends(results, ({"s0": scores["s0"]}, ["s1", "s2"]))
    assert "networks of hidden=2 and hidden=1 could not be scored" in lost.caption


def test_what_diverged_counts_as_the_worst():
    found = ends(a_sweep(["a=1"], diverged=15))
    row = found.rows[0]
    assert row.values["loss"].median == np.inf
    assert row.values["accuracy"].mean == 0


def test_the_interval_of_an_interquartile_mean_holds_it_and_is_that_of_drawn_seeds():
    values = np.random.default_rng(1).lognormal(size=30)
    low, high = interquartile_interval(values)
    assert low < trim_mean(values, 0.25) < high
    rng = np.random.default_rng(2)
    drawn = [trim_mean(rng.choice(values, 30), 0.25) for _ in range(4000)]
    plain = np.quantile(drawn, [0.025, 0.975])
    # widened for few seeds: by a tenth or so on either side
    assert low < plain[0] < trim_mean(values, 0.25) < plain[1] < high
    assert high - low == pytest.approx(plain[1] - plain[0], rel=0.2)
    assert interquartile_interval([1.0, np.inf, np.inf, np.inf]) == (1.0, np.inf)
    assert np.isnan(interquartile_interval([1.0])).all()
