"""The decision surface as shades, a scale, and the lines where classes meet."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from matplotlib.colors import to_rgb

from nnrun.config import Setting
from nnrun.network.mlp import Params
from nnrun.pictures.plane import Plane, answers
from nnrun.plot.gallery import COLORS, HEIGHTS
from nnrun.plot.styles import GRID
from nnrun.problem.problem import Array, Task

Bytes = npt.NDArray[np.uint8]

UNKNOWN = 255
"""The shade of a value that is not finite."""

PALEST = 0.25
"""How much of its colour a class keeps where it hardly wins."""


@dataclass(frozen=True)
class Surface:
    """A network's outputs over the plane.

    Attributes:
        plane: Where.
        outputs: Shape (output, n, n), rows bottom first; may be infinite or NaN.
        names: Of the outputs.
        task: What the outputs mean.
        boundary: A single output at or above it says class 1.
    """

    plane: Plane
    outputs: Array
    names: tuple[str, ...]
    task: Task
    boundary: float

    @property
    def several(self) -> bool:
        """Whether there are more than two classes, each with an output."""
        return self.task is Task.MULTICLASS

    @property
    def finite(self) -> bool:
        """Whether every output is a finite number."""
        return bool(np.isfinite(self.outputs).all())

    @property
    def height(self) -> Array:
        """The output, or the largest of several, shape (n, n)."""
        return np.asarray(np.max(self.outputs, axis=0), np.float64)

    @property
    def label(self) -> str:
        """Words for the height."""
        if self.task is Task.REGRESSION:
            return "network output"
        if self.several:
            return "largest output"
        return f"network output (class 1 at or above {self.boundary:g})"


def surface_of(plane: Plane, params: Params, setting: Setting) -> Surface:
    """Compute the outputs of one trial's network over the plane."""
    problem = setting.problem
    outputs = answers(plane, params, setting)[-1]
    return Surface(plane, outputs, problem.outputs, problem.task, setting.loss.boundary)


def class_names(task: Task, outputs: tuple[str, ...]) -> tuple[str, ...]:
    """Name the classes from the names of the outputs; none for quantities."""
    if task is Task.REGRESSION:
        return ()
    return outputs if task is Task.MULTICLASS else ("class 0", "class 1")


def limits(task: Task, boundary: float, targets: Array) -> tuple[float, float]:
    """Choose the ends of the scale of outputs: what the targets ask for.

    Args:
        task: What the outputs mean.
        boundary: As in ``Surface``.
        targets: Held-out targets, shape (n, output).

    Returns:
        For two classes 0 and 1, or -1 and 1 where the boundary is 0, as far as the loss asks for
        that; for quantities the largest target on both sides of 0.
    """
    if task is Task.REGRESSION:
        most = float(np.abs(targets).max()) or 1.0
        return -most, most
    half = abs(boundary) or 1.0
    return boundary - half, boundary + half


def shades(surface: Surface, low: float, high: float) -> Bytes:
    """Turn a surface into numbers of a palette's colours.

    Args:
        surface: The outputs.
        low: End of the scale; what lies below has its colour.
        high: The other end.

    Returns:
        Shape (n, n), rows bottom first, into ``palette``.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if surface.several:
            steps = UNKNOWN // len(surface.outputs)
            second, first = np.sort(surface.outputs, axis=0)[-2:]
            share = np.clip((first - second) / (high - low), 0, 1)
            shade = surface.outputs.argmax(axis=0) * steps + np.round(share * (steps - 1))
        else:
            share = np.clip((surface.height - low) / (high - low), 0, 1)
            shade = np.round(share * (UNKNOWN - 1))
    known = np.isfinite(surface.outputs).all(axis=0)
    return np.where(known, shade, UNKNOWN).astype(np.uint8)


def palette(n_classes: int = 1) -> Bytes:
    """Return the colours that shades are numbers of, shape (256, 3), red, green and blue.

    Args:
        n_classes: Number of outputs; 1 for a single one, from class 0's colour to class 1's.
    """
    if n_classes == 1:
        colours = HEIGHTS(np.linspace(0, 1, UNKNOWN))[:, :3]
    else:
        steps = UNKNOWN // n_classes
        strength = np.linspace(PALEST, 1, steps)[:, None]
        colours = np.concatenate(
            [
                1 + strength * (np.array(to_rgb(COLORS[c % len(COLORS)])) - 1)
                for c in range(n_classes)
            ]
        )
    found = np.tile(np.array(to_rgb(GRID)), (256, 1))
    found[: len(colours)] = colours
    return np.round(255 * found).astype(np.uint8)


def coloured(surface: Surface, low: float, high: float) -> Bytes:
    """Return the surface as an image, shape (n, n, 3), rows bottom first."""
    return palette(len(surface.outputs))[shades(surface, low, high)]


def boundaries(surface: Surface) -> list[Array]:
    """Trace where classes meet.

    Returns:
        Lines, each of shape (points, 2) in the units of x and y; none for quantities.
    """
    if surface.task is Task.REGRESSION or not surface.finite:
        return []
    lead = [surface.outputs[0] - surface.boundary]
    if surface.several:
        lead = [
            own - np.delete(surface.outputs, i, axis=0).max(axis=0)
            for i, own in enumerate(surface.outputs)
        ]
    x, y = surface.plane.x, surface.plane.y
    return [np.asarray(line) for z in lead for line in contour_generator(x, y, z).lines(0.0)]
