"""What a network's units answer over the plane of its problem."""

from typing import NamedTuple

import numpy as np

from nnrun.config import Setting
from nnrun.network.mlp import Params, forward
from nnrun.problem.features import bare_problem, input_map
from nnrun.problem.problem import Array, Samples

MARGIN = 0.05
"""Of the held-out points' width, on each side."""

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
    """Lay a grid over a planar problem: as far as its held-out points reach, and a margin.

    Args:
        setting: For its data and features.
        n: Cells along a side.
    """
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

    Args:
        plane: Where.
        params: Of one trial.
        setting: What the network computes.

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
