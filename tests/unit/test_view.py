"""A view is read back as MLflow's page reads it: behind its header, base64 and zlib."""

import base64
import json
import zlib
from importlib.metadata import version
from typing import Any

import pandas as pd
import pytest

from nnrun.tracking.view import (
    KNOWN,
    VALUE_LENGTH,
    View,
    is_known,
    page_view,
    saved_view,
    version_of,
)
from tests.records import described

CURVES = [f"accuracy/{quantile}" for quantile in ("median", "q25", "q75")]


def tags(**changes: object) -> dict[str, str]:
    given: dict[str, Any] = {
        "key": "s1",
        "wanted": "tags.`nnrun.sweep` = 's1'",
        "panels": [CURVES, ["test_loss/median"]],
        "varying": ["lr", "optimizer.momentum"],
        "figures": ["success_rate", "rmst"],
        "ranked_by": "rmst",
        "folded": ["accuracy", "Model metrics"],
    }
    how = {"name": "Sweep s1", "version": (3, 17)}
    how |= {name: changes.pop(name) for name in how if name in changes}
    key, wanted, *view = (given | changes).values()
    return saved_view(key, wanted, View(*view), **how)


def build(**changes: object) -> tuple[str, str] | None:
    """The tag that an address opens."""
    return next(iter(tags(**changes).items()), None)


def state(**changes: object) -> dict[str, Any]:
    tag = build(**changes)
    assert tag is not None
    header, _, packed = tag[1].partition(";")
    assert header == "deflate"
    return json.loads(zlib.decompress(base64.b64decode(packed, validate=True)))


def cards(kind: str, **changes: object) -> list[dict[str, Any]]:
    return [card for card in state(**changes)["compareRunCharts"] if card["type"] == kind]


def test_the_tag_is_one_that_the_address_finds() -> None:
    tag = build(key="2026-11-24_01-00-00")
    assert tag is not None
    assert tag[0] == "mlflow.sharedViewState.2026-11-24_01-00-00"


def test_the_same_view_is_written_alike() -> None:
    assert build() == build()


def test_only_the_wanted_runs_are_shown_in_their_order() -> None:
    found = state(order="metrics.`rmst`")
    assert found["searchFilter"] == "tags.`nnrun.sweep` = 's1'"
    assert (found["orderByKey"], found["orderByAsc"]) == ("metrics.`rmst`", True)
    assert state(wanted="params.`ü` = 'x·y'")["searchFilter"] == "params.`ü` = 'x·y'"


def test_the_table_has_whole_names_and_then_the_figures() -> None:
    columns = [
        "metrics.`success_rate`",
        "metrics.`rmst`",
        "params.`lr`",
        "params.`optimizer.momentum`",
    ]
    assert state()["selectedColumns"] == columns
    assert state()["columnOrder"] == ["attributes.`Run Name`", *columns]
    assert state()["columnWidths"].keys() == {*state()["columnOrder"]}


def test_curves_are_drawn_on_logarithmic_samples() -> None:
    first, second = cards("LINE")
    assert first["selectedMetricKeys"] == CURVES
    assert second["selectedMetricKeys"] == ["test_loss/median"]
    assert {card["xAxisScaleType"] for card in (first, second)} == {"log"}


def test_parallel_coordinates_need_two_axes_and_a_figure() -> None:
    (card,) = cards("PARALLEL")
    assert card["selectedParams"] == ["lr", "optimizer.momentum"]
    assert card["selectedMetrics"] == ["rmst"]
    assert cards("PARALLEL", varying=["lr"]) == []
    assert cards("PARALLEL", ranked_by="") == []
    (card,) = cards("PARALLEL", varying=list("abcdefghi"))
    assert card["selectedParams"] == list("abcdef")


def test_our_charts_stand_in_the_one_open_section() -> None:
    found = state()
    shown, *rest = found["compareRunSections"]
    assert shown["display"]
    assert [(section["name"], section["display"]) for section in rest] == [
        ("accuracy", False),
        ("Model metrics", False),
    ]
    charts = found["compareRunCharts"]
    assert {chart["metricSectionId"] for chart in charts} == {shown["uuid"]}
    assert len({chart["uuid"] for chart in charts}) == len(charts) == 5


def test_a_view_fits_every_mlflow_or_is_left_out() -> None:
    tag = build(varying=[f"network.{i}" for i in range(100)])
    assert tag is not None
    assert len(tag[1]) < VALUE_LENGTH == 5000
    assert build(varying=[f"{i**20:x}" for i in range(1000)]) is None


def test_the_newest_sweep_is_listed_by_its_name_where_mlflow_lists_views() -> None:
    opened, listed = tags().items()
    assert listed[0] == "mlflow.sharedViewState.nnrun"
    kept = json.loads(listed[1])
    assert (kept["name"], kept["state"]) == ("Sweep s1", opened[1])
    assert isinstance(kept["createdAt"], int)
    assert list(tags(version=(3, 16))) == [opened[0]]


@pytest.mark.parametrize("text", ["3.4.0", "4.0.0", "<html>", "", f"3.{KNOWN[1][1] + 1}.0"])
def test_a_page_that_nobody_has_tried_gets_no_view(text: str) -> None:
    assert tags(version=version_of(text)) == {}


def test_the_mlflow_that_is_installed_was_tried() -> None:
    """Else look at its pages with tests/browser, and then move KNOWN."""
    assert is_known(version_of(version("mlflow")))


def summary(settings: int, reached: int, accuracy: float) -> pd.DataFrame:
    columns = {"reached": reached, "final_accuracy_median": accuracy}
    return pd.DataFrame({"setting": range(settings), **columns})


@pytest.mark.parametrize(
    ("settings", "reached", "order", "lines"),
    [
        (3, 2, "attributes.start_time", 3),
        (9, 2, "attributes.start_time", 1),
        (30, 2, "metrics.`rmst`", 1),
        (30, 0, "metrics.`final_test_loss_median`", 1),
    ],
)
def test_many_runs_are_ordered_by_what_tells_them_apart(
    settings: int, reached: int, order: str, lines: int
) -> None:
    sweep = described({f"s{i}": {"lr": i, "batch_size": i} for i in range(settings)})
    view = page_view(sweep, summary(settings, reached, 0.9))
    assert (view.order, len(view.panels[0])) == (order, lines)
    assert view.ranked_by == ("rmst" if reached else "final_test_loss_median")


def test_final_loss_and_accuracy_are_columns_where_there_are_any() -> None:
    sweep = described({"s0": {"lr": 1}, "s1": {"lr": 2}})
    found = page_view(sweep, summary(2, 1, 0.9)).figures
    assert found[2:4] == ("final_test_loss_median", "final_accuracy_median")
    assert page_view(sweep, summary(2, 1, float("nan"))).figures == (*found[:3], found[-1])
