"""A sweep's saved view: which runs, columns and charts MLflow's page opens with.

MLflow keeps a view in a tag of the experiment and opens it by ``viewStateShareKey=KEY`` in the
page's address, as long as the address holds no search filter. From 3.17 on it lists the views that
have a name in a menu of every page of the experiment. What it keeps is its page's own state, which
it does not document: a server of a version that nobody has tried gets no view, and the address with
the plain search filter instead (``is_known``).
"""

import json
import re
import time
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nnrun.records.sweep import Sweep
from nnrun.tracking.entities import SO_FAR, UNTIL

if TYPE_CHECKING:
    import pandas as pd

KEY_PREFIX = "mlflow.sharedViewState."

KNOWN = ((3, 5), (3, 18))
"""The first and the last MLflow whose page reads what is written here."""

NAMED_FROM = (3, 17)
"""The first MLflow that lists views with a name; what it lists no earlier one reads."""

LISTED = "nnrun"
"""Key of the one view that is listed, of the newest sweep: MLflow takes no more than forty."""

VALUE_LENGTH = 5000
"""Most characters of an experiment's tag; MLflow 3.17 takes 20,000, but older ones do not."""

MOST_AXES = 6
"""Parameters that parallel coordinates have room for."""

FIRST = "sweep"
"""Name of the section with the charts of the view, and its id."""

FIGURES = ("success_rate", "rmst", "final_test_loss_median", "samples_to_target_median")
ACCURACY = "final_accuracy_median"

NAME, NAME_WIDTH, WIDTH = "attributes.`Run Name`", 280, 120
"""Column of the runs' names, and pixels of it and of the others: its own 190 cut most labels."""

SECTIONS = ("accuracy", "success", "test_loss", "train_loss", *UNTIL.values(), "Model metrics")
"""The page's own sections, which begin closed: what they draw is one click away."""

DRAWN = 10
"""Runs that the page draws at first: of more settings, the best."""

WITH_QUARTILES = 4
"""Most settings whose quartiles are told apart in one chart."""

State = dict[str, Any]


class View(NamedTuple):
    """What a sweep's view shows.

    Attributes:
        panels: Line charts over training samples, on a log axis, in this order: the metrics of
            each, the first drawn solid and the others dashed.
        varying: Parameters in which the runs differ: columns of the table, and with two or more
            the axes of a chart with parallel coordinates.
        figures: Metrics with one value a run: further columns of the table, and bar charts.
        ranked_by: The one of them that is the last axis of the parallel coordinates.
        folded: Sections, named by what stands before the slash in a metric's name, that are closed
            at first.
        order: Key that sorts the runs, rising; MLflow draws the first ten.
    """

    panels: Sequence[Sequence[str]]
    varying: Sequence[str]
    figures: Sequence[str] = ()
    ranked_by: str = ""
    folded: Sequence[str] = ()
    order: str = "attributes.start_time"


CARD: State = {"runsCountToCompare": 10, "deleted": False, "isGenerated": False}
"""What charts of all kinds have in common."""


def version_of(text: str) -> tuple[int, ...]:
    """Read the first two numbers of a version; empty if it is none.

    Example:
        >>> version_of("3.17.2"), version_of("3.5.0rc1"), version_of("<html>")
        ((3, 17), (3, 5), ())
    """
    found = re.match(r"(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2])) if found else ()


def is_known(version: tuple[int, ...]) -> bool:
    """Say whether the page of an MLflow of this version reads a view as it is written here."""
    return KNOWN[0] <= version <= KNOWN[1]


def saved_view(
    key: str, wanted: str, view: View, name: str, version: tuple[int, ...]
) -> dict[str, str]:
    """Build the tags that hold a sweep's view.

    Args:
        key: What the address opens it by; the same key replaces the view.
        wanted: MLflow's search filter for the runs.
        view: What it shows.
        name: What it is listed by, in place of the one that was listed before.
        version: Of the MLflow that shows it.

    Returns:
        Tags of the experiment; none if they would be too long for MLflow, or it is not known to
        read them.

    Example:
        >>> tags = saved_view("s1", "", View([["test_loss/median"]], ["lr"]), "Sweep s1", (3, 17))
        >>> [(key, value[:8]) for key, value in tags.items()]
        [('mlflow.sharedViewState.s1', 'deflate;'), ('mlflow.sharedViewState.nnrun', '{"name":')]
    """
    state = {
        **_search(wanted, view.order),
        **_table(view),
        **_charts(view),
    }
    value = _deflated(json.dumps(state, separators=(",", ":")))
    now = int(time.time() * 1000)
    listed = json.dumps({"name": name, "createdAt": now, "updatedAt": now, "state": value})
    if not is_known(version) or len(listed) > VALUE_LENGTH:
        return {}
    named = {KEY_PREFIX + LISTED: listed} if version >= NAMED_FROM else {}
    return {KEY_PREFIX + key: value, **named}


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
    # the names have the parameters
    columns = [f"metrics.`{key}`" for key in view.figures]
    columns += [f"params.`{key}`" for key in view.varying]
    return {
        "selectedColumns": columns,
        "columnOrder": [NAME, *columns],
        "columnWidths": {NAME: NAME_WIDTH, **dict.fromkeys(columns, WIDTH)},
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
        *_parallel(view.varying, view.ranked_by),
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


def _parallel(varying: Sequence[str], ranked_by: str) -> list[State]:
    if len(varying) < 2 or not ranked_by:
        return []
    return [
        {
            "type": "PARALLEL",
            "selectedParams": list(varying[:MOST_AXES]),
            "selectedMetrics": [ranked_by],
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


def page_view(sweep: Sweep, summary: "pd.DataFrame") -> View:
    """Choose charts and columns for a sweep, by what varies, by its target and who reached it."""
    metric = (sweep.target or {}).get("metric") or "accuracy"
    other = "test_loss" if metric != "test_loss" else "train_loss"
    settings = len(sweep.settings)
    quantiles = ("median", "q25", "q75") if settings <= WITH_QUARTILES else ("median",)
    panels = [[f"{metric}/{q}" for q in quantiles], [f"{other}/median"], [SO_FAR]]
    tuned = [key for key in sweep.tuned if key in sweep.varying and key not in sweep.telling]
    *shown, last = FIGURES  # which is blank where most seeds never arrive
    figures = (*shown, ACCURACY, last) if summary[ACCURACY].notna().any() else FIGURES
    # where nobody arrives all times are the budget
    best = "rmst" if summary["reached"].any() else "final_test_loss_median"
    order = f"metrics.`{best}`" if settings > DRAWN else "attributes.start_time"
    return View(panels, [*sweep.telling, *tuned], figures, best, SECTIONS, order)
