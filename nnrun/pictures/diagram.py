"""The network as a diagram: units, links by weight, biases."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from nnrun.config.settings import Setting
from nnrun.network.mlp import Params
from nnrun.pictures.surface_plots import note
from nnrun.plot.gallery import COLORS, HEIGHTS
from nnrun.plot.style import GRID, INK, MUTED
from nnrun.plot.text import in_lines
from nnrun.problem.problem import Array
from nnrun.text import number

MOST_UNITS = 12  # of a layer, and of inputs, up to which a diagram can be read


class Wiring(NamedTuple):
    """Where units are and which are linked; a unit's place is (layer, height).

    Attributes:
        places: Shape (unit, 2): the layer, 0 for inputs, and the height, between -1 and 1. Inputs
            come first, then one layer after the other.
        names: Of each unit; empty for hidden ones.
        links: The two units of each link, shape (link, 2), the earlier first.
        shortcut: Whether a link skips a layer, shape (link,).
        layers: Units of each layer, inputs first.
    """

    places: Array
    names: tuple[str, ...]
    links: npt.NDArray[np.intp]
    shortcut: npt.NDArray[np.bool_]
    layers: tuple[int, ...]


def wiring_of(setting: Setting) -> Wiring:
    """Place the units of a setting's network, and list its links in the order of ``weights``.

    Of a network that is too large to be drawn the links are left out.
    """
    inputs, outputs = setting.problem.inputs, setting.problem.outputs
    layers = (len(inputs), *setting.sizes)
    firsts = np.cumsum([0, *layers])
    places = [
        (float(i), height) for i, n in enumerate(layers) for height in _heights(n, max(layers))
    ]
    links, shortcut = [], []
    for i in range(1, len(layers)) if max(layers) <= MOST_UNITS else ():
        below = [(unit, False) for unit in range(firsts[i - 1], firsts[i])]
        if i > 1 and setting.network.shortcut:
            below += [(unit, True) for unit in range(layers[0])]
        for start, skips in below:
            links += [(start, end) for end in range(firsts[i], firsts[i + 1])]
            shortcut += [skips] * layers[i]
    hidden = ("",) * sum(layers[1:-1])
    return Wiring(
        np.array(places),
        (*inputs, *hidden, *outputs),
        np.array(links, dtype=np.intp).reshape(-1, 2),
        np.array(shortcut, dtype=np.bool_),
        layers,
    )


def weights(params: Params) -> Array:
    """Return one trial's weights, shape (link,), in the order of a wiring's links."""
    return np.concatenate([layer.weights[0].ravel() for layer in params])


def biases(params: Params) -> Array:
    """Return one trial's biases, shape (unit,), inputs left out."""
    return np.concatenate([layer.bias[0, 0] for layer in params])


def bend(wiring: Wiring, link: int) -> Array:
    """Trace a link, shape (points, 2): a straight line, or a curve around what it skips."""
    start, end = wiring.places[wiring.links[link]]
    if not wiring.shortcut[link]:
        return np.array([start, end])
    middle = np.array([(start[0] + end[0]) / 2, -1.75])
    t = np.linspace(0, 1, 25)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    return np.asarray(curve)


def refusal(wiring: Wiring) -> str:
    """Say why a network is too large to be drawn; empty if it is not."""
    most = max(wiring.layers)
    if most <= MOST_UNITS:
        return ""
    which = "inputs" if wiring.layers[0] == most else "units in a layer"
    return f"not drawn: {most:,} {which};\nup to {MOST_UNITS} can be read"


def _heights(n: int, most: int) -> Array:
    """Spread units over the height, the first on top; short layers stay close together."""
    step = 2 / max(most - 1, 3)
    return np.asarray(step * ((n - 1) / 2 - np.arange(n)), np.float64)


NEGATIVE, POSITIVE = COLORS[:2]
THINNEST, WIDEST = 0.3, 5.0  # points: of a link with a weight of 0, and of one with the largest
LINE, LINES = 14, 2  # letters of a name that beside a unit have room on a line, and lines
MARGIN = 0.6  # beside the first and the last layer, in distances of layers

LOW, HIGH = -1.45, 1.3


PALE = "#fefefe"  # plain white would be a page's paper, and is taken out of its drawings


def diagram(
    ax: Axes,
    wiring: Wiring,
    weights: Array,
    biases: Array | None,
    largest: tuple[float, float] | None = None,
) -> Axes:
    """Draw a network; its widest link and strongest colour are the largest there are, or these."""
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


def network(ax: Axes, setting: Setting, params: Params) -> Axes:
    """Draw a trial's network, with the weights and biases that it has."""
    thresholds = biases(params) if setting.network.bias else None
    return diagram(ax, wiring_of(setting), weights(params), thresholds)


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
            ink = PALE if abs(bias) > 0.65 * strongest else INK
            small = 6 if size > 300 else 5.5
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
