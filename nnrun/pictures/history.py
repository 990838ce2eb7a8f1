"""Losses and accuracy of one trial against training samples seen."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from nnrun.pictures.surface_plots import note
from nnrun.plot.axes import samples_axis, ticks, value_ticks
from nnrun.plot.style import LINE_STYLES, MUTED
from nnrun.problem.problem import Array
from nnrun.records.trials import Curves
from nnrun.text import METRIC_NAMES, share

LINES = {"train_loss": LINE_STYLES[5], "test_loss": LINE_STYLES[1], "accuracy": LINE_STYLES[3]}
PALE = 0.25  # how much of a line is left of what is still to come


def losses(ax: Axes, curves: Curves, at: int | None = None) -> Axes:
    """Draw the training and the test loss of one trial; pale what comes after ``at`` samples."""
    low, high, log = loss_range(np.stack([curves.train_loss, curves.test_loss]))
    ax.set_yscale("log" if log else "linear")
    ax.set_ylim(low, high)
    value_ticks(ax, low, high, log)
    _frame(ax, curves, at)
    for metric in ("train_loss", "test_loss"):
        _line(ax, curves, metric, at)
    if not np.isfinite(curves.test_loss).any():
        note(ax, "diverged before the first evaluation")
    ends = "" if np.isfinite(curves.test_loss[-1]) else " (diverged)"
    ax.set_title(f"Loss{ends}", loc="left", fontsize=9, color=MUTED)
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderpad": 0}
    ax.legend(ncols=2, fontsize=8, borderaxespad=0.4, **place)
    return ax


def accuracy(ax: Axes, curves: Curves, at: int | None = None, target: float | None = None) -> Axes:
    """Draw the accuracy of one trial, likewise, and the target's level."""
    finite = curves.accuracy[np.isfinite(curves.accuracy)]
    low = max(0.0, np.floor(10 * finite.min() - 0.5) / 10) if finite.size else 0.0
    ax.set_ylim(low, 1.02)
    ticks(ax.yaxis, np.linspace(low, 1, 5 if low in (0, 0.2, 0.6) else 3).tolist(), share)
    _frame(ax, curves, at)
    _line(ax, curves, "accuracy", at)
    if target is not None:
        ax.axhline(target, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    ax.set_title("Accuracy", loc="left", fontsize=9, color=MUTED)
    return ax


def loss_range(values: Array) -> tuple[float, float, bool]:
    """Find limits for losses.

    Returns:
        Lower limit, upper limit, and whether the axis is logarithmic: where all are positive and
        the largest is over five times the smallest. A loss on its way to divergence leaves the
        axis at ten times the first one.

    Example:
        >>> loss_range(np.array([[0.5, 1.0, np.nan]]))
        (0.0, 1.05, False)
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0, False
    first = values[:, 0][np.isfinite(values[:, 0])].max(initial=-np.inf)
    low, high = float(finite.min()), float(min(finite.max(), 10 * first if first > 0 else np.inf))
    if low > 0 and high / low > 5:
        return low / 1.2, high * 1.2, True
    return min(0.0, low), 1.05 * high if high > 0 else 1.0, False


def _frame(ax: Axes, curves: Curves, at: int | None) -> None:
    samples_axis(ax, float(curves.samples[0]), float(curves.samples[-1]))
    if at is not None:
        ax.axvline(max(at, int(curves.samples[0])), color=MUTED, linewidth=0.9)


def _line(ax: Axes, curves: Curves, metric: str, at: int | None) -> None:
    """Draw a metric up to a moment, and pale beyond it."""
    style, values = LINES[metric].matplotlib, getattr(curves, metric)
    if at is not None:
        ax.plot(curves.samples, values, alpha=PALE, **style)
        values = np.where(curves.samples <= at, values, np.nan)
    ax.plot(curves.samples, values, label=METRIC_NAMES[metric], **style)
