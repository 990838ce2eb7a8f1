"""From a function that draws on an axis to a figure of the right height, to SVG, PNG and PDF."""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from matplotlib import rc_context, rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from nnrun.layout import write_atomically
from nnrun.plot.axes import points
from nnrun.plot.colours import ink, muted
from nnrun.plot.fit import fit_words, keep_inside, laid_out_once, lift_legend
from nnrun.plot.style import STYLE
from nnrun.plot.text import find_letters
from nnrun.text import shown

PLOT_HEIGHT = 3.0  # inches between the axis and the top of the plot
LEAST_HEIGHT = 1.3  # the same where a reader's own figure is too low for what stands around it
PANEL_HEIGHT = 1.9  # the same of one of several panels
DOTS, POINTS = 200, 72  # dots an inch of a PNG, and units an inch of a drawing

PLAIN: Any = {"text.parse_math": False, "text.usetex": False, "image.composite_image": False}
"""No text is mathematics, and a picture is kept as it is rather than blown up to its place."""

FONTS: Any = {"pdf.fonttype": 42, "ps.fonttype": 42}
"""Letters are embedded as outlines: as Type 3, which is the default, journals refuse them."""

_AROUND = 9.0  # inches that legends and rows below an axis are given to spread in
_DESK = 5.5  # inches of a figure from which on panels stand beside each other
_DRAWN = (
    *("axes", "figure", "font", "grid", "hatch", "image", "legend", "lines", "patch", "path"),
    *("savefig", "svg", "text", "xtick", "ytick"),
)
_UNDRAWN = ("figure.max_open_warning", "figure.raise_window", "savefig.directory")
"""Keys of matplotlib's that say how things look, and those among them that do not."""

_TAG = re.compile(r"<[a-z][^>]*>")
_LONG = re.compile(r"(scale\([^)]*\))|(\d+\.\d\d)\d+")
_PLACES = re.compile(r' (?:d|x|y|x1|x2|y1|y2|width|height|transform|points)="[^"]*"')


def paint(draw: Callable[[Axes], Axes], width: float, height: float = PLOT_HEIGHT) -> Figure:
    """Make a figure around a plot of a given height."""
    with styled():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = [figure.add_subplot()]
        # while it draws, an axis has the height that it will have in the end
        figure.set_figheight(height / axes[0].get_position().height)
        draw(axes[0])
        _fit(figure, axes[0], 1, height)
        _freeze(figure)
    return figure


def paint_panels(
    draw: Callable[[Axes, str], Axes],
    titles: Sequence[str],
    width: float,
    height: float = PANEL_HEIGHT,
    finish: Callable[[Figure, list[Axes]], None] | None = None,
) -> Figure:
    """Make a figure of several panels: beside each other, or below each other on a phone.

    What the panels say alike, they say once: the vertical scale's name above all of them, its
    numbers at the left, the horizontal scale's name at the bottom.
    """
    columns = _columns(len(titles)) if width > _DESK else 1
    rows = -(-len(titles) // columns)
    with styled():
        figure = Figure(figsize=(width, height * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        figure.set_figheight(height / grid[0, 0].get_position().height)
        axes = list(grid.ravel()[: len(titles)])
        for spare in grid.ravel()[len(titles) :]:
            spare.remove()
        for ax, name in zip(axes, titles, strict=True):
            draw(ax, name)
        _share_words(figure, axes, titles, columns)
        if finish:
            finish(figure, axes)
        _fit(figure, axes[0], rows, height)
        _freeze(figure)
    return figure


def on_axis(
    draw: Callable[[Axes], Axes], ax: Axes | None = None, height: float | None = None
) -> Axes:
    """Draw in the reader's own style: within the axis given, or in a new figure of pyplot.

    Args:
        draw: Draws on an axis.
        ax: It, its words, legend and key stay between its neighbours; None for a new figure.
        height: Of the plot in a new figure, in inches; None for one of the usual height.

    Returns:
        The axis.
    """
    with _own(ax):
        if ax is not None:
            draw(ax)
            find_letters(ax)
            _within(ax)
        else:
            from matplotlib import pyplot

            figure = pyplot.figure(layout="constrained")
            ax = figure.add_subplot()
            if height is not None:
                figure.set_figheight(height / ax.get_position().height)
            draw(ax)
            _fit(figure, ax, 1, height)
    whole = cast(Figure, ax.get_figure(root=True))
    whole.savefig = partial(_with_fonts, whole)  # type: ignore[method-assign]
    return ax


def _within(ax: Axes) -> None:
    """Have all that belongs to an axis in its room, by the figure's layout if it has one."""
    figure = cast(Figure, ax.get_figure(root=True))
    if figure.get_layout_engine() is None:
        keep_inside(ax)
        return
    _lay_out(figure)
    if fit_words(figure, ax):
        lift_legend(ax)


def _with_fonts(figure: Figure, fname: Any, **how: Any) -> None:
    """Save a figure with its letters embedded, whatever matplotlib's default is."""
    # a file of several pages embeds fonts once it is closed, in the way that is set then
    paged = hasattr(fname, "attach_note")
    with rc_context({} if paged else FONTS):
        type(figure).savefig(figure, fname, **how)


@contextmanager
def _own(ax: Axes | None) -> Iterator[None]:
    """Draw in the style that is set, on the ground of the axis given."""
    look: Any = {
        **PLAIN,
        "legend.frameon": False,
        "legend.handlelength": 2.2,
        "legend.columnspacing": 1.2,
    }
    if ax is not None:
        figure = cast(Figure, ax.get_figure(root=True))
        under = (ax.get_facecolor(), figure.get_facecolor())
        look["axes.facecolor"] = to_hex(next((c for c in under if to_rgba(c)[3] > 0), "white"))
    with rc_context(look), _quiet():
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Warn of no missing letters, of which `nnrun.plot.text` tells, and measure a text once."""
    with warnings.catch_warnings(), laid_out_once():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing.*")
        yield


def svg(figure: Figure, outlines: bool = False) -> str:
    """Write a figure as SVG on white; the same picture gives the same text.

    Coordinates are cut to hundredths of a point: a page of many figures stays small.

    Args:
        figure: What is written.
        outlines: Whether letters are shapes, as a file needs that is read where the font is not;
            in a page they are text, which can be searched and follows its colours.
    """
    letters = {"svg.fonttype": "path" if outlines else "none"}
    text = _saved(figure, "svg", {"Date": None, "Creator": None}, letters).decode("utf-8")
    return shown(_TAG.sub(_shortened, text), lines=True)


def png(figure: Figure) -> bytes:
    """Write a figure as PNG on white, 200 dots an inch; the same picture gives the same bytes."""
    return _saved(figure, "png", {"Software": None})


def pdf(figure: Figure) -> bytes:
    """Write a figure as PDF with its fonts inside; the same picture gives the same bytes."""
    return _saved(figure, "pdf", {"CreationDate": None, "Creator": None, "Producer": None})


def write_files(figure: Figure, path: Path, with_pdf: bool = False) -> str:
    """Write a figure as SVG and PNG, each whole or not at all; return an SVG for a page."""
    with styled():
        _freeze(figure)
    text = svg(figure)
    contents = {"svg": svg(figure, outlines=True).encode(), "png": png(figure)}
    if with_pdf:
        contents["pdf"] = pdf(figure)
    for kind, content in contents.items():
        place = path.with_name(f"{path.name}.{kind}")
        write_atomically(place, lambda file, c=content: file.write(c), sync=False)  # type: ignore[misc]
    if not with_pdf:
        path.with_name(f"{path.name}.pdf").unlink(missing_ok=True)
    return text


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house style, whatever is set, and let it go again.

    No text is read as mathematics, and a label may hold letters that no font has: that is no
    reason to stop, and `nnrun.plot.text` says it once.
    """
    look: Any = {**_defaults(), **STYLE, **PLAIN}
    with rc_context(look), _quiet():
        yield


def _defaults() -> dict[str, Any]:
    """Find what a reader's own style has changed: a report looks the same everywhere."""
    now, default = dict(dict.items(rcParams)), dict(dict.items(rcParamsDefault))
    drawn = [key for key in default if key.startswith(_DRAWN) and key not in _UNDRAWN]
    return {key: default[key] for key in drawn if now[key] != default[key]}


def _saved(
    figure: Figure, kind: str, metadata: Mapping[str, Any], letters: Mapping[str, Any] | None = None
) -> bytes:
    buffer = io.BytesIO()
    how: dict[str, Any] = {"facecolor": "white", "metadata": dict(metadata)}
    if kind == "png":  # a third larger than at its smallest, in a third of the time
        how["pil_kwargs"] = {"compress_level": 3}
    with styled():
        if figure.get_layout_engine() is not None:
            figure.dpi = DOTS if kind == "png" else POINTS  # at which it would be laid out
            _freeze(figure)
        with rc_context(letters):  # type: ignore[arg-type]
            figure.savefig(buffer, format=kind, dpi=DOTS, **how)
    return buffer.getvalue()


def _shortened(tag: re.Match[str]) -> str:
    """Cut the coordinates in a tag; text between tags, and all other attributes, stay."""
    return _PLACES.sub(lambda found: _LONG.sub(_cut, found[0]), tag[0])


def _cut(number: re.Match[str]) -> str:
    """Keep two decimals of a coordinate, and all of a scale."""
    return number[1] or number[2]


def _lay_out(figure: Figure) -> None:
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        engine.execute(figure)


def _freeze(figure: Figure) -> None:
    """Lay a figure out once, and not again for each file.

    An engine that does nothing would have it drawn twice for each file, the first time in vain.
    """
    if figure.get_layout_engine() is None:
        return
    find_letters(figure)  # those of ticks, too, which a first layout has made
    _lay_out(figure)
    with rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
        figure.set_layout_engine(None)


def _fit(figure: Figure, ax: Axes, rows: int, height: float | None) -> None:
    """Give a figure the height that leaves its plots, one below the other, theirs.

    Without one the figure keeps its own, unless that leaves a plot hardly any.
    """
    own, tall = figure.get_figheight(), rows * (height or PLOT_HEIGHT)
    figure.set_figheight(tall + _AROUND)
    find_letters(figure)
    _lay_out(figure)
    for _ in range(3):  # what is broken takes another place, and other room
        if not fit_words(figure):
            break
        lift_legend(ax)
        _lay_out(figure)
    around = figure.get_figheight() * (1 - rows * ax.get_position().height)
    if height is None:
        tall = max(own - around, points(LEAST_HEIGHT))
    figure.set_figheight(tall + around)


def _columns(panels: int) -> int:
    """How many panels stand in a row: as even as can be, three at most."""
    return {1: 1, 2: 2, 4: 2}.get(panels, 3)


def _share_words(figure: Figure, axes: list[Axes], titles: Sequence[str], columns: int) -> None:
    heading = axes[0].get_title(loc="left")
    if heading:
        at: dict[str, Any] = {"x": 0.01, "ha": "left", "parse_math": False}
        figure.suptitle(heading, fontsize=rcParams["axes.titlesize"], color=muted(), **at)
    for place, (ax, name) in enumerate(zip(axes, titles, strict=True)):
        ax.set_title(name, loc="left", color=ink(), parse_math=False)
        if place % columns:
            ax.tick_params(labelleft=False)
            ax.set_ylabel("")
        # said once, at the lower left: it may run on below the next panel
        if columns > 1 and place == columns * ((len(axes) - 1) // columns):
            ax.set_xlabel(ax.get_xlabel(), loc="left", parse_math=False)
        elif columns > 1 or place + 1 < len(axes):
            # one that is said beside it, which what stands below keeps clear of
            beside = place // columns == (len(axes) - 1) // columns
            ax.set_xlabel(" " if beside and ax.texts else "")
