"""The model registry: which network of a sweep is registered, and what is said of it there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnrun.config.settings import Measure
from nnrun.records.sweep import Sweep
from nnrun.results.results import Results
from nnrun.results.typical import INCOMPARABLE
from nnrun.text import (
    METRIC_NAMES,
    count,
    number,
    percent,
    seeds,
    setting_name,
    sign,
    things,
)
from nnrun.tracking.entities import Version, cut, literal

VERSION_LENGTH = 5000
"""Most characters of a version's description, or of a tag of it."""

Row = Mapping[Any, Any]


class Ranking(NamedTuple):
    """How one measure ranks; rows that are equal go by the next column.

    Attributes:
        words: Its name, as in 'the lowest final test loss'.
        settings: Columns of the summary.
        trials: Columns of the trials table, of one setting.
        down: Those of them of which the highest is the best.
    """

    words: str
    settings: Sequence[str]
    trials: Sequence[str]
    down: Sequence[str] = ()


RANKINGS: Mapping[Measure, Ranking] = {
    "final_test_loss": Ranking(
        "lowest final test loss",
        ("final_test_loss_median", "rmst"),
        ("final_test_loss", "samples_to_target", "seed"),
    ),
    "final_accuracy": Ranking(
        "highest final accuracy",
        ("final_accuracy_median", "final_test_loss_median", "rmst"),
        ("final_accuracy", "final_test_loss", "seed"),
        ("final_accuracy_median", "final_accuracy"),
    ),
    # equal means are those of settings of which none arrives by the budget that all have
    "time": Ranking(
        "shortest time to target",
        ("rmst", "success_rate", "final_test_loss_median"),
        ("samples_to_target", "final_test_loss", "seed"),
        ("success_rate",),
    ),
}


class Chosen(NamedTuple):
    """The trial whose network is registered.

    Attributes:
        setting: The id of its setting.
        row: The setting's, of the summary.
        trial: Its own, of the trials table.
        by: What it is the best by.
    """

    setting: str
    row: Row
    trial: Row
    by: Measure

    @property
    def seed(self) -> int:
        """The trial's seed."""
        return int(self.trial["seed"])


def choose(results: Results, by: Measure) -> Chosen | None:
    """Choose the network to register: of the best setting the best trial.

    The setting is the one whose trials are the best by the measure: the lowest median final test
    loss, the highest median final accuracy, or the lowest restricted mean time to target. Of its
    trials with a finite loss at their end the best by the same measure is taken. A setting before a
    trial: the best of all trials is the luckiest, above all where test data are few.

    Returns:
        The trial; None if no network is finite at its end.
    """
    ranking, trials = RANKINGS[by], results.trials
    finite = trials[np.isfinite(trials["final_test_loss"].to_numpy(dtype=np.float64))]
    found = results.summary[results.summary["setting"].isin(finite["setting"])]
    if found.empty:
        return None
    row = _first(found, ranking.settings, ranking.down)
    mine = finite[finite["setting"] == row["setting"]]
    return Chosen(str(row["setting"]), row, _first(mine, ranking.trials, ranking.down), by)


def _first(table: pd.DataFrame, columns: Sequence[str], down: Sequence[str]) -> Row:
    rising = [column not in down for column in columns]
    return dict(table.sort_values(list(columns), ascending=rising, kind="stable").iloc[0])


def warnings_of(chosen: Chosen, sweep: Sweep) -> list[str]:
    """Say in sentences what whoever uses the network should know of it before.

    It may have missed its target, or may have been chosen among losses that are not of one scale.
    """
    return [
        *_below(chosen.trial, _config(chosen, sweep)),
        *_incomparable(chosen.by, sweep.telling),
    ]


def _below(trial: Row, config: Mapping[str, Any]) -> list[str]:
    """Say that a trial missed its target, in one sentence; nothing if it did not."""
    metric, value = str(config.get("target.metric")), config.get("target.value")
    if metric not in METRIC_NAMES or value is None:
        return []
    final, value = float(trial[f"final_{metric}"]), float(value)
    missed = not (final >= value if metric == "accuracy" else final <= value)
    reached = trial["status"] == "reached"
    if reached and not missed:
        return []
    then = f"it ends with {METRIC_NAMES[metric]} {_value(metric, final)}"
    if reached:
        then += f", though it had reached it after {count(trial['samples_to_target'])} samples"
    elif not missed:
        then += f", which it had not held for {things(config.get('target.hold', 1), 'evaluation')}"
    return [f"the network missed its declared target, {target_words(config)}: {then}"]


def _incomparable(by: Measure, varying: Sequence[str]) -> list[str]:
    keys = [key for key in varying if key.startswith(INCOMPARABLE)]
    if by != "final_test_loss" or not keys:
        return []
    rule = f"settings differ in {keys[0]}, so their test losses are not of one scale"
    return [f"{rule}: tracking.register_by=time or final_accuracy compares them"]


def version_of(
    chosen: Chosen, sweep: Sweep, data: Mapping[str, Any], links: Mapping[str, str]
) -> Version:
    """Say what the registry shows of a network: why this one, its figures, data and settings.

    Args:
        chosen: Which it is.
        sweep: That it comes from.
        data: What its record says of its data; empty in records from before 0.2.
        links: Pages of MLflow by what they show.
    """
    config, warned = _config(chosen, sweep), warnings_of(chosen, sweep)
    figures = _figures(chosen.trial, config)
    varied = [f"`{key}={config[key]}`" for key in sweep.varying if key in config]
    shape = [f"`{key}={config[key]}`" for key in ("network.hidden", "optimizer.name", "loss.name")
             if key in config and key not in sweep.varying]  # fmt: skip
    parts = [
        *(f"**Warning:** {text}." for text in warned),
        _why(chosen, len(sweep.settings)),
        "\n".join(f"- {name}: {value}" for name, value in figures.items()),
        f"Data: {_data(config, data)}.",
        f"Settings: {', '.join([*varied, *shape])}; all of them are params of the run.",
        *(f"What the sweep found: {literal(text)}" for text in sweep.verdict[:1]),
        " · ".join(f"[{name}]({page})" for name, page in links.items()),
        f"```\n{sweep.command}\n```",
    ]
    measured = ("final_test_loss", "final_accuracy", "samples_to_target")
    told = {key: chosen.trial[key] for key in measured if np.isfinite(chosen.trial[key])}
    tags = {
        "setting": setting_name(chosen.row["label"]),
        "seed": chosen.seed,
        "chosen_by": chosen.by,
        "below_target": str(bool(_below(chosen.trial, config))).lower(),
        **{key: f"{value:.6g}" for key, value in told.items()},
        "target": target_words(config),
        "data": _data_name(config),
        "nnrun.setting": chosen.setting,
        "nnrun.seed": chosen.seed,
    }
    description = cut("\n\n".join(part for part in parts if part), VERSION_LENGTH)
    return Version(description, {k: cut(str(v), VERSION_LENGTH) for k, v in tags.items()})


def target_words(config: Mapping[str, Any]) -> str:
    """Say what counts as converged, for instance ``accuracy ≥ 0.95``."""
    metric = str(config.get("target.metric", "its target"))
    if "target.value" not in config:
        return metric
    return f"{metric.replace('_', ' ')} {sign(metric)} {config['target.value']:g}"


def _why(chosen: Chosen, settings: int) -> str:
    best = RANKINGS[chosen.by].words
    which = f"seed {chosen.seed}, of {seeds(chosen.row['seeds'])} the one of the {best}"
    if settings < 2:
        return f"Chosen by `{chosen.by}`: {which}."
    among = f"of {things(settings, 'setting')} the best by the "
    among += "restricted mean" if chosen.by == "time" else "median over the seeds"
    name = literal(chosen.row["label"])
    return f"Chosen by `{chosen.by}`: **{name}**, {among}; {which}."


def _figures(trial: Row, config: Mapping[str, Any]) -> dict[str, str]:
    arrived = trial["status"] == "reached"
    seen = count(float(trial["budget"]))
    time = f"{count(float(trial['samples_to_target']))} samples"
    figures = {
        "final test loss": _value("test_loss", float(trial["final_test_loss"])),
        "final accuracy": _value("accuracy", float(trial["final_accuracy"])),
        f"time to target ({target_words(config)})": time if arrived else "not reached",
        "trained on": f"{seen} samples",
    }
    return {name: told for name, told in figures.items() if told}


def _value(metric: str, value: float) -> str:
    if np.isnan(value):
        return ""
    return percent(value) if metric == "accuracy" else number(value)


def _data_name(config: Mapping[str, Any]) -> str:
    file = config.get("data.path")
    return Path(str(file)).name if file else str(config.get("data.name", "unknown"))


def _data(config: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Say what the network was trained on and what its test loss was measured on."""
    if not data:
        return _data_name(config)
    trained, test = data["training"], data["test"]
    name = _data_name(config)
    drawn = f"{trained['samples']:,} samples" if trained["samples"] else "samples drawn as needed"
    told = f"{name}, {drawn} for training"
    if trained["digest"] == test["digest"]:
        return f"{told}; none were held out: test loss and accuracy are those of the training data"
    told += f", {test['samples']:,} held out, which test loss and accuracy are measured on"
    if not trained["samples"]:
        return told
    return f"{told}. The network was chosen by them, too, so expect a little less of new data"


def _config(chosen: Chosen, sweep: Sweep) -> Mapping[str, Any]:
    return next(about.config for about in sweep.settings if about.id == chosen.setting)
