"""The runtime profile: how much of the whole target ladder is solved by when."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.statistics.ladder import RISING, RUNGS, rung_name
from nnrun.statistics.resampling import resampled_means
from nnrun.statistics.survival import common_budget, trained

Floats = NDArray[np.float64]

POINTS = 60
"""Most sample counts at which a profile is given."""

COLUMNS = ("setting", "samples", "share", "low", "high")
MEASURES = ("loss", "data")
"""Groups of the configuration that decide what a test loss means."""


def profile(
    ladder: pd.DataFrame, trials: pd.DataFrame, sweep: Mapping[str, Any], settings: Sequence[str]
) -> pd.DataFrame:
    """Find the share of (trial, target) pairs solved by each of some sample counts.

    The band is pointwise, from resampling whole seeds within each setting: the targets are not a
    sample of anything. It is a percentile interval, which is a little narrow with few seeds: it
    goes with a picture, no claim rests on it.

    Args:
        ladder: As `nnrun.statistics.findings.Findings.ladder`.
        trials: As `nnrun.results.Results.trials`, row by row those of ``ladder``.
        sweep: The content of sweep.json.
        settings: Ids of those to profile, a handful; those that did not train are left out.

    Returns:
        A row a setting and sample count: ``setting``, ``samples`` (whole numbers evenly spaced in
        their logarithm from the first time that any target was reached to the common budget of all
        settings, the same for all), ``share``, ``low`` and ``high`` (95%; NaN with one seed).
        Empty where no rung means the same for all.

    References:
        N. Hansen, A. Auger, R. Ros, O. Mersmann, T. Tušar, D. Brockhoff: COCO: a platform for
        comparing continuous optimizers in a black-box setting, 2021,
        doi:10.1080/10556788.2020.1808977 (runtime profiles).
    """
    chosen = ladder[rungs_used(ladder, trials, sweep, settings)]
    ran = set(trained(trials)["setting"])
    drawn = [setting for setting in settings if setting in ran]
    if chosen.empty or not chosen.columns.size or not drawn:
        return pd.DataFrame(columns=list(COLUMNS))
    times = {setting: _times(chosen, trials, setting) for setting in drawn}
    grid = _grid(min(float(t.min()) for t in times.values()), common_budget(trials))
    return pd.concat([_one(setting, times[setting], grid) for setting in drawn], ignore_index=True)


def rungs_used(
    ladder: pd.DataFrame, trials: pd.DataFrame, sweep: Mapping[str, Any], settings: Sequence[str]
) -> list[str]:
    """Choose the rungs that mean the same for some settings.

    Losses can be compared only where loss and data are configured alike; accuracies wherever all
    have one.

    Args:
        ladder: As `profile`.
        trials: As `profile`.
        sweep: As `profile`.
        settings: Ids.

    Returns:
        Columns of ``ladder``, in their order; none if no trial of the settings trained.
    """
    there = (trials["setting"].isin(settings) & (trials["status"] != "failed")).to_numpy()
    if not there.any():
        return []
    known = ladder[there].notna().all()
    alike = _losses_alike(sweep, settings)
    named = {rung_name(rung): rung.metric for rung in RUNGS}
    return [name for name in ladder.columns if known[name] and (alike or named.get(name) == RISING)]


def _losses_alike(sweep: Mapping[str, Any], settings: Sequence[str]) -> bool:
    """Tell whether a test loss means the same in all of some settings."""
    found = {
        json.dumps({k: v for k, v in one["config"].items() if k.split(".")[0] in MEASURES})
        for one in sweep["settings"]
        if one["id"] in settings
    }
    return len(found) < 2


def _times(ladder: pd.DataFrame, trials: pd.DataFrame, setting: str) -> Floats:
    """Take the ladder of a setting's trained trials, shape (trial, rung)."""
    mine = (trials["setting"] == setting) & (trials["status"] != "failed")
    return ladder[mine.to_numpy()].to_numpy(dtype=np.float64)


def _grid(first: float, last: float) -> Floats:
    start = first if first < last else min(1.0, last)
    return np.unique(np.rint(np.geomspace(start, last, POINTS)))


def _one(setting: str, times: Floats, grid: Floats) -> pd.DataFrame:
    """Profile one setting; the mean over rungs within a trial first, as seeds are resampled."""
    solved = np.stack([(times <= samples).mean(axis=1) for samples in grid], axis=1)
    low = high = np.full(len(grid), np.nan)
    if len(times) > 1:
        low, high = np.quantile(resampled_means(solved), (0.025, 0.975), axis=0)
    columns = {"samples": grid, "share": solved.mean(axis=0), "low": low, "high": high}
    table = pd.DataFrame(columns)
    table.insert(0, "setting", setting)
    return table
