"""When seeds arrive: at the target, and at the whole ladder of targets."""

from collections.abc import Collection, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2D, ScaledTranslation, Transform

from nnrun.plot.axes import fill_band, samples_axis, ticks, title, write
from nnrun.plot.layout import ROW, name_lines
from nnrun.plot.style import MUTED, LineStyle
from nnrun.statistics.survival import censored, kaplan_meier
from nnrun.text import share


def time_to_target(
    ax: Axes,
    trials: pd.DataFrame,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    horizon: float,
    only: Collection[str] | None = None,
) -> Axes:
    """Draw the share of trials at the target against samples, with bands and counts at risk."""
    clocks = {
        setting: censored(trials[trials["setting"] == setting], horizon) for setting in line_styles
    }
    first = min(float(times.min()) for times, _ in clocks.values())
    start = first / 2 if first < horizon else horizon / 100
    _shares_axis(ax, start, horizon)
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
    _shares_axis(ax, float(table["samples"].min()), float(table["samples"].max()))
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


def _shares_axis(ax: Axes, start: float, end: float) -> None:
    samples_axis(ax, start, end)
    ax.set_ylim(-0.02, 1.02)
    ticks(ax.yaxis, [0, 0.25, 0.5, 0.75, 1], share)


def _steps(ax: Axes, columns: tuple[Any, Any, Any, Any], style: LineStyle) -> tuple[float, float]:
    """Draw shares, which stay until they rise, within their band; return where the line ends."""
    x, shares, low, high = columns
    fill_band(ax, x, low, high, style.color, step="post")
    ax.step(x, shares, where="post", **style.matplotlib)
    return float(x[-1]), float(shares[-1])


def _counts_at_risk(
    ax: Axes, times: Mapping[str, Any], line_styles: Mapping[str, LineStyle], start: float
) -> None:
    """Write under the axis how many trials of each setting are still short of the target."""
    at: dict[str, Any] = {"xycoords": ("data", "axes fraction")}
    top = -46.0
    write(ax, "Seeds still short of the target", (start, 0), offset=(0, top), color=MUTED, **at)
    for row, (setting, style) in enumerate(line_styles.items(), start=1):
        y = top - row * ROW
        swatch = Line2D([-36, -14], [y, y], clip_on=False, transform=_points_below(ax))
        swatch.set(**style.matplotlib, linewidth=1.9)
        ax.add_artist(swatch)
        for tick in ax.xaxis.get_major_locator()():
            left = str(int(np.sum(times[setting] >= tick)))
            write(ax, left, (float(tick), 0), offset=(0, y), ha="center", **at)


def _points_below(ax: Axes) -> Transform:
    """Coordinates in points from the lower left corner of the axis."""
    figure = cast(Figure, ax.get_figure(root=True))
    to_display, corner = figure.dpi_scale_trans, cast(Any, ax.transAxes)
    return Affine2D().scale(1 / 72) + to_display + ScaledTranslation(0, 0, corner)
