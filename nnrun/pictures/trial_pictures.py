"""The files that are drawn of a trial as it ended."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from nnrun.config.settings import Setting
from nnrun.layout import write_atomically
from nnrun.pictures.diagram import network
from nnrun.pictures.film import Subject
from nnrun.pictures.graphs import accuracy, graph, has_one_input, losses, response_of, window
from nnrun.pictures.neurons import neurons, rows_of, size_of
from nnrun.pictures.surface import is_planar, plane_of, scale_of_outputs, shown_points, surface_of
from nnrun.pictures.surface_plots import heatmap, relief
from nnrun.plot import canvas
from nnrun.plot.style import INK
from nnrun.plot.text import one_line, wrapped
from nnrun.problem.features import bare_problem
from nnrun.problem.problem import Task

FINE, COARSE, SMALL = 240, 120, 60
"""Cells along a side of the plane: of the heatmap, of the relief, and of a unit's heatmap."""

PLACES = 600  # along a single input
HEADLINE = 0.5  # inches for the headline and around the drawing
LONGEST_LINE = 16  # characters of a headline that an inch has room for

Draw = Callable[[Figure], Any]


def draw_stills(subject: Subject, folder: Path) -> list[Path]:
    """Write the pictures of a trial.

    Returns:
        The files: ``network.png`` and ``curves.png``; for a planar problem also ``surface.png``,
        ``surface3d.png`` and ``neurons.png``, for one of a single input ``fit.png``. What is left
        out, ``left_out`` says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, size, draw in _drawings(subject):
        picture = _painted(size, subject.headline, draw)
        path = folder / f"{name}.png"
        write_atomically(path, lambda file, data=picture: file.write(data))  # type: ignore[misc]
        written.append(path)
    return written


def left_out(setting: Setting) -> str:
    """Say which pictures a setting has not, and why; empty if it has all."""
    if is_planar(setting):
        return ""
    name, inputs = setting.data.name, len(bare_problem(setting.data).inputs)
    missing = "surface.png, surface3d.png or neurons.png"
    if has_one_input(setting):
        return f"{name} has one input: fit.png shows its answers; {missing} would need two"
    why = "no plane of x and y" if inputs == 2 else f"{inputs} inputs and no plane of x and y"
    return f"{name} has {why}: no {missing}"


def _drawings(subject: Subject) -> Iterator[tuple[str, tuple[float, float], Draw]]:
    """List the pictures that a trial has: name, width and height in inches, and how."""
    if is_planar(subject.setting):
        yield "surface", (5.2, 4.6), partial(_surface, subject)
        yield "surface3d", (5.6, 4.8), partial(_relief, subject)
        layers = rows_of(plane_of(subject.setting, SMALL), subject.params, subject.setting)
        width, height = size_of(layers)
        yield (
            "neurons",
            (width + 0.1, height + HEADLINE),
            lambda figure: neurons(figure.add_subplot(), layers),
        )
    elif has_one_input(subject.setting):
        yield "fit", (5.6, 4.2), partial(_fit, subject)
    wide = 1.5 * (len(subject.setting.sizes) + 1) + 1.5
    yield "network", (max(wide, 5.0), 4.4), partial(_network, subject)
    tall = 5.2 if subject.setting.problem.task is not Task.REGRESSION else 3.4
    yield "curves", (6.4, tall), partial(_curves, subject)


def _painted(size: tuple[float, float], headline: str, draw: Draw) -> bytes:
    """Draw a figure with a headline; return it as PNG."""
    lines = wrapped(one_line(headline), int(LONGEST_LINE * size[0]))
    with canvas.styled():
        figure = Figure(figsize=size, layout="constrained")
        title = figure.suptitle(lines, x=0.02, ha="left", fontsize=8.5, color=INK)
        title.set_parse_math(False)
        draw(figure)
    return canvas.png(figure)


def _surface(subject: Subject, figure: Figure) -> None:
    setting, points = subject.setting, shown_points(subject.setting)
    surface = surface_of(plane_of(setting, FINE), subject.params, setting)
    heatmap(figure.add_subplot(), surface, scale_of_outputs(setting), points)


def _relief(subject: Subject, figure: Figure) -> None:
    setting = subject.setting
    surface = surface_of(plane_of(setting, COARSE), subject.params, setting)
    relief(figure.add_subplot(projection="3d"), surface, scale_of_outputs(setting))


def _fit(subject: Subject, figure: Figure) -> None:
    points = shown_points(subject.setting)
    response = response_of(subject.setting, subject.params, PLACES)
    graph(figure.add_subplot(), response, window(response, points.targets), points)


def _network(subject: Subject, figure: Figure) -> None:
    network(figure.add_subplot(), subject.setting, subject.params)


def _curves(subject: Subject, figure: Figure) -> None:
    setting, course = subject.setting, subject.curves
    if setting.problem.task is Task.REGRESSION:
        losses(figure.add_subplot(), course)
        return
    above, below = figure.subplots(2, 1)
    losses(above, course)
    target = setting.target.value if setting.target.metric == "accuracy" else None
    accuracy(below, course, target=target)
