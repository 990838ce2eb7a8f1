"""Learning curves: a metric against training samples seen."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from nnrun.plot.axes import fill_band, samples_axis, title, value_range, value_ticks, write
from nnrun.plot.colours import muted
from nnrun.plot.layout import name_lines
from nnrun.plot.style import TRACE_ALPHA, LineStyle
from nnrun.plot.text import one_line
from nnrun.records.trials import METRICS
from nnrun.statistics.curves import SettingBands
from nnrun.text import OWN, Words

TRACED = 4
"""Most settings in a panel whose single seeds are drawn too: beyond, they'd hide each other."""

TRACES = 20  # most single seeds drawn for a setting


def learning_curves(
    ax: Axes,
    bands: pd.DataFrame,
    metric: str,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    target: float | None = None,
    traces: Mapping[str, SettingBands] | None = None,
    only: Collection[str] | None = None,
    said: Words = OWN,
) -> Axes:
    """Draw the median and interquartile band of a metric against training samples seen."""
    table = bands[(bands["metric"] == metric) & bands["setting"].isin(list(line_styles))]
    low, high, log = value_range(table, metric, target)
    ax.set_yscale("log" if log else "linear")
    ax.set_ylim(low, high)
    samples_axis(ax, float(table["samples"].min()), float(table["samples"].max()), said)
    value_ticks(ax, low, high, log)
    if target is not None:
        _level(ax, target)
    drawn = {s: style for s, style in line_styles.items() if only is None or s in only}
    if traces is not None and len(drawn) <= TRACED:
        for setting, style in drawn.items():
            if setting in traces:
                _single_seeds(ax, traces[setting], metric, style, high)
    parts = dict(iter(table.groupby("setting", sort=False)))
    ends = {s: _curve(ax, parts.get(s), style, high) for s, style in drawn.items()}
    name = said.metrics[metric]
    title(ax, name.capitalize() if said.own else one_line(name))
    name_lines(ax, ends, line_styles, labels)
    return ax


def _curve(
    ax: Axes, one: pd.DataFrame | None, style: LineStyle, high: float
) -> tuple[float, float]:
    """Draw one setting's band and median; return where the line ends, NaN if it has none."""
    if one is None:
        return np.nan, np.nan
    x = one["samples"].to_numpy(np.float64)
    bottom, middle, top = (one[q].to_numpy(np.float64) for q in ("q25", "median", "q75"))
    edge = np.where(np.isfinite(bottom), np.minimum(top, 10 * high), np.nan)
    fill_band(ax, x, bottom, edge, style.color)
    line = np.where(np.isfinite(middle), middle, np.nan)
    ax.plot(x, line, **style.matplotlib)
    if not np.isfinite(line).any():
        return np.nan, np.nan
    return float(x[-1]), float(line[-1])


def _single_seeds(
    ax: Axes, bands: SettingBands, metric: str, style: LineStyle, high: float
) -> None:
    """Draw thin lines of single seeds, each up to where it diverged."""
    values = np.asarray(bands.traces[METRICS.index(metric)], dtype=np.float64)[:TRACES]
    values = np.where(np.isfinite(values), np.minimum(values, 10 * high), np.nan)
    x = np.asarray(bands.samples, dtype=np.float64)
    lines = [np.column_stack([x, one]) for one in values]
    look: dict[str, Any] = {"linewidths": 0.6, "alpha": TRACE_ALPHA, "zorder": 1.5}
    ax.add_collection(LineCollection(lines, colors=style.color, **look), autolim=False)


def _level(ax: Axes, target: float) -> None:
    """Mark the target; its name stands below the line where the axis' title is near above."""
    ax.axhline(target, color=muted(), linewidth=0.9, linestyle=(0, (2, 2)))
    up = (ax.transData - ax.transAxes).transform((ax.get_xlim()[0], target))[1]
    below = bool(up > 0.85)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "color": muted()}
    place |= {"va": "top" if below else "bottom", "offset": (2, -3 if below else 3)}
    write(ax, "target", (0, target), **place)
