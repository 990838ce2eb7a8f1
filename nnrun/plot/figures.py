"""The figures of a report: each takes an axis and tables, draws, and hands the axis back.

Nothing here computes a statistic, and nothing touches pyplot or its global state.
"""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2D, ScaledTranslation, Transform

from nnrun.plot.axes import samples_axis, ticks, value_range, value_ticks
from nnrun.plot.labels import ROW, name_lines
from nnrun.plot.styles import BAND_ALPHA, MUTED, LineStyle
from nnrun.statistics.survival import censored, kaplan_meier
from nnrun.words import METRIC_NAMES, share


def learning_curves(
    ax: Axes,
    bands: pd.DataFrame,
    metric: str,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    target: float | None = None,
) -> Axes:
    """Draw the median and interquartile band of a metric against training samples seen.

    Args:
        ax: Axis to draw on.
        bands: As `nnrun.statistics.bands.bands` returns it.
        metric: One of its metrics.
        line_styles: The settings to draw, in order, and how.
        labels: What to call each setting.
        target: The target's value, if this metric has one; drawn as a level.

    Returns:
        The same axis.
    """
    table = bands[(bands["metric"] == metric) & bands["setting"].isin(list(line_styles))]
    low, high, log = value_range(table, metric, target)
    ax.set_yscale("log" if log else "linear")
    ax.set_ylim(low, high)
    samples_axis(ax, float(table["samples"].min()), float(table["samples"].max()))
    value_ticks(ax, low, high, log)
    if target is not None:
        ax.axhline(target, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
        note: dict[str, Any] = {"xytext": (2, 3), "textcoords": "offset points", "fontsize": 8.0}
        ax.annotate("target", (0, target), xycoords=("axes fraction", "data"), color=MUTED, **note)
    ends = {}
    for setting, style in line_styles.items():
        one = table[table["setting"] == setting]
        x = one["samples"].to_numpy(np.float64)
        bottom, middle, top = (one[q].to_numpy(np.float64) for q in ("q25", "median", "q75"))
        edge = np.where(np.isfinite(bottom), np.minimum(top, 10 * high), np.nan)
        ax.fill_between(x, bottom, edge, color=style.color, alpha=BAND_ALPHA, linewidth=0)
        line = np.where(np.isfinite(middle), middle, np.nan)
        ax.plot(x, line, **style.matplotlib)
        ends[setting] = (x[-1], line[-1]) if len(x) else (np.nan, np.nan)
    name = METRIC_NAMES[metric].capitalize()
    ax.set_title(name, loc="left", fontsize=9, color=MUTED)
    name_lines(ax, ends, line_styles, labels)
    return ax


def time_to_target(
    ax: Axes,
    trials: pd.DataFrame,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    horizon: float,
) -> Axes:
    """Draw the share of trials at the target against samples, with bands and counts at risk.

    Args:
        ax: Axis to draw on; needs room below for one row a setting.
        trials: Trained trials, as `nnrun.results.Results.trials`.
        line_styles: The settings to draw, in order, and how.
        labels: What to call each setting.
        horizon: Samples to which every trial is followed, the common budget.

    Returns:
        The same axis.
    """
    clocks = {
        setting: censored(trials[trials["setting"] == setting], horizon) for setting in line_styles
    }
    first = min(float(times.min()) for times, _ in clocks.values())
    start = first / 2 if first < horizon else horizon / 100
    samples_axis(ax, start, horizon)
    ax.set_ylim(-0.02, 1.02)
    ticks(ax.yaxis, [0, 0.25, 0.5, 0.75, 1], share)
    ends = {}
    for setting, style in line_styles.items():
        table = kaplan_meier(*clocks[setting])
        x = np.concatenate([[start], table["time"], [horizon]])
        arrived, low, high = (
            np.concatenate([[before], 1 - table[name], [1 - table[name].iloc[-1]]])
            for name, before in (("survival", 0.0), ("high", np.nan), ("low", np.nan))
        )
        band: dict[str, Any] = {"color": style.color, "alpha": BAND_ALPHA, "linewidth": 0}
        ax.fill_between(x, low, high, step="post", **band)
        ax.step(x, arrived, where="post", **style.matplotlib)
        ends[setting] = (horizon, float(arrived[-1]))
    ax.set_title("Share of seeds at the target", loc="left", fontsize=9, color=MUTED)
    _counts_at_risk(ax, clocks, line_styles, start)
    name_lines(ax, ends, line_styles, labels)
    return ax


def _counts_at_risk(
    ax: Axes,
    clocks: Mapping[str, tuple[Any, Any]],
    line_styles: Mapping[str, LineStyle],
    start: float,
) -> None:
    """Write under the axis how many trials of each setting are still short of the target."""
    at: dict[str, Any] = {
        "annotation_clip": False,
        "textcoords": "offset points",
        "fontsize": 8.0,
        "va": "center",
    }
    axes_units = ("data", "axes fraction")
    top = -46.0
    ax.annotate(
        "Seeds still short of the target",
        (start, 0),
        (0, top),
        xycoords=axes_units,
        color=MUTED,
        **at,
    )
    for row, (setting, style) in enumerate(line_styles.items(), start=1):
        y = top - row * ROW
        swatch = Line2D([-36, -14], [y, y], clip_on=False, transform=_points_below(ax))
        swatch.set(**style.matplotlib, linewidth=1.9)
        ax.add_artist(swatch)
        for tick in ax.xaxis.get_major_locator()():
            left = str(int(np.sum(clocks[setting][0] >= tick)))
            ax.annotate(left, (tick, 0), (0, y), xycoords=axes_units, ha="center", **at)


def _points_below(ax: Axes) -> Transform:
    """Coordinates in points from the lower left corner of the axis."""
    to_display, corner = ax.figure.dpi_scale_trans, cast(Any, ax.transAxes)
    return Affine2D().scale(1 / 72) + to_display + ScaledTranslation(0, 0, corner)
