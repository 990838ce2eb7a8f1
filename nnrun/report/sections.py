"""The sections of the page after its first screen, each where there is something for it."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from nnrun.errors import as_typed
from nnrun.records.sweep import Sweep
from nnrun.report.captions import contrasts_caption
from nnrun.report.figures import Picture
from nnrun.report.tables import Group
from nnrun.results.results import Results
from nnrun.text import count, number

SETTINGS, FACTORS = "Settings, against the first", "Levels of a factor, pooled over the others"


TUNING = (
    *("job", "overrides", "seeds", "reached", "restricted_mean", "final_test_loss"),
    *("chosen", "edge", "error"),
)
"""Columns of the tuning table besides the keys that were tuned."""


class Section(NamedTuple):
    """A section of the page.

    Attributes:
        id: Of its heading, for links.
        title: Its heading.
        text: What it shows, in a sentence or two.
        pictures: Its figures.
        template: Of what follows the figures; empty for nothing.
        caption: Of the table that follows.
        rows: Of that table.
    """

    id: str
    title: str
    text: str = ""
    pictures: Sequence[Picture] = ()
    template: str = ""
    caption: str = ""
    rows: Sequence[Any] = ()


PICTURED = {
    "curves": ("Learning curves", "", ("test_loss", "accuracy")),
    "profile": (
        "Runtime profile",
        "One target says little of a curve. Here every seed is asked about a whole ladder of "
        "targets, from easy to hard.",
        ("profile",),
    ),
    "grid": (
        "The grid",
        "Two factors at a time.",
        ("success_rate", "rmst", "speedup"),
    ),
    "sensitivity": (
        "Sensitivity",
        "Would the answer be another with another target, budget or number of seeds?",
        ("sensitivity_target", "sensitivity_budget", "sensitivity_seeds"),
    ),
    "effects": ("Effects", "What the differences go with.", ("effects", "coordinates")),
}


def sections(
    results: Results, pictures: Mapping[str, Picture], listed: Collection[str], behaviour: Any
) -> list[Section]:
    """List the sections that have something to show."""
    return [
        *_contrasts(results, pictures, listed),
        *_pictured(pictures),
        *_behaviour(behaviour, pictures),
        *_tuning(results.sweep),
    ]


def contrast_groups(table: pd.DataFrame, listed: Collection[str]) -> list[Group]:
    """Choose the rows of the table of contrasts, levels of factors first."""
    factors = table[table["family"] == "factor"]
    settings = table[(table["family"] == "setting") & table["a"].isin(list(listed))]
    groups = [Group(FACTORS, _rows(factors)), Group(SETTINGS, _rows(settings))]
    groups = [group for group in groups if group.rows]
    return groups if len(groups) > 1 else [group._replace(title="") for group in groups]


def _contrasts(
    results: Results, pictures: Mapping[str, Picture], listed: Collection[str]
) -> Iterator[Section]:
    groups = contrast_groups(results.contrasts, listed)
    if groups:
        yield Section(
            "contrasts",
            "Contrasts",
            pictures=[pictures["contrasts"]] if "contrasts" in pictures else [],
            template="contrasts.html.j2",
            caption=contrasts_caption(results),
            rows=groups,
        )


def _pictured(pictures: Mapping[str, Picture]) -> Iterator[Section]:
    for id_, (title, text, names) in PICTURED.items():
        drawn = [pictures[name] for name in names if name in pictures]
        if drawn:
            yield Section(id_, title, text, drawn)


def _behaviour(behaviour: Any, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    if behaviour is not None:
        text = " ".join(behaviour.notes)
        drawn = [pictures["networks"]] if "networks" in pictures else []
        yield Section("behaviour", "Behaviour", text, drawn, "behaviour.html.j2", rows=[behaviour])


def _tuning(sweep: Sweep) -> Iterator[Section]:
    tuning = sweep.tuning or {}
    rows = tuning.get("rows") or []
    if not rows:
        return
    first, last = tuning["seeds"]
    keys = sweep.tuned
    yield Section(
        "tuning",
        "Tuning",
        f"Before the sweep, {' and '.join(keys)} was chosen for each arm, on seeds that are not "
        "reported here.",
        template="tuning.html.j2",
        caption=f"One row an arm and value, n = {count(rows[0]['seeds'])} seeds ({count(first)} to "
        f"{count(last)}), none of them among the reported ones. Chosen: the lowest restricted "
        "mean, then the lowest test loss.",
        rows=[_tuning_row(row) for row in rows],
    )


def _tuning_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write one choice of values that was tried."""
    tried = {key: value for key, value in row.items() if key not in TUNING}
    numbers = [math.inf if row[key] is None else row[key] for key in TUNING[4:6]]
    return {
        "arm": row["overrides"] or "the setting",
        "tried": " ".join(f"{key}={as_typed(value)}" for key, value in tried.items()),
        "cells": [
            (f"{row['reached']} of {row['seeds']}", row["reached"]),
            *((number(value), value) for value in numbers),
        ],
        "chosen": row["chosen"],
        "edge": row["edge"],
        "error": row["error"],
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict("records")  # type: ignore[return-value]
