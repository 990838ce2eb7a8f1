from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nnrun.config.settings import Target
from nnrun.records.sweep import LabelledSetting, Sweep
from nnrun.records.trials import Curves
from nnrun.results.results import Results
from nnrun.statistics.ladder import NAMES, RUNGS, align, holds, ladder_times, rung_name
from nnrun.training.convergence import outcomes
from tests.unit.sweeps import GRID, a_sweep

INF, NAN = np.inf, np.nan


def wandering(rng, n_trials=60, n_evals=40):
    """Curves that come and go, some of which end in NaN."""
    loss = 10 ** (-3.5 * np.linspace(0, 1, n_evals) * rng.random((n_trials, 1)) * 1.3)
    loss = loss * np.exp(rng.normal(0, 0.3, loss.shape))
    accuracy = np.clip(1 - loss / 2 + rng.normal(0, 0.01, loss.shape), 0, 1)
    for trial in range(0, n_trials, 5):
        loss[trial, rng.integers(n_evals) :] = NAN
    accuracy[np.isnan(loss)] = NAN
    samples = np.cumsum(rng.integers(1, 50, n_evals))
    return Curves(samples, loss, loss, accuracy)


@pytest.mark.parametrize("hold", [1, 2, 3, 7, 40, 41])
def test_times_are_those_of_one_target_after_another(hold):
    curves = wandering(np.random.default_rng(hold))
    metrics = {"accuracy": curves.accuracy, "test_loss": curves.test_loss}
    times = ladder_times(curves.samples, metrics, hold)
    assert np.isfinite(times).any() == (hold <= 40)
    for rung, mine in zip(RUNGS, times.T, strict=True):
        truth = outcomes(curves, Target(metric=rung.metric, value=rung.value, hold=hold))
        np.testing.assert_array_equal(np.where(np.isinf(mine), NAN, mine), truth.samples_to_target)


def test_a_case_worked_by_hand():
    losses = [[0.9, 0.5, 0.04, 0.06, 0.05, 0.001], [NAN] * 6, [1.0, 1.0, 1.0, NAN, NAN, NAN]]
    times = ladder_times([1, 2, 4, 8, 16, 32], {"test_loss": losses}, hold=2)
    found = pd.DataFrame(times, columns=list(NAMES))
    # from the third on all are at most 0.06; 0.05 holds from the fifth; 0.001 was seen but once
    expected = {"1": 1, "0.794": 2, "0.501": 2, "0.398": 4, "0.1": 4, "0.0631": 4, "0.0501": 16}
    for value, samples in expected.items():
        assert found.loc[0, f"test_loss<={value}"] == samples
    assert found.loc[0, "test_loss<=0.0398"] == INF
    assert found.loc[1, "test_loss<=1"] == INF
    assert found.loc[2, ["test_loss<=1", "test_loss<=0.794"]].tolist() == [1, INF]
    assert found["accuracy>=0.9"].isna().all()


def test_rungs_are_what_their_names_say():
    assert len(RUNGS) == len(set(NAMES)) == 35
    assert [rung.value for rung in RUNGS[:4]] == [0.9, 0.95, 0.99, 1.0]
    losses = np.array([rung.value for rung in RUNGS[4:]])
    np.testing.assert_allclose(losses, np.logspace(0, -3, 31), rtol=5e-3)
    assert (np.diff(losses) < 0).all()
    for rung in RUNGS:
        assert float(rung_name(rung).split("=")[1]) == rung.value


def test_the_hold_is_that_of_each_setting():
    own = {"target.metric": "accuracy", "target.value": 0.9, "target.hold": 5}
    sweep = Sweep(
        "complete",
        settings=[LabelledSetting("a", "a", own), LabelledSetting("b", "b", {})],
        target={"metric": "accuracy", "value": 0.95, "hold": 2},
    )
    assert holds(sweep) == {"a": 5, "b": 2}
    assert holds(replace(sweep, target=None)) == {"a": 5, "b": Target().hold}


def test_the_ladder_stands_beside_the_trials_row_by_row():
    results = a_sweep(["one", "two"], seeds=4, diverged=1)
    trials = results.trials
    trials.loc[trials["seed"] == 2, "status"] = "failed"
    curves = results.curves[results.curves["seed"] != 2].sample(frac=1, random_state=1)
    mixed = trials.sample(frac=1, random_state=0)
    found = Results(mixed, results.sweep, known={"curves": curves})
    assert found.ladder.index.equals(found.trials.index)
    assert list(found.ladder) == list(NAMES)
    for (_, trial), (_, row) in zip(found.trials.iterrows(), found.ladder.iterrows(), strict=True):
        if trial["status"] == "failed":
            assert row.isna().all()
            continue
        mine = curves[(curves["setting"] == trial["setting"]) & (curves["seed"] == trial["seed"])]
        mine = mine.sort_values("samples")
        one = Curves(
            GRID,
            *(mine[m].to_numpy()[None] for m in ("train_loss", "test_loss")),
            mine["accuracy"].to_numpy()[None],
        )
        truth = outcomes(one, Target("test_loss", 0.1, 3)).samples_to_target[0]
        assert row["test_loss<=0.1"] == (INF if np.isnan(truth) else truth)


def test_a_regression_has_no_accuracy_but_a_diverged_classifier_never_arrives():
    both = a_sweep(["one"], seeds=3, regression=True)
    both.trials["task"] = "regression"
    assert both.ladder["accuracy>=0.9"].isna().all()
    lost = a_sweep(["one"], seeds=3)
    lost.curves[["train_loss", "test_loss", "accuracy"]] = NAN
    assert (lost.ladder == INF).all(axis=None)


def test_no_ladder_leaves_all_unknown():
    trials = pd.DataFrame({"setting": ["a"], "seed": [0]}, index=[7])
    found = align(trials, [])
    assert found.shape == (1, 35)
    assert found.index.tolist() == [7]
    assert found.isna().all(axis=None)
