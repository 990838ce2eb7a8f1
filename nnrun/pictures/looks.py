"""What a trial looks like in small: its answers, its units and its wiring."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from nnrun.config import Setting
from nnrun.network.mlp import Params, forward
from nnrun.pictures.diagram import diagram
from nnrun.pictures.neurons import rows_of
from nnrun.pictures.plane import is_planar, plane_of, shown_points
from nnrun.pictures.response import has_one_input, heights, response_of, window
from nnrun.pictures.subject import Subject
from nnrun.pictures.surface import limits, surface_of
from nnrun.pictures.tiny import CELLS, UNIT_CELLS, WIDTH, response_png, surface_png, unit_png
from nnrun.pictures.wiring import biases, refusal, weights, wiring_of
from nnrun.plot import canvas
from nnrun.problem.features import bare_problem
from nnrun.problem.problem import Array, Task

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
    """Return what draws a network's answers as PNG.

    Args:
        setting: Whose problem has a look.
        dotted: Whether held-out points of a plane that are misjudged are dotted.
    """
    points = shown_points(setting)
    if is_planar(setting):
        plane = plane_of(setting, CELLS)
        scale = limits(setting.problem.task, setting.loss.boundary, points.targets)
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
            Unit(name, _ends(scale), unit_png(values, scale))
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
        wide = max(1.2 * (len(subject.setting.sizes) + 1) + 1.5, 4.4)
        figure = Figure(figsize=(wide, 3.4), layout="constrained")
        thresholds = biases(subject.params) if subject.setting.network.bias else None
        diagram(figure.add_subplot(), wiring, weights(subject.params), thresholds)
    return canvas.svg(figure)


def _response(setting: Setting, params: Params) -> bytes:
    points, response = shown_points(setting), response_of(setting, params, WIDTH)
    places = np.column_stack([points.inputs[:, 0], heights(response, points)])
    return response_png(response, window(response, points.targets), places)


def _ends(scale: tuple[float, float]) -> str:
    low, high = (f"{end:.2g}".replace("-", "−") for end in scale)
    return f"{low} to {high}"
