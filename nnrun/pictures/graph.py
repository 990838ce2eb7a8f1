"""A network's outputs along its only input, with held-out points."""

from typing import Any

from matplotlib.axes import Axes

from nnrun.pictures.heatmap import FEW, MARKERS, name_groups, note
from nnrun.pictures.response import Response, heights
from nnrun.plot.gallery import COLORS
from nnrun.plot.styles import MUTED
from nnrun.problem.balance import class_numbers
from nnrun.problem.problem import Samples, Task

LINE = COLORS[1]
"""The colour of a single output."""


def graph(
    ax: Axes,
    response: Response,
    limits: tuple[float, float],
    points: Samples,
    key: bool = True,
) -> Axes:
    """Draw a network's outputs along its only input, and points at their targets.

    Args:
        ax: Axis to draw on.
        response: The outputs.
        limits: The lowest and the highest output that is shown.
        points: Values of the input, shape (n, 1), and targets, shape (n, output).
        key: Whether to name points and lines above.

    Returns:
        The same axis.
    """
    named = _points(ax, response, points)
    for number, values in enumerate(response.outputs):
        colour = COLORS[number % len(COLORS)] if response.several else LINE
        (line,) = ax.plot(response.x, values, color=colour, zorder=3)
        named += [] if response.several else [(line, "network output")]
    if response.task is Task.BINARY:
        ax.axhline(response.boundary, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    ax.set(xlim=(response.x[0], response.x[-1]), ylim=limits)
    ax.set_ylabel("outputs, in the colour of their class" if response.several else "output")
    ax.set_xlabel(response.input, parse_math=False)
    if not response.finite:
        note(ax, "diverged: the outputs are not finite")
    if key:
        name_groups(ax, *zip(*named, strict=True))
    return ax


def _points(ax: Axes, response: Response, points: Samples) -> list[tuple[Any, str]]:
    """Put points at their targets, with a colour and a shape for each class; return their names."""
    x, y = points.inputs[:, 0], heights(response, points)
    size = 13 if len(x) > FEW else 60
    look: dict[str, Any] = {"s": size, "linewidths": 0, "zorder": 2}
    if response.task is Task.REGRESSION:
        drawn = ax.scatter(x, y, color=MUTED, alpha=0.5, **look)
        return [(drawn, "held-out points")]
    classes, named = class_numbers(points.targets), list[tuple[Any, str]]()
    for number, name in enumerate(response.classes):
        look |= {"color": COLORS[number % len(COLORS)], "marker": MARKERS[number % len(MARKERS)]}
        mine = classes == number
        named.append((ax.scatter(x[mine], y[mine], alpha=0.6, **look), name))
    return named
