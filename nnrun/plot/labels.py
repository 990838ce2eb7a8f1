"""Names of lines: beside their ends where they fit without collision, else in a legend."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from nnrun.plot.axes import WIDE, height, width, write
from nnrun.plot.style import LineStyle
from nnrun.plot.text import cells, one_line, wrapped

DIRECT_CHARACTERS = 20  # longest line of a label that is written beside its curve
ROW = 13.0  # points from one row of counts at risk, or one line label, to the next
_CHARACTERS = 11  # of a legend in an inch


def name_lines(
    ax: Axes,
    ends: Mapping[str, tuple[float, float]],
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
) -> None:
    """Name lines at their ends where the names fit without collision, else in a legend."""
    if len(ends) < 2 or not labels:
        return
    names = {s: one_line(labels[s]) for s in ends}
    beside = {s: wrapped(name, DIRECT_CHARACTERS) for s, name in names.items()}
    rows = {s: text.count("\n") + 1 for s, text in beside.items()}
    right = ax.get_xlim()[1]
    fits = width(ax) > WIDE and max(rows.values()) <= 2
    fits = fits and all(x == right and np.isfinite(y) for x, y in ends.values())
    if fits and _apart(ax, [(y, rows[s]) for s, (_, y) in ends.items()]):
        for setting, (x, y) in ends.items():
            _direct_label(ax, x, y, beside[setting], line_styles[setting])
    else:
        _legend(ax, list(names.values()), [line_styles[s] for s in ends])


def legend_below(figure: Figure, names: Mapping[str, LineStyle]) -> None:
    """Name the lines of all panels of a figure, once, below them; lone lines need no names."""
    if not names:
        return
    texts, columns = legend_columns([one_line(name) for name in names], figure.get_figwidth())
    place: dict[str, Any] = {"loc": "outside lower left", "ncols": columns, "columnspacing": 1.6}
    legend = figure.legend(_lines(list(names.values())), [" "] * len(texts), borderpad=0, **place)
    fill(legend, texts)


def _apart(ax: Axes, places: Sequence[tuple[float, int]]) -> bool:
    """Whether labels at these values, of so many rows each, keep clear of each other."""
    to_axes = ax.transData - ax.transAxes
    right, points = ax.get_xlim()[1], 72 * height(ax)
    at = [(points * to_axes.transform((right, y))[1], n) for y, n in sorted(places)]
    return all(above - below >= ROW * (m + n) / 2 for (below, m), (above, n) in pairwise(at))


def _direct_label(ax: Axes, x: float, y: float, name: str, style: LineStyle) -> None:
    stub: dict[str, Any] = {
        "arrowstyle": "-",
        "color": style.color,
        "linewidth": 1.2,
        "shrinkA": 0,
        "shrinkB": 2,
    }
    write(ax, name, (x, y), offset=(14, 0), arrowprops=stub, fontsize=9.0)


def _legend(ax: Axes, names: Sequence[str], looks: Sequence[LineStyle]) -> None:
    figure = cast(Figure, ax.get_figure(root=True))
    texts, columns = legend_columns(names, figure.get_figwidth())
    above = offset_copy(ax.transAxes, figure, x=0, y=20, units="points")
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
    place |= {"bbox_transform": above, "borderpad": 0, "ncols": columns, "columnspacing": 1.6}
    fill(ax.legend(_lines(looks), [" "] * len(texts), **place), texts)


def legend_columns(names: Sequence[str], inches: float) -> tuple[list[str], int]:
    """Break the names of a legend into lines that fit, and find how many stand in a row."""
    room = int(inches * _CHARACTERS)  # characters in a row of the legend, keys taken off
    texts = [wrapped(name, room - 8) for name in names]
    longest = max(cells(line) for text in texts for line in text.split("\n"))
    return texts, max(1, min(len(names), 4, room // (longest + 7)))


def _lines(looks: Sequence[LineStyle]) -> list[Line2D]:
    return [Line2D([], [], **style.matplotlib) for style in looks]


def fill(legend: Legend, texts: Sequence[str]) -> None:
    """Write the names into a legend, never read as mathematics."""
    for text, name in zip(legend.get_texts(), texts, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
