"""Figures of single networks for the files beside a page: surfaces, networks, failures."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from nnrun.network.mlp import Params
from nnrun.pictures.behaviour import Behaviour, Failure, Shown
from nnrun.pictures.diagram import network
from nnrun.pictures.film import Subject
from nnrun.pictures.neurons import neurons, rows_of, size_of
from nnrun.pictures.surface import (
    Plane,
    boundaries,
    coloured,
    is_planar,
    plane_of,
    scale_of_outputs,
    surface_of,
)
from nnrun.pictures.surface_plots import note
from nnrun.pictures.thumbnails import CELLS, UNIT_CELLS, misjudged
from nnrun.plot.canvas import styled
from nnrun.plot.style import INK, MUTED
from nnrun.plot.text import in_lines, one_line, wrapped
from nnrun.problem.problem import Array
from nnrun.text import compact, count

COLUMNS = 6  # moments of a grid of surfaces, at most

SIDE, GAP = 1.0, 0.08
"""Of a picture, and between two, in the grid's own unit, which is drawn an inch long."""

NAME = 1.5  # room for a setting's name, left of its row
TITLE = 62  # letters of a network's title in a line


def surfaces(shown: Behaviour) -> Figure | None:
    """Draw a grid: a row a setting, a column a matched moment; None if nothing was filmed."""
    rows = [row for row in shown.rows if row.frames]
    if not rows:
        return None
    n = len(shown.moments)
    columns = np.unique(np.linspace(0, n - 1, min(n, COLUMNS)).round().astype(int)).tolist()
    pitch = SIDE + GAP
    size = (NAME + len(columns) * pitch, len(rows) * pitch + 0.35)
    with styled():
        figure = Figure(figsize=(size[0] + 0.1, size[1] + 0.1), layout="constrained")
        ax = figure.add_subplot()
        for across, column in enumerate(columns):
            moment = float(shown.moments[column])
            words = count(moment) if "." in compact(moment) else compact(moment)
            words = f"{words} samples" if across == 0 else words
            ax.text(across * pitch + SIDE / 2, 0.08, words, ha="center", color=MUTED, fontsize=8)
        names = in_lines([row.name for row in rows], 20, 6)
        for down, (row, name) in enumerate(zip(rows, names, strict=True)):
            top = -down * pitch
            words = f"{name}\nseed {row.seed}"
            look: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 8, "color": INK}
            ax.text(-0.1, top - SIDE / 2, words, parse_math=False, **look)
            draw = _cell_of(row)
            for across, column in enumerate(columns):
                draw(ax, column, (across * pitch, top))
        ax.set(xlim=(-NAME, len(columns) * pitch), ylim=(-len(rows) * pitch, 0.35))
        ax.set_aspect("equal")
        ax.set_axis_off()
    return figure


def networks(shown: Behaviour) -> Figure | None:
    """Draw the network of each setting's median trial, and what its units answer."""
    rows = [row for row in shown.rows if row.diagram or row.layers]
    if not rows:
        return None
    units = [_units(row.subject) for row in rows]
    heights = [max(2.8, size_of(layers)[1] if layers else 0.0) + 0.3 for layers in units]
    beside = max((size_of(layers)[0] for layers in units if layers), default=0.0)
    with styled():
        figure = Figure(figsize=(4.6 + beside, sum(heights)), layout="constrained")
        widths = [4.6, beside] if beside else [4.6]
        grid = figure.add_gridspec(
            len(rows), len(widths), width_ratios=widths, height_ratios=heights
        )
        for place, (row, layers) in enumerate(zip(rows, units, strict=True)):
            ax = figure.add_subplot(grid[place, 0])
            network(ax, row.subject.setting, row.subject.params)
            title = wrapped(f"{one_line(row.name)} · seed {row.seed}", TITLE)
            ax.set_title(title, loc="left", fontsize=9, color=INK, parse_math=False)
            if layers:
                neurons(figure.add_subplot(grid[place, 1]), layers)
    return figure


def failures(shown: Behaviour) -> Figure | None:
    """Draw the gallery of failures side by side; None if there is nothing to see."""
    seen = [failure for failure in shown.failures if failure.png]
    if not seen:
        return None
    lines = sum(max(say(failure).count("\n") for failure in seen) for say in (_head, _end))
    with styled():
        size = (1.9 * len(seen) + 0.1, 2.4 + 0.14 * lines)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(seen), squeeze=False)[0]
        for ax, failure in zip(axes, seen, strict=True):
            _failed(ax, failure)
    return figure


FIGURES: dict[str, Callable[[Behaviour], Figure | None]] = {
    "networks": networks, "surfaces": surfaces, "failures": failures
}  # fmt: skip
"""By the name of the file, what takes longest first."""


def _cell_of(row: Shown) -> Callable[[Axes, int, tuple[float, float]], None]:
    """Return what draws a frame of a row at its place, given its left and top edge."""
    if not is_planar(row.subject.setting) or row.film is None:
        return lambda ax, frame, at: _show(ax, _pixels(row.frames[frame].png), at)
    film, setting = row.film, row.subject.setting
    plane, scale = plane_of(setting, CELLS), scale_of_outputs(setting)
    place = {film.samples(i): i for i in range(len(film.params))}

    def draw(ax: Axes, frame: int, at: tuple[float, float]) -> None:
        params: Params = film.params[place[row.frames[frame].samples]]
        surface = surface_of(plane, params, setting)
        _show(ax, coloured(surface, *scale)[::-1], at)
        lines = [_placed(line, plane, at) for line in boundaries(surface)]
        ax.add_collection(LineCollection(lines, colors=INK, linewidths=0.9))

    return draw


def _show(ax: Axes, image: Any, at: tuple[float, float]) -> None:
    """Put an image, rows top first, at its left and top edge."""
    left, top = at
    extent = (left, left + SIDE, top - SIDE, top)
    ax.imshow(image, extent=extent, interpolation="nearest")


def _placed(line: Array, plane: Plane, at: tuple[float, float]) -> Array:
    """Move a line from the plane to where its picture is."""
    left, right, bottom, top = plane.extent
    share = (line - [left, bottom]) / [right - left, top - bottom]
    return np.asarray(share * SIDE + [at[0], at[1] - SIDE])


def _units(subject: Subject) -> Sequence[Any]:
    if not is_planar(subject.setting):
        return []
    return rows_of(plane_of(subject.setting, UNIT_CELLS), subject.params, subject.setting)


def _failed(ax: Axes, failure: Failure) -> None:
    """Draw one failure: its answers, crosses on what it gets wrong, and how it ended."""
    subject = failure.subject
    assert subject is not None
    if is_planar(subject.setting):
        plane, scale = plane_of(subject.setting, CELLS), scale_of_outputs(subject.setting)
        surface = surface_of(plane, subject.params, subject.setting)
        _show(ax, coloured(surface, *scale)[::-1], (0.0, SIDE))
        lines = [_placed(line, plane, (0.0, SIDE)) for line in boundaries(surface)]
        ax.add_collection(LineCollection(lines, colors=INK, linewidths=1.1))
        wrong = _placed(misjudged(subject.setting, subject.params), plane, (0.0, SIDE))
        ax.scatter(wrong[:, 0], wrong[:, 1], s=1.5, color=INK, linewidths=0, zorder=3)
        if not surface.finite:
            note(ax, "diverged")
    else:
        _show(ax, _pixels(failure.png), (0.0, SIDE))
    ax.set(xlim=(0, SIDE), ylim=(0, SIDE))
    ax.set_axis_off()
    ax.set_title(_head(failure), loc="left", fontsize=8, color=INK, parse_math=False)
    place: dict[str, Any] = {"transform": ax.transAxes, "va": "top", "parse_math": False}
    ax.text(0.0, -0.04, _end(failure), fontsize=7, color=MUTED, **place)


def _head(failure: Failure) -> str:
    return wrapped(f"{one_line(failure.name)} · seed {failure.seed}", 26)


def _end(failure: Failure) -> str:
    return wrapped(f"{failure.words} · {failure.final}", 30)


def _pixels(png: bytes) -> Any:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))
