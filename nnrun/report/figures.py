"""Figures of a report: each takes an axis and tables, draws, and hands the axis back.

Nothing here computes a statistic, and nothing touches pyplot or its global state.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import Affine2D, ScaledTranslation, Transform, offset_copy

from nnrun.report import captions, statistics

INK, MUTED, GRID = "#1c2127", "#5b6571", "#dde2e7"
BAND_ALPHA = 0.14
DIRECT_CHARACTERS = 20  # longest line of a label that is written beside its curve
PLOT_HEIGHT = 3.0  # inches between the axis and the top of the plot
ROW = 13.0  # points from one row of counts at risk, or one line label, to the next

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3.5,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "nnrun",
}


@dataclass(frozen=True)
class LineStyle:
    """How a setting is drawn, in every figure.

    Attributes:
        color: Hex colour for light paper.
        dark: Hex colour for a dark screen.
        dashes: Lengths on and off in points; empty for a solid line.
    """

    color: str
    dark: str
    dashes: tuple[float, ...] = ()

    @property
    def matplotlib(self) -> dict[str, Any]:
        """The arguments that make a matplotlib line look so."""
        return {"color": self.color, "linestyle": (0, self.dashes) if self.dashes else "-"}


# After Okabe and Ito's palette for colour-blind readers; a neutral baseline, and no yellow, which
# paper does not carry. Dashes tell apart what grey print does not.
LINE_STYLES = (
    LineStyle("#4a5058", "#c3cad2"),
    LineStyle("#0072b2", "#4fb0ea"),
    LineStyle("#d55e00", "#ff8f45", (6.0, 1.8)),
    LineStyle("#00875f", "#2fc797", (1.4, 1.4)),
    LineStyle("#b0498a", "#e28cc1", (6.0, 1.6, 1.4, 1.6)),
    LineStyle("#c98500", "#f2b63c", (3.2, 1.4)),
    LineStyle("#3b9bd0", "#8fd0f5", (9.0, 2.4)),
    LineStyle("#7a5230", "#c9a27d", (3.2, 1.2, 1.2, 1.2, 1.2, 1.2)),
)


def styles(settings: Sequence[str]) -> dict[str, LineStyle]:
    """Give each shown setting its colour and dashes, the first being the baseline.

    Raises:
        ValueError: If there are more settings than a reader can tell apart.
    """
    if len(settings) > len(LINE_STYLES):
        raise ValueError(f"settings: {len(settings)} received, at most {len(LINE_STYLES)} fit")
    return dict(zip(settings, LINE_STYLES, strict=False))


def learning_curves(
    ax: Axes,
    bands: pd.DataFrame,
    metric: str,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    target: float | None = None,
) -> Axes:
    """Draw the median and interquartile band of a metric against training samples seen.

    Args:
        ax: Axis to draw on.
        bands: As `statistics.bands` returns it.
        metric: One of its metrics.
        line_styles: The settings to draw, in order, and how.
        labels: What to call each setting.
        target: The target's value, if this metric has one; drawn as a level.

    Returns:
        The same axis.
    """
    table = bands[(bands["metric"] == metric) & bands["setting"].isin(list(line_styles))]
    low, high, log = _value_range(table, metric, target)
    ax.set_yscale("log" if log else "linear")
    ax.set_ylim(low, high)
    _samples_axis(ax, float(table["samples"].min()), float(table["samples"].max()))
    _value_ticks(ax, low, high, log)
    if target is not None:
        ax.axhline(target, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
        note: dict[str, Any] = {"xytext": (2, 3), "textcoords": "offset points", "fontsize": 8.0}
        ax.annotate("target", (0, target), xycoords=("axes fraction", "data"), color=MUTED, **note)
    ends = {}
    for setting, style in line_styles.items():
        one = table[table["setting"] == setting]
        x = one["samples"].to_numpy(np.float64)
        bottom, middle, top = (one[q].to_numpy(np.float64) for q in ("q25", "median", "q75"))
        edge = np.where(np.isfinite(bottom), np.minimum(top, 10 * high), np.nan)
        ax.fill_between(x, bottom, edge, color=style.color, alpha=BAND_ALPHA, linewidth=0)
        line = np.where(np.isfinite(middle), middle, np.nan)
        ax.plot(x, line, **style.matplotlib)
        ends[setting] = (x[-1], line[-1]) if len(x) else (np.nan, np.nan)
    name = captions.METRIC_NAMES[metric].capitalize()
    ax.set_title(name, loc="left", fontsize=9, color=MUTED)
    _name_lines(ax, ends, line_styles, labels)
    return ax


def time_to_target(
    ax: Axes,
    trials: pd.DataFrame,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    horizon: float,
) -> Axes:
    """Draw the share of trials at the target against samples, with bands and counts at risk.

    Args:
        ax: Axis to draw on; needs room below for one row a setting.
        trials: Trained trials, as `nnrun.results.Results.trials`.
        line_styles: The settings to draw, in order, and how.
        labels: What to call each setting.
        horizon: Samples to which every trial is followed, the common budget.

    Returns:
        The same axis.
    """
    clocks = {
        setting: statistics.censored(trials[trials["setting"] == setting], horizon)
        for setting in line_styles
    }
    first = min(float(times.min()) for times, _ in clocks.values())
    start = first / 2 if first < horizon else horizon / 100
    _samples_axis(ax, start, horizon)
    ax.set_ylim(-0.02, 1.02)
    _ticks(ax.yaxis, [0, 0.25, 0.5, 0.75, 1], captions.share)
    ends = {}
    for setting, style in line_styles.items():
        table = statistics.kaplan_meier(*clocks[setting])
        x = np.concatenate([[start], table["time"], [horizon]])
        arrived, low, high = (
            np.concatenate([[before], 1 - table[name], [1 - table[name].iloc[-1]]])
            for name, before in (("survival", 0.0), ("high", np.nan), ("low", np.nan))
        )
        band: dict[str, Any] = {"color": style.color, "alpha": BAND_ALPHA, "linewidth": 0}
        ax.fill_between(x, low, high, step="post", **band)
        ax.step(x, arrived, where="post", **style.matplotlib)
        ends[setting] = (horizon, float(arrived[-1]))
    ax.set_title("Share of seeds at the target", loc="left", fontsize=9, color=MUTED)
    _counts_at_risk(ax, clocks, line_styles, start)
    _name_lines(ax, ends, line_styles, labels)
    return ax


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


def _samples_axis(ax: Axes, low: float, high: float) -> None:
    ax.set_xscale("log")
    ax.set_xlim(low, high if high > low else 2 * low)
    ax.set_xlabel("training samples seen (log scale)")
    ax.grid(visible=False, axis="x")
    most = 7 if _width(ax) > 5 else 5
    _ticks(ax.xaxis, _log_ticks(low, high, most), captions.compact)


def _width(ax: Axes) -> float:
    return float(cast(Figure, ax.figure).get_figwidth())


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two bounds: 1-2-5 a decade if they fit, else whole decades."""
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [s * 10.0**e for e in exponents for s in steps]
        ticks = [t for t in ticks if low * 0.999 <= t <= high * 1.001]
        if len(ticks) <= most:
            return ticks
    return ticks[:: -(-len(ticks) // most)]


def _ticks(axis: Any, places: Sequence[float], text: Callable[[float], str]) -> None:
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_major_formatter(FixedFormatter([text(p) for p in places]))
    axis.set_minor_locator(NullLocator())


def _value_range(
    table: pd.DataFrame, metric: str, target: float | None
) -> tuple[float, float, bool]:
    """Limits of the value axis and whether it is logarithmic."""
    values = table[["q25", "median", "q75"]].to_numpy(np.float64).ravel()
    values = np.append(values[np.isfinite(values)], [] if target is None else [target])
    if metric == "accuracy":
        return max(0.0, np.floor(10 * values.min() - 0.5) / 10), 1.01, False
    if not values.size:
        return 0.0, 1.0, False
    # A loss on its way to divergence must not flatten the settings that learn.
    first = table.groupby("setting")["median"].first()
    first = first[np.isfinite(first)]
    low = float(values.min())
    high = min(float(values.max()), 10 * float(first.max()) if len(first) else np.inf)
    if low > 0 and high / low > 5:
        return low / 1.2, high * 1.2, True
    return min(0.0, low), high * 1.05 if high > 0 else 1.0, False


def _value_ticks(ax: Axes, low: float, high: float, log: bool) -> None:
    if log:
        _ticks(ax.yaxis, _log_ticks(low, high, 6), partial(captions.number, digits=1))
    else:
        places = [
            t for t in ax.yaxis.get_major_locator().tick_values(low, high) if low <= t <= high
        ]
        _ticks(ax.yaxis, places, "{:g}".format)


def _points_below(ax: Axes) -> Transform:
    """Coordinates in points from the lower left corner of the axis."""
    to_display, corner = ax.figure.dpi_scale_trans, cast(Any, ax.transAxes)
    return Affine2D().scale(1 / 72) + to_display + ScaledTranslation(0, 0, corner)


def _counts_at_risk(
    ax: Axes,
    clocks: Mapping[str, tuple[Any, Any]],
    line_styles: Mapping[str, LineStyle],
    start: float,
) -> None:
    """Write under the axis how many trials of each setting are still short of the target."""
    at: dict[str, Any] = {
        "annotation_clip": False,
        "textcoords": "offset points",
        "fontsize": 8.0,
        "va": "center",
    }
    axes_units = ("data", "axes fraction")
    top = -46.0
    ax.annotate(
        "Seeds still short of the target",
        (start, 0),
        (0, top),
        xycoords=axes_units,
        color=MUTED,
        **at,
    )
    for row, (setting, style) in enumerate(line_styles.items(), start=1):
        y = top - row * ROW
        swatch = Line2D([-36, -14], [y, y], clip_on=False, transform=_points_below(ax))
        swatch.set(**style.matplotlib, linewidth=1.9)
        ax.add_artist(swatch)
        for tick in ax.xaxis.get_major_locator()():
            left = str(int(np.sum(clocks[setting][0] >= tick)))
            ax.annotate(left, (tick, 0), (0, y), xycoords=axes_units, ha="center", **at)


def _name_lines(
    ax: Axes,
    ends: Mapping[str, tuple[float, float]],
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
) -> None:
    """Name lines at their ends where the names fit without collision, else in a legend."""
    if len(ends) < 2:
        return
    names = {s: captions.one_line(labels[s]) for s in ends}
    beside = {s: captions.wrapped(name, DIRECT_CHARACTERS) for s, name in names.items()}
    rows = {s: text.count("\n") + 1 for s, text in beside.items()}
    right = ax.get_xlim()[1]
    fits = _width(ax) > 5 and max(rows.values()) <= 2
    fits = fits and all(x == right and np.isfinite(y) for x, y in ends.values())
    if fits and _apart(ax, [(y, rows[s]) for s, (_, y) in ends.items()]):
        for setting, (x, y) in ends.items():
            _direct_label(ax, x, y, beside[setting], line_styles[setting])
    else:
        _legend(ax, names, line_styles)


def _apart(ax: Axes, places: Sequence[tuple[float, int]]) -> bool:
    """Whether labels at these values, of so many rows each, keep clear of each other."""
    to_axes = ax.transData - ax.transAxes
    right = ax.get_xlim()[1]
    points = [(72 * PLOT_HEIGHT * to_axes.transform((right, y))[1], n) for y, n in sorted(places)]
    return all(above - below >= ROW * (m + n) / 2 for (below, m), (above, n) in pairwise(points))


def _direct_label(ax: Axes, x: float, y: float, name: str, style: LineStyle) -> None:
    stub: dict[str, Any] = {
        "arrowstyle": "-",
        "color": style.color,
        "linewidth": 1.2,
        "shrinkA": 0,
        "shrinkB": 2,
    }
    place: dict[str, Any] = {
        "textcoords": "offset points",
        "va": "center",
        "annotation_clip": False,
    }
    ax.annotate(name, (x, y), (14, 0), arrowprops=stub, parse_math=False, **place)


def _legend(ax: Axes, names: Mapping[str, str], line_styles: Mapping[str, LineStyle]) -> None:
    room = int(_width(ax) * 11)  # characters in a row of the legend, keys taken off
    wrapped = [captions.wrapped(name, room - 8) for name in names.values()]
    longest = max(len(line) for text in wrapped for line in text.split("\n"))
    columns = max(1, min(len(names), 4, room // (longest + 7)))
    handles = [Line2D([], [], **style.matplotlib) for style in line_styles.values()]
    above = offset_copy(ax.transAxes, cast(Figure, ax.figure), x=0, y=20, units="points")
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
    place |= {"bbox_transform": above, "borderpad": 0}
    legend = ax.legend(handles, [" "] * len(names), ncols=columns, columnspacing=1.6, **place)
    for text, name in zip(legend.get_texts(), wrapped, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
