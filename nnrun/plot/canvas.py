"""From a function that draws on an axis to a figure of the right height, and to SVG and PNG."""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnrun.plot.styles import STYLE

PLOT_HEIGHT = 3.0  # inches between the axis and the top of the plot


def paint(draw: Callable[[Axes], Axes], width: float) -> Figure:
    """Make a figure around a plot of the standard height.

    Args:
        draw: Draws on the axis that it is given.
        width: Inches.

    Returns:
        A figure as high as its legend and its rows below the axis need.
    """
    with rc_context(STYLE), _any_letters():
        figure = Figure(figsize=(width, PLOT_HEIGHT + 5), layout="constrained")
        ax = draw(figure.add_subplot())
        figure.draw_without_rendering()
        around = figure.get_figheight() * (1 - ax.get_position().height)
        figure.set_figheight(PLOT_HEIGHT + around)
    return figure


def svg(figure: Figure) -> str:
    """Write a figure as SVG on white, text kept as text; the same picture gives the same text."""
    return _saved(figure, "svg", {"Date": None, "Creator": None}).decode("utf-8")


def png(figure: Figure) -> bytes:
    """Write a figure as PNG on white; the same picture gives the same bytes."""
    return _saved(figure, "png", {"Software": None})


def _saved(figure: Figure, kind: str, metadata: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with rc_context(STYLE), _any_letters():
        figure.savefig(buffer, format=kind, dpi=160, facecolor="white", metadata=dict(metadata))
    return buffer.getvalue()


@contextmanager
def _any_letters() -> Iterator[None]:
    """Let a label hold letters that the figure's font lacks: no reason to stop or to warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing.*")
        yield
