"""A sweep's saved view: which runs, columns and charts MLflow's page opens with.

MLflow keeps a view in a tag of the experiment and opens it by ``viewStateShareKey=KEY`` in the
page's address, as long as the address holds no search filter. What it keeps is its page's own
state, which it does not document; 3.5 and 3.17 read what is written here. A page that does not
know a field leaves it out. One that cannot read the tag says so and goes to the experiment's first
page, so the address with the plain search filter is to be given beside this one.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple

from nnrun.records.sweep import Sweep
from nnrun.tracking.entities import SO_FAR, UNTIL

KEY_PREFIX = "mlflow.sharedViewState."

VALUE_LENGTH = 5000
"""Most characters of an experiment's tag; MLflow 3.17 takes 20,000, but older ones do not."""

MOST_AXES = 6
"""Parameters that parallel coordinates have room for."""

FIRST = "sweep"
"""Name of the section with the charts of the view, and its id."""

FIGURES = ("success_rate", "samples_to_target_median", "rmst")

SECTIONS = ("accuracy", "success", "test_loss", "train_loss", *UNTIL.values(), "Model metrics")
"""The page's own sections, which begin closed: what they draw is one click away."""

DRAWN = 10
"""Runs that the page draws at first: of more settings, the fastest."""

State = dict[str, Any]


class View(NamedTuple):
    """What a sweep's view shows.

    Attributes:
        panels: Line charts over training samples, on a log axis, in this order: the metrics of
            each, the first drawn solid and the others dashed.
        varying: Parameters in which the runs differ: columns of the table, and with two or more
            the axes of a chart with parallel coordinates.
        figures: Metrics with one value a run: further columns of the table, bar charts, and the
            last one the last axis of the parallel coordinates.
        folded: Sections, named by what stands before the slash in a metric's name, that are closed
            at first.
        order: Key that sorts the runs, rising; MLflow draws the first ten.
    """

    panels: Sequence[Sequence[str]]
    varying: Sequence[str]
    figures: Sequence[str] = ()
    folded: Sequence[str] = ()
    order: str = "attributes.start_time"


CARD: State = {"runsCountToCompare": 10, "deleted": False, "isGenerated": False}
"""What charts of all kinds have in common."""


def saved_view(key: str, wanted: str, view: View) -> tuple[str, str] | None:
    """Build the tag that holds a sweep's view.

    Args:
        key: What the address opens it by; the same key replaces the view.
        wanted: MLflow's search filter for the runs.
        view: What it shows.

    Returns:
        Key and value of the experiment's tag; None if it would be too long for MLflow.

    Example:
        >>> key, value = saved_view("s1", "", View([["test_loss/median"]], ["lr"]))
        >>> key, value[:8]
        ('mlflow.sharedViewState.s1', 'deflate;')
    """
    state = {
        **_search(wanted, view.order),
        **_table(view),
        **_charts(view),
    }
    value = _deflated(json.dumps(state, separators=(",", ":")))
    return (KEY_PREFIX + key, value) if len(value) <= VALUE_LENGTH else None


def _search(wanted: str, order: str) -> State:
    return {
        "searchFilter": wanted,
        "orderByKey": order,
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
    }


def _table(view: View) -> State:
    """Give the state of the table; all of its fields, as old versions fill in no default."""
    params = [f"params.`{key}`" for key in view.varying]
    return {
        "selectedColumns": params + [f"metrics.`{key}`" for key in view.figures],
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "FIRST_10_RUNS",
        "groupBy": None,
        "groupsExpanded": {},
        "useGroupedValuesInCharts": True,
        "viewMaximized": False,
        "runListHidden": False,
    }


def _charts(view: View) -> State:
    """Give the state of the charts; MLflow adds a chart for every metric that has none."""
    cards = [
        *map(_line, view.panels),
        *_parallel(view.varying, view.figures),
        *({"type": "BAR", "metricKey": key} for key in view.figures),
    ]
    closed = [_section(name, False) for name in view.folded]
    return {
        "compareRunCharts": [
            {**card, "uuid": f"{FIRST}{number}", "metricSectionId": FIRST, **CARD}
            for number, card in enumerate(cards)
        ],
        "compareRunSections": [_section(FIRST, True), *closed],
        "isAccordionReordered": True,  # else the sections are sorted by name
        "autoRefreshEnabled": True,
        "hideEmptyCharts": True,
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
        "chartsSearchFilter": "",
    }


def _line(metrics: Sequence[str]) -> State:
    return {
        "type": "LINE",
        "metricKey": metrics[0],
        "selectedMetricKeys": list(metrics),
        "xAxisKey": "step",
        "xAxisScaleType": "log",
        "useGlobalXaxisKey": True,
        "scaleType": "linear",
        "displayPoints": False,
        "lineSmoothness": 0,
        "useGlobalLineSmoothing": True,
        "range": {},
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
    }


def _parallel(varying: Sequence[str], figures: Sequence[str]) -> list[State]:
    if len(varying) < 2 or not figures:
        return []
    return [
        {
            "type": "PARALLEL",
            "selectedParams": list(varying[:MOST_AXES]),
            "selectedMetrics": [figures[-1]],
            "showAllRuns": True,
        }
    ]


def _section(name: str, opened: bool) -> State:
    return {
        "uuid": name,
        "name": name,
        "display": opened,
        "isReordered": True,
        "deleted": False,
        "isGenerated": not opened,
        "columns": 2 if opened else 3,
    }


def _deflated(text: str) -> str:
    """Write text as MLflow's page compresses it."""
    return "deflate;" + b64encode(zlib.compress(text.encode(), 9)).decode()


def page_view(sweep: Sweep) -> View:
    """Choose charts and columns for a sweep, by what varies and by its target."""
    metric = (sweep.target or {}).get("metric") or "accuracy"
    other = "test_loss" if metric != "test_loss" else "train_loss"
    panels = [[f"{metric}/{q}" for q in ("median", "q25", "q75")], [f"{other}/median"], [SO_FAR]]
    tuned = [key for key in sweep.tuned if key in sweep.varying and key not in sweep.telling]
    many = len(sweep.settings) > DRAWN
    order = "metrics.`rmst`" if many else "attributes.start_time"
    return View(panels, [*sweep.telling, *tuned], FIGURES, SECTIONS, order)
