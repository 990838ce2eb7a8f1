"""Sensitivity: how the ratio to the baseline depends on target, budget and number of seeds."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from nnrun.plot.axes import (
    fill_band,
    letters_wide,
    log_ticks,
    ratio_limits,
    ratio_ticks,
    samples_axis,
    ticks,
    title,
)
from nnrun.plot.colours import muted
from nnrun.plot.layout import name_lines
from nnrun.plot.style import LineStyle
from nnrun.plot.text import one_line
from nnrun.text import OWN, Words

Floats = NDArray[np.float64]

KINDS = ("target", "budget", "seeds")
_TITLE = "Restricted mean time, × baseline's (below 1: sooner)"
_GAP, _STEP = 0.35, 0.22
"""Decades of loss between the two groups of targets, and from one accuracy to the next."""


def sensitivity(
    ax: Axes,
    table: pd.DataFrame,
    kind: str,
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
    only: Collection[str] | None = None,
    said: Words = OWN,
) -> Axes:
    """Draw the ratio of restricted mean times to the baseline under other choices, with bands."""
    table = table[(table["kind"] == kind) & table["setting"].isin(list(line_styles))]
    places = _X_AXES[kind](ax, table)
    low, high = ratio_limits(table["ratio"], table[["low", "high"]], most=4.0)
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ratio_ticks(ax.yaxis, low, high, 7)
    ax.axhline(1, color=muted(), linewidth=0.9, linestyle=(0, (2, 2)))
    ends = {}
    for setting, style in line_styles.items():
        mine = (table["setting"] == setting).to_numpy()
        if mine.any() and (only is None or setting in only):
            ends[setting] = _lines(ax, table[mine], places[mine], style)
    if kind == "budget" and not said.own:
        ax.set_xlabel(f"budget, {one_line(said.unit)} (log scale)", parse_math=False)
    title(ax, _TITLE)
    name_lines(ax, ends, line_styles, labels)
    return ax


def _lines(ax: Axes, table: pd.DataFrame, places: Floats, style: LineStyle) -> tuple[float, float]:
    """Draw one setting's line and band, one piece a metric; return where it ends."""
    end = (np.nan, np.nan)
    for metric in dict.fromkeys(table["metric"]):
        part = (table["metric"] == metric).to_numpy()
        order = np.argsort(places[part], kind="stable")
        x = places[part][order]
        ratio, low, high = (
            table.loc[part, name].to_numpy(np.float64)[order] for name in ("ratio", "low", "high")
        )
        known = np.isfinite(low) & np.isfinite(high)
        fill_band(ax, x, low, high, style.color, where=known)
        dot: dict[str, Any] = {"marker": "o", "markersize": 3.5} if len(x) < 6 else {}
        ax.plot(x, ratio, **style.matplotlib, **dot)
        if not end[0] >= x[-1]:
            end = (float(x[-1]), float(ratio[-1]))
    return end


def _target_axis(ax: Axes, table: pd.DataFrame) -> Floats:
    """Put losses from easy to hard, and behind a gap accuracies; return where each row stands."""
    x = table["x"].to_numpy(np.float64)
    rising = (table["metric"] == "accuracy").to_numpy()
    hardness = -np.log10(np.where(rising, 1.0, x))
    last = float(hardness[~rising].max()) if (~rising).any() else -_GAP
    steps = sorted(set(x[rising].tolist()))
    behind = {value: last + _GAP + i * _STEP for i, value in enumerate(steps)}
    rows = zip(x.tolist(), hardness.tolist(), rising.tolist(), strict=True)
    places = np.array([behind[value] if up else hard for value, hard, up in rows])
    loss = x[~rising]
    most = 6 if letters_wide(ax) > 3.6 else 4
    losses = log_ticks(float(loss.min()), float(loss.max()), most) if loss.size else []
    at = [-float(np.log10(value)) for value in losses] + list(behind.values())
    texts = [f"{value:g}" for value in losses] + [
        "1" if value == 1 else f"{value:g}".removeprefix("0") for value in steps
    ]
    ticks(ax.xaxis, at, dict(zip(at, texts, strict=True)).__getitem__)
    edges = (float(places.min()), float(places.max())) if len(places) else (0.0, 1.0)
    ax.set_xlim(edges[0], edges[1] if edges[1] > edges[0] else edges[0] + 0.1)
    wide = letters_wide(ax) > 4
    scale = "log scale, harder to the right" if wide else "log scale"
    groups = [f"target: test loss at most ({scale})"] if loss.size else []
    groups += [f"{'' if loss.size else 'target: '}accuracy at least"] if steps else []
    ax.set_xlabel((" | " if wide else "\n| ").join(groups))
    if steps and loss.size:
        ax.axvline(last + _GAP / 2, color=muted(), linewidth=0.6)
    return places


def _budget_axis(ax: Axes, table: pd.DataFrame) -> Floats:
    x = table["x"].to_numpy(np.float64)
    low, high = (float(x.min()), float(x.max())) if x.size else (1.0, 1.0)
    samples_axis(ax, low, high)
    ax.set_xlabel("budget, training samples (log scale)")
    return x


def _seeds_axis(ax: Axes, table: pd.DataFrame) -> Floats:
    x = table["x"].to_numpy(np.float64)
    low, high = (float(x.min()), float(x.max())) if x.size else (1.0, 2.0)
    ax.set_xlim(low, high if high > low else low + 1)
    found = ax.xaxis.get_major_locator().tick_values(low, high)
    whole = [float(t) for t in found if low <= t <= high and t == round(t)]
    ticks(ax.xaxis, whole or [low, high], "{:g}".format)
    ax.set_xlabel("seeds in pairs")
    return x


_X_AXES: Mapping[str, Callable[[Axes, pd.DataFrame], Floats]] = {
    "target": _target_axis,
    "budget": _budget_axis,
    "seeds": _seeds_axis,
}
