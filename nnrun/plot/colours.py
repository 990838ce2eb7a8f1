"""Colours of values: scales that read in print and for colour-blind readers, and their key."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from nnrun.plot.axes import height, log_ticks, ratio_ticks, ticks
from nnrun.plot.styles import ON_DARK, ON_LIGHT
from nnrun.words import compact, share

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
    """Find the scale of what a heatmap shows, one for all of its panels.

    Args:
        value: "success_rate", "rmst" or "speedup".
        numbers: All that are shown; those not finite are passed over.
    """
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
    """Put the key of a scale beside axes; what it is of, their title says.

    Args:
        axes: The axis, or all panels, that the key belongs to.
        norm: The scale.
        colours: Its colours.
        value: "success_rate", "rmst" or "speedup": how its numbers are written.

    Returns:
        The axis of the key.
    """
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
