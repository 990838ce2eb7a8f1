"""Figures of a sweep: axis in, axis out; no statistic is computed here.

For notebooks, each takes what ``nnrun.load`` returns and gives back a matplotlib axis:

    >>> import nnrun
    >>> results = nnrun.load("outputs/sweeps/DATE_TIME")  # doctest: +SKIP
    >>> ax = nnrun.plot.time_to_target(results)  # doctest: +SKIP

- ``api``: these functions.
- ``asked``: what they were asked for.
- ``styles``: the palette, the style sheet, a colour and a dash pattern for each setting.
- ``axes``: scales, ticks and words on an axis.
- ``names``: names in lines that fit, or cut so that they differ; ``fitted``: titles that end where
  their figure does; ``fonts``: letters that the house's font lacks.
- ``labels``: names of lines, beside their ends or in a legend.
- ``colours``: scales of colour for values, and their key.
- ``facets``: which settings are drawn together, in one panel or in small multiples.
- ``curves``: learning curves.
- ``arrival``: time to target, runtime profile.
- ``forest``: contrasts.
- ``grids``: heatmaps of two factors.
- ``trends``: sensitivity to target, budget and number of seeds.
- ``bars``: effects.
- ``parallel``: parallel coordinates.
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
