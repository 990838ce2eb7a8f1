"""The decision surface drawn: flat, with held-out points on top, and in three dimensions."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nnrun.pictures.surface import Extent, Surface, boundaries, class_names, coloured
from nnrun.plot.axes import width
from nnrun.plot.gallery import COLORS, HEIGHTS
from nnrun.plot.layout import fill, legend_columns
from nnrun.plot.style import INK, MUTED
from nnrun.plot.text import one_line
from nnrun.problem.generator_base import class_numbers
from nnrun.problem.problem import Samples, Task

MARKERS = "so^DvPX*"
FEW = 8  # points up to which each is drawn large
LONGEST_SIDE = 3.0  # up to this ratio of its sides the plane is drawn in its own proportions


def heatmap(
    ax: Axes,
    surface: Surface,
    scale: tuple[float, float],
    points: Samples,
    key: bool = True,
) -> Axes:
    """Draw a network's outputs over the plane, where classes meet, and points of each class."""
    extent = surface.plane.extent
    image = coloured(surface, *scale)
    ax.imshow(image, extent=extent, origin="lower", interpolation="nearest", aspect="auto")
    ax.add_collection(LineCollection(boundaries(surface), colors=INK, linewidths=1.4))
    scatter(ax, points, surface.task, scale)
    plane_axes(ax, extent)
    if not surface.finite:
        note(ax, "diverged: the outputs are not finite")
    if key:
        legend(ax, surface)
    if key and not surface.several:
        colour_bar(ax, surface, scale)
    return ax


def legend(ax: Axes, surface: Surface) -> None:
    """Say above a plane what its points are, which are the last that was put on it."""
    names = class_names(surface.task, surface.names) or ["held-out targets"]
    name_groups(ax, ax.collections[-len(names) :], names)


def name_groups(ax: Axes, drawn: Sequence[Any], names: Sequence[str]) -> None:
    """Name what is drawn above an axis, in as many columns as there is room for."""
    texts, columns = legend_columns([*map(one_line, names)], width(ax))
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1.01), "borderpad": 0}
    fill(ax.legend(drawn, [" "] * len(texts), ncols=columns, **place), texts)


def scatter(ax: Axes, points: Samples, task: Task, scale: tuple[float, float]) -> None:
    """Put points on a plane: a colour and a shape for each class, or a colour by value."""
    size = 15 if len(points.inputs) > FEW else 80
    look: dict[str, Any] = {"s": size, "linewidths": 0.6, "zorder": 3}
    if task is Task.REGRESSION:
        look["s"] = 1.8 * size  # the fill is what they have to tell
        shade = Normalize(*scale)(points.targets[:, 0])
        x, y = points.inputs.T
        ax.scatter(x, y, c=HEIGHTS(shade), edgecolors=INK, marker="o", **look)
        return
    classes = class_numbers(points.targets)
    for number in range(max(points.targets.shape[1], 2)):
        x, y = points.inputs[classes == number].T
        look |= {"color": COLORS[number % len(COLORS)], "marker": MARKERS[number % len(MARKERS)]}
        ax.scatter(x, y, edgecolors="white", **look)


def plane_axes(ax: Axes, extent: Extent) -> None:
    """Frame a plane: its limits, its proportions, and the names of its coordinates."""
    left, right, bottom, top = extent
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="x", ylabel="y")
    ax.grid(visible=False)
    ratio = (right - left) / (top - bottom)
    alike = 1 / LONGEST_SIDE <= ratio <= LONGEST_SIDE
    ax.set_aspect("equal" if alike else "auto")
    ax.locator_params(nbins=5)


def colour_bar(ax: Axes, surface: Surface, scale: tuple[float, float]) -> None:
    """Put the scale of outputs beside a plane; arrows where outputs lie beyond it."""
    values = surface.height[np.isfinite(surface.height)]
    below, above = (
        (False, False) if not values.size else (values.min() < scale[0], values.max() > scale[1])
    )
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}
    mappable = ScalarMappable(Normalize(*scale), HEIGHTS)
    figure = cast(Figure, ax.figure)
    bar = figure.colorbar(
        mappable, ax=ax, extend=extend.get((bool(below), bool(above)), "neither"), shrink=0.85
    )
    bar.set_label(surface.label)
    bar.outline.set_visible(False)
    if surface.task is not Task.REGRESSION:
        bar.ax.axhline(surface.boundary, color=INK, linewidth=1.4)


def note(ax: Axes, text: str) -> None:
    """Write a sentence into the middle of an axis, in place of a drawing."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 4}
    place: dict[str, Any] = {"transform": ax.transAxes, "ha": "center", "va": "center"}
    ax.text(0.5, 0.5, text, color=MUTED, wrap=True, bbox=box, zorder=5, **place)


VIEW: dict[str, float] = {"elev": 28, "azim": -60}


def relief(ax: Any, surface: Surface, scale: tuple[float, float]) -> Any:
    """Draw a network's output as a height over the plane, coloured as the heatmap is."""
    low, high = scale
    height = np.clip(surface.height, low, high)
    left, right, bottom, top = surface.plane.extent
    ax.set(xlim=(left, right), ylim=(bottom, top), zlim=(low, high), xlabel="x", ylabel="y")
    ax.set_zlabel(surface.label)
    ax.view_init(**VIEW)
    if surface.finite:
        x, y = np.meshgrid(surface.plane.x, surface.plane.y)
        look: dict[str, Any] = {"rcount": surface.plane.n, "ccount": surface.plane.n}
        if surface.several:
            look["facecolors"] = coloured(surface, low, high) / 255.0
        else:
            look |= {"cmap": HEIGHTS, "vmin": low, "vmax": high}
        look |= {"linewidth": 0, "antialiased": False, "shade": False}
        ax.plot_surface(x, y, height, **look)
    else:
        ax.text2D(0.5, 0.5, "diverged: the outputs are not finite", transform=ax.transAxes,
                  ha="center", color=MUTED)  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
    ax.locator_params(nbins=5)
    return ax
