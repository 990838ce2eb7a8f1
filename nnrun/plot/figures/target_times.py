"""Time to target against the target."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from nnrun.plot.axes import fill_band, log_ticks, ticks, title
from nnrun.plot.colours import muted
from nnrun.plot.layout import name_lines
from nnrun.plot.style import LineStyle
from nnrun.text import compact, share


def target_times(
    ax: Axes,
    table: pd.DataFrame,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    horizon: float,
    target: float | None = None,
    only: Collection[str] | None = None,
) -> Axes:
    """Draw the median samples to each accuracy, with the interquartile band over seeds.

    A line ends where half of its seeds no longer arrive: there is no finite time beyond.
    """
    table = table[table["setting"].isin(list(line_styles))]
    ax.set_yscale("log")
    low = max(1.0, float(table["q25"].min()) / 1.3)
    ax.set_ylim(low, horizon)
    ticks(ax.yaxis, log_ticks(low, horizon, 6), compact)
    first, last = float(table["accuracy"].min()), float(table["accuracy"].max())
    ax.set_xlim(first, last)
    found = ax.xaxis.get_major_locator().tick_values(first, last)
    ticks(ax.xaxis, [t for t in found if first <= t <= last + 1e-9], share)
    ax.set_xlabel("accuracy to be reached and held")
    if target is not None:
        ax.axvline(target, color=muted(), linewidth=0.9, linestyle=(0, (2, 2)))
    ends = {}
    for setting, style in line_styles.items():
        if only is None or setting in only:
            mine = table[table["setting"] == setting]
            x, bottom, middle, top = (
                mine[name].to_numpy(np.float64) for name in ("accuracy", "q25", "median", "q75")
            )
            edge = np.where(np.isfinite(bottom), np.minimum(top, 10 * horizon), np.nan)
            fill_band(ax, x, np.where(np.isfinite(bottom), bottom, np.nan), edge, style.color)
            ax.plot(x, np.where(np.isfinite(middle), middle, np.nan), **style.matplotlib)
            ends[setting] = (np.nan, np.nan)
    title(ax, "Training samples until then (log scale)")
    name_lines(ax, ends, line_styles, labels)
    return ax
