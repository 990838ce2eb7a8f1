"""Graphs of one trial: its answers along its only input; losses and accuracy along training."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from nnrun.config.settings import Setting
from nnrun.network.mlp import Params, forward
from nnrun.pictures.surface import MARGIN, class_names, limits
from nnrun.pictures.surface_plots import FEW, MARKERS, name_groups, note
from nnrun.plot.axes import samples_axis, ticks, value_ticks
from nnrun.plot.gallery import COLORS
from nnrun.plot.style import LINE_STYLES, MUTED
from nnrun.problem.features import bare_problem, input_map
from nnrun.problem.generator_base import class_numbers
from nnrun.problem.problem import Array, Samples, Task
from nnrun.records.trials import Curves
from nnrun.text import METRIC_NAMES, share

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


LINES = {"train_loss": LINE_STYLES[5], "test_loss": LINE_STYLES[1], "accuracy": LINE_STYLES[3]}
PALE = 0.25  # how much of a line is left of what is still to come


def losses(ax: Axes, curves: Curves, at: int | None = None) -> Axes:
    """Draw the training and the test loss of one trial; pale what comes after ``at`` samples."""
    low, high, log = loss_range(np.stack([curves.train_loss, curves.test_loss]))
    ax.set_yscale("log" if log else "linear")
    ax.set_ylim(low, high)
    value_ticks(ax, low, high, log)
    _frame(ax, curves, at)
    for metric in ("train_loss", "test_loss"):
        _line(ax, curves, metric, at)
    if not np.isfinite(curves.test_loss).any():
        note(ax, "diverged before the first evaluation")
    ends = "" if np.isfinite(curves.test_loss[-1]) else " (diverged)"
    ax.set_title(f"Loss{ends}", loc="left", fontsize=9, color=MUTED)
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderpad": 0}
    ax.legend(ncols=2, fontsize=8, borderaxespad=0.4, **place)
    return ax


def accuracy(ax: Axes, curves: Curves, at: int | None = None, target: float | None = None) -> Axes:
    """Draw the accuracy of one trial, likewise, and the target's level."""
    finite = curves.accuracy[np.isfinite(curves.accuracy)]
    low = max(0.0, np.floor(10 * finite.min() - 0.5) / 10) if finite.size else 0.0
    ax.set_ylim(low, 1.02)
    ticks(ax.yaxis, np.linspace(low, 1, 5 if low in (0, 0.2, 0.6) else 3).tolist(), share)
    _frame(ax, curves, at)
    _line(ax, curves, "accuracy", at)
    if target is not None:
        ax.axhline(target, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    ax.set_title("Accuracy", loc="left", fontsize=9, color=MUTED)
    return ax


def loss_range(values: Array) -> tuple[float, float, bool]:
    """Find limits for losses.

    Returns:
        Lower limit, upper limit, and whether the axis is logarithmic: where all are positive and
        the largest is over five times the smallest. A loss on its way to divergence leaves the
        axis at ten times the first one.

    Example:
        >>> loss_range(np.array([[0.5, 1.0, np.nan]]))
        (0.0, 1.05, False)
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0, False
    first = values[:, 0][np.isfinite(values[:, 0])].max(initial=-np.inf)
    low, high = float(finite.min()), float(min(finite.max(), 10 * first if first > 0 else np.inf))
    if low > 0 and high / low > 5:
        return low / 1.2, high * 1.2, True
    return min(0.0, low), 1.05 * high if high > 0 else 1.0, False


def _frame(ax: Axes, curves: Curves, at: int | None) -> None:
    samples_axis(ax, float(curves.samples[0]), float(curves.samples[-1]))
    if at is not None:
        ax.axvline(max(at, int(curves.samples[0])), color=MUTED, linewidth=0.9)


def _line(ax: Axes, curves: Curves, metric: str, at: int | None) -> None:
    """Draw a metric up to a moment, and pale beyond it."""
    style, values = LINES[metric].matplotlib, getattr(curves, metric)
    if at is not None:
        ax.plot(curves.samples, values, alpha=PALE, **style)
        values = np.where(curves.samples <= at, values, np.nan)
    ax.plot(curves.samples, values, label=METRIC_NAMES[metric], **style)
