"""Heatmaps of two factors: a cell a setting, and what has no setting is not drawn as zero."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnrun.errors import InputError, Issue
from nnrun.plot.axes import height, names_axis, numbers_in, points, title, width, write
from nnrun.plot.colours import colour_key, ink, ink_on, muted, scale_of, tone
from nnrun.plot.style import VAGUE
from nnrun.plot.text import cells as cells_of
from nnrun.plot.text import in_lines, one_line, told_apart
from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import factors, levels, names
from nnrun.statistics.survival import one_target
from nnrun.text import OWN, compact, number, share

TITLES: Mapping[str, str] = {
    "success_rate": "Share of seeds that reached the target",
    "rmst": "Restricted mean {} to target",
    "speedup": "Speed-up: × as soon as the baseline, by restricted mean",
}
VALUES = tuple(TITLES)
_WRITTEN: Mapping[str, Callable[[float], str]] = {
    "success_rate": share,
    "rmst": lambda value: compact(float(f"{value:.2g}")),
    "speedup": lambda value: number(value, 2),
}
LEAST_FILLED = 0.5
"""Share of the combinations of levels that a sweep must hold to be drawn as a grid of them."""

MOST_ROWS = 60
"""Rows up to which each has room for its name; a factor of more levels makes the columns."""

_LEVEL, _LINES = 22, 3  # letters of a level in a line, and lines of it beside a row
_LINE = 0.14  # inches from one line of a level to the next
_LETTER = 5.0  # points that a letter takes


class Grid(NamedTuple):
    """The values of a sweep's settings over two factors, for each level of a third.

    Attributes:
        value: "success_rate", "rmst" or "speedup".
        x: Name of the factor of the columns.
        y: Name of the factor of the rows.
        panels: By title (empty without a third factor) a table, a row and a column a level: NaN
            where there is no trained setting, inf where neither this setting nor the baseline
            ever reached the target, so that they can't be compared.
        unit: What times are counted in.
    """

    value: str
    x: str
    y: str
    panels: Mapping[str, pd.DataFrame]
    unit: str = OWN.unit

    @property
    def title(self) -> str:
        """What the cells show."""
        return TITLES[self.value].format(one_line(self.unit))

    @property
    def scale(self) -> tuple[Normalize, Colormap]:
        """One scale of colours for all panels."""
        return scale_of(self.value, np.concatenate([t.to_numpy() for t in self.panels.values()]))

    @property
    def height(self) -> float:
        """How high the plot of a panel should be, in inches."""
        names = _beside(next(iter(self.panels.values())))
        lines = max(name.count("\n") + 1 for name in names)
        return points(max(0.3, _LINE * lines + 0.06) * min(len(names), MOST_ROWS) + 0.1)


def grid(summary: pd.DataFrame, sweep: Sweep, value: str) -> Grid:
    """Lay a sweep's settings out over its two factors, the third making panels.

    Raises:
        InputError: If the value is unknown, if there are not two or three factors, if two
            settings would share a cell, or if most cells would be empty, as of a random search.
    """
    if value not in VALUES:
        raise InputError(Issue("value", value, "is not drawn", f"known: {', '.join(VALUES)}"))
    said, several = names(sweep), factors(sweep)
    if len(several) not in (2, 3):
        rule = f"a heatmap needs two or three factors, {len(several)} vary"
        raise InputError(Issue("heatmap", None, rule, "a forest plot of the contrasts may serve"))
    x, y, third = _axes(several)
    table = levels(sweep)
    if table.duplicated().any():
        rule = "two settings have the same level of every factor"
        raise InputError(Issue("heatmap", None, rule, "a tuned key is no factor"))
    if len(table) < LEAST_FILLED * prod(map(len, several.values())):
        rule = "most combinations of levels have no setting"
        raise InputError(Issue("heatmap", None, rule, "parallel coordinates may serve"))
    table["value"] = _values(summary, sweep, value).reindex(table.index)
    rows, columns = _sorted(several[y])[::-1], _sorted(several[x])
    parts = {"": table}
    if third:
        parts = {f"{said[third]}={t}": table[table[third] == t] for t in _sorted(several[third])}
    cells = pd.MultiIndex.from_product([rows, columns])
    shape = (len(rows), len(columns))
    panels = {
        name: pd.DataFrame(
            part.set_index([y, x])["value"].reindex(cells).to_numpy().reshape(shape), rows, columns
        )
        for name, part in parts.items()
    }
    return Grid(value, said[x], said[y], panels, sweep.words.unit)


def heatmap(ax: Axes, cells: Grid, panel: str = "", key: bool = True) -> Axes:
    """Draw a cell for each setting; hatched where none was trained, grey where none compares."""
    norm, colours = cells.scale
    table = cells.panels[panel]
    values = table.to_numpy(np.float64)
    _fill(ax, np.isfinite(values), facecolors=colours(norm(values[np.isfinite(values)])))
    _fill(ax, np.isnan(values), facecolors="none", edgecolors=muted(), hatch="////")
    _fill(ax, np.isinf(values), facecolors=tone(VAGUE), alpha=0.45)
    ax.set_xlim(-0.5, table.shape[1] - 0.5)
    ax.set_ylim(table.shape[0] - 0.5, -0.5)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    _level_names(ax, table)
    ax.set_xlabel(one_line(cells.x) + _notes(cells), parse_math=False)
    ax.set_ylabel(one_line(cells.y), parse_math=False)
    title(ax, cells.title)
    if key:
        colour_key(ax, norm, colours, cells.value)
    _numbers(ax, table, cells)
    return ax


def panels_key(figure: Figure, axes: Sequence[Axes], cells: Grid) -> None:
    """Put one scale of colours beside all panels of a figure."""
    norm, colours = cells.scale
    colour_key(axes, norm, colours, cells.value)


def _axes(several: Mapping[str, Sequence[str]]) -> tuple[str, str, str | None]:
    """Choose the factors of the columns, the rows and the panels: fewest levels to the panels."""
    keys = sorted(several, key=lambda key: len(several[key]))
    third = keys.pop(0) if len(keys) == 3 else None
    # numbers read best from left to right, and long names beside rows
    keys.sort(key=lambda key: (_numeric(several[key]), -max(map(len, several[key]))))
    if len(several[keys[0]]) > MOST_ROWS:
        keys.sort(key=lambda key: len(several[key]))
    return keys[1], keys[0], third


def _numeric(texts: Sequence[str]) -> bool:
    return numbers_in(texts) is not None


def _sorted(texts: Sequence[str]) -> list[str]:
    """Numbers in their order, other levels as they came."""
    return sorted(texts, key=float) if _numeric(texts) else list(texts)


def _values(summary: pd.DataFrame, sweep: Sweep, value: str) -> "pd.Series[float]":
    """Find each setting's value; NaN where it was not trained, inf where it can't be compared."""
    table = summary.set_index("setting")
    if value != "speedup":
        return table[value].astype(np.float64)
    first = sweep.settings[0].id
    if not one_target(sweep):
        raise InputError(Issue("heatmap", None, "the settings have different targets", ""))
    if first not in table.index or not table["seeds"][first]:
        raise InputError(Issue("heatmap", None, "the baseline was not trained", ""))
    ratio = table["rmst"][first] / table["rmst"].astype(np.float64)
    if table["reached"][first]:
        return ratio
    return ratio.mask((table["reached"] == 0) & (table["seeds"] > 0), np.inf)


def _fill(ax: Axes, cells: NDArray[np.bool_], **look: Any) -> None:
    """Fill cells of an axis, row by row, all at once: there may be thousands."""
    row, column = np.nonzero(cells)
    corners = np.array([(-0.48, -0.47), (0.48, -0.47), (0.48, 0.47), (-0.48, 0.47)])
    outlines = np.column_stack([column, row])[:, None] + corners
    # within the axis: a layout need not measure it
    ax.add_collection(PolyCollection(list(outlines), linewidths=0, **look)).set_in_layout(False)


def _numbers(ax: Axes, table: pd.DataFrame, cells: Grid) -> None:
    """Write the values into the cells, where the widest of them fits."""
    norm, colours = cells.scale
    values = table.to_numpy(np.float64)
    texts = {
        (c, r): "–" if np.isinf(value) else _WRITTEN[cells.value](value)
        for (r, c), value in np.ndenumerate(values)
        if not np.isnan(value)
    }
    room = 72 * 0.92 * width(ax) / table.shape[1]
    longest = max(map(len, texts.values()), default=0)
    if longest * points(_LETTER) > room or 72 * height(ax) / table.shape[0] < points(10):
        return
    for (c, r), text in texts.items():
        finite = np.isfinite(values[r, c])
        colour = ink_on(colours(norm(values[r, c]))) if finite else ink()
        write(ax, text, (c, r), ha="center", color=colour).set_in_layout(False)


def _level_names(ax: Axes, table: pd.DataFrame) -> None:
    """Name rows and columns; long names of columns stand aslant, of very many every few."""
    columns = told_apart([str(text) for text in table.columns], _LEVEL)
    room = 72 * width(ax) / len(columns)
    step = max(1, ceil(points(10) / (int(room) or room)))
    names_axis(ax.xaxis, columns, every=step)
    if max(map(cells_of, columns)) * points(_LETTER) > room * step:
        for text in ax.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    most = min(MOST_ROWS, max(1, int(72 * height(ax) / points(10))))
    names_axis(ax.yaxis, _beside(table), every=ceil(len(table) / most))


def _beside(table: pd.DataFrame) -> list[str]:
    """Write the levels of the rows in a few lines each."""
    return in_lines([str(text) for text in table.index], _LEVEL, _LINES)


def _notes(cells: Grid) -> str:
    """Say below the axis what cells without a number mean."""
    values = np.concatenate([t.to_numpy(np.float64).ravel() for t in cells.panels.values()])
    notes = ["hatched: nothing trained"] if np.isnan(values).any() else []
    notes += ["–: neither this nor the baseline ever arrived"] if np.isinf(values).any() else []
    return "\n" + "; ".join(notes) if notes else ""
