"""What a network of one input answers along it, and its drawing with held-out points."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from nnrun.config.settings import Setting
from nnrun.network.mlp import Params, forward
from nnrun.pictures.surface import MARGIN, class_names, limits
from nnrun.pictures.surface_plots import FEW, MARKERS, name_groups, note
from nnrun.plot.gallery import COLORS
from nnrun.plot.style import MUTED
from nnrun.problem.features import bare_problem, input_map
from nnrun.problem.generator_base import class_numbers
from nnrun.problem.problem import Array, Samples, Task

HEADROOM = 0.25  # of the targets' width: how far beyond them a height is still shown, on each side


class Response(NamedTuple):
    """A network's outputs along the only input of its problem.

    Attributes:
        input: Name of the input, and whether a table's values were encoded.
        x: Its values, shape (n,), increasing.
        outputs: Shape (output, n); may be infinite or NaN.
        classes: Names of the classes; none for quantities.
        task: What the outputs mean.
        boundary: A single output at or above it says class 1.
    """

    input: str
    x: Array
    outputs: Array
    classes: tuple[str, ...]
    task: Task
    boundary: float

    @property
    def finite(self) -> bool:
        """Whether every output is a finite number."""
        return bool(np.isfinite(self.outputs).all())

    @property
    def several(self) -> bool:
        """Whether there are more than two classes, each with an output."""
        return self.task is Task.MULTICLASS


def has_one_input(setting: Setting) -> bool:
    """Say whether a setting's problem has one input, whatever features are made of it."""
    return len(bare_problem(setting.data).inputs) == 1


def response_of(setting: Setting, params: Params, n: int) -> Response:
    """Compute the outputs of one trial's network at ``n`` places along its problem's only input.

    They reach as far as the held-out points, and 5% of their width beyond on both sides.
    """
    bare, problem = bare_problem(setting.data), setting.problem
    low, high = float(bare.held_out.inputs.min()), float(bare.held_out.inputs.max())
    margin = MARGIN * (high - low) if high > low else 1.0
    x = np.linspace(low - margin, high + margin, n)
    values = input_map(setting.data, setting.features)(x[:, None])
    with np.errstate(all="ignore"):
        outputs = forward(params, values[None], setting.architecture).outputs[0].T
    name, classes = bare.inputs[0], class_names(problem.task, problem.outputs)
    if bare.encoder is not None:
        name, classes = f"{name} (as encoded)", bare.encoder.classes
    return Response(name, x, outputs, classes, problem.task, setting.loss.boundary)


def window(response: Response, targets: Array) -> tuple[float, float]:
    """Choose the heights to be shown: the targets, shape (n, output), and some room."""
    if response.task is Task.REGRESSION:
        low, high = float(targets.min()), float(targets.max())
    else:
        low, high = limits(response.task, response.boundary, targets)
    room = HEADROOM * (high - low) or 1.0
    return low - room, high + room


def heights(response: Response, points: Samples) -> Array:
    """Return the height of each point, shape (n,): its target, or for classes what is asked for.

    Of several classes, each asks its own output for the same: that is every point's height.
    """
    if response.task is Task.REGRESSION:
        return points.targets[:, 0]
    low, high = limits(response.task, response.boundary, points.targets)
    if response.several:
        return np.full(len(points.targets), high)
    return np.where(class_numbers(points.targets) == 1, high, low)


LINE = COLORS[1]  # the colour of a single output


def graph(
    ax: Axes,
    response: Response,
    limits: tuple[float, float],
    points: Samples,
    key: bool = True,
) -> Axes:
    """Draw a network's outputs along its only input, and points at their targets."""
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
