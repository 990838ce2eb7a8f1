"""What a network answers over the plane of its problem: values, shades, and where classes meet."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from matplotlib.colors import to_rgb

from nnrun.config.settings import Setting
from nnrun.network.mlp import Params, forward
from nnrun.plot.gallery import COLORS, HEIGHTS
from nnrun.plot.style import GRID
from nnrun.problem.features import bare_problem, input_map
from nnrun.problem.problem import Array, Samples, Task

MARGIN = 0.05  # of the held-out points' width, on each side

MOST_POINTS = 300

Extent = tuple[float, float, float, float]
"""Left, right, bottom, top: the outer edges of what is shown, in the units of x and y."""


class Plane(NamedTuple):
    """A square grid of points over the plane.

    Attributes:
        extent: Edges of the grid's cells, in the units of x and y.
        x: Centres of its columns, shape (n,).
        y: Centres of its rows, shape (n,), bottom first.
        inputs: What the network gets there, shape (n * n, input), row after row.
    """

    extent: Extent
    x: Array
    y: Array
    inputs: Array

    @property
    def n(self) -> int:
        """Cells along a side."""
        return len(self.x)


def is_planar(setting: Setting) -> bool:
    """Say whether a setting's problem has a plane: two coordinates."""
    return setting.data.planar and len(bare_problem(setting.data).inputs) == 2


def plane_of(setting: Setting, n: int) -> Plane:
    """Lay a grid over a planar problem: as far as its held-out points reach, and a margin."""
    points = bare_problem(setting.data).held_out.inputs
    extent = extent_of(points)
    x, y = (_centres(*edges, n) for edges in (extent[:2], extent[2:]))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return Plane(extent, x, y, input_map(setting.data, setting.features)(grid))


def extent_of(points: Array) -> Extent:
    """Find the edges around points, shape (n, 2), with a margin of 5% on each side.

    Example:
        >>> extent_of(np.array([[0.0, -1.0], [10.0, 1.0]]))
        (-0.5, 10.5, -1.1, 1.1)
    """
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, MARGIN * (high - low), 1.0)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    return left, right, bottom, top


def answers(plane: Plane, params: Params, setting: Setting) -> tuple[Array, ...]:
    """Compute what every unit of every layer answers over the plane.

    Returns:
        One array a layer, shape (unit, n, n), rows bottom first; not finite after divergence.
    """
    with np.errstate(all="ignore"):
        run = forward(params, plane.inputs[None], setting.architecture)
    return tuple(images(a[0], plane.n) for a in run.a)


def images(values: Array, n: int) -> Array:
    """Turn values at the points of a plane, shape (n * n, unit), into images (unit, n, n)."""
    return values.T.reshape(-1, n, n)


def shown_points(setting: Setting) -> Samples:
    """Choose at most 300 held-out points of a problem, evenly over their order.

    Returns:
        The problem's own inputs, shape (n, input), which of a planar one are its coordinates, and
        targets, shape (n, output).
    """
    held_out = bare_problem(setting.data).held_out
    n = len(held_out.inputs)
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(np.intp))
    return Samples(held_out.inputs[rows], held_out.targets[rows])


def _centres(low: float, high: float, n: int) -> Array:
    return low + (high - low) * (np.arange(n) + 0.5) / n


Bytes = npt.NDArray[np.uint8]

UNKNOWN = 255  # the shade of a value that is not finite
PALEST = 0.25  # how much of its colour a class keeps where it hardly wins


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

    Returns:
        For two classes 0 and 1, or -1 and 1 where the boundary is 0, as far as the loss asks for
        that; for quantities the largest target on both sides of 0.
    """
    if task is Task.REGRESSION:
        most = float(np.abs(targets).max()) or 1.0
        return -most, most
    half = abs(boundary) or 1.0
    return boundary - half, boundary + half


def scale_of_outputs(setting: Setting) -> tuple[float, float]:
    """Choose the ends of the scale of a setting's outputs, see `limits`."""
    return limits(setting.problem.task, setting.loss.boundary, shown_points(setting).targets)


def shades(surface: Surface, low: float, high: float) -> Bytes:
    """Turn a surface into numbers of a palette's colours.

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
    """Return the colours that shades are numbers of, shape (256, 3), red, green and blue."""
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
