"""Which network of a sweep is registered, and what is said of one that is not what it seems."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnrun.config.settings import Measure
from nnrun.records.record import Record
from nnrun.records.sweep import Sweep
from nnrun.results.results import Results
from nnrun.results.tabulate import tabulate
from nnrun.tracking.registry import choose, version_of, warnings_of
from tests.records import a_record, described

FOREVER = np.nan


def a_setting(name: str, lr: float, losses: list[float], times: list[float]) -> Record:
    record = a_record(name, lr=lr, losses=losses, seeds=range(len(losses)))
    config = {**record.meta["config"], "target.metric": "accuracy", "target.value": 0.8}
    status = np.where(
        np.isnan(losses), "diverged", np.where(np.isnan(times), "exhausted", "reached")
    )
    outcomes = record.outcomes._replace(status=status, samples_to_target=np.array(times))
    return replace(record, meta={**record.meta, "config": config}, outcomes=outcomes)


def found(folder: Path, *records: Record) -> tuple[Sweep, Results]:
    sweep = replace(
        described({r.setting: r.meta["config"] for r in records}), verdict=["It is so."]
    )
    return sweep, tabulate([[record] for record in records], sweep, folder)


SETTINGS = (
    # the luckiest of all trials, and the soonest, are in settings that are not the best
    a_setting("lucky", 0.1, [0.01, 0.5, 0.6], [900.0, FOREVER, FOREVER]),
    a_setting("soon", 0.2, [0.19, 0.3, 0.15], [20.0, 10.0, 40.0]),
    a_setting("good", 0.3, [0.2, 0.08, np.nan, 0.05, 0.06], [900.0, 800.0, FOREVER, 950.0, 700.0]),
)


@pytest.mark.parametrize(
    ("by", "chosen"),
    [("final_test_loss", ("good", 3)), ("final_accuracy", ("good", 3)), ("time", ("soon", 1))],
)
def test_of_the_best_setting_the_best_trial_is_chosen(
    tmp_path: Path, by: Measure, chosen: tuple[str, int]
) -> None:
    sweep, results = found(tmp_path, *SETTINGS)
    best = choose(results, by)
    assert best is not None
    assert (best.setting, best.seed) == chosen
    told = version_of(best, sweep, {}, {"its run": "#/runs/r"})
    assert told.tags["chosen_by"] == by
    assert told.tags["below_target"] == str(by == "time").lower()
    assert "It is so.\n\n[its run](#/runs/r)" in told.description


def test_where_no_network_is_finite_there_is_none_to_register(tmp_path: Path) -> None:
    diverged = a_setting("s0", 0.1, [np.nan, np.nan], [10.0, FOREVER])
    assert choose(found(tmp_path, diverged)[1], "time") is None


@pytest.mark.parametrize(
    ("loss", "time", "target", "said"),
    [
        (0.1, 500.0, {}, None),
        (0.4, FOREVER, {}, "accuracy ≥ 0.8: it ends with accuracy 60%"),
        (0.4, 500.0, {}, "it ends with accuracy 60%, though it had reached it after 500 samples"),
        (0.1, FOREVER, {"target.hold": 3}, "accuracy 90%, which it had not held for 3 evaluations"),
        (
            0.4,
            FOREVER,
            {"target.metric": "test_loss", "target.value": 0.3},
            "the network missed its declared target, test loss ≤ 0.3: it ends with test loss 0.400",
        ),
    ],
)
def test_a_network_that_missed_its_target_is_warned_of(
    tmp_path: Path, loss: float, time: float, target: Mapping[str, Any], said: str | None
) -> None:
    record = a_setting("s0", 0.1, [loss], [time])
    record.meta["config"].update(target)
    sweep, results = found(tmp_path, record)
    best = choose(results, "final_test_loss")
    assert best is not None
    warned = warnings_of(best, sweep)
    assert (said is None and not warned) or (said is not None and warned[0].endswith(said))


def test_losses_that_are_not_of_one_scale_are_warned_of(tmp_path: Path) -> None:
    first, second = (a_setting(f"s{i}", 0.1, [0.1], [500.0]) for i in range(2))
    second.meta["config"]["loss.name"] = "cross_entropy"
    first.meta["config"]["loss.name"] = "squared_error"
    sweep, results = found(tmp_path, first, second)
    rule = "settings differ in loss.name, so their test losses are not of one scale"
    for by, warned in (("final_test_loss", [rule]), ("final_accuracy", []), ("time", [])):
        best = choose(results, by)
        assert best is not None
        assert [text.partition(":")[0] for text in warnings_of(best, sweep)] == warned


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"digest": "a", "samples": 4}, "none were held out: test loss and accuracy are those of"),
        ({"digest": "b", "samples": 4}, "The network was chosen by them, too, so expect a little"),
        ({"digest": "b", "samples": None}, "9 held out, which test loss and accuracy are measured"),
    ],
)
def test_it_is_said_what_the_test_loss_was_measured_on(
    tmp_path: Path, training: Mapping[str, Any], said: str
) -> None:
    sweep, results = found(tmp_path, SETTINGS[0])
    best = choose(results, "final_test_loss")
    assert best is not None
    data = {"training": training, "test": {"digest": "a", "samples": 9}}
    assert said in version_of(best, sweep, data, {}).description
