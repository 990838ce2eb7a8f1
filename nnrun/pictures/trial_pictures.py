"""The files that are drawn of a trial: stills as PNG, and its learning as GIF and page."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from nnrun.config.settings import Setting
from nnrun.interrupt import Ended
from nnrun.layout import write_atomically, write_text
from nnrun.model.load import setting_of
from nnrun.pictures.diagram import network
from nnrun.pictures.film import Subject, scene_of, shoot
from nnrun.pictures.gif import gif
from nnrun.pictures.graphs import accuracy, graph, has_one_input, losses, response_of, window
from nnrun.pictures.neurons import neurons, rows_of, size_of
from nnrun.pictures.player import player
from nnrun.pictures.replay import reason_of
from nnrun.pictures.surface import is_planar, plane_of, scale_of_outputs, shown_points, surface_of
from nnrun.pictures.surface_plots import heatmap, relief
from nnrun.plot import canvas
from nnrun.plot.style import INK
from nnrun.plot.text import one_line, wrapped
from nnrun.problem.features import bare_problem
from nnrun.problem.problem import Task
from nnrun.records.record import Record
from nnrun.text import things
from nnrun.training.trainer import TrainingStopped
from nnrun.trials.progress import meter, say

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


GIF, PAGE = "animation.gif", "animation.html"


def animate(
    setting: Setting,
    seed: int,
    folder: Path,
    advance: Callable[[float], None] = lambda share: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Train a trial again, alone and watched, and draw how it learns.

    Returns:
        The files: ``animation.html``, ``animation.gif`` and the stills; if there is no picture of
        the plane, standard error says why.

    Raises:
        TrainingStopped: If ``stopped`` said so; no animation was written.
    """
    told = 0.0

    def tell(share: float) -> None:
        nonlocal told
        told += share
        advance(share)

    if reason := left_out(setting):
        say(f"note: {reason}")
    film = shoot(setting, seed, lambda n: tell(0.5 * n / setting.budget), stopped)
    scene = scene_of(film)

    def drawn(frames: int) -> None:
        if stopped():
            raise TrainingStopped
        tell(0.5 * frames / max(len(film.params), 1))

    moving = gif(film, scene, drawn)
    write_atomically(folder / GIF, lambda file: file.write(moving))
    write_text(folder / PAGE, player(film, scene))
    stills = draw_stills(film.subject, folder)
    advance(1.0 - told)  # training that goes on from a saved network is less than a half
    return [folder / PAGE, folder / GIF, *stills]


def animate_settings(
    heads: Sequence[Record],
    folder: Path,
    stopped: Callable[[], bool],
    warn: Callable[[str], None],
) -> tuple[list[str], bool]:
    """Animate the first seed of every setting that was trained, in the folder of its first job.

    Args:
        heads: Of the launch's records, in the order of their jobs.
        folder: Of the launch.
        stopped: Asked often; what is not drawn then is left out.
        warn: Is told what could not be drawn, and why.

    Returns:
        The pages, as paths from ``folder``, and whether any could not be drawn.
    """
    firsts = {head.meta["setting"]: head for head in reversed(heads) if not head.meta["error"]}
    todo = [head for head in heads if firsts.get(head.meta["setting"]) is head]
    pages: list[str] = []
    failed = False
    with meter(f"animating {things(len(todo), 'setting')}", len(todo)) as advance:
        for head in todo:
            home = head.path.parent
            try:
                animate(setting_of(head.meta), head.meta["seed"], home, advance, stopped)
                pages.append((home / PAGE).relative_to(folder).as_posix())
            except (TrainingStopped, Ended):
                break
            except Exception as error:
                # whatever went wrong: the results are there, and stay
                failed = True
                warn(f"{home} was not animated: {reason_of(error)}")
    return pages, failed
