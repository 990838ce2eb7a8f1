"""What a figure for a notebook was asked for: its results, its axis, its settings."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.plot.axes import points
from nnrun.plot.canvas import on_axis
from nnrun.plot.colours import toned
from nnrun.plot.figures import contrasts as forest
from nnrun.plot.figures import coordinates as parallel
from nnrun.plot.figures import effects as bars
from nnrun.plot.figures import heatmap as grids
from nnrun.plot.figures import learning_curves as curves
from nnrun.plot.figures import looks as closing
from nnrun.plot.figures import sensitivity as trends
from nnrun.plot.figures import time_to_target as arrival
from nnrun.plot.fit import inches
from nnrun.plot.layout import ROW, Layout, one_panel
from nnrun.plot.style import LINE_STYLES, styles
from nnrun.results.results import Results
from nnrun.statistics.curves import bands_table
from nnrun.statistics.ladder import profile as profile_of
from nnrun.statistics.survival import common_budget, shared_target, trained
from nnrun.text import METRIC_NAMES, setting_name


def chosen(results: Results, settings: Sequence[str] | None) -> Layout:
    """Lay out the settings asked for, by id or label, or those of one panel of a report."""
    summary = results.summary[results.summary["seeds"] > 0]
    if summary.empty:
        raise InputError(Issue("results", None, "no setting was trained", ""))
    if settings is None:
        return one_panel(results.summary, results.sweep)
    ids = {
        str(label): str(s) for s, label in zip(summary["setting"], summary["label"], strict=True)
    }
    ids |= {s: s for s in ids.values()}
    unknown = [name for name in settings if name not in ids]
    if unknown:
        hint = did_you_mean(unknown[0], ids)
        raise InputError(Issue("settings", unknown[0], "is no trained setting", hint))
    chosen = list(dict.fromkeys(ids[name] for name in settings))
    if not 0 < len(chosen) <= len(LINE_STYLES):
        rule = f"between 1 and {len(LINE_STYLES)} can be told apart"
        raise InputError(Issue("settings", len(chosen), rule, ""))
    about = summary.set_index("setting")["label"]
    labels = {s: setting_name(about[s]) for s in chosen}
    # the looks that they have beside all others, where they are drawn there
    looks = one_panel(results.summary, results.sweep).line_styles
    known = {s: looks[s] for s in chosen if s in looks}
    looks = known if len(known) == len(chosen) else styles(chosen)
    return Layout({"": tuple(chosen)}, looks, labels)


COUNTS = 0.35  # of an axis' room that counts at risk may take
AROUND = 1.2  # inches of what stands above and below a forest plot
MOST_ROWS = 16  # contrasts of a forest plot that a reader takes in


def time_to_target(
    results: Results, ax: Axes | None = None, settings: Sequence[str] | None = None
) -> Axes:
    """Draw the share of seeds at the target against training samples seen, with 95% bands.

    Args:
        results: What ``nnrun.load`` returns.
        ax: Axis to draw on; a new figure's if None. Counts at risk stand below it, in its
            room; they are left out where they would take a third of it.
        settings: Ids or labels of the settings to draw, at most eight; those that a report would
            choose for one panel if None.

    Returns:
        The axis.

    Raises:
        InputError: If no setting was trained, or one asked for is not there.

    Example:
        >>> import nnrun
        >>> results = nnrun.load("outputs/sweeps/DATE_TIME")  # doctest: +SKIP
        >>> ax = nnrun.plot.time_to_target(results, settings=["lr=0.1", "lr=0.3"])  # doctest: +SKIP
    """
    return on_axis(arrivals(results, settings, whole=ax is None), ax)


def arrivals(
    results: Results, settings: Sequence[str] | None = None, whole: bool = True
) -> Callable[[Axes], Axes]:
    """Return what draws `time_to_target` on an axis; ``whole`` if that is all of a figure."""
    shown, ran = chosen(results, settings), trained(results.trials)

    def draw(on: Axes) -> Axes:
        counts = whole or points(ROW) / 72 * (len(shown.labels) + 1) < COUNTS * inches(on)[1]
        look, horizon = (toned(shown.line_styles), shown.labels), common_budget(ran)
        said = results.sweep.words
        return arrival.time_to_target(on, ran, *look, horizon, counts=counts, said=said)

    return draw


def learning_curves(
    results: Results,
    metric: str | None = None,
    ax: Axes | None = None,
    settings: Sequence[str] | None = None,
) -> Axes:
    """Draw the median and interquartile range over seeds against training samples seen.

    Args:
        results: What ``nnrun.load`` returns.
        metric: "test_loss", "train_loss" or "accuracy". None for the test loss, or for what was
            judged where others trained.
        ax: Axis to draw on; a new figure's if None.
        settings: As of `time_to_target`. Of four or fewer, single seeds are drawn too.

    Returns:
        The axis.

    Raises:
        InputError: If the metric is unknown or was not measured, or as `time_to_target`.

    Example:
        >>> ax = nnrun.plot.learning_curves(results, "accuracy")  # doctest: +SKIP
    """
    measured = results.sweep.measured
    usual = "accuracy" if measured and measured["rising"] else "test_loss"
    which = usual if metric is None else metric
    if which not in METRIC_NAMES:
        rule = "is not a metric of a curve"
        raise InputError(Issue("metric", which, rule, did_you_mean(which, METRIC_NAMES)))
    shown = chosen(results, settings)
    bands = {s: results.bands[s] for s in shown.line_styles if s in results.bands}
    table = bands_table(bands)
    if which not in set(table["metric"]):
        raise InputError(Issue("metric", which, "was not measured", "regression has no accuracy"))
    target = shared_target(results.sweep)
    level = float(target["value"]) if target and target["metric"] == which else None

    def draw(on: Axes) -> Axes:
        look = (toned(shown.line_styles), shown.labels, level, bands)
        return curves.learning_curves(on, table, which, *look, said=results.sweep.words)

    return on_axis(draw, ax)


def profile(
    results: Results, ax: Axes | None = None, settings: Sequence[str] | None = None
) -> Axes:
    """Draw the share of (seed, target) pairs solved against samples, over a ladder of targets.

    Args:
        results: What ``nnrun.load`` returns.
        ax: Axis to draw on; a new figure's if None.
        settings: As of `time_to_target`.

    Returns:
        The axis.

    Raises:
        InputError: If no target means the same for all settings, or as `time_to_target`.

    Example:
        >>> ax = nnrun.plot.profile(results)  # doctest: +SKIP
    """
    shown = chosen(results, settings)
    table = profile_of(results.ladder, results.trials, results.sweep, list(shown.line_styles))
    if table.empty:
        rule = "no target of the ladder means the same for all settings"
        raise InputError(Issue("profile", None, rule, "losses of different problems don't compare"))

    def draw(on: Axes) -> Axes:
        return arrival.profile(on, table, toned(shown.line_styles), shown.labels)

    return on_axis(draw, ax)


def contrasts(results: Results, ax: Axes | None = None, rows: int = MOST_ROWS) -> Axes:
    """Draw each contrast's ratio of restricted mean times with its 95% interval.

    What the sweep's margin calls the same is shaded.

    Args:
        results: What ``nnrun.load`` returns.
        ax: Axis to draw on; a new figure's if None.
        rows: Most contrasts to draw; of more, the pooled factors come first, then the settings
            that arrive soonest. An axis that is given has those that fit.

    Returns:
        The axis.

    Raises:
        InputError: If there is one setting only.

    Example:
        >>> ax = nnrun.plot.contrasts(results)  # doctest: +SKIP
    """
    table = results.contrasts
    if table.empty:
        raise InputError(Issue("contrasts", None, "one setting alone has none", "vary a key"))
    rank = table["ratio"].mask(table["family"] != "setting", 0.0).fillna(float("inf"))
    first = list(rank.sort_values(kind="stable").index[:rows])

    def kept(most: int) -> pd.DataFrame:
        return table.loc[table.index.isin(first[:most])]

    def draw(on: Axes) -> Axes:
        wide, high = inches(on)
        most = len(first)
        room = high - points(AROUND)
        while ax is not None and most > 1 and forest.contrasts_height(kept(most), wide) > room:
            most -= 1
        return forest.contrasts(on, kept(most))

    width = rcParams["figure.figsize"][0]
    return on_axis(draw, ax, forest.contrasts_height(kept(rows), width))


def looks(results: Results, arm: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw how a contrast's ratio and its 95% interval closed in as seeds were added.

    Args:
        results: What ``nnrun.load`` returns.
        arm: The setting or level that is compared, as the report names it; of several the first
            if None.
        ax: Axis to draw on; a new figure's if None.

    Returns:
        The axis.

    Raises:
        InputError: If the results were looked at only once, or the arm is not compared.

    Example:
        >>> ax = nnrun.plot.looks(results, "lr=0.3")  # doctest: +SKIP
    """
    table = results.looks
    if table.empty:
        hint = "seeds=auto looks after each block, and so does who adds seeds"
        raise InputError(Issue("looks", None, "there is one look, or nothing to compare", hint))
    known = list(dict.fromkeys(table["arm"]))
    if arm is not None and arm not in known:
        hint = did_you_mean(arm, known)
        raise InputError(Issue("arm", arm, "is not compared with anything", hint))
    mine = table[table["arm"] == (arm or known[0])]
    first = mine[mine["family"] == mine["family"].iloc[0]]
    return on_axis(partial(closing.looks, table=first, arm=arm or known[0]), ax)


def heatmap(
    results: Results,
    value: Literal["success_rate", "rmst", "speedup"] = "success_rate",
    ax: Axes | None = None,
) -> Axes:
    """Draw a cell for each setting of a sweep over two factors.

    Args:
        results: What ``nnrun.load`` returns.
        value: "success_rate", "rmst" (restricted mean, samples) or "speedup" (the baseline's
            restricted mean over the setting's).
        ax: Axis to draw on; a new figure's if None.

    Returns:
        The axis.

    Raises:
        InputError: If the value is unknown, or not exactly two factors vary.

    Example:
        >>> ax = nnrun.plot.heatmap(results, "speedup")  # doctest: +SKIP
    """
    cells = grids.grid(results.summary, results.sweep, value)
    if len(cells.panels) > 1:
        rule = "one axis holds two factors, three vary"
        raise InputError(Issue("heatmap", None, rule, "the report draws a panel for each level"))
    return on_axis(partial(grids.heatmap, cells=cells), ax, cells.height)


def sensitivity(
    results: Results,
    against: Literal["target", "budget", "seeds"] = "target",
    ax: Axes | None = None,
    settings: Sequence[str] | None = None,
) -> Axes:
    """Draw the ratio of restricted mean times to the baseline under other choices.

    Args:
        results: What ``nnrun.load`` returns.
        against: "target", "budget" or "seeds".
        ax: Axis to draw on; a new figure's if None.
        settings: As of `time_to_target`; the baseline itself is not drawn.

    Returns:
        The axis.

    Raises:
        InputError: If there is nothing to compare, or as `time_to_target`.

    Example:
        >>> ax = nnrun.plot.sensitivity(results, "budget")  # doctest: +SKIP
    """
    if against not in trends.KINDS:
        hint = did_you_mean(against, trends.KINDS)
        raise InputError(Issue("against", against, "is not drawn", hint))
    shown = chosen(results, settings)
    table = results.sensitivity(list(shown.line_styles))
    if not (table["kind"] == against).any():
        rule = "no setting can be compared with the baseline"
        raise InputError(Issue("sensitivity", None, rule, "it needs two that share a target"))

    def draw(on: Axes) -> Axes:
        look = (toned(shown.line_styles), shown.labels)
        return trends.sensitivity(on, table, against, *look, said=results.sweep.words)

    return on_axis(draw, ax)


def effects(results: Results, ax: Axes | None = None) -> Axes:
    """Draw how much of the variance of the log time to target each factor goes with.

    Args:
        results: What ``nnrun.load`` returns.
        ax: Axis to draw on; a new figure's if None.

    Returns:
        The axis.

    Raises:
        InputError: If the settings are not a full grid.

    Example:
        >>> ax = nnrun.plot.effects(results)  # doctest: +SKIP
    """
    table = results.effects
    if table.empty:
        rule = "the settings are not a full grid crossed with seeds, or nothing varies"
        raise InputError(Issue("effects", None, rule, "every combination of levels must be there"))
    return on_axis(partial(bars.effects, table=table), ax, bars.effects_height(table))


def coordinates(results: Results, ax: Axes | None = None) -> Axes:
    """Draw a line a setting through its levels to its restricted mean: parallel coordinates.

    Args:
        results: What ``nnrun.load`` returns.
        ax: Axis to draw on; a new figure's if None.

    Returns:
        The axis.

    Raises:
        InputError: If fewer than two factors vary.

    Example:
        >>> ax = nnrun.plot.coordinates(results)  # doctest: +SKIP
    """
    draw = partial(parallel.coordinates, summary=results.summary, sweep=results.sweep)
    return on_axis(draw, ax, parallel.coordinates_height(results.sweep))
