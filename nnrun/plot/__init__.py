"""Figures of a sweep: axis in, axis out; no statistic is computed here.

For notebooks, each takes what ``nnrun.load`` returns and gives back a matplotlib axis: the one that
it was given, or that of a new figure. Fonts, sizes and ground are those of matplotlib's rcParams:

    >>> import nnrun
    >>> results = nnrun.load("outputs/sweeps/DATE_TIME")  # doctest: +SKIP
    >>> ax = nnrun.plot.time_to_target(results)  # doctest: +SKIP

- ``api``: these functions; ``bound``: the same as ``results.plot``, and what notebooks show.
- ``figures``: what they draw, a file each: time_to_target, learning_curves, contrasts, heatmap,
  looks, coordinates, sensitivity, effects, target_times.
- ``style``: the palette, the style sheet, a colour and a dash pattern for each setting.
- ``axes``: scales, ticks and words on an axis.
- ``colours``: ink for a light or a dark ground; scales of colour for values, and their key.
- ``text``: names in lines that fit, or cut so that they differ; letters that the font lacks.
- ``fit``: words broken where their room ends, an axis made smaller for what stands around it.
- ``layout``: which settings are drawn together, in one panel or in small multiples, and how their
  lines are named, beside their ends or in a legend.
- ``canvas``: from a drawing function to a figure of one or more panels, SVG, PNG and PDF.
- ``gallery``: every generated data set in one figure.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnrun.plot.api import (
        contrasts,
        coordinates,
        effects,
        heatmap,
        learning_curves,
        looks,
        profile,
        sensitivity,
        time_to_target,
    )

__all__ = [
    "contrasts",
    "coordinates",
    "effects",
    "heatmap",
    "learning_curves",
    "looks",
    "profile",
    "sensitivity",
    "time_to_target",
]


def __getattr__(name: str) -> Any:
    """Import a figure when it is first asked for: styles alone need no drawing library."""
    if name in __all__:
        return getattr(import_module("nnrun.plot.api"), name)
    raise AttributeError(f"module 'nnrun.plot' has no attribute '{name}'")


def __dir__() -> list[str]:
    """List the figures, for those who ask by the Tab key."""
    return __all__
