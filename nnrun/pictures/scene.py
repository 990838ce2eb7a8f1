"""What the frames of a film show, computed once for all ways to show it."""

from typing import NamedTuple

import numpy as np

from nnrun.pictures.diagram import largest_of
from nnrun.pictures.film import Film
from nnrun.pictures.plane import is_planar, plane_of, shown_points
from nnrun.pictures.response import Response, has_one_input, response_of, window
from nnrun.pictures.surface import Surface, limits, surface_of
from nnrun.pictures.wiring import Wiring, biases, weights, wiring_of
from nnrun.problem.problem import Array, Samples

CELLS = 100
"""Along a side of the plane."""

PLACES = 200
"""Along a single input."""


class Scene(NamedTuple):
    """What the frames of a film show.

    Attributes:
        surfaces: Of each frame; none if the problem is not planar.
        responses: Of each frame; none if the problem has not one input.
        scale: The ends of the scale of outputs.
        points: Held-out points on the surface, or along the input.
        wiring: Units and links.
        weights: Shape (frame, link).
        biases: Shape (frame, unit), inputs left out; None if the network has none.
        largest: The largest weight and the largest bias of all frames.
    """

    surfaces: list[Surface]
    responses: list[Response]
    scale: tuple[float, float]
    points: Samples
    wiring: Wiring
    weights: Array
    biases: Array | None
    largest: tuple[float, float]


def scene_of(film: Film) -> Scene:
    """Compute what the frames of a film show."""
    setting = film.subject.setting
    surfaces: list[Surface] = []
    responses: list[Response] = []
    scale, points = (0.0, 1.0), setting.problem.held_out
    if is_planar(setting):
        plane, points = plane_of(setting, CELLS), shown_points(setting)
        surfaces = [surface_of(plane, params, setting) for params in film.params]
        scale = limits(surfaces[0].task, surfaces[0].boundary, points.targets)
    elif has_one_input(setting):
        points = shown_points(setting)
        responses = [response_of(setting, params, PLACES) for params in film.params]
        scale = window(responses[0], points.targets)
    links = np.stack([weights(params) for params in film.params])
    thresholds = np.stack([biases(p) for p in film.params]) if setting.network.bias else None
    largest = largest_of(links, thresholds)
    wiring = wiring_of(setting)
    return Scene(surfaces, responses, scale, points, wiring, links, thresholds, largest)
