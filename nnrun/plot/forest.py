"""Contrasts as a forest plot: a row each, with the ratio, its interval, and both in numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from nnrun.plot.axes import ratio_limits, ratio_ticks, ticks, width, write
from nnrun.plot.styles import GRID, INK, LATER, MUTED, PAPER, SOONER, VAGUE
from nnrun.words import number, one_line, wrapped

NARROW = 3.6
"""Inches of an axis up to which names stand above their rows instead of beside them."""

_LINE, _ROOM = 0.17, 0.15  # inches: a line of a name, and the room that a row leaves around it
_NAME = 30  # characters of a name in a line beside the plot
_NUMBERS = 140  # points that the numbers of a row take
_HEADING = 1.25  # rows' heights that a heading takes
_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "sooner": {"color": SOONER, "markerfacecolor": SOONER},
    "later": {"color": LATER, "markerfacecolor": LATER},
    "none": {"color": INK, "markerfacecolor": PAPER},
    "few": {"color": VAGUE, "markerfacecolor": VAGUE},
    "incomparable": {"color": VAGUE, "markerfacecolor": VAGUE},
}


def contrasts_height(table: pd.DataFrame, width: float) -> float:
    """Say how high the plot of `contrasts` must be, in inches, in a figure of this width."""
    rows = sum(1 if row is not None else _HEADING for _, row in _rows(table))
    return (rows + 0.4) * _row_height(table, width < 5.5)


def contrasts(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw each contrast's ratio of restricted mean times with its interval.

    A filled marker is a claim: blue and a circle for sooner, orange and a square for later. A
    hollow one shows no difference, a grey one is of too few seeds to say.

    Args:
        ax: Axis to draw on, as high as `contrasts_height` says.
        table: Rows of what `nnrun.statistics.contrasts.contrasts` returns, 16 or so at most.

    Returns:
        The same axis.
    """
    narrow = width(ax) < NARROW
    low, high = ratio_limits(table[["ratio", "ratio_low", "ratio_high"]])
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.grid(visible=False)
    y = 0.0
    for heading, row in _rows(table):
        if row is None:
            y += _HEADING if y else 0.6
            _heading(ax, heading, y, narrow)
            y += 0.0
        else:
            y += 1.0
            _interval(ax, row, y + (0.25 if narrow else 0.0))
            _name(ax, row, y, narrow)
            _numbers(ax, row, y, narrow)
    ax.set_ylim(y + 0.8, -0.4)
    _frame(ax, low, high)
    return ax


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Yield the rows to draw: a heading (with None) before each group of contrasts, then them."""
    for _, group in table.groupby(["family", "key", "name_b"], sort=False):
        first: Any = next(group.itertuples())
        how = "" if first.family == "setting" else f", over {first.blocks} blocks"
        how = how if group["blocks"].nunique() == 1 and first.blocks > 1 else ""
        yield f"against {one_line(str(first.name_b))}{how}", None
        for row in group.itertuples():
            yield "", row


def _row_height(table: pd.DataFrame, narrow: bool) -> float:
    if narrow:
        return 0.5
    lines = max((_beside(name).count("\n") + 1 for name in table["name_a"]), default=1)
    return _LINE * lines + _ROOM


def _beside(name: str) -> str:
    """Break a name into two lines at most; the rest of a longer one is left to the table."""
    lines = wrapped(one_line(name), _NAME).split("\n")
    return "\n".join([*lines[:1], lines[1] + " …"] if len(lines) > 2 else lines)


def _heading(ax: Axes, text: str, y: float, narrow: bool) -> None:
    text = wrapped(text, 52 if narrow else 90).split("\n")[0]
    left = _left(narrow)
    look: dict[str, Any] = {"color": MUTED, "ha": "left", "offset": (left, 0)}
    write(ax, text, (0, y), xycoords=("axes fraction", "data"), **look)


def _left(narrow: bool) -> float:
    """Points from the plot's left edge at which names begin."""
    return 0.0 if narrow else -150.0


def _name(ax: Axes, row: Any, y: float, narrow: bool) -> None:
    name = _beside(row.name_a)
    if narrow:
        room = max(8, int((72 * width(ax) - _NUMBERS) / 5.2))
        name = one_line(row.name_a)
        name = name if len(name) <= room else name[: room - 1] + "…"
    at = (0, y - (0.2 if narrow else 0.0))
    offset = (_left(narrow), 0)
    write(ax, name, at, xycoords=("axes fraction", "data"), ha="left", offset=offset, fontsize=8.5)


def _interval(ax: Axes, row: Any, y: float) -> None:
    """Draw a point and its interval; an arrow-less line ends at the axis where it goes on."""
    look = _LOOKS[row.verdict]
    bounds = np.array([row.ratio_low, row.ratio_high], dtype=np.float64)
    if not np.isfinite(row.ratio):
        return
    if np.isfinite(bounds).all():
        ax.plot(np.maximum(bounds, 1e-12), [y, y], color=look["color"], linewidth=1.6)
    marker = "s" if row.verdict == "later" else "o"
    ax.plot([row.ratio], [y], marker=marker, markersize=6.5, linestyle="none", **look)


def _numbers(ax: Axes, row: Any, y: float, narrow: bool) -> None:
    """Write the ratio, its interval and the number of pairs at the right of a row."""
    vague = row.verdict in ("few", "incomparable")
    text = f"{number(row.ratio)} ({number(row.ratio_low)} – {number(row.ratio_high)})"
    text = text if np.isfinite(row.ratio) else "no ratio"
    text += f" · {row.pairs:,}"
    at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "fontsize": 8.5}
    at["color"] = MUTED if vague else INK
    if narrow:
        write(ax, text, (1, y - 0.2), ha="right", **at)
    else:
        write(ax, text, (1, y), ha="left", offset=(10, 0), **at)


def _frame(ax: Axes, low: float, high: float) -> None:
    """Draw the line of no difference and say which side is sooner."""
    ax.axvline(1, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0.5)
    ax.spines["left"].set_visible(False)
    ticks(ax.yaxis, [], str)
    ratio_ticks(ax.xaxis, low, high, 7 if width(ax) > NARROW else 5)
    for place in ax.xaxis.get_major_locator()():
        ax.axvline(place, color=GRID, linewidth=0.7, zorder=0)
    ax.set_xlabel("← sooner · ratio of restricted mean times (log scale) · later →")
    if width(ax) > NARROW:
        head: dict[str, Any] = {"xycoords": "axes fraction", "color": MUTED, "ha": "left"}
        write(ax, "ratio (95% interval) · pairs", (1, 1), offset=(10, 4), va="bottom", **head)
