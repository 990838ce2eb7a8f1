"""A picture of every generated problem: ``python -m nnrun.plot.gallery FILE.png``."""

import sys
from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nnrun.network.randomness import Role, generator
from nnrun.plot import canvas
from nnrun.plot.style import GRID, INK, LINE_STYLES, MUTED, STYLE
from nnrun.problem import pattern_generators, planar_generators  # noqa: F401  (they fill DATA)
from nnrun.problem.generator_base import Drawn, class_numbers
from nnrun.problem.problem import DATA, Array, Problem, Samples, Task

COLUMNS = 5
SIDE = 1.75  # inches of a panel, title included
N_POINTS = 400
COLORS = [LINE_STYLES[i].color for i in (2, 1, 3, 4, 5, 6, 7, 0)]
HEIGHTS = LinearSegmentedColormap.from_list("heights", [COLORS[0], "#d9dcdf", COLORS[1]])


def draw(path: Path | str) -> None:
    """Write a PNG with a panel for every generator of the registry, at its default settings.

    A panel shows training data as the trial of seed 0 sees them. Points in the plane are coloured
    by class, class 0 in orange, or by target value; patterns of more inputs are shown as rows of
    cells, inputs left and targets right.
    """
    entries = [DATA[name] for name in DATA if issubclass(DATA[name], Drawn)]
    rows = ceil(len(entries) / COLUMNS)
    with rc_context(STYLE):
        figure = Figure(figsize=(SIDE * COLUMNS, SIDE * rows * 1.1), layout="constrained")
        axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for ax, entry in zip(axes, entries, strict=False):
            _panel(ax, entry().problem())
            ax.set_title(entry.name, color=INK, fontsize=9)
        for ax in axes[len(entries) :]:
            ax.set_axis_off()
    Path(path).write_bytes(canvas.png(figure))


def _panel(ax: Axes, problem: Problem) -> None:
    """Draw a problem in the way that suits its kind."""
    samples = _training_data(problem)
    ax.grid(visible=False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=GRID)
    _way_for(problem)(ax, samples)


def _training_data(problem: Problem) -> Samples:
    if problem.pool is not None:
        return problem.pool
    assert problem.draw is not None
    return problem.draw(generator(0, Role.DATA), problem.n_train or N_POINTS)


def _way_for(problem: Problem) -> Callable[[Axes, Samples], None]:
    if len(problem.inputs) == 2:
        return _heights if problem.task is Task.REGRESSION else _classes
    return _curve if problem.task is Task.REGRESSION else _cells


def _classes(ax: Axes, samples: Samples) -> None:
    """Scatter points coloured by class."""
    classes = class_numbers(samples.targets)
    size = 5 if len(classes) > 8 else 60
    for number in np.unique(classes):
        x, y = samples.inputs[classes == number].T
        ax.scatter(x, y, size, color=COLORS[number % len(COLORS)], linewidths=0)
    _square(ax, samples.inputs)


def _heights(ax: Axes, samples: Samples) -> None:
    """Scatter points coloured by target, 0 in the middle of the scale."""
    x, y = samples.inputs.T
    most = np.abs(samples.targets).max()
    ax.scatter(x, y, 7, c=samples.targets[:, 0], cmap=HEIGHTS, vmin=-most, vmax=most, linewidths=0)
    _square(ax, samples.inputs)


def _curve(ax: Axes, samples: Samples) -> None:
    """Scatter targets over the only input."""
    ax.scatter(samples.inputs[:, 0], samples.targets[:, 0], 5, color=COLORS[1], linewidths=0)
    ax.margins(0.08)


def _cells(ax: Axes, samples: Samples) -> None:
    """Draw a row of cells a sample, dark where an input is high, coloured as the class is."""
    n_rows, n_inputs = samples.inputs.shape
    for row, column in np.ndindex(samples.inputs.shape):
        ax.add_patch(_cell(row, column, MUTED if samples.inputs[row, column] > 0 else GRID))
    for row, column in np.ndindex(samples.targets.shape):
        on = samples.targets[row, column] > 0
        ax.add_patch(_cell(row, n_inputs + 1 + column, COLORS[1] if on else COLORS[0]))
    corner = (n_inputs + 1 + samples.targets.shape[1] - 0.18, n_rows - 0.18)
    _square(ax, np.array([(0, 0), corner]))
    ax.invert_yaxis()


def _square(ax: Axes, points: Array) -> None:
    """Show a square around points, shape (n, 2), with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = 0.56 * (high - low).max()
    (left, right), (bottom, top) = ((middle - half, middle + half) for middle in (low + high) / 2)
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")


def _cell(row: int, column: int, color: str) -> Rectangle:
    return Rectangle((column, row), 0.82, 0.82, facecolor=color, linewidth=0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    draw(sys.argv[1])
