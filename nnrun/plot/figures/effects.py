"""Effects: how much of the spread of times each factor accounts for."""

import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from nnrun.plot.axes import letters_wide, names_axis, points, ticks, title, write
from nnrun.plot.colours import tone
from nnrun.plot.style import SOONER, VAGUE
from nnrun.plot.text import one_line, wrapped
from nnrun.text import share

_UNDECIDED = ("seed", "rest")
_NAME = 26  # characters of a term in a line


def effects_height(table: pd.DataFrame) -> float:
    """Say how high the plot of `effects` must be, in inches."""
    lines = max((name.count("\n") + 1 for name in _names(table)), default=1)
    return points(max(0.3, 0.15 * lines + 0.06) * len(table) + 0.2)


def effects(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw a bar a term, as long as its share of the variance; seed and rest in grey."""
    shares = table["share"].tolist()
    colours = [tone(VAGUE if term in _UNDECIDED else SOONER) for term in table["term"]]
    ax.barh(range(len(shares)), shares, height=0.62, color=colours, linewidth=0)
    for place, value in enumerate(shares):
        written = "< 1%" if 0 < value < 0.005 else share(value)
        write(ax, written, (value, place), offset=(points(5), 0))
    ax.set_ylim(len(shares) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ticks(ax.xaxis, [0, 0.25, 0.5, 0.75, 1] if letters_wide(ax) > 2.6 else [0, 0.5, 1], share)
    names_axis(ax.yaxis, _names(table), 9.0)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=bool(rcParams["axes.grid"]), axis="x")
    ax.set_xlabel("share of the total sum of squares")
    title(ax, "What the variance of the log time to target goes with")
    return ax


def _names(table: pd.DataFrame) -> list[str]:
    """Write the terms in lines."""
    return [wrapped(one_line(str(term)), _NAME) for term in table["term"]]
