import math

import numpy as np
import pandas as pd
import pytest

from nnrun.statistics.curves import (
    METRICS,
    TRACES,
    bands_of_curves,
    bands_table,
    setting_bands,
)

INF, NAN = math.inf, math.nan


def bands(curves):
    return bands_table(bands_of_curves(curves))


def curves_of(*trials):
    """Curves from (setting, seed, losses, accuracies), evaluated at 10, 20, 30, ... samples."""
    rows = []
    for setting, seed, losses, accuracies in trials:
        for i, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True)):
            point = {"setting": setting, "seed": seed, "samples": 10 * (i + 1)}
            values = {"train_loss": 2 * loss, "test_loss": loss, "accuracy": accuracy}
            rows.append({**point, **values})
    return pd.DataFrame(rows)


def test_bands_keep_a_diverged_trial_as_the_worst():
    curves = curves_of(
        ("a", 0, [1.0, 0.5], [0.5, 0.8]),
        ("a", 1, [2.0, 0.6], [0.6, 0.9]),
        ("a", 2, [3.0, NAN], [0.7, NAN]),
    )
    table = bands(curves).set_index(["metric", "samples"])
    assert table.loc[("test_loss", 10), ["q25", "median", "q75", "n"]].tolist() == [1.5, 2, 2.5, 3]
    late = table.loc[("test_loss", 20)]
    assert late["q25"] == pytest.approx(0.55)
    assert (late["median"], late["q75"], late["n"]) == (0.6, INF, 3)
    accuracy = table.loc[("accuracy", 20)]
    assert accuracy["median"] == 0.8  # of 0, 0.8, 0.9
    assert accuracy["q25"] == pytest.approx(0.4)


def test_bands_take_an_evaluation_that_a_seed_lacks_as_a_failure():
    curves = curves_of(("a", 0, [1.0, 0.5], [0.5, 0.8]), ("a", 1, [1.0], [0.5]))
    late = bands(curves).query("samples == 20").set_index("metric")
    assert late.loc["test_loss", "median"] == INF
    assert late.loc["accuracy", "median"] == pytest.approx(0.4)


def test_bands_of_settings_with_other_seeds_and_grids_stay_apart():
    both = curves_of(("b", 5, [1.0, 3.0], [0.1, 0.3]), ("a", 1, [2.0], [0.2]), ("a", 2, [4.0], [1]))
    table = bands(both).query("metric == 'test_loss'")
    assert table[["setting", "samples", "median", "n"]].values.tolist() == [
        ["b", 10, 1.0, 1],
        ["b", 20, 3.0, 1],
        ["a", 10, 3.0, 2],
    ]


def test_bands_leave_accuracy_out_for_regression_only():
    regression = ("a", 0, [1.0, 0.5], [NAN, NAN])
    lost = ("b", 0, [NAN, NAN], [NAN, NAN])
    classifier = ("c", 0, [1.0, 0.5], [0.5, 0.6])
    assert set(bands(curves_of(regression))["metric"]) == {"train_loss", "test_loss"}
    mixed = bands(curves_of(regression, lost, classifier)).query("metric == 'accuracy'")
    assert set(mixed["setting"]) == {"b", "c"}
    assert (mixed.query("setting == 'b'")["median"] == 0).all()


def test_bands_agree_with_pandas_on_a_large_table():
    rng = np.random.default_rng(3)
    grid = pd.MultiIndex.from_product(
        [["s", "t", "u"], range(40), [10, 20, 40]], names=["setting", "seed", "samples"]
    )
    curves = pd.DataFrame(index=grid).reset_index()
    for metric in ("train_loss", "test_loss", "accuracy"):
        curves[metric] = rng.random(len(curves))
    curves = curves.sample(frac=1, random_state=0)
    table = bands(curves).set_index(["setting", "samples"])
    groups = curves.groupby(["setting", "samples"])
    for metric, part in table.groupby("metric"):
        for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75)):
            truth = groups[metric].quantile(q).reindex(part.index)
            np.testing.assert_allclose(part[name], truth, rtol=1e-12)


def test_bands_of_no_curves_are_empty():
    columns = ["setting", "seed", "samples", "train_loss", "test_loss", "accuracy"]
    assert bands(pd.DataFrame(columns=columns)).empty


def test_bands_of_one_setting_agree_with_numpy():
    rng = np.random.default_rng(5)
    metrics = {name: rng.random((7, 11)) for name in METRICS}
    found = setting_bands(np.arange(1, 12), metrics)
    for index, name in enumerate(METRICS):
        truth = np.quantile(metrics[name], (0.25, 0.5, 0.75), axis=0)
        np.testing.assert_allclose(found.quartiles[index], truth, rtol=1e-12)
    assert (found.n, found.measured) == (7, (True, True, True))


def test_bands_of_one_setting_are_those_of_its_curves():
    rng = np.random.default_rng(6)
    losses, accuracies = rng.random((2, 9, 5))
    for lost in (losses, accuracies):
        lost[2, 3:] = lost[5, 1:] = NAN
    rows = [("a", seed, losses[seed], accuracies[seed]) for seed in range(9)]
    metrics = {"train_loss": 2 * losses, "test_loss": losses, "accuracy": accuracies}
    found = {"a": setting_bands(np.arange(10, 60, 10), metrics)}
    pd.testing.assert_frame_equal(bands_table(found), bands(curves_of(*rows)), check_exact=True)


def test_traces_are_the_curves_of_the_first_seeds():
    rng = np.random.default_rng(7)
    losses = rng.random((30, 4))
    losses[2, 2:] = NAN
    rows = [("a", seed, losses[seed], 1 - losses[seed]) for seed in reversed(range(30))]
    traces = bands_of_curves(curves_of(*rows))["a"].traces
    assert traces.shape == (3, TRACES, 4)
    for index, truth in enumerate((2 * losses, losses, 1 - losses)):
        np.testing.assert_array_equal(traces[index], truth[:TRACES])


def test_traces_of_few_trials_are_all_of_them_and_hold_on_to_nothing_else():
    found = setting_bands([10, 20], dict.fromkeys(METRICS, np.ones((3, 2))))
    assert found.traces.shape == (3, 3, 2)
    large = setting_bands(np.arange(5), dict.fromkeys(METRICS, np.ones((500, 5))))
    assert large.traces.base is None or large.traces.base.size == large.traces.size
