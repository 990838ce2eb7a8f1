"""Best at the end, beside soonest: what the settings are worth when their training is over."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnrun.results.results import Results
from nnrun.results.scores import Scores, score_settings
from nnrun.statistics.quantiles import interquartile_interval, interquartile_means
from nnrun.statistics.summary import shown
from nnrun.statistics.survival import not_comparable, trained
from nnrun.text import count, listing, number, setting_name, things

BEST = 3  # by loss, and by accuracy, that are listed beside the settings of the figures


class Value(NamedTuple):
    """A measure of a setting's seeds at their end.

    Attributes:
        median: Over seeds; inf where half of them diverged.
        mean: Interquartile mean.
        low: Of its 95% interval; NaN without one.
        high: Likewise.
    """

    median: float
    mean: float
    low: float
    high: float


class End(NamedTuple):
    """A row of the table.

    Attributes:
        setting: Its id.
        name: For people.
        parameters: How many; None where the network could not be had.
        values: By measure: ``loss``, ``accuracy``, ``auc``, ``f1``, where there is one.
    """

    setting: str
    name: str
    parameters: int | None
    values: Mapping[str, Value]


class Ends(NamedTuple):
    """What the section shows.

    Attributes:
        text: Which is best, and whether it is the soonest.
        rows: The settings, the lowest test loss first.
        measures: That any row has, as pairs of a key of ``End.values`` and its name.
        sized: Whether any row has a number of parameters.
        caption: Of the table.
    """

    text: str
    rows: Sequence[End]
    measures: Sequence[tuple[str, str]]
    sized: bool
    caption: str


MEASURES = {"loss": "Test loss", "accuracy": "Accuracy", "auc": "ROC AUC", "f1": "F1"}
HIGHER = ("accuracy", "auc", "f1")


def listed(summary: pd.DataFrame) -> list[str]:
    """Choose the settings of the table: those of the figures, and the best at the end."""
    ran = summary[summary["seeds"] > 0]
    by_loss = ran.sort_values("final_test_loss_median", kind="stable")["setting"].head(BEST)
    by_accuracy = ran.sort_values("final_accuracy_median", ascending=False, kind="stable")
    chosen = {*shown(summary), *by_loss, *by_accuracy["setting"].head(BEST)}
    return [str(setting) for setting in ran["setting"] if setting in chosen]


def scored(
    results: Results, records: Mapping[str, Sequence[Path]]
) -> tuple[dict[str, Scores], list[str]]:
    """Score the final networks of the settings that the table lists."""
    ran = trained(results.trials)
    seeds = {str(key): list(group) for key, group in ran.groupby("setting")["seed"]}
    return score_settings(records, listed(results.summary), seeds)


def ends(
    results: Results, found: tuple[Mapping[str, Scores], Sequence[str]] = ({}, ())
) -> Ends | None:
    """Say which settings are best at the end of their training; None if nothing was trained.

    Args:
        results: What a sweep found.
        found: Of ``scored``.
    """
    names = listed(results.summary)
    if not names:
        return None
    scores, without = found
    summary = results.summary.set_index("setting")
    ran = {str(key): group for key, group in trained(results.trials).groupby("setting")}
    rows = [
        End(
            name,
            setting_name(summary.loc[name, "label"]),
            scores[name].parameters if name in scores else None,
            dict(_values(ran[name], scores.get(name))),
        )
        for name in names
    ]
    rows.sort(key=lambda row: row.values["loss"].median)
    measures = [
        (key, title) for key, title in MEASURES.items() if any(key in r.values for r in rows)
    ]
    sized = any(row.parameters is not None for row in rows)
    sentences = [*_found(results, rows), *_sizes(results, rows)]
    return Ends(" ".join(sentences), rows, measures, sized, _caption(results, rows, without))


def _values(ran: pd.DataFrame, scores: Scores | None) -> Iterator[tuple[str, Value]]:
    """Yield what was measured of a setting's seeds, diverged ones counting as the worst."""
    lost = (ran["status"] == "diverged") | ran["final_test_loss"].isna()
    yield "loss", _value(ran["final_test_loss"].where(~lost, np.inf))
    accuracy = ran["final_accuracy"].where(~lost, 0.0)
    if (ran["task"] != "regression").all() and accuracy.notna().all():
        yield "accuracy", _value(accuracy)
    for key in ("auc", "f1"):
        several = getattr(scores, key) if scores else np.empty(0)
        if several.size and not np.isnan(several).any():
            yield key, _value(several)


def _value(values: Any) -> Value:
    one = np.asarray(values, dtype=np.float64)
    mean = float(interquartile_means(one, np.zeros(len(one), dtype=np.intp), 1)[0])
    with np.errstate(invalid="ignore"):
        median = float(np.median(one))
    return Value(math.inf if math.isnan(median) else median, mean, *interquartile_interval(one))


def _found(results: Results, rows: Sequence[End]) -> Iterator[str]:
    """Say which setting is best, and whether that is the soonest."""
    if len(rows) < 2:
        return
    varying = results.sweep.varying
    if any(key.startswith("data.") for key in varying):
        yield "The settings have different data, so what they come to at the end is not compared."
        return
    measure = "accuracy" if any(key.startswith("loss.") for key in varying) else "loss"
    if any(measure not in row.values for row in rows):
        yield "The settings have different losses, so what they come to at the end is not compared."
        return
    best = _best(rows, measure)
    word = "Highest accuracy" if measure == "accuracy" else "Lowest test loss"
    yield f"{word} at the end: {best.name} (median {number(best.values[measure].median)})."
    if measure == "loss" and all("accuracy" in row.values for row in rows):
        yield _accuracy(rows, best)
    if not_comparable(results.sweep):
        return
    table = results.summary[results.summary["reached"] > 0]
    if table.empty:
        yield "No setting reaches the target, so none is the soonest."
        return
    first = str(table.sort_values("rmst", kind="stable")["setting"].iloc[0])
    soonest = next(row for row in rows if row.setting == first)
    if soonest is best:
        yield "It is the soonest, too, by restricted mean."
        return
    yield (
        f"The soonest by restricted mean is another, {soonest.name}, which ends at a median of "
        f"{number(soonest.values[measure].median)}."
    )
    if _overlap(soonest.values[measure], best.values[measure]):
        yield (
            "The intervals of their interquartile means overlap: which of the two is better at "
            "the end is not sure."
        )
    else:
        yield "So the soonest is not the best at the end."


def _accuracy(rows: Sequence[End], best: End) -> str:
    """Say which setting has the highest accuracy, if that is another."""
    top = max(row.values["accuracy"].median for row in rows)
    same = [row for row in rows if row.values["accuracy"].median == top]
    if best not in same:
        return f"Highest accuracy: {listing([row.name for row in same])} ({number(top)})."
    names = [row.name for row in same if row is not best]
    others = f", as {'has' if len(names) == 1 else 'have'} {listing(names)}" if names else ""
    return f"It has the highest accuracy, too{others} ({number(top)})."


def _sizes(results: Results, rows: Sequence[End]) -> Iterator[str]:
    """Say how small a network is as good, where sizes differ."""
    sized = [row for row in rows if row.parameters is not None]
    known = {row.parameters for row in sized}
    if len(known) < 2 or any(k.startswith(("data.", "loss.")) for k in results.sweep.varying):
        return
    best = _best(sized, "loss")
    if math.isnan(best.values["loss"].low):
        return
    good = [row for row in sized if _overlap(row.values["loss"], best.values["loss"])]
    least = min(good, key=lambda row: (row.parameters or 0, row.values["loss"].median))
    has = things(best.parameters or 0, "parameter")
    if least.parameters == best.parameters:
        smallest = best.parameters == min(row.parameters or 0 for row in sized)
        yield f"It has {has}: " + (
            "no network that is listed is smaller."
            if smallest
            else "the smaller networks that are listed are clearly worse."
        )
        return
    yield (
        f"Size against loss: {best.name} has {has}; with {count(least.parameters or 0)}, "
        f"{least.name} is not clearly worse: their intervals overlap."
    )


def _best(rows: Sequence[End], measure: str) -> End:
    """Take the best row; among equals the first."""
    sign = -1 if measure in HIGHER else 1
    return min(
        rows, key=lambda row: (sign * row.values[measure].median, sign * row.values[measure].mean)
    )


def _overlap(one: Value, other: Value) -> bool:
    apart = one.high < other.low or other.high < one.low
    return not apart


def _caption(results: Results, rows: Sequence[End], without: Sequence[str]) -> str:
    several = results.summary["seeds"][results.summary["seeds"] > 0]
    every = len(several)
    chosen = ""
    if len(rows) < every:
        chosen = (
            f" Listed are {len(rows)} of {every:,} settings: those of the figures, and the {BEST} "
            "best by loss and by accuracy."
        )
    scored_too = any("auc" in row.values for row in rows)
    extra = (
        " ROC AUC and F1 (of class 1) are those of the final networks on the same held-out points."
        if scored_too
        else ""
    )
    gone = ""
    if without:
        names = listing([row.name for row in rows if row.setting in set(without)])
        gone = (
            f" The final networks of {names} could not be scored: their data or modules are not "
            "at hand."
        )
    return (
        "At the end of each seed's own budget, on held-out points: median over seeds, below it the "
        "interquartile mean with its 95% percentile bootstrap interval. A diverged seed counts as "
        f"∞ in the loss and as 0 elsewhere. No test is made here.{extra}{gone}{chosen}"
    )
