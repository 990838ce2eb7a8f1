"""A small heatmap for every unit, a row a layer, inputs first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgba

from nnrun.config.settings import Setting
from nnrun.network.mlp import Params
from nnrun.pictures.surface import Plane, answers, images
from nnrun.plot.gallery import HEIGHTS
from nnrun.plot.style import GRID, INK, MUTED
from nnrun.plot.text import told_apart
from nnrun.problem.problem import Array

MOST_UNITS = 12  # of a layer that are shown

RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0)}
RANGES |= {"softsign": (-1.0, 1.0), "arctan": (-1.0, 1.0), "sine": (-1.0, 1.0)}
"""What activations can answer, where that has two ends."""

BOTH_SIGNS = 0.2
"""How far values must reach to the other side of 0, as a share, to put 0 into the middle."""

LARGEST = 1e300  # what a scale ends at: beyond, its width would not be a finite number
ACROSS = 8  # units side by side; those of a wider layer go on in the next line

SIDE, PITCH, LINE = 0.82, 1.0, 1.28
"""Side of a small heatmap, and distance to the next unit and line."""

NAME = 15  # letters of a unit's name that have room above it
TITLE = 0.95  # room for the name of a layer, left of its units
INCHES = 1.1  # that the drawing's unit of length is to have


class Row(NamedTuple):
    """A layer's units over the plane.

    Attributes:
        title: What the layer is.
        names: Of its units that are shown.
        values: What they answer, shape (unit, n, n), rows bottom first.
        scales: Ends of the scale of each unit.
        more: Units that are left out.
    """

    title: str
    names: tuple[str, ...]
    values: Array
    scales: tuple[tuple[float, float], ...]
    more: int


def rows_of(plane: Plane, params: Params, setting: Setting) -> list[Row]:
    """Compute what every unit of a trial's network answers over the plane, inputs included."""
    problem = setting.problem
    layers = answers(plane, params, setting)
    kinds = [activation.name for activation in setting.architecture.activations]
    found = [_row("inputs", "", images(plane.inputs, plane.n), problem.inputs)]
    for i, (values, kind) in enumerate(zip(layers, kinds, strict=True), start=1):
        last = i == len(layers)
        names = problem.outputs if last else tuple(f"unit {u + 1}" for u in range(len(values)))
        found.append(_row("output" if last else f"hidden {i}", kind, values, names))
    return found


def scale_of(values: Array, kind: str) -> tuple[float, float]:
    """Choose the ends of a unit's scale.

    Returns:
        What the activation can answer at all; else as far as the values go, with 0 in the middle
        if they reach well to both sides of it.

    Example:
        >>> scale_of(np.array([0.2, 0.3]), "sigmoid"), scale_of(np.array([-1.0, 3.0]), "relu")
        ((0.0, 1.0), (-3.0, 3.0))
    """
    if kind in RANGES:
        return RANGES[kind]
    finite = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    most = max(abs(low), abs(high))
    if min(-low, high) > BOTH_SIGNS * most:
        return -most, most
    around = max(1.0, most)
    return (low, high) if low < high else (low - around, high + around)


def ends(scale: tuple[float, float]) -> str:
    """Write the ends of a unit's scale: ``−1 to 1``."""
    low, high = (f"{end:.2g}".replace("-", "−") for end in scale)
    return f"{low} to {high}"


def size_of(layers: Sequence[Row]) -> tuple[float, float]:
    """Return the width and height in inches that suit a drawing of layers."""
    across = min(max(len(layer.names) for layer in layers), ACROSS)
    lines = sum(_lines(layer) for layer in layers)
    return INCHES * (TITLE + across * PITCH), INCHES * lines * LINE


def neurons(ax: Axes, layers: Sequence[Row]) -> Axes:
    """Draw a small heatmap for every unit."""
    line = 0
    for layer in layers:
        shown = len(layer.names)
        more = f"\n(first {shown}\nof {shown + layer.more})" if layer.more else ""
        middle = -line * LINE - SIDE / 2
        ax.text(-TITLE, middle, layer.title + more, va="center", color=INK, parse_math=False)
        names = told_apart(layer.names, NAME)
        for unit, (name, values) in enumerate(zip(names, layer.values, strict=True)):
            down, right = divmod(unit, ACROSS)
            _unit(ax, right * PITCH, -(line + down) * LINE, name, values, layer.scales[unit])
        line += _lines(layer)
    across = min(max(len(layer.names) for layer in layers), ACROSS)
    ax.set(xlim=(-TITLE, across * PITCH), ylim=(-line * LINE + 0.2, 0.2))
    ax.set_aspect("equal", anchor="NW")
    ax.set_axis_off()
    return ax


def _lines(layer: Row) -> int:
    """Count the lines that a layer's units need."""
    return -(-len(layer.names) // ACROSS)


def _unit(
    ax: Axes, left: float, top: float, name: str, values: Array, scale: tuple[float, float]
) -> None:
    """Draw one unit: its name above, its scale below."""
    extent = (left, left + SIDE, top - SIDE, top)
    image = HEIGHTS(Normalize(*scale, clip=True)(values))
    image[~np.isfinite(values)] = to_rgba(GRID)
    ax.imshow(image, extent=extent, origin="lower", interpolation="nearest")
    middle = left + SIDE / 2
    look: dict[str, Any] = {"ha": "center", "parse_math": False}
    ax.text(middle, top + 0.03, name, va="bottom", fontsize=7.5, color=INK, **look)
    ax.text(middle, top - SIDE - 0.03, ends(scale), va="top", fontsize=6, color=MUTED, **look)


def _row(title: str, kind: str, values: Array, names: Sequence[str]) -> Row:
    shown = values[:MOST_UNITS]
    scales = tuple(scale_of(unit, kind) for unit in shown)
    title = f"{title}\n{kind}" if kind else title
    return Row(title, tuple(names[:MOST_UNITS]), shown, scales, len(values) - len(shown))
