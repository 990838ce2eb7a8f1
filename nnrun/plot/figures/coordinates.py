"""Parallel coordinates: a line a setting over the factors, coloured by its restricted mean."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from nnrun.errors import InputError, Issue
from nnrun.plot.axes import height, log_ticks, numbers_in, points, ticks, title, width, write
from nnrun.plot.colours import (
    LESS_IS_DARK_LINES,
    ground,
    muted,
    rounded,
    samples_scale,
    samples_ticks,
    tone,
)
from nnrun.plot.style import VAGUE
from nnrun.plot.text import cells, in_lines, one_line, wrapped
from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import factors, levels, names

Floats = NDArray[np.float64]

MOST_NAMED = 40  # names on an axis up to which each is written
HIGHEST = 0.16 * MOST_NAMED  # inches of the plot, at most
MOST_NUMBERS = 14  # numbers on an axis up to which each is written

SPREAD = 8.0
"""Ratio of the largest to the least number of a key from which on its axis is logarithmic."""

_JITTER = 0.012  # of an axis: lines that share a level part a little
_LINES, _LINE = 4, 11.0  # of a mark: most lines, and points from one to the next
_WORD = 10  # letters of a name below an axis in a line, at least
_NAME = 18  # letters of a mark in a line, about


class Coordinate(NamedTuple):
    """One of the upright axes.

    Attributes:
        name: What stands above it.
        places: Of each setting, between 0 and 1, shape (setting,).
        marks: Texts and where they stand.
        numeric: Whether places are numbers' rather than names'.
    """

    name: str
    places: Floats
    marks: Sequence[tuple[str, float]]
    numeric: bool


def coordinates(ax: Axes, summary: pd.DataFrame, sweep: Sweep) -> Axes:
    """Draw a line for each setting through its level of each factor to its restricted mean.

    Settings of which no seed ever reached the target are grey and dashed: their restricted mean
    is the budget, whatever they did.

    Raises:
        InputError: If fewer than two factors vary, or nothing was trained.
    """
    said, table = names(sweep), summary[summary["seeds"] > 0].set_index("setting")
    if len(said) < 2 or table.empty:
        rule = f"parallel coordinates need two factors and a trained setting, {len(said)} vary"
        raise InputError(Issue("coordinates", None, rule, "a forest plot may serve"))
    has, all_levels = levels(sweep).reindex(table.index), factors(sweep)
    upright = [coordinate(said[key], list(has[key]), all_levels[key]) for key in said]
    rmst = table["rmst"].to_numpy(np.float64)
    unit = one_line(sweep.words.unit)
    upright.append(_samples_coordinate(rmst, unit))
    arrived = table["reached"].to_numpy() > 0
    _lines(ax, upright, rmst, arrived)
    _uprights(ax, upright)
    title(ax, f"Coloured by restricted mean {unit} to target")
    return ax


def coordinates_height(sweep: Sweep) -> float:
    """Say how high the plot of `coordinates` must be, in inches, for the names on its axes."""
    named = [several for several in factors(sweep).values() if numbers_in(several) is None]
    lines = [
        min(len(texts), MOST_NAMED) * min(-(-max(map(cells, texts)) // _NAME), 3) for texts in named
    ]
    return max(3.0, points(min(0.16 * max(lines, default=0), HIGHEST)))


def coordinate(name: str, has: Sequence[str], several: Sequence[str]) -> Coordinate:
    """Place settings along an axis: numbers on a scale that fits them, names evenly."""
    numbers = numbers_in(several)
    if numbers is None:
        steps = {t: (i + 0.5) / len(several) for i, t in enumerate(several)}
        marks = [(t, steps[t]) for t in several[:: -(-len(several) // MOST_NAMED)]]
        return Coordinate(name, np.array([steps[t] for t in has]), marks, False)
    low, high = min(numbers), max(numbers)
    log = low > 0 and high / low > SPREAD
    place = _scale(low, high, log)
    if len(several) <= MOST_NUMBERS:
        order = sorted(zip(numbers, several, strict=True))
        marks = _apart([(text, place(value)) for value, text in order])
    else:
        found = log_ticks(low, high, 6) if log else list(np.linspace(low, high, 5))
        marks = [(f"{value:.3g}", place(value)) for value in found]
    return Coordinate(name, np.array([place(float(t)) for t in has]), marks, True)


def _samples_coordinate(rmst: Floats, unit: str) -> Coordinate:
    """The last axis: fewer samples, the sooner ones, at the top."""
    norm = samples_scale(rmst)
    low, high = float(norm.vmin or 1), float(norm.vmax or 1)
    place = _scale(low, high, True)
    marks = [(rounded(value), 1 - place(value)) for value in samples_ticks(low, high, 6)]
    places = np.array([1 - place(value) for value in rmst])
    return Coordinate(f"restricted mean, {unit}", places, marks, True)


def _scale(low: float, high: float, log: bool) -> Callable[[float], float]:
    """From a value to its place between 0 and 1."""
    if log:
        return lambda value: float(np.log(value / low) / np.log(high / low))
    return lambda value: float((value - low) / (high - low))


def _apart(marks: Sequence[tuple[str, float]], least: float = 0.055) -> list[tuple[str, float]]:
    """Leave out marks that would overlap the one below."""
    kept: list[tuple[str, float]] = []
    for mark in marks:
        if not kept or mark[1] - kept[-1][1] >= least:
            kept.append(mark)
    return kept


def _lines(
    ax: Axes, upright: Sequence[Coordinate], rmst: Floats, arrived: NDArray[np.bool_]
) -> None:
    """Draw the settings, the soonest on top."""
    n, last = len(rmst), len(upright) - 1
    # not random: the same table gives the same picture
    shift = _JITTER * (np.arange(n) / max(n - 1, 1) - 0.5) * min(n - 1, 8) / 4
    y = np.column_stack(
        [axis.places + (0 if i == last else shift) for i, axis in enumerate(upright)]
    )
    paths = [np.column_stack([np.arange(last + 1), one]) for one in y]
    order = np.argsort(-rmst, kind="stable")
    wide = 1.5 if n <= 60 else 0.8
    norm = samples_scale(rmst[arrived])
    grey = [paths[i] for i in order if not arrived[i]]
    dashes: dict[str, Any] = {"linewidths": wide * 0.7, "linestyles": [(0, (3, 2))]}
    ax.add_collection(LineCollection(grey, colors=tone(VAGUE), alpha=0.7, **dashes))
    shown = [i for i in order if arrived[i]]
    colours = LESS_IS_DARK_LINES(norm(rmst[shown]))
    ax.add_collection(LineCollection([paths[i] for i in shown], colors=colours, linewidths=wide))
    if grey:
        ax.set_xlabel("grey, dashed: no seed reached the target within the budget")


def _uprights(ax: Axes, upright: Sequence[Coordinate]) -> None:
    """Draw the axes with their names below and their marks beside them."""
    last = len(upright) - 1
    ax.set_xlim(-0.35, last + 0.35)
    ax.set_ylim(-0.04, 1.04)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ticks(ax.yaxis, [], str)
    ax.tick_params(length=0)
    room = max(6, int(72 * width(ax) / (last + 1) / points(5)))
    said = [wrapped(one_line(one.name), max(room, _WORD)) for one in upright]
    ticks(ax.xaxis, range(last + 1), lambda i: said[int(i)])
    for text in ax.get_xticklabels():
        text.set_parse_math(False)
    high = 72 * height(ax) / 1.08
    under = {"facecolor": ground(), "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    for i, axis in enumerate(upright):
        ax.plot([i, i], [0, 1], color=muted(), linewidth=1.0, zorder=2.5)
        for mark, y in zip(_texts(axis, room, high), (y for _, y in axis.marks), strict=True):
            side: dict[str, Any] = {"ha": "left", "offset": (4, 0)}
            if i == 0:
                side = {"ha": "right", "offset": (-4, 0)}
            write(ax, mark, (i, y), zorder=4, bbox=under, **side)


def _texts(axis: Coordinate, room: int, high: float) -> list[str]:
    """Write the marks of an axis in as many lines as stand between one and the next."""
    places = sorted(y for _, y in axis.marks)
    apart = min((above - below for below, above in pairwise(places)), default=1.0)
    lines = max(1, min(_LINES, int(apart * high / points(_LINE))))
    return in_lines([text for text, _ in axis.marks], room, lines)
