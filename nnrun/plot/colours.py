"""Colours of a figure: ink for its ground, scales of colour for values, and their key."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import (
    Colormap,
    LinearSegmentedColormap,
    ListedColormap,
    LogNorm,
    Normalize,
    to_hex,
    to_rgba,
)
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from nnrun.plot.axes import height, log_ticks, points, ratio_ticks, ticks, width
from nnrun.plot.style import LINE_STYLES, ON_DARK, ON_LIGHT, PAPER, LineStyle
from nnrun.text import compact, share

Name = TypeVar("Name")


def ink() -> str:
    """Return the colour of words."""
    return str(rcParams["text.color"])


def muted() -> str:
    """Return the colour of what is beside the point: lines of reference, names of scales."""
    return str(rcParams["axes.labelcolor"])


def ground() -> str:
    """Return the colour of what a figure is drawn on."""
    for key in ("axes.facecolor", "figure.facecolor"):
        if to_rgba(rcParams[key])[3] > 0:
            return to_hex(rcParams[key])
    return PAPER


def tone(color: str) -> str:
    """Return a colour of the palette as it is seen on the ground."""
    if luminance(to_rgba(ground())) > DARKEST:
        return color
    return {style.color: style.dark for style in LINE_STYLES}.get(color, color)


def toned(looks: Mapping[Name, LineStyle]) -> dict[Name, LineStyle]:
    """Return lines as they are seen on the ground."""
    return {setting: replace(style, color=tone(style.color)) for setting, style in looks.items()}


DARKEST = 0.18  # luminance up to which a ground is dark


def luminance(colour: Sequence[float]) -> float:
    """Measure how light a colour is, given as RGBA between 0 and 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


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
    return ON_DARK if luminance(colour) < DARKEST else ON_LIGHT


def colour_key(axes: Axes | Sequence[Axes], norm: Normalize, colours: Colormap, value: str) -> Axes:
    """Put the key of a scale beside axes; what it is of, their title says."""
    several = [axes] if isinstance(axes, Axes) else list(axes)
    figure = cast(Figure, several[0].get_figure(root=True))
    steps = ListedColormap(colours(np.linspace(0, 1, BAR_STEPS)))
    place: dict[str, Any] = {"ax": several, "pad": 0.02, "aspect": 25}
    if isinstance(axes, Axes):  # within it: no other axis of the figure makes room
        inch = 1 / width(axes)
        place = {"cax": axes.inset_axes((1 + 0.09 * inch, 0.0, 0.11 * inch, 1.0))}
    bar = figure.colorbar(ScalarMappable(norm, steps), **place)
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=points(8), length=2)
    bar.ax.grid(visible=False)
    cast(Any, bar.outline).set_visible(False)
    cast(Any, bar.solids).set_edgecolor("face")
    low, high = cast(float, norm.vmin), cast(float, norm.vmax)
    most = min(7, int(72 * height(several[0]) / points(20)))
    if value == "speedup":
        ratio_ticks(bar.ax.yaxis, low, high, max(most, 3))
    elif value == "success_rate":
        ticks(bar.ax.yaxis, [0, 0.25, 0.5, 0.75, 1] if most > 4 else [0, 0.5, 1], share)
    else:
        ticks(bar.ax.yaxis, samples_ticks(low, high, most), rounded)
    low_end, *_, high_end = bar.ax.get_yticklabels()  # beside the key, not beyond it
    low_end.set_verticalalignment("bottom")
    high_end.set_verticalalignment("top")
    return bar.ax
