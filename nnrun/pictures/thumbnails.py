"""Small pictures of a trial: its answers and units as PNG of a few colours, its network as SVG."""

import io
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from nnrun.config.settings import Setting
from nnrun.network.mlp import Params, forward
from nnrun.pictures.diagram import network, refusal, wiring_of
from nnrun.pictures.film import Subject
from nnrun.pictures.graphs import Response, has_one_input, heights, response_of, window
from nnrun.pictures.neurons import ends, rows_of
from nnrun.pictures.surface import (
    UNKNOWN,
    Bytes,
    Plane,
    Surface,
    is_planar,
    palette,
    plane_of,
    scale_of_outputs,
    shades,
    shown_points,
    surface_of,
)
from nnrun.plot import canvas
from nnrun.plot.gallery import COLORS
from nnrun.plot.style import GRID, INK
from nnrun.problem.features import bare_problem
from nnrun.problem.problem import Array, Task

CELLS = 96  # along a side of the plane
UNIT_CELLS = 32  # along a side of a unit's heatmap
STEPS = 64  # shades of a picture; more would be told apart by its size only
WIDTH, HEIGHT = 108, 72  # cells of a graph

Marks = npt.NDArray[np.bool_]


def surface_png(surface: Surface, scale: tuple[float, float], marked: Array | None = None) -> bytes:
    """Draw outputs over the plane: shades, a dark line where classes meet, marked points dotted."""
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
    """Draw outputs along a single input over held-out points."""
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


Look = Callable[[Params], bytes]


class Unit(NamedTuple):
    """A unit's heatmap.

    Attributes:
        name: Of the unit.
        scale: Its darkest orange and blue, in words.
        png: What it answers over the plane.
    """

    name: str
    scale: str
    png: bytes


def has_look(setting: Setting) -> bool:
    """Say whether a problem's answers can be seen: over a plane, or along its only input."""
    return is_planar(setting) or has_one_input(setting)


def look_of(setting: Setting, dotted: bool = False) -> Look:
    """Return what draws a network's answers as PNG."""
    if is_planar(setting):
        plane = plane_of(setting, CELLS)
        scale = scale_of_outputs(setting)
        return lambda params: surface_png(
            surface_of(plane, params, setting),
            scale,
            misjudged(setting, params) if dotted else None,
        )
    return partial(_response, setting)


def misjudged(setting: Setting, params: Params) -> Array:
    """Find the held-out points that a network classifies wrongly, shape (n, 2)."""
    problem, places = setting.problem, bare_problem(setting.data).held_out.inputs
    if problem.task is Task.REGRESSION:
        return places[:0]
    with np.errstate(all="ignore"):
        outputs = forward(params, problem.held_out.inputs[None], setting.architecture).outputs[0]
    targets = problem.held_out.targets
    if problem.task is Task.BINARY:
        wrong = (outputs >= setting.loss.boundary)[:, 0] != (targets >= 0.5)[:, 0]
    else:
        wrong = outputs.argmax(axis=1) != targets.argmax(axis=1)
    # a network that diverged decides nothing
    return places[wrong & np.isfinite(outputs).all(axis=1)]


def unit_rows(subject: Subject) -> list[tuple[str, list[Unit], int]]:
    """Draw every unit's heatmap: title of each layer, its units, and how many more it has."""
    if not is_planar(subject.setting):
        return []
    plane = plane_of(subject.setting, UNIT_CELLS)
    found = []
    for row in rows_of(plane, subject.params, subject.setting):
        drawn = [
            Unit(name, ends(scale), unit_png(values, scale))
            for name, values, scale in zip(row.names, row.values, row.scales, strict=True)
        ]
        found.append((row.title.replace("\n", " · "), drawn, row.more))
    return found


def diagram_svg(subject: Subject) -> str:
    """Draw the network with its weights as SVG; empty if it is too large to be read."""
    wiring = wiring_of(subject.setting)
    if refusal(wiring):
        return ""
    with canvas.styled():
        # a card of 340 pixels makes six points nine of them
        wide = max(0.5 * (len(subject.setting.sizes) + 1) + 1.1, 3.0)
        figure = Figure(
            figsize=(wide, max(2.7, 0.22 * max(wiring.layers) + 0.5)), layout="constrained"
        )
        network(figure.add_subplot(), subject.setting, subject.params)
    return canvas.svg(figure)


def _response(setting: Setting, params: Params) -> bytes:
    points, response = shown_points(setting), response_of(setting, params, WIDTH)
    places = np.column_stack([points.inputs[:, 0], heights(response, points)])
    return response_png(response, window(response, points.targets), places)
