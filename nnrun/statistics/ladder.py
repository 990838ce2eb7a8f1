"""The target ladder: times to many targets at once, and how much of them is solved by when."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nnrun.config.evaluation_grid import CommonGrid
from nnrun.records.sweep import Sweep
from nnrun.statistics.curves import SettingCurves, curves_by_setting
from nnrun.statistics.resampling import resampled_means
from nnrun.statistics.survival import common_budget, holds, judged_on, trained

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RISING = "accuracy"  # the metric that is to rise; losses are to fall


class Rung(NamedTuple):
    """One target of the ladder: a metric and the value that is to be reached."""

    metric: str
    value: float


def _loss(i: int) -> float:
    """The value 10 ** (-i / 10), with the digits its name shows."""
    return float(f"{10 ** (-i / 10):.3g}")


TOGETHER = 1_000_000
"""Most evaluations that are searched at once: some ten arrays of so many are held."""

RUNGS: tuple[Rung, ...] = (
    *(Rung(RISING, value) for value in (0.9, 0.95, 0.99, 1.0)),
    *(Rung("test_loss", _loss(i)) for i in range(31)),
)
"""The ladder; the rungs of a metric stand together, from easy to hard."""


def rung_name(rung: Rung) -> str:
    """Name a rung, as the ladder's columns are named.

    Example:
        >>> rung_name(Rung("accuracy", 0.95)), rung_name(RUNGS[19])
        ('accuracy>=0.95', 'test_loss<=0.0316')
    """
    return f"{rung.metric}{'>=' if rung.metric == RISING else '<='}{rung.value:g}"


NAMES = tuple(map(rung_name, RUNGS))


def ladder_times(samples: ArrayLike, metrics: Mapping[str, ArrayLike], hold: int) -> Floats:
    """Find when each trial reaches each rung, by the rule that the headline target goes by.

    A rung is reached at the first evaluation from which ``hold`` in a row are at or beyond it. The
    last ``hold - 1`` evaluations have not been seen to hold and do not count.

    Args:
        samples: Training samples seen at the evaluations, shape (n_evals,), increasing.
        metrics: By name values of shape (trial, n_evals), at least one metric; NaN after
            divergence. A metric that has no meaning is left out.
        hold: Evaluations in a row, the first included.

    Returns:
        Samples, shape (trial, rung) in the order of ``RUNGS``; inf where a rung was never reached,
        NaN where its metric was left out.

    Example:
        >>> times = ladder_times([10, 20, 30], {"accuracy": [[0.5, 0.96, 0.97]]}, hold=2)
        >>> times[0, :5]
        array([20., 20., inf, inf, nan])
    """
    grid = np.asarray(samples, dtype=np.float64)
    n_trials = len(np.asarray(next(iter(metrics.values()))))
    times: Floats = np.full((n_trials, len(RUNGS)), np.nan)
    for metric in dict.fromkeys(rung.metric for rung in RUNGS):
        if metric in metrics:
            rungs = [i for i, rung in enumerate(RUNGS) if rung.metric == metric]
            sign = 1.0 if metric == RISING else -1.0
            goals = sign * np.array([RUNGS[i].value for i in rungs])
            values = np.asarray(metrics[metric], dtype=np.float64)
            for some in _pieces(*values.shape):
                times[some, rungs[0] : rungs[-1] + 1] = _times(
                    grid, sign * values[some], goals, hold
                )
    return times


class SettingLadder(NamedTuple):
    """When each trained trial of a setting reached each rung.

    Attributes:
        setting: Its id.
        seeds: Shape (trial,).
        times: Shape (trial, rung), as `ladder_times` returns them.
    """

    setting: str
    seeds: Ints
    times: Floats


def ladders(
    settings: Sequence[SettingCurves], task: str, hold: int, common: CommonGrid | None = None
) -> list[SettingLadder]:
    """Find when each trial of some settings, all evaluated alike, reaches each rung.

    Args:
        settings: Their curves.
        task: Of all of them.
        hold: Evaluations in a row, as declared.
        common: The points at which they are judged, if not at all of theirs.
    """
    metrics = {
        m: np.concatenate([one.metrics[m] for one in settings])
        for m in settings[0].metrics
        if m != RISING or task != "regression"
    }
    whole = settings[0]._replace(metrics=metrics)
    if common is not None:
        whole, hold = whole.at(common), common.hold(hold)
    times = ladder_times(whole.samples, whole.metrics, hold)
    ends = np.cumsum([len(one.seeds) for one in settings])[:-1]
    apart = zip(settings, np.split(times, ends), strict=True)
    return [SettingLadder(one.setting, one.seeds, own) for one, own in apart]


def ladder_of_curves(
    curves: pd.DataFrame, trials: pd.DataFrame, sweep: Sweep
) -> list[SettingLadder]:
    """Find the ladder of every setting."""
    hold, common = holds(sweep), judged_on(sweep)
    tasks = dict(zip(trials["setting"], trials["task"], strict=True))
    return [
        found
        for one in curves_by_setting(curves)
        for found in ladders([one], tasks[one.setting], hold[one.setting], common)
    ]


def align(trials: pd.DataFrame, parts: Iterable[SettingLadder]) -> pd.DataFrame:
    """Put the ladders of settings into the rows of a trials table.

    Returns:
        A row a trial with the index of ``trials``, a column a rung; NaN in trials that no part has:
        those that did not train.
    """
    # a column after the other, as a table keeps them
    values: Floats = np.full((len(trials), len(NAMES)), np.nan, order="F")
    rows = dict(trials.groupby("setting", sort=False).indices)
    seeds = trials["seed"].to_numpy()
    for part in parts:
        mine = rows.get(part.setting, np.empty(0, dtype=np.intp))
        order = np.argsort(part.seeds, kind="stable")
        place = np.searchsorted(part.seeds, seeds[mine], sorter=order)
        place = order[np.minimum(place, len(order) - 1)]
        found = part.seeds[place] == seeds[mine]
        values[mine[found]] = part.times[place[found]]
    return pd.DataFrame(values, index=trials.index, columns=list(NAMES))


def _pieces(n_trials: int, n_evals: int) -> Iterator[slice]:
    """Cut the trials into pieces of ``TOGETHER`` evaluations at most, or of one trial."""
    step = max(1, TOGETHER // max(1, n_evals))
    return (slice(start, start + step) for start in range(0, n_trials, step))


def _times(grid: Floats, values: Floats, goals: Floats, hold: int) -> Floats:
    """Find the first evaluations at or above increasing goals, shape (trial, goal)."""
    n_trials, n_starts = len(values), values.shape[1] - hold + 1
    if n_starts < 1:
        return np.full((n_trials, len(goals)), np.inf)
    known = np.where(np.isnan(values), -np.inf, values)
    worst = known[:, :n_starts].copy()
    for later in range(1, hold):
        np.minimum(worst, known[:, later : later + n_starts], out=worst)
    best = np.maximum.accumulate(worst, axis=1)
    # Best only rises, so the evaluations that have met few goals are those before a goal's first.
    met = np.searchsorted(goals, best, side="right")
    cell = met + (len(goals) + 1) * np.arange(n_trials)[:, None]
    tally = np.bincount(cell.ravel(), minlength=n_trials * (len(goals) + 1))
    first = tally.reshape(n_trials, -1)[:, :-1].cumsum(axis=1)
    return np.append(grid[:n_starts], np.inf)[first]


POINTS = 60  # most sample counts at which a profile is given

COLUMNS = ("setting", "samples", "share", "low", "high")
MEASURES = ("loss", "data")  # groups of the configuration that decide what a test loss means


def profile(
    ladder: pd.DataFrame, trials: pd.DataFrame, sweep: Sweep, settings: Sequence[str]
) -> pd.DataFrame:
    """Find the share of (trial, target) pairs solved by each of some sample counts.

    The band is pointwise, from resampling whole seeds within each setting: the targets are not a
    sample of anything. It is a percentile interval, which is a little narrow with few seeds: it
    goes with a picture, no claim rests on it.

    Args:
        ladder: As `nnrun.results.results.Results.ladder`.
        trials: As `nnrun.Results.trials`, row by row those of ``ladder``.
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
    times = {setting: _ladder_times(chosen, trials, setting) for setting in drawn}
    grid = _sample_counts(min(float(t.min()) for t in times.values()), common_budget(trials))
    return pd.concat(
        [_profile_of(setting, times[setting], grid) for setting in drawn], ignore_index=True
    )


def rungs_used(
    ladder: pd.DataFrame, trials: pd.DataFrame, sweep: Sweep, settings: Sequence[str]
) -> list[str]:
    """Choose the rungs that mean the same for some settings.

    Losses can be compared only where loss and data are configured alike; accuracies wherever all
    have one.
    """
    there = (trials["setting"].isin(settings) & (trials["status"] != "failed")).to_numpy()
    if not there.any():
        return []
    known = ladder[there].notna().all()
    alike = _losses_alike(sweep, settings)
    named = {rung_name(rung): rung.metric for rung in RUNGS}
    return [name for name in ladder.columns if known[name] and (alike or named.get(name) == RISING)]


def _losses_alike(sweep: Sweep, settings: Sequence[str]) -> bool:
    """Tell whether a test loss means the same in all of some settings."""
    found = {
        json.dumps({k: v for k, v in one.config.items() if k.split(".")[0] in MEASURES})
        for one in sweep.settings
        if one.id in settings
    }
    return len(found) < 2


def _ladder_times(ladder: pd.DataFrame, trials: pd.DataFrame, setting: str) -> Floats:
    """Take the ladder of a setting's trained trials, shape (trial, rung)."""
    mine = (trials["setting"] == setting) & (trials["status"] != "failed")
    return ladder[mine.to_numpy()].to_numpy(dtype=np.float64)


def _sample_counts(first: float, last: float) -> Floats:
    start = first if first < last else min(1.0, last)
    return np.unique(np.rint(np.geomspace(start, last, POINTS)))


def _profile_of(setting: str, times: Floats, grid: Floats) -> pd.DataFrame:
    """Profile one setting; the mean over rungs within a trial first, as seeds are resampled."""
    solved = np.stack([(times <= samples).mean(axis=1) for samples in grid], axis=1)
    low = high = np.full(len(grid), np.nan)
    if len(times) > 1:
        low, high = np.quantile(resampled_means(solved), (0.025, 0.975), axis=0)
    columns = {"samples": grid, "share": solved.mean(axis=0), "low": low, "high": high}
    table = pd.DataFrame(columns)
    table.insert(0, "setting", setting)
    return table
