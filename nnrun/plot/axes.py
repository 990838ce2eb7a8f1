"""Axes of a figure: scales, ticks and words on an axis."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Annotation
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from nnrun.plot.style import BAND_ALPHA
from nnrun.plot.text import one_line
from nnrun.text import OWN, Words, compact, number

WIDE = 4.4  # inches of an axis from which on there is room for words beside it


def points(size: float) -> float:
    """Scale a length of the house style, whose letters are 9 points high, to the letters of now."""
    return size * FontProperties(size=rcParams["xtick.labelsize"]).get_size_in_points() / 9


def letters_wide(ax: Axes) -> float:
    """Measure how wide an axis is, in inches of a figure whose letters are 9 points high."""
    return width(ax) / points(1)


def samples_axis(ax: Axes, low: float, high: float, said: Words = OWN) -> None:
    """Make the x axis a logarithmic count of training samples seen, ``low`` to ``high``."""
    ax.set_xscale("log")
    ax.set_xlim(low, high if high > low else 2 * low)
    ax.set_xlabel(f"{one_line(said.seen)} (log scale)", parse_math=False)
    wide = letters_wide(ax)
    most = 7 if wide > WIDE else 5 if wide > 2.4 else 4 if wide > 1.9 else 3 if wide > 1.2 else 2
    ticks(ax.xaxis, log_ticks(low, high, most), compact)


def value_range(
    table: pd.DataFrame, metric: str, target: float | None
) -> tuple[float, float, bool]:
    """Find limits for the value axis that a diverging setting does not blow up.

    Returns:
        Lower limit, upper limit, and whether the axis is logarithmic.
    """
    values = table[["q25", "median", "q75"]].to_numpy(np.float64).ravel()
    values = np.append(values[np.isfinite(values)], [] if target is None else [target])
    if not values.size:
        return 0.0, 1.0, False
    if metric == "accuracy" and values.min() >= 0 and values.max() <= 1:
        top = min(1.01, np.ceil(10 * values.max() + 0.5) / 10)
        return max(0.0, np.floor(10 * values.min() - 0.5) / 10), float(top), False
    # A loss on its way to divergence must not flatten the settings that learn.
    first = table.groupby("setting")["median"].first()
    first = first[np.isfinite(first)]
    low = float(values.min())
    high = float(values.max())
    if metric != "accuracy" and len(first):
        high = min(high, 10 * float(first.max()))
    if low > 0 and high / low > 5:
        return low / 1.2, high * 1.2, True
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return max(0.0, low - margin) if low >= 0 else low - margin, high + margin, False


def value_ticks(ax: Axes, low: float, high: float, log: bool) -> None:
    """Put round values on the y axis, whose limits and scale are these."""
    if log:
        ticks(ax.yaxis, log_ticks(low, high, 6), partial(number, digits=1))
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


def numbers_in(texts: Sequence[str]) -> list[float] | None:
    """Read levels as finite numbers; None if one of them is none."""
    try:
        found = [float(text) for text in texts]
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def names_axis(axis: Any, names: Sequence[str], size: float = 8.0, every: int = 1) -> None:
    """Put names, never read as mathematics, at 0, 1, 2, ... of a matplotlib axis, or every few."""
    ticks(axis, range(0, len(names), every), lambda place: names[int(place)])
    for text in axis.get_ticklabels():
        text.set(parse_math=False, fontsize=points(size))


def width(ax: Axes) -> float:
    """Measure how wide an axis is, in inches; before its figure is laid out, about how wide."""
    figure = cast(Figure, ax.get_figure(root=True))
    return float(ax.get_position().width * figure.get_figwidth())


def height(ax: Axes) -> float:
    """Measure how high an axis is, in inches; before its figure is laid out, about how high."""
    figure = cast(Figure, ax.get_figure(root=True))
    return float(ax.get_position().height * figure.get_figheight())


def title(ax: Axes, text: str) -> None:
    """Say above an axis what its vertical scale shows."""
    ax.set_title(text, loc="left", parse_math=False)


def write(ax: Axes, text: str, at: tuple[float, float], **how: Any) -> Annotation:
    """Write words at a place of an axis, or beside it, never read as mathematics."""
    offset = how.pop("offset", (0, 0))
    look = {"fontsize": points(8), "va": "center", "annotation_clip": False, **how}
    place: Any = {"xytext": offset, "textcoords": "offset points", "parse_math": False}
    return ax.annotate(text, at, **place, **look)


def fill_band(ax: Axes, x: Any, low: Any, high: Any, color: str, **how: Any) -> None:
    """Fill the band around a line, in its colour."""
    ax.fill_between(x, low, high, color=color, alpha=BAND_ALPHA, linewidth=0, **how)


def ratio_limits(
    ratios: ArrayLike, intervals: ArrayLike, least: float = 1.25, most: float = 20.0
) -> tuple[float, float]:
    """Find limits of a logarithmic axis of ratios: all of them and 1 are always in view.

    Intervals are, too, up to ``most`` times beyond the ratios.
    """

    def ends(values: ArrayLike) -> tuple[float, float]:
        logs = np.asarray(values, dtype=np.float64).ravel()
        logs = np.append(np.log(logs[np.isfinite(logs) & (logs > 0)]), 0.0)
        return float(logs.min()), float(logs.max())

    (low, high), (start, end), reach = ends(ratios), ends(intervals), np.log(most)
    low, high = min(low, max(start, low - reach)), max(high, min(end, high + reach))
    margin = 0.06 * (high - low)
    low, high = min(low - margin, -np.log(least)), max(high + margin, np.log(least))
    return float(np.exp(low)), float(np.exp(high))


def ratio_ticks(axis: Any, low: float, high: float, most: int) -> None:
    """Put round ratios on a logarithmic matplotlib axis."""
    places = log_ticks(low, high, most)
    if len(places) < 3:
        found = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
        places = [float(t) for t in found if low <= t <= high]
    ticks(axis, places, lambda ratio: f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}")


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Find round numbers between two bounds: 1-2-5 a decade if they fit, else whole decades."""
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        places = [s * 10.0**e for e in exponents for s in steps]
        places = [t for t in places if low * 0.999 <= t <= high * 1.001]
        if len(places) <= most:
            return places
    return places[:: -(-len(places) // most)]
