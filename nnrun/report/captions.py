"""A caption for each figure and for the table: what is drawn, of how many seeds, and how."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nnrun.statistics.bands import LOSSES
from nnrun.statistics.summary import BEST
from nnrun.statistics.survival import common_budget
from nnrun.statistics.targets import shared_target, target_text
from nnrun.words import METRIC_NAMES, count, seeds_range


def time_caption(trials: pd.DataFrame, names: Sequence[str], sweep: Mapping[str, Any]) -> str:
    """Caption the time-to-target figure.

    Args:
        trials: Trained trials of all settings.
        names: Settings that the figure shows.
        sweep: Provenance, for the target.
    """
    horizon = common_budget(trials)
    curve = (
        "with one budget for all, 1 − Kaplan–Meier, which here equals the empirical distribution"
        if trials["budget"].min() == trials["budget"].max()
        else f"1 − Kaplan–Meier, each trial followed to the common budget of {count(horizon)}"
    )
    target = target_text(shared_target(sweep))
    return (
        f"Share of seeds that have reached {target} and held it, against training samples "
        f"seen: {curve}. Bands: pointwise 95% log(−log) Greenwood intervals, not defined "
        f"where the share is 0 or 1. Below: seeds still short of the target. A diverged seed "
        f"counts as never arriving. n = {_sizes(trials, names)}; budget {count(horizon)} samples."
        f"{_left_out(trials['setting'].nunique(), names)}"
    )


def curve_caption(bands: pd.DataFrame, metric: str, settings: int) -> str:
    """Caption a figure of learning curves.

    Args:
        bands: As `nnrun.statistics.bands.bands_table` returns it, for the settings that are drawn.
        metric: The metric drawn.
        settings: How many settings were trained.
    """
    table = bands[bands["metric"] == metric]
    worst = "an infinite loss" if metric in LOSSES else "accuracy 0"
    unit = "share of test points" if metric == "accuracy" else "mean over the test set"
    text = (
        f"{METRIC_NAMES[metric].capitalize()} ({unit}) against training samples seen. Lines: "
        f"median over seeds; bands: interquartile range (the spread of seeds, not an interval for "
        f"the median). A diverged seed counts as {worst} from then on. "
    )
    if not np.isfinite(table["median"]).all():
        text += "A line ends where half of its seeds or more have diverged. "
    sizes = table.groupby("setting", sort=False)["n"].first()
    return f"{text}n = {seeds_range(sizes)} a setting.{_left_out(settings, sizes.index)}"


def summary_caption(summary: pd.DataFrame, horizon: float) -> str:
    """Caption the table of settings."""
    return (
        f"One row a setting, n = {seeds_range(summary['seeds'])} (seeds stopped by an error are "
        f"not counted in any rate). Reached: share of seeds with its Wilson 95% interval. Median "
        f"and 10–90% range of samples to target; ∞ where that share of seeds did not arrive. "
        f"Restricted mean: mean samples to target, a seed not there by {count(horizon)} samples "
        f"(the common budget) counting with exactly that. Loss and accuracy: medians over "
        f"seeds at the end, a diverged seed counting as ∞ and 0. Cost: median nanoseconds of "
        f"training a sample."
    )


def _sizes(trials: pd.DataFrame, names: Sequence[str]) -> str:
    sizes = trials[trials["setting"].isin(list(names))].groupby("setting").size()
    return f"{seeds_range(sizes)} a setting"


def _left_out(total: int, names: Collection[str]) -> str:
    if total <= len(names):
        return ""
    return (
        f" Shown are {len(names)} of {total:,} settings: the first, the best {BEST} "
        f"by restricted mean time, and of the others the median and the worst."
    )
