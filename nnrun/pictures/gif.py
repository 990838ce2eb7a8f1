"""The animation of learning as a GIF."""

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from PIL import Image

from nnrun.pictures.diagram import diagram
from nnrun.pictures.film import Film, Scene
from nnrun.pictures.graphs import LINES, accuracy, graph, losses
from nnrun.pictures.surface_plots import heatmap
from nnrun.plot.canvas import styled
from nnrun.plot.gallery import COLORS
from nnrun.plot.style import GRID, INK, MUTED
from nnrun.plot.text import find_letters, one_line, wrapped
from nnrun.problem.problem import Task

DPI = 92
HEADLINE = 14  # letters of a headline that an inch has room for
FIRST_MS, FRAME_MS, LAST_MS = 700, 160, 2500  # how long the first frame, others, and the last stay

MOST_BYTES = 3_000_000
SCALES = (1.0, 0.75, 0.5, 0.35)  # sizes that are tried, as shares, until the file is small enough
NEARLY_WHITE = 247  # of 255: what is so bright becomes white
SOFT = 8  # steps from white to a colour of lines and letters


def gif(
    film: Film,
    scene: Scene,
    words: str = "",
    drawn: Callable[[int], None] = lambda frames: None,
) -> bytes:
    """Draw every frame of a film, with words on it, and join them.

    The last one comes first, too: it is what paper shows, and programs that do not play.
    """
    frames = []
    for image in images(film, scene, words):
        frames.append(image)
        drawn(1)
    written = b""
    for scale in SCALES:
        written = _joined([_scaled(frame, scale) for frame in [frames[-1], *frames]])
        if len(written) <= MOST_BYTES:
            break
    return written


def images(film: Film, scene: Scene, words: str = "") -> Iterator[Image.Image]:
    """Draw the frames one by one, as images of red, green and blue."""
    answers = bool(scene.surfaces or scene.responses)
    figure = Figure(figsize=(11.0 if answers else 7.6, 4.4), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for frame in range(len(film.params)):
        with styled():
            figure.clear()
            _fill(figure, film, scene, frame, words)
            find_letters(figure)
            canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        yield Image.fromarray(pixels[:, :, :3].copy())


class _Panels(NamedTuple):
    """The axes of a frame; None for what a film has not."""

    answers: Any
    network: Any
    loss: Any
    accuracy: Any


def _fill(figure: Figure, film: Film, scene: Scene, frame: int, words: str) -> None:
    """Draw one frame."""
    curves, at = film.subject.curves, film.samples(frame)
    setting = film.subject.setting
    answers = bool(scene.surfaces or scene.responses)
    panels = _panels(figure, answers, setting.problem.task is not Task.REGRESSION)
    if scene.surfaces:
        heatmap(panels.answers, scene.surfaces[frame], scene.scale, scene.points, key=False)
    elif scene.responses:
        graph(panels.answers, scene.responses[frame], scene.scale, scene.points, key=False)
    biases = None if scene.biases is None else scene.biases[frame]
    diagram(panels.network, scene.wiring, scene.weights[frame], biases, scene.largest)
    losses(panels.loss, curves, at)
    if panels.accuracy is not None:
        panels.loss.set_xlabel("")
        target = setting.target.value if setting.target.metric == "accuracy" else None
        accuracy(panels.accuracy, curves, at, target)
    lines: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    figure.text(0.02, 0.97, film.words(frame), fontsize=12, color=INK, **lines)
    headline = wrapped(one_line(film.subject.headline), int(HEADLINE * figure.get_figwidth()))
    figure.text(0.02, 0.91, f"{headline}\n{words}", fontsize=8.5, color=MUTED, **lines)


def _panels(figure: Figure, answers: bool, classes: bool) -> _Panels:
    """Place the axes: surface or graph, network, and loss above accuracy."""
    widths = [3.7, 4.2, 3.2] if answers else [4.2, 3.2]
    place: dict[str, Any] = {"left": 0.055 if answers else 0.08, "right": 0.97, "bottom": 0.12}
    grid = GridSpec(2, len(widths), figure, width_ratios=widths, top=0.79, **place,
                    wspace=0.2, hspace=0.4)  # fmt: skip
    below = grid[1, -1] if classes else None
    return _Panels(
        figure.add_subplot(grid[:, 0]) if answers else None,
        figure.add_subplot(grid[:, -2]),
        figure.add_subplot(grid[0, -1] if classes else grid[:, -1]),
        None if below is None else figure.add_subplot(below),
    )


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    if scale == 1:
        return image
    size = (round(scale * image.width), round(scale * image.height))
    return image.resize(size, Image.Resampling.LANCZOS)


def _joined(frames: list[Image.Image]) -> bytes:
    """Join frames that share one palette: what stays as it was then costs nothing."""
    shared = _shared_palette(frames)
    flat = [frame.quantize(palette=shared, dither=Image.Dither.NONE) for frame in frames]
    durations = [FIRST_MS, *[FRAME_MS] * (len(flat) - 2), LAST_MS]
    buffer = io.BytesIO()
    more: dict[str, Any] = {"append_images": flat[1:], "duration": durations, "loop": 0}
    flat[0].save(buffer, "GIF", save_all=True, optimize=False, **more)
    return buffer.getvalue()


def _shared_palette(frames: list[Image.Image]) -> Image.Image:
    """Choose 256 colours: those of lines and letters with their soft edges, and what is left."""
    named = [INK, MUTED, GRID, *(style.color for style in LINES.values()), *COLORS[:2]]
    soft = [
        [round(255 + share * (255 * part - 255)) for part in to_rgb(colour)]
        for colour in named
        for share in np.linspace(0, 1, SOFT)
    ]
    parts = [np.asarray(frames[i]) for i in sorted({0, len(frames) // 2, len(frames) - 1})]
    rest = 256 - len(soft)
    found = Image.fromarray(np.concatenate(parts)).quantize(rest, dither=Image.Dither.NONE)
    colours = np.reshape(
        [*np.ravel(soft).tolist(), *(found.getpalette() or [])[: 3 * rest]], (-1, 3)
    )
    # Pillow looks for a near colour only: white must have none but itself beside it
    colours[(colours >= NEARLY_WHITE).all(axis=1)] = 255
    image = Image.new("P", (1, 1))
    image.putpalette(colours.ravel().tolist())
    return image
