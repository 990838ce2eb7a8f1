"""Room: words broken into lines that fit, an axis made smaller for what stands around it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox, offset_copy

from nnrun.plot.text import cells, wrapped

LEAST = 8  # letters in a line, however narrow its place is
SMALLEST = 0.2  # of an axis that is made smaller
_MARGIN = 2.0  # points between what belongs to an axis and the end of its room


def cell(ax: Axes) -> Bbox:
    """Find the room of an axis, in pixels: half-way to the next ones, or to the figure's end."""
    figure, mine = cast(Any, ax.get_figure(root=False)), _place(ax)
    x0, y0, x1, y1 = figure.bbox.extents
    for other in figure.axes:
        box = _place(other)
        if other is ax or not other.get_visible():
            continue
        if box.y0 < mine.y1 and box.y1 > mine.y0:
            x0 = max(x0, (box.x1 + mine.x0) / 2) if box.x1 <= mine.x0 else x0
            x1 = min(x1, (box.x0 + mine.x1) / 2) if box.x0 >= mine.x1 else x1
        if box.x0 < mine.x1 and box.x1 > mine.x0:
            y0 = max(y0, (box.y1 + mine.y0) / 2) if box.y1 <= mine.y0 else y0
            y1 = min(y1, (box.y0 + mine.y1) / 2) if box.y0 >= mine.y1 else y1
    return Bbox.from_extents(x0, y0, x1, y1)


def _place(ax: Axes) -> Bbox:
    """Return where an axis stands, in pixels: of one that was made smaller, where it did."""
    spec, figure = ax.get_subplotspec(), cast(Any, ax.get_figure(root=False))
    if spec is None or figure.get_layout_engine() is not None:
        return ax.bbox
    return spec.get_position(figure).transformed(figure.transSubfigure)


def inches(ax: Axes) -> tuple[float, float]:
    """Measure the room of an axis, see `cell`: width and height in inches."""
    room, dots = cell(ax), cast(Figure, ax.get_figure(root=True)).dpi
    return room.width / dots, room.height / dots


def keep_inside(ax: Axes) -> None:
    """Make an axis smaller until its words, legend and key are within its room."""
    figure, room = cast(Figure, ax.get_figure(root=True)), cell(ax)
    room = room.padded(-_MARGIN * figure.dpi / 72)
    least = SMALLEST * ax.bbox.width, SMALLEST * ax.bbox.height
    for _ in range(4):
        fit_words(figure, ax, room)
        lift_legend(ax)
        box, mine = cast(Bbox, ax.get_tightbbox()), ax.bbox
        low = mine.x0 + max(0.0, room.x0 - box.x0), mine.y0 + max(0.0, room.y0 - box.y0)
        high = mine.x1 - max(0.0, box.x1 - room.x1), mine.y1 - max(0.0, box.y1 - room.y1)
        if (*low, *high) == tuple(mine.extents):
            return
        ends = (max(a + size, b) for a, size, b in zip(low, least, high, strict=True))
        whole = cast(Any, ax.get_figure(root=False)).transSubfigure.inverted()
        ax.set_position(Bbox.from_extents(*low, *ends).transformed(whole))
        ax.set_in_layout(True)  # a layout of the reader's own shall still see it


def fit_words(figure: Figure, only: Axes | None = None, room: Bbox | None = None) -> bool:
    """Break titles and names of axes into lines that end where there is room for them.

    A layout makes room for ticks and for what is written beside an axis, not for the length of its
    title and of its scales' names.

    Args:
        figure: All of its words.
        only: Those of this axis alone.
        room: Of that axis, in pixels.

    Returns:
        Whether a text was changed.
    """
    changed = False
    for text, low, high, upright in _placed(figure) if only is None else _within(only, room):
        box = text.get_window_extent()
        start, end = (box.y0, box.y1) if upright else (box.x0, box.x1)
        if start >= low - 1 and end <= high + 1:
            continue
        wide = high - start
        if text.get_horizontalalignment() == "center":
            middle = (start + end) / 2
            wide = 2 * min(middle - low, high - middle)
        said = text.get_text()
        broken, whole = getattr(text, "broken", (said, said))
        lines = (whole if broken == said else said).split("\n")
        letters = int(max(map(cells, said.split("\n"))) * wide / (end - start))
        while letters >= LEAST:  # some are wider than others
            text.set_text("\n".join(wrapped(line, letters) for line in lines))
            if _across(text, upright) <= wide + 1:
                break
            letters -= 2
        text.broken = text.get_text(), "\n".join(lines)  # type: ignore[attr-defined]
        changed = True
    return changed


ABOVE = "above the title"  # what a legend is called that stands there
_GAP = 5.0  # points between both


def lift_legend(ax: Axes) -> None:
    """Put a legend of ours above the title, however many lines that has."""
    legend = ax.get_legend()
    if legend is None or legend.get_label() != ABOVE:
        return
    up = rcParams["axes.titlepad"] + _GAP
    for text in titles(ax)[:1]:
        up += 1.25 * cast(float, text.get_fontsize()) * (text.get_text().count("\n") + 1)
    over = offset_copy(cast(Any, ax).transAxes, cast(Figure, ax.figure), 0, up, "points")
    legend.set_bbox_to_anchor((0, 1), over)


def _across(text: Text, upright: bool) -> float:
    """Measure a text along its lines, in pixels."""
    box = text.get_window_extent()
    return float(box.height if upright else box.width)


def _within(ax: Axes, room: Bbox | None) -> Iterator[tuple[Text, float, float, bool]]:
    """Yield the title and the names of one axis with the pixels of its room."""
    x0, y0, x1, y1 = (cell(ax) if room is None else room).extents
    for text, upright in ((ax.xaxis.label, False), (ax.yaxis.label, True)):
        if text.get_text() and ax.axison:
            yield text, y0 if upright else x0, y1 if upright else x1, upright
    for text in titles(ax):
        yield text, x0, x1, False


def _placed(figure: Figure) -> Iterator[tuple[Text, float, float, bool]]:
    """Yield titles and names of axes with the pixels that they must stay between.

    The last value tells whether they are written upwards.
    """
    wide, high = figure.bbox.width, figure.bbox.height
    title = getattr(figure, "_suptitle", None)
    if title is not None and title.get_text():
        yield title, 0.0, wide, False
    for ax in figure.axes:
        if ax.axison:
            yield from ((text, 0.0, wide, False) for text in (ax.xaxis.label,) if text.get_text())
            yield from ((text, 0.0, high, True) for text in (ax.yaxis.label,) if text.get_text())
        for text in titles(ax):
            yield text, 0.0, _next_panel(figure, ax, wide), False


def titles(ax: Axes) -> list[Text]:
    """Return the titles of an axis: left, middle, right."""
    others = set(ax.texts)
    texts = [c for c in ax.get_children() if isinstance(c, Text) and c not in others]
    return [text for text in texts if text.get_text()]


def _next_panel(figure: Figure, ax: Axes, wide: float) -> float:
    """Find where the next panel to the right begins, or the figure ends, in pixels."""
    mine = ax.get_window_extent()
    rights = [
        other.get_window_extent().x0 - 6
        for other in figure.axes
        if other.get_subplotspec() is not None
        and other.get_window_extent().x0 > mine.x1
        and other.get_window_extent().y0 < mine.y1
        and other.get_window_extent().y1 > mine.y0
    ]
    return min(rights, default=wide)


@contextmanager
def laid_out_once() -> Iterator[None]:
    """Let a text be measured once, and not anew at each of matplotlib's ten looks at it."""
    lay_out: Callable[[Text, Any], Any] = Text._get_layout  # type: ignore[attr-defined]

    def known(text: Any, renderer: Any) -> Any:
        key = (
            *(type(renderer), text.get_figure(root=True).dpi, text.get_text(), text.get_rotation()),
            *(hash(text.get_fontproperties()), text.get_parse_math(), text.get_rotation_mode()),
            *(text.get_horizontalalignment(), text.get_verticalalignment()),
            *(text._multialignment, text._linespacing),
        )
        if text.get_wrap() or key not in _LAID_OUT:
            if len(_LAID_OUT) >= MOST_LAID_OUT:
                _LAID_OUT.clear()
            _LAID_OUT[key] = lay_out(text, renderer)
        return _LAID_OUT[key]

    Text._get_layout = known  # type: ignore[attr-defined]
    try:
        yield
    finally:
        Text._get_layout = lay_out  # type: ignore[attr-defined]


MOST_LAID_OUT = 4096
_LAID_OUT: dict[tuple[Any, ...], Any] = {}
