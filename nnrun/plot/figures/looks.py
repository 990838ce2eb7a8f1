"""Looks: the ratio with its interval against the number of seeds, and where a decision fell."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from nnrun.plot.axes import (
    letters_wide,
    log_ticks,
    ratio_limits,
    ratio_ticks,
    ticks,
    title,
    write,
)
from nnrun.plot.colours import ink, muted
from nnrun.plot.figures.contrasts import marker_of, same_band
from nnrun.plot.style import BAND_ALPHA
from nnrun.plot.text import one_line
from nnrun.text import compact, percentage, seeds

FEW = 8  # looks up to which each has a bar of its own
LONG = 24  # letters of a name from which on "the baseline" is said instead
WORDS = {
    "arrives": "it alone converges",
    "fails": "it does not converge",
    "same": "the same",
    "depends": "it depends",
    "unsure": "no difference shown",
}
"""Decisions, as they are said beside their marker, where that is another word."""


def looks(ax: Axes, table: pd.DataFrame, arm: str, panel: bool = False) -> Axes:
    """Draw how the ratio of one arm and its interval closed in as seeds were added.

    A marker, as of the forest plot, stands where a decision fell.

    Args:
        ax: Axis to draw on.
        table: As of `nnrun.statistics.looks.history`: all that have room between the limits.
        arm: The one that is drawn.
        panel: Whether it is named above the axis, and the scales' names are said once for several.
    """
    mine = table[table["arm"] == arm]
    x, ratio, low, high = (
        mine[name].to_numpy(np.float64) for name in ("seeds", "ratio", "ratio_low", "ratio_high")
    )
    _seeds_axis(ax, np.unique(table["seeds"]))
    _ratio_axis(ax, table)
    style: dict[str, Any] = {"color": ink()}
    few = table["seeds"].nunique() <= FEW
    if not few:
        ax.fill_between(x, low, high, alpha=BAND_ALPHA, linewidth=0, **style)
        for bound in (low, high):
            ax.plot(x, bound, linewidth=0.7, **style)
    else:
        ax.vlines(x, low, high, linewidth=1.6, **style)
    ax.plot(x, ratio, linewidth=1.3, marker="o" if few else "", markersize=3, **style)
    for place in np.flatnonzero(mine["fell"]):
        look = marker_of(str(mine["verdict"].iloc[place]))
        at = x[place : place + 1], ratio[place : place + 1]
        ax.plot(*at, markersize=6.5, linestyle="none", zorder=3, **look)
    bottom, top = ax.get_ylim()
    most = 1 + float(table["margin"].iloc[0])
    above = top / max(high[-1], most) >= min(low[-1], 1 / most) / bottom  # has more room
    said: dict[str, Any] = {"ha": "right", "va": "top" if above else "bottom", "color": ink()}
    write(ax, _told(mine), (0.99, 0.97 if above else 0.03), xycoords="axes fraction", **said)
    whose = "" if panel else f" of {one_line(arm)}"
    title(ax, f"Restricted mean time{whose}, × that of {_against(table)} (below 1: sooner)")
    ax.set_xlabel(f"{ax.get_xlabel()} · shaded: the same within {percentage(most - 1)}")
    return ax


def _against(table: pd.DataFrame) -> str:
    """Name what the arms are compared with."""
    several = list(dict.fromkeys(table["name_b"]))
    alone = len(several) == 1 and len(several[0]) <= LONG
    return one_line(str(several[0])) if alone else "the baseline"


def _seeds_axis(ax: Axes, several: np.ndarray) -> None:
    """Make the x axis the number of seeds, logarithmic where that grew tenfold."""
    first, last = float(several[0]), float(several[-1])
    grew = last >= 10 * first
    room = 1.06 ** (1 + np.log10(last / first)) if grew else 0.04 * (last - first)
    if grew:
        ax.set_xscale("log")
    ends = (first / room, last * room) if grew else (first - room, last + room)
    ax.set_xlim(*ends)
    most = 6 if letters_wide(ax) > 2.4 else 4
    if len(several) <= most:
        places = [float(n) for n in several]
    elif grew:
        places = log_ticks(first, last, most)
    else:
        found = ax.xaxis.get_major_locator().tick_values(first, last)
        places = [float(n) for n in found if first <= n <= last and n == round(n)]
        places = places[:: -(-len(places) // most)]
    ticks(ax.xaxis, places, compact)
    ax.set_xlabel(f"seeds{' (log scale)' if grew else ''}")


def _ratio_axis(ax: Axes, table: pd.DataFrame) -> None:
    """Make the y axis the ratio, with the line of no difference and what counts as the same."""
    margin = float(table["margin"].iloc[0])
    bounds = table[["ratio_low", "ratio_high"]]
    low, high = ratio_limits(table["ratio"], bounds, least=1.4 * (1 + margin), most=1.8)
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ratio_ticks(ax.yaxis, low, high, 6)
    ax.axhline(1, color=muted(), linewidth=0.9, linestyle=(0, (2, 2)), zorder=0.5)
    ax.axhspan(1 / (1 + margin), 1 + margin, zorder=0, **same_band())


def _told(mine: pd.DataFrame) -> str:
    """Say what was decided of an arm, and after how many seeds."""
    fell = mine[mine["fell"]]
    if fell.empty:
        return f"not decided\nafter {seeds(mine['seeds'].iloc[-1])}"
    kind = str(fell["verdict"].iloc[-1])
    told = f"{WORDS.get(kind, kind)}\nafter {seeds(fell['seeds'].iloc[-1])}"
    return f"{told},\nno longer so" if mine["verdict"].iloc[-1] != kind else told
