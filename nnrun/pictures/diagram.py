"""The network as a diagram: units, links by weight, biases."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from nnrun.pictures.heatmap import note
from nnrun.pictures.wiring import Wiring, bend, refusal
from nnrun.plot.gallery import COLORS, HEIGHTS
from nnrun.plot.names import in_lines
from nnrun.plot.styles import GRID, INK, MUTED
from nnrun.problem.problem import Array
from nnrun.words import number

NEGATIVE, POSITIVE = COLORS[:2]
THINNEST, WIDEST = 0.3, 5.0
"""Points: of a link with a weight of 0, and of one with the largest."""

LINE, LINES = 14, 2
"""Letters of a name that beside a unit have room on a line, and lines."""

MARGIN = 0.6
"""Beside the first and the last layer, in distances of layers."""

LOW, HIGH = -1.45, 1.3


def diagram(
    ax: Axes,
    wiring: Wiring,
    weights: Array,
    biases: Array | None,
    largest: tuple[float, float] | None = None,
) -> Axes:
    """Draw a network.

    Args:
        ax: Axis to draw on.
        wiring: Its units and links.
        weights: Shape (link,).
        biases: Of hidden and output units, shape (unit,); None if the network has none.
        largest: The weight that has the widest link and the bias with the strongest colour; None
            for the largest there are.

    Returns:
        The same axis.
    """
    ax.set(xlim=(-MARGIN, len(wiring.layers) - 1 + MARGIN), ylim=(LOW, HIGH))
    ax.set_axis_off()
    values = weights if biases is None else np.concatenate([weights, biases])
    reason = refusal(wiring) or ("" if np.isfinite(values).all() else "diverged: no finite weights")
    if reason:
        note(ax, reason)
        return ax
    widest, strongest = largest or largest_of(weights, biases)
    share = np.minimum(np.abs(weights) / widest, 1)
    links = LineCollection(
        [bend(wiring, link) for link in range(len(wiring.links))],
        colors=[POSITIVE if weight >= 0 else NEGATIVE for weight in weights],
        linewidths=THINNEST + (WIDEST - THINNEST) * share,
        linestyles=["--" if skips else "-" for skips in wiring.shortcut],
        alpha=0.85,
        zorder=1,
    )
    ax.add_collection(links)
    _units(ax, wiring, biases, strongest)
    _words(ax, wiring, widest, biases is not None)
    return ax


def largest_of(weights: Array, biases: Array | None) -> tuple[float, float]:
    """Return the largest size of a finite weight and of a finite bias; 1 where there is none."""
    most = [np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in (weights, biases) if v is not None]
    widest, *strongest = (float(m) or 1.0 for m in most)
    return widest, (*strongest, 1.0)[0]


def short(value: float) -> str:
    """Write a bias with as few characters as tell it from others.

    Example:
        >>> [short(value) for value in (-0.126, 0.0004, 3.14, 27.2, -12345.0)]
        ['−0.13', '0.00', '3.1', '27', '−1e+04']
    """
    size = abs(value)
    form = ".2f" if size < 1 else ".1f" if size < 10 else ".0f" if size < 1000 else ".0e"
    return f"{value:{form}}".replace("-", "−")


def _units(ax: Axes, wiring: Wiring, biases: Array | None, strongest: float) -> None:
    """Draw the units, coloured by their biases, which are written into them."""
    n_inputs, size = wiring.layers[0], 420 if max(wiring.layers) <= 8 else 250
    shade = np.zeros(len(wiring.places) - n_inputs) if biases is None else biases
    colours = HEIGHTS(Normalize(-strongest, strongest)(shade))
    look: dict[str, Any] = {"s": size, "edgecolors": INK, "linewidths": 0.9, "zorder": 2}
    ax.scatter(*wiring.places[:n_inputs].T, color=GRID, **look)
    ax.scatter(*wiring.places[n_inputs:].T, color=colours, **look)
    text: dict[str, Any] = {"va": "center", "zorder": 3, "parse_math": False}
    if biases is not None:
        for (x, y), bias in zip(wiring.places[n_inputs:], biases, strict=True):
            ink = "white" if abs(bias) > 0.65 * strongest else INK
            small = 6 if size > 300 else 5
            ax.text(x, y, short(bias), ha="center", fontsize=small, color=ink, **text)
    names = in_lines(wiring.names, LINE, LINES)
    for (x, y), name in zip(wiring.places, names, strict=True):
        if name:
            side, away = ("right", -1) if x == 0 else ("left", 1)
            beside = (away * (size**0.5 / 2 + 4), 0)
            at: dict[str, Any] = {"xytext": beside, "textcoords": "offset points", "ha": side}
            ax.annotate(name, (x, y), fontsize=8, color=INK, **at, **text)


def _words(ax: Axes, wiring: Wiring, widest: float, biased: bool) -> None:
    """Say under the network how to read it."""
    lines = [f"links: blue positive, orange negative; the widest is {number(widest, 2)}"]
    lines += ["in the units: their biases"] if biased else []
    lines[1:] = [", ".join([*lines[1:], *(["dashed: shortcuts"] if wiring.shortcut.any() else [])])]
    place: dict[str, Any] = {"transform": ax.transAxes, "ha": "center", "va": "bottom"}
    ax.text(0.5, 0.0, "\n".join(filter(None, lines)), fontsize=7, color=MUTED, **place)
