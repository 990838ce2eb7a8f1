"""Names of lines: beside their ends where they fit without collision, else in a legend."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from nnrun.plot.axes import width
from nnrun.plot.canvas import PLOT_HEIGHT
from nnrun.plot.styles import LineStyle
from nnrun.words import one_line, wrapped

DIRECT_CHARACTERS = 20  # longest line of a label that is written beside its curve
ROW = 13.0  # points from one row of counts at risk, or one line label, to the next


def name_lines(
    ax: Axes,
    ends: Mapping[str, tuple[float, float]],
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
) -> None:
    """Name lines at their ends where the names fit without collision, else in a legend."""
    if len(ends) < 2:
        return
    names = {s: one_line(labels[s]) for s in ends}
    beside = {s: wrapped(name, DIRECT_CHARACTERS) for s, name in names.items()}
    rows = {s: text.count("\n") + 1 for s, text in beside.items()}
    right = ax.get_xlim()[1]
    fits = width(ax) > 5 and max(rows.values()) <= 2
    fits = fits and all(x == right and np.isfinite(y) for x, y in ends.values())
    if fits and _apart(ax, [(y, rows[s]) for s, (_, y) in ends.items()]):
        for setting, (x, y) in ends.items():
            _direct_label(ax, x, y, beside[setting], line_styles[setting])
    else:
        _legend(ax, names, line_styles)


def _apart(ax: Axes, places: Sequence[tuple[float, int]]) -> bool:
    """Whether labels at these values, of so many rows each, keep clear of each other."""
    to_axes = ax.transData - ax.transAxes
    right = ax.get_xlim()[1]
    points = [(72 * PLOT_HEIGHT * to_axes.transform((right, y))[1], n) for y, n in sorted(places)]
    return all(above - below >= ROW * (m + n) / 2 for (below, m), (above, n) in pairwise(points))


def _direct_label(ax: Axes, x: float, y: float, name: str, style: LineStyle) -> None:
    stub: dict[str, Any] = {
        "arrowstyle": "-",
        "color": style.color,
        "linewidth": 1.2,
        "shrinkA": 0,
        "shrinkB": 2,
    }
    place: dict[str, Any] = {
        "textcoords": "offset points",
        "va": "center",
        "annotation_clip": False,
    }
    ax.annotate(name, (x, y), (14, 0), arrowprops=stub, parse_math=False, **place)


def _legend(ax: Axes, names: Mapping[str, str], line_styles: Mapping[str, LineStyle]) -> None:
    room = int(width(ax) * 11)  # characters in a row of the legend, keys taken off
    texts = [wrapped(name, room - 8) for name in names.values()]
    longest = max(len(line) for text in texts for line in text.split("\n"))
    columns = max(1, min(len(names), 4, room // (longest + 7)))
    handles = [Line2D([], [], **style.matplotlib) for style in line_styles.values()]
    above = offset_copy(ax.transAxes, cast(Figure, ax.figure), x=0, y=20, units="points")
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
    place |= {"bbox_transform": above, "borderpad": 0}
    legend = ax.legend(handles, [" "] * len(names), ncols=columns, columnspacing=1.6, **place)
    for text, name in zip(legend.get_texts(), texts, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
