"""Contrasts as a forest plot: a row each, with the ratio, its interval, and both in numbers."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from nnrun.plot.axes import points, ratio_limits, ratio_ticks, ticks, write
from nnrun.plot.colours import ground, ink, muted, tone
from nnrun.plot.fit import inches
from nnrun.plot.style import BAND_ALPHA, GRID, INK, LATER, SOONER, VAGUE
from nnrun.plot.text import in_lines, one_line, wrapped
from nnrun.text import percentage, ratio

NARROW = 5.5  # inches up to which names stand above their rows instead of beside them

STACKED = 3.6  # inches, words around the axis included, up to which numbers stand below names

_LETTER, _NUMBERS = 5.0, 28  # points that a letter takes, and letters that numbers take
_LINE, _ROOM = 0.17, 0.15  # inches: a line of a name, and the room that a row leaves around it
_INTERVAL = 0.2  # inches that an interval takes below its name
_ABOVE, _BELOW = 0.12, 0.04  # inches around a heading
_NAME, _NARROW_NAME = 30, 24  # letters of a name in a line, beside the plot or above an interval
_LINES = 5  # of a name, at most
_FAR = 0.75  # of the axis, from which on no words are centred
_LOOKS: Mapping[str, tuple[str, bool, str]] = {
    "sooner": (SOONER, True, "o"),
    "later": (LATER, True, "s"),
    "arrives": (SOONER, True, "<"),
    "fails": (LATER, True, ">"),
    "usually sooner": (SOONER, False, "o"),
    "usually later": (LATER, False, "s"),
    "same": (INK, True, "D"),
    "depends": (VAGUE, False, "D"),
    "unsure": (INK, False, "o"),
}
"""Colour and shape of a marker by kind of finding, and whether it is filled."""


class _Place(NamedTuple):
    """Where a line of the plot stands: a heading, or a contrast with its name.

    Attributes:
        text: Heading or name, in lines.
        row: The contrast; None of a heading.
        top: Distance from the top of the plot, in inches.
        height: Inches, the room below included.
    """

    text: str
    row: Any
    top: float
    height: float


def contrasts_height(table: pd.DataFrame, width: float) -> float:
    """Say how high the plot of `contrasts` must be, in inches, in a figure of this width."""
    last = _places(table, width / points(1))[-1]
    return points(last.top + last.height)


def contrasts(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw each contrast's ratio of restricted mean times with its interval.

    A filled marker is a claim: blue and a circle for sooner, orange and a square for later, a
    triangle where only one arm arrives, a black diamond for the same. A hollow one shows no
    difference of the means, a grey one is of too few seeds, or pooled over levels that disagree.
    The shaded band holds the ratios that count as the same.
    """
    wide = inches(ax)[0] / points(1)
    narrow = wide < NARROW
    margin = float(table["margin"].max())
    least = max(1.25, 1.05 * (1 + margin))
    low, high = ratio_limits(table["ratio"], table[["ratio_low", "ratio_high"]], least)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.grid(visible=False)
    places = _places(table, wide)
    for place in places:
        if place.row is None:
            look: dict[str, Any] = {"color": muted(), "ha": "left", "va": "top"}
            look |= {"xycoords": ("axes fraction", "data"), "offset": (_left(narrow), 0)}
            write(ax, place.text, (0, place.top), **look)
        else:
            _contrast(ax, place, narrow, wide < STACKED)
    ax.set_ylim(places[-1].top + places[-1].height, 0.0)
    _frame(ax, low, high, narrow)
    _same(ax, margin, wide)
    return ax


def _places(table: pd.DataFrame, wide: float) -> list[_Place]:
    """Lay the lines out below each other, each as high as its text needs."""
    narrow, stacked = wide < NARROW, wide < STACKED
    across = int(72 * wide / _LETTER)
    letters = max(8, min(_NARROW_NAME, across - _NUMBERS * (not stacked))) if narrow else _NAME
    several = [_name(row) for row in table.itertuples()]
    names = dict(zip(several, in_lines(several, letters, _LINES), strict=True))
    found: list[_Place] = []
    top = 0.0
    for heading, row in _rows(table):
        text = (
            wrapped(heading, min(52, across) if narrow else 90)
            if row is None
            else names[_name(row)]
        )
        below = _BELOW if row is None else _ROOM + _INTERVAL * narrow + _LINE * stacked
        top += _ABOVE if found and row is None else 0.0
        found.append(_Place(text, row, top, _LINE * (text.count("\n") + 1) + below))
        top += found[-1].height
    return found


def _name(row: Any) -> str:
    return f"{row.name_a} at {row.within}" if row.within else str(row.name_a)


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Yield the rows to draw: a heading (with None) before each group of contrasts, then them."""
    for _, group in table.groupby(["family", "key", "name_b"], sort=False):
        first: Any = next(group.itertuples())
        how = "" if first.family == "setting" else f", over {first.blocks} blocks"
        how = how if group["blocks"].nunique() == 1 and first.blocks > 1 else ""
        yield f"against {one_line(str(first.name_b))}{how}", None
        for row in group.itertuples():
            yield "", row


def _left(narrow: bool) -> float:
    """Points from the plot's left edge at which names begin."""
    return 0.0 if narrow else points(-150)


def _contrast(ax: Axes, place: _Place, narrow: bool, stacked: bool) -> None:
    """Draw a contrast: name, numbers and interval in a row, or below each other."""
    y = place.top + (0.0 if narrow else place.height / 2)
    look: dict[str, Any] = {
        "fontsize": points(8.5),
        "va": "top" if narrow else "center",
        "ha": "left",
    }
    look |= {"xycoords": ("axes fraction", "data"), "offset": (_left(narrow), 0)}
    write(ax, place.text, (0, y), **look)
    lines = (place.text.count("\n") + 1) * stacked
    _numbers(ax, place.row, y + _LINE * lines, narrow)
    _interval(ax, place.row, y + (place.height - _ROOM - _INTERVAL / 2 if narrow else 0.0))


def marker_of(verdict: str) -> dict[str, Any]:
    """Return how the marker of a kind of finding looks; what nothing can be said of is grey."""
    color, filled, marker = _LOOKS.get(verdict, (VAGUE, True, "o"))
    color = ink() if color == INK else tone(color)
    return {"color": color, "markerfacecolor": color if filled else ground(), "marker": marker}


def _interval(ax: Axes, row: Any, y: float) -> None:
    """Draw a point and its interval; an arrow-less line ends at the axis where it goes on."""
    look = marker_of(row.verdict)
    bounds = np.array([row.ratio_low, row.ratio_high], dtype=np.float64)
    if not np.isfinite(row.ratio):
        return
    if np.isfinite(bounds).all():
        ax.plot(np.maximum(bounds, 1e-12), [y, y], color=look["color"], linewidth=1.6)
    ax.plot([row.ratio], [y], markersize=6.5, markeredgewidth=1.0, linestyle="none", **look)


def _numbers(ax: Axes, row: Any, y: float, narrow: bool) -> None:
    """Write the ratio, its interval and the number of pairs at the right of a row."""
    vague = row.verdict in ("few", "incomparable")
    text = f"{ratio(row.ratio)} ({ratio(row.ratio_low)} – {ratio(row.ratio_high)})"
    text = text if np.isfinite(row.ratio) else "no ratio"
    text += f" · {row.pairs:,}"
    at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "fontsize": points(8.5)}
    at["color"] = muted() if vague else ink()
    if narrow:
        # the line of no difference ends at it
        under = {"facecolor": ground(), "edgecolor": "none", "pad": 0.8}
        write(ax, text, (1, y), ha="right", va="top", bbox=under, **at)
    else:
        write(ax, text, (1, y), ha="left", offset=(points(10), 0), **at)


def _frame(ax: Axes, low: float, high: float, narrow: bool) -> None:
    """Draw the line of no difference and say which side is sooner."""
    ax.axvline(1, color=muted(), linewidth=0.9, linestyle=(0, (2, 2)), zorder=0.5)
    ax.spines["left"].set_visible(False)
    ticks(ax.yaxis, [], str)
    ratio_ticks(ax.xaxis, low, high, 4 if narrow else 7)
    for place in ax.xaxis.get_major_locator()():
        faint = {} if rcParams["grid.color"] == GRID else {"alpha": 0.4}
        ax.axvline(place, color=rcParams["grid.color"], linewidth=0.7, zorder=0, **faint)
    of = "ratio" if narrow else "ratio of restricted mean times"
    ax.set_xlabel(f"← sooner · {of} (log scale) · later →")
    head: dict[str, Any] = {"xycoords": "axes fraction", "color": muted(), "va": "bottom"}
    head |= {"ha": "right" if narrow else "left", "offset": (0 if narrow else points(10), 4)}
    write(ax, "ratio (95% interval) · pairs", (1, 1), **head)


def same_band() -> dict[str, Any]:
    """Return how the ratios are shaded that count as the same."""
    return {"facecolor": muted(), "alpha": BAND_ALPHA, "linewidth": 0}


def _same(ax: Axes, margin: float, wide: float) -> None:
    """Shade the ratios that count as the same, and say so on the same shade, or below."""
    shade = same_band()
    ax.axvspan(1 / (1 + margin), 1 + margin, zorder=0, **shade)
    said = f"the same within {percentage(margin)}"
    if wide < STACKED:
        ax.set_xlabel(f"{ax.get_xlabel()}\nshaded: {said}")
        return
    look = {"color": muted(), "va": "bottom", "bbox": {**shade, "pad": 2}, "offset": (0, 4)}
    across = float((ax.transData - ax.transAxes).transform((1, 0))[0])
    if wide < NARROW:
        write(ax, said, (0, 1), xycoords="axes fraction", ha="left", **look)
    elif across > _FAR:  # beside it stands what heads the numbers
        write(ax, said, (0.99, 1), xycoords="axes fraction", ha="right", **look)
    else:
        write(ax, said, (1, 1), xycoords=("data", "axes fraction"), ha="center", **look)
