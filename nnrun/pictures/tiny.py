"""Small pictures as PNG files of a few colours: no axes, no letters, a few hundred bytes each."""

import io

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from PIL import Image

from nnrun.pictures.plane import Plane
from nnrun.pictures.response import Response
from nnrun.pictures.surface import UNKNOWN, Bytes, Surface, palette, shades
from nnrun.plot.gallery import COLORS
from nnrun.plot.styles import GRID, INK
from nnrun.problem.problem import Array, Task

CELLS = 96
"""Along a side of the plane."""

UNIT_CELLS = 32
"""Along a side of a unit's heatmap."""

STEPS = 64
"""Shades of a picture; more would be told apart by its size only."""

WIDTH, HEIGHT = 108, 72
"""Cells of a graph."""

Marks = npt.NDArray[np.bool_]


def surface_png(surface: Surface, scale: tuple[float, float], marked: Array | None = None) -> bytes:
    """Draw outputs over the plane: shades, a dark line where classes meet, dark dots.

    Args:
        surface: The outputs.
        scale: Ends of the scale of outputs.
        marked: Points to be dotted, shape (n, 2), in the units of x and y; None for none.
    """
    n_classes = len(surface.outputs)
    numbers, colours = _coarse(shades(surface, *scale), n_classes)
    dark = _meeting(surface)
    if marked is not None:
        dark |= _cells(surface.plane, marked)
    numbers[dark] = len(colours)
    return _png(numbers[::-1], np.vstack([colours, _rgb(INK)]))


def unit_png(values: Array, scale: tuple[float, float]) -> bytes:
    """Draw what a unit answers over the plane, shape (n, n), rows bottom first."""
    low, high = scale
    with np.errstate(invalid="ignore", over="ignore"):
        # halved, the width of any scale is a finite number
        share = np.clip((values / 2 - low / 2) / (high / 2 - low / 2), 0, 1)
        shade = np.round(share * (UNKNOWN - 1))
    numbers, colours = _coarse(np.where(np.isfinite(values), shade, UNKNOWN).astype(np.uint8))
    return _png(numbers[::-1], colours)


def response_png(response: Response, limits: tuple[float, float], targets: Array) -> bytes:
    """Draw outputs along a single input over held-out points.

    Args:
        response: The outputs, at ``WIDTH`` places.
        limits: The lowest and the highest output that is shown.
        targets: Held-out points as places along the input and heights, shape (n, 2).
    """
    numbers = np.zeros((HEIGHT, WIDTH), np.uint8)
    colours = [_rgb("white"), _rgb(GRID), *(_rgb(colour) for colour in COLORS)]
    x = np.searchsorted(response.x, targets[:, 0]).clip(0, WIDTH - 1)
    numbers[_heights(targets[:, 1], limits), x] = 1
    for i, outputs in enumerate(response.outputs):
        # a single output has the colour that graphs give it
        shade = 2 + (i % len(COLORS) if response.several else 1)
        known = np.isfinite(outputs)
        rows = _heights(np.where(known, outputs, 0.0), limits)
        for column in np.flatnonzero(known):
            before = rows[column - 1] if column and known[column - 1] else rows[column]
            low, high = sorted((int(before), int(rows[column])))
            numbers[low : high + 1, column] = shade
    return _png(numbers[::-1], np.array(colours, np.uint8))


def _meeting(surface: Surface) -> Marks:
    """Mark the cells beside which another class begins."""
    found = np.zeros(surface.height.shape, dtype=bool)
    if surface.task is Task.REGRESSION or not surface.finite:
        return found
    single = surface.outputs[0] >= surface.boundary
    who = surface.outputs.argmax(axis=0) if surface.several else single
    found[:, :-1] |= who[:, :-1] != who[:, 1:]
    found[:-1] |= who[:-1] != who[1:]
    return found


def _cells(plane: Plane, points: Array) -> Marks:
    """Mark the cells in which points lie."""
    left, right, bottom, top = plane.extent
    share = (points - [left, bottom]) / [right - left, top - bottom]
    column, row = (share * plane.n).astype(np.intp).clip(0, plane.n - 1).T
    found = np.zeros((plane.n, plane.n), dtype=bool)
    found[row, column] = True
    return found


def _heights(values: Array, limits: tuple[float, float]) -> npt.NDArray[np.intp]:
    low, high = limits
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * (HEIGHT - 1)).astype(np.intp)


def _coarse(shade: Bytes, n_classes: int = 1) -> tuple[Bytes, Bytes]:
    """Keep a few of a palette's shades, as many for each class, and that of what is not finite."""
    block, few = UNKNOWN // n_classes, max(2, STEPS // n_classes)
    which = np.minimum(shade // block, n_classes - 1).astype(np.intp)
    share = (shade - which * block) / max(block - 1, 1)
    near = which * few + np.rint(share * (few - 1)).astype(np.intp)
    numbers = np.where(shade == UNKNOWN, n_classes * few, near).astype(np.uint8)
    kept = np.rint(np.linspace(0, block - 1, few)).astype(np.intp)
    blocks = [kept + number * block for number in range(n_classes)]
    return numbers, palette(n_classes)[[*np.concatenate(blocks), UNKNOWN]]


def _rgb(colour: str) -> Bytes:
    return np.round(255 * np.array(to_rgb(colour))).astype(np.uint8)


def _png(numbers: Bytes, colours: Bytes) -> bytes:
    """Write numbers of colours, rows top first, as PNG."""
    image = Image.fromarray(np.ascontiguousarray(numbers))
    image.putpalette(colours.ravel().tolist())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
