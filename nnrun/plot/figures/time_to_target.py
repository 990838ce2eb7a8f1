"""When seeds arrive: at the target, and at the whole ladder of targets."""

from collections.abc import Collection, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import OffsetFrom
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from nnrun.plot.axes import fill_band, points, samples_axis, ticks, title, write
from nnrun.plot.colours import muted
from nnrun.plot.layout import ROW, name_lines
from nnrun.plot.style import LineStyle
from nnrun.statistics.survival import censored, kaplan_meier
from nnrun.text import OWN, Words


def time_to_target(
    ax: Axes,
    trials: pd.DataFrame,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    horizon: float,
    only: Collection[str] | None = None,
    counts: bool = True,
    said: Words = OWN,
) -> Axes:
    """Draw the share of trials at the target against samples, with bands and counts at risk."""
    clocks = {
        setting: censored(trials[trials["setting"] == setting], horizon) for setting in line_styles
    }
    first = min(float(times.min()) for times, _ in clocks.values())
    start = first / 2 if first < horizon else horizon / 100
    _shares_axis(ax, start, horizon, said=said)
    drawn = {s: style for s, style in line_styles.items() if only is None or s in only}
    ends = {}
    for setting, style in drawn.items():
        table = kaplan_meier(*clocks[setting])
        x = np.concatenate([[start], table["time"], [horizon]])
        arrived, low, high = (
            np.concatenate([[before], 1 - table[name], [1 - table[name].iloc[-1]]])
            for name, before in (("survival", 0.0), ("high", np.nan), ("low", np.nan))
        )
        ends[setting] = _steps(ax, (x, arrived, low, high), style)
    title(ax, "Share of seeds at the target")
    if counts:
        _counts_at_risk(ax, {s: clocks[s][0] for s in drawn}, drawn, start)
    name_lines(ax, ends, line_styles, labels)
    return ax


def profile(
    ax: Axes,
    table: pd.DataFrame,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    only: Collection[str] | None = None,
) -> Axes:
    """Draw the share of (seed, target) pairs that are solved against samples, with bands."""
    table = table[table["setting"].isin(list(line_styles))]
    bounds = table[["share", "low", "high"]]
    first, last = float(table["samples"].min()), float(table["samples"].max())
    _shares_axis(ax, first, last, float(bounds.min().min()), float(bounds.max().max()))
    parts = dict(iter(table.groupby("setting", sort=False)))
    drawn = {s: style for s, style in line_styles.items() if only is None or s in only}
    ends = {}
    for setting, style in drawn.items():
        if setting in parts:
            columns = (parts[setting][name] for name in ("samples", "share", "low", "high"))
            x, solved, low, high = (column.to_numpy(np.float64) for column in columns)
            ends[setting] = _steps(ax, (x, solved, low, high), style)
    title(ax, "Share of (seed, target) pairs solved")
    name_lines(ax, ends, line_styles, labels)
    return ax


def _shares_axis(
    ax: Axes, start: float, end: float, low: float = 0.0, high: float = 1.0, said: Words = OWN
) -> None:
    """Make the axes of shares against samples, as high as what is drawn."""
    samples_axis(ax, start, end, said)
    margin = 0.02 * max(high - low, 0.05)
    low, high = max(low, 0.0) - margin, min(high, 1.0) + margin
    ax.set_ylim(low, high)
    found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    places = [float(t) for t in found if low <= t <= high]
    ticks(ax.yaxis, places, lambda value: f"{100 * value:.3g}%")


def _steps(ax: Axes, columns: tuple[Any, Any, Any, Any], style: LineStyle) -> tuple[float, float]:
    """Draw shares, which stay until they rise, within their band; return where the line ends."""
    x, shares, low, high = columns
    fill_band(ax, x, low, high, style.color, step="post")
    ax.step(x, shares, where="post", **style.matplotlib)
    return float(x[-1]), float(shares[-1])


def _counts_at_risk(
    ax: Axes, times: Mapping[str, Any], line_styles: Mapping[str, LineStyle], start: float
) -> None:
    """Write below the axis' name how many trials of each setting are still short of the target."""
    below: Any = OffsetFrom(ax.xaxis.label, (0, 0))  # points
    at: dict[str, Any] = {"xycoords": ("data", below)}
    row = points(ROW)
    write(ax, "Seeds still short of the target", (start, -0.9 * row), color=muted(), **at)
    for place, (setting, style) in enumerate(line_styles.items(), start=1):
        y = -(0.9 + place) * row
        whole = cast(Figure, ax.get_figure(root=True))
        ends = (offset_copy(ax.transAxes, whole, points(x), 0, "points") for x in (-36, -14))
        left, right = ({"xycoords": (x, below)} for x in ends)
        line = {"arrowstyle": "-", "shrinkA": 0, "shrinkB": 0, "linewidth": 1.9, **style.matplotlib}
        look: dict[str, Any] = {"textcoords": right["xycoords"], "arrowprops": line, **left}
        # of a word, if only a space, so that a layout makes room for it
        ax.annotate(" ", (0, y), (0, y), annotation_clip=False, va="center", **look)
        for tick in ax.xaxis.get_major_locator()():
            count = str(int(np.sum(times[setting] >= tick)))
            write(ax, count, (float(tick), y), ha="center", **at)
