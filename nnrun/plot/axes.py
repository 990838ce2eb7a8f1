"""Axes of a figure: training samples on a logarithmic scale, values on the scale that fits them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from nnrun.words import compact, number


def samples_axis(ax: Axes, low: float, high: float) -> None:
    """Make the x axis a logarithmic count of training samples seen, ``low`` to ``high``."""
    ax.set_xscale("log")
    ax.set_xlim(low, high if high > low else 2 * low)
    ax.set_xlabel("training samples seen (log scale)")
    ax.grid(visible=False, axis="x")
    most = 7 if width(ax) > 5 else 5
    ticks(ax.xaxis, _log_ticks(low, high, most), compact)


def value_range(
    table: pd.DataFrame, metric: str, target: float | None
) -> tuple[float, float, bool]:
    """Find limits for the value axis that a diverging setting does not blow up.

    Args:
        table: Rows of one metric, as `nnrun.statistics.bands.bands` returns them.
        metric: That metric.
        target: A level that must be in view, in the metric's units, or None.

    Returns:
        Lower limit, upper limit, and whether the axis is logarithmic.
    """
    values = table[["q25", "median", "q75"]].to_numpy(np.float64).ravel()
    values = np.append(values[np.isfinite(values)], [] if target is None else [target])
    if metric == "accuracy":
        return max(0.0, np.floor(10 * values.min() - 0.5) / 10), 1.01, False
    if not values.size:
        return 0.0, 1.0, False
    # A loss on its way to divergence must not flatten the settings that learn.
    first = table.groupby("setting")["median"].first()
    first = first[np.isfinite(first)]
    low = float(values.min())
    high = min(float(values.max()), 10 * float(first.max()) if len(first) else np.inf)
    if low > 0 and high / low > 5:
        return low / 1.2, high * 1.2, True
    return min(0.0, low), high * 1.05 if high > 0 else 1.0, False


def value_ticks(ax: Axes, low: float, high: float, log: bool) -> None:
    """Put round values on the y axis, whose limits and scale are these."""
    if log:
        ticks(ax.yaxis, _log_ticks(low, high, 6), partial(number, digits=1))
    else:
        places = [
            t for t in ax.yaxis.get_major_locator().tick_values(low, high) if low <= t <= high
        ]
        ticks(ax.yaxis, places, "{:g}".format)


def ticks(axis: Any, places: Sequence[float], text: Callable[[float], str]) -> None:
    """Put ticks at exactly these places of a matplotlib axis, and none between them."""
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_major_formatter(FixedFormatter([text(p) for p in places]))
    axis.set_minor_locator(NullLocator())


def width(ax: Axes) -> float:
    """Measure how wide the whole figure is, in inches."""
    return float(cast(Figure, ax.figure).get_figwidth())


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two bounds: 1-2-5 a decade if they fit, else whole decades."""
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        places = [s * 10.0**e for e in exponents for s in steps]
        places = [t for t in places if low * 0.999 <= t <= high * 1.001]
        if len(places) <= most:
            return places
    return places[:: -(-len(places) // most)]
