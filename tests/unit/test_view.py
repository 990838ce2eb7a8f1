"""A view is read back as MLflow's page reads it: behind its header, base64 and zlib."""

import base64
import json
import zlib
from typing import Any

from nnrun.tracking.view import VALUE_LENGTH, View, saved_view

CURVES = [f"accuracy/{quantile}" for quantile in ("median", "q25", "q75")]


def build(**changes: object) -> tuple[str, str] | None:
    given: dict[str, Any] = {
        "key": "s1",
        "wanted": "tags.`nnrun.sweep` = 's1'",
        "panels": [CURVES, ["test_loss/median"]],
        "varying": ["lr", "optimizer.momentum"],
        "figures": ["success_rate", "rmst"],
        "folded": ["accuracy", "Model metrics"],
    }
    key, wanted, *view = (given | changes).values()
    return saved_view(key, wanted, View(*view))


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


def test_the_table_has_what_varies_first() -> None:
    assert state()["selectedColumns"] == [
        "params.`lr`",
        "params.`optimizer.momentum`",
        "metrics.`success_rate`",
        "metrics.`rmst`",
    ]


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
    assert cards("PARALLEL", figures=[]) == []
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
