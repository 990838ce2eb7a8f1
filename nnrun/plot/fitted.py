"""Words of a figure that would be cut off at its edge, or run into the next panel, broken."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from nnrun.plot.names import cells, wrapped

LEAST = 8
"""Letters in a line, however narrow its place is."""


def fit_words(figure: Figure) -> bool:
    """Break titles and names of axes into lines that end where there is room for them.

    A layout makes room for ticks and for what is written beside an axis, not for the length of its
    title and of its scales' names.

    Args:
        figure: Laid out.

    Returns:
        Whether one was broken, so that it must be laid out again.
    """
    changed = False
    for text, low, high, upright in _placed(figure):
        box = text.get_window_extent()
        start, end = (box.y0, box.y1) if upright else (box.x0, box.x1)
        if start >= low - 1 and end <= high + 1:
            continue
        room = high - start
        if text.get_horizontalalignment() == "center":
            middle = (start + end) / 2
            room = 2 * min(middle - low, high - middle)
        lines = text.get_text().split("\n")
        letters = int(max(map(cells, lines)) * room / (end - start))
        text.set_text("\n".join(wrapped(line, max(letters, LEAST)) for line in lines))
        changed = True
    return changed


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
        for text in _titles(ax):
            yield text, 0.0, _next_panel(figure, ax, wide), False


def _titles(ax: Axes) -> list[Text]:
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
