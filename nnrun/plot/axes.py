"""Axes of a figure: scales, ticks and words on an axis; scales of colour for values."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from nnrun.plot.style import BAND_ALPHA, MUTED, ON_DARK, ON_LIGHT
from nnrun.text import compact, number, share

WIDE = 4.4  # inches of an axis from which on there is room for words beside it


def samples_axis(ax: Axes, low: float, high: float) -> None:
    """Make the x axis a logarithmic count of training samples seen, ``low`` to ``high``."""
    ax.set_xscale("log")
    ax.set_xlim(low, high if high > low else 2 * low)
    ax.set_xlabel("training samples seen (log scale)")
    ax.grid(visible=False, axis="x")
    most = 7 if width(ax) > WIDE else 5 if width(ax) > 2.4 else 4
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
        text.set(parse_math=False, fontsize=size)


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
    ax.set_title(text, loc="left", fontsize=9, color=MUTED, parse_math=False)


def write(ax: Axes, text: str, at: tuple[float, float], **how: Any) -> Annotation:
    """Write words at a place of an axis, or beside it, never read as mathematics."""
    offset = how.pop("offset", (0, 0))
    look = {"fontsize": 8.0, "va": "center", "annotation_clip": False, **how}
    place: Any = {"xytext": offset, "textcoords": "offset points", "parse_math": False}
    return ax.annotate(text, at, **place, **look)


def fill_band(ax: Axes, x: Any, low: Any, high: Any, color: str, **how: Any) -> None:
    """Fill the band around a line, in its colour."""
    ax.fill_between(x, low, high, color=color, alpha=BAND_ALPHA, linewidth=0, **how)


def ratio_limits(
    values: ArrayLike, least: float = 1.25, most: float = 100.0
) -> tuple[float, float]:
    """Find limits of a logarithmic axis of ratios, 1 always in view."""
    logs = np.asarray(values, dtype=np.float64).ravel()
    logs = np.log(logs[np.isfinite(logs) & (logs > 0)])
    low, high = (float(f(np.append(logs, 0.0))) for f in (np.min, np.max))
    margin = 0.06 * (high - low)
    low, high = min(low - margin, -np.log(least)), max(high + margin, np.log(least))
    return float(np.exp(max(low, -np.log(most)))), float(np.exp(min(high, np.log(most))))


def ratio_ticks(axis: Any, low: float, high: float, most: int) -> None:
    """Put round ratios on a logarithmic matplotlib axis."""
    places = log_ticks(low, high, most)
    if len(places) < 3:
        found = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
        places = [float(t) for t in found if low <= t <= high]
    ticks(axis, places, "{:.3g}".format)


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Find round numbers between two bounds: 1-2-5 a decade if they fit, else whole decades."""
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        places = [s * 10.0**e for e in exponents for s in steps]
        places = [t for t in places if low * 0.999 <= t <= high * 1.001]
        if len(places) <= most:
            return places
    return places[:: -(-len(places) // most)]


# Cividis is even in lightness, so grey paper keeps its order; dark is good in every figure.
MORE_IS_DARK: Colormap = colormaps["cividis_r"]
LESS_IS_DARK: Colormap = colormaps["cividis"]
LESS_IS_DARK_LINES = ListedColormap(colormaps["cividis"](np.linspace(0, 0.82, 256)))
"""The same without its light end, which a thin line on white would not carry."""

ABOVE_IS_BLUE = LinearSegmentedColormap.from_list(
    "speedup", ["#a84300", "#e08a4d", "#f3f2ef", "#5aa2d0", "#00588c"]
)
LEAST_SPAN = 2.0  # of a scale of samples: its end over its beginning
BAR_STEPS = 24  # colours in a key: as a drawing it stays small


def scale_of(value: str, numbers: ArrayLike) -> tuple[Normalize, Colormap]:
    """Find the scale of what a heatmap shows, one for all of its panels."""
    if value == "success_rate":
        return Normalize(0, 1), MORE_IS_DARK
    shown = np.asarray(numbers, dtype=np.float64).ravel()
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if value == "speedup":
        reach = float(np.exp(np.max(np.abs(np.log(np.append(shown, 1.25))))))
        return LogNorm(1 / reach, reach), ABOVE_IS_BLUE
    return samples_scale(shown), LESS_IS_DARK


def samples_scale(numbers: ArrayLike) -> LogNorm:
    """Find a logarithmic scale of numbers of samples; small differences get small contrasts."""
    shown = np.asarray(numbers, dtype=np.float64)
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (1.0, 10.0)
    return LogNorm(min(low, high / LEAST_SPAN), high)


def samples_ticks(low: float, high: float, most: int) -> list[float]:
    """Find round numbers of samples on a scale; its ends where there are hardly any."""
    places = log_ticks(low, high, max(most, 2))
    return places if len(places) > 1 else [low, high]


def rounded(samples: float) -> str:
    """Write a tick of samples with three digits at most."""
    return compact(float(f"{samples:.3g}"))


def ink_on(colour: Sequence[float]) -> str:
    """Choose the ink that is read best on a colour, given as RGBA between 0 and 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
    return ON_DARK if luminance < 0.18 else ON_LIGHT


def colour_key(axes: Axes | Sequence[Axes], norm: Normalize, colours: Colormap, value: str) -> Axes:
    """Put the key of a scale beside axes; what it is of, their title says."""
    several = [axes] if isinstance(axes, Axes) else list(axes)
    figure = cast(Figure, several[0].get_figure(root=True))
    steps = ListedColormap(colours(np.linspace(0, 1, BAR_STEPS)))
    bar = figure.colorbar(ScalarMappable(norm, steps), ax=several, pad=0.02, aspect=25)
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=8, length=2)
    cast(Any, bar.outline).set_visible(False)
    cast(Any, bar.solids).set_edgecolor("face")
    low, high = cast(float, norm.vmin), cast(float, norm.vmax)
    most = min(7, int(72 * height(several[0]) / 20))
    if value == "speedup":
        ratio_ticks(bar.ax.yaxis, low, high, max(most, 3))
    elif value == "success_rate":
        ticks(bar.ax.yaxis, [0, 0.25, 0.5, 0.75, 1] if most > 4 else [0, 0.5, 1], share)
    else:
        ticks(bar.ax.yaxis, samples_ticks(low, high, most), rounded)
    return bar.ax
