"""What each setting did, one row a setting, and which settings a panel has room for."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.trials import LOSSES
from nnrun.statistics.bounded import bounded_means, few
from nnrun.statistics.quantiles import group_quantiles, interquartile_means
from nnrun.statistics.resampling import bca, leave_one_out_means, resampled_means
from nnrun.statistics.survival import (
    censored,
    common_budget,
    expected_running_time,
    samples_to_target,
    wilson_interval,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATUSES = ("reached", "exhausted", "diverged", "failed")

RISING = "rising"
"""The task of trials of which one metric is known, that is to rise; it stands as the accuracy."""

SHOWN = 8  # most lines that a reader can tell apart in one panel
BEST = 4  # of these, how many go to the fastest settings

TOGETHER = 64  # settings whose resamples are held at once


def summarise(trials: pd.DataFrame, varying: Sequence[str]) -> pd.DataFrame:
    """Summarise each setting in one row, in order of first appearance.

    All is judged up to the common budget: what a trial reached later, on a larger budget of its
    own, counts as not reached. Only final losses and accuracies are those at a trial's own end.

    Args:
        trials: As `nnrun.Results.trials`.
        varying: Columns of ``trials`` that tell the settings apart; passed through.

    Returns:
        ``setting``, ``label``, the varying columns, then ``seeds`` (trained trials, the denominator
        of every rate), ``reached``, ``exhausted``, ``diverged`` (without having reached the
        target), ``failed`` (errors, apart from the rest), ``plateaued``, ``reached_then_diverged``
        (of ``reached``, those whose loss was not finite at their end), ``success_rate`` with
        ``success_low`` and ``success_high`` (Wilson 95%), ``samples_median``, ``samples_q10``,
        ``samples_q90`` (inf where unreached), ``rmst`` (samples, up to the common budget) with
        ``rmst_low`` and ``rmst_high``, ``ert`` (expected running time: samples spent by all, up to
        the common budget, for one that arrives; inf where none does) with ``ert_low`` and
        ``ert_high``,
        ``final_train_loss_median``, ``final_test_loss_median``, ``final_test_loss_iqm``
        (interquartile mean; diverged is inf), ``final_accuracy_median``, ``final_accuracy_iqm``
        (diverged is 0; NaN for regression), ``ns_per_sample`` (median). The bounds of ``rmst`` and
        ``ert`` are 95%, by bootstrapping seeds (BCa, expanded) or, with 1 to 4 seeds that failed or
        arrived, of `nnrun.statistics.bounded`; NaN with a single seed and where no seed arrived.
        Where all arrived they are of seeds that do: how many may not, the success rate says. NaN
        where no trial was trained.
    """
    group, settings = pd.factorize(trials["setting"])
    n = len(settings)
    _, first = np.unique(group, return_index=True)
    about = {key: trials[key].iloc[first].reset_index(drop=True) for key in ("label", *varying)}
    until = common_budget(trials)
    status = trials["status"].to_numpy()
    late = (status == "reached") & ~(samples_to_target(trials) <= until)
    status = np.where(late, "exhausted", status)
    lost = _lost(trials)
    ran = status != "failed"
    tally = {name: _count(group, status == name, n) for name in STATUSES}
    seeds = _count(group, ran, n)
    measured = _measured(trials[ran], group[ran], n, until)
    counts = zip(tally["reached"].tolist(), seeds.tolist(), strict=True)
    low, high = np.array([wilson_interval(*k) for k in counts], dtype=np.float64).reshape(n, 2).T
    columns = {
        "setting": settings,
        **about,
        "seeds": seeds,
        **tally,
        "plateaued": _count(group, ran & trials["plateaued"].eq(True).to_numpy(), n),
        "reached_then_diverged": _count(group, (status == "reached") & lost, n),
        "success_rate": tally["reached"] / np.where(seeds > 0, seeds, np.nan),
        "success_low": low,
        "success_high": high,
        **measured,
    }
    return pd.DataFrame(columns)


def shown(summary: pd.DataFrame, most: int = SHOWN, best: int = BEST) -> list[str]:
    """Choose the settings that a panel shows, in the order of the summary.

    Args:
        summary: As `summarise` returns it, the baseline first.
        most: Most lines in a panel.
        best: How many of the best are shown, if not all are.

    Returns:
        Settings that trained, all of them if they fit; else the first, the best ones by ``rmst``,
        and of the others the median and the worst.
    """
    ran = summary[summary["seeds"] > 0]
    names = [str(name) for name in ran["setting"]]
    if len(names) <= most:
        return names
    ranked = [str(n) for n in ran.iloc[1:].sort_values("rmst", kind="stable")["setting"]]
    rest = ranked[best:]
    chosen = {names[0], *ranked[:best], rest[(len(rest) - 1) // 2], rest[-1]}
    return [name for name in names if name in chosen]


def _measured(
    ran: pd.DataFrame, group: NDArray[np.intp], n: int, horizon: float
) -> dict[str, Floats]:
    """Times and final values of the trained trials, shape (n,) each; NaN without a trial."""
    times, arrived = censored(ran, horizon)
    seen = np.where(arrived, times, np.inf)
    median, q10, q90 = group_quantiles(seen, group, n, (0.5, 0.1, 0.9))
    cost = ran["ns_per_sample"].to_numpy(dtype=np.float64, na_value=np.nan)
    timed = ~np.isnan(cost)
    return {
        "samples_median": median,
        "samples_q10": q10,
        "samples_q90": q90,
        **_mean_times(times, arrived, group, n, horizon),
        **_final_values(ran, group, n),
        "ns_per_sample": _medians(cost[timed], group[timed], n),
    }


def _final_values(ran: pd.DataFrame, group: NDArray[np.intp], n: int) -> dict[str, Floats]:
    """Medians and interquartile means of the final losses and accuracies."""
    diverged = _lost(ran)
    train, test = (np.where(diverged, np.inf, _final(ran, name)) for name in LOSSES)
    # A regression has no accuracy: NaN there is an absence, not a failure.
    classifies = (ran["task"] != "regression").to_numpy()
    worst = np.where(ran["task"] == RISING, -np.inf, 0.0)
    accuracy = np.where(diverged & classifies, worst, _final(ran, "accuracy"))
    absent = _count(group, np.isnan(accuracy), n) > 0
    if (ran["task"] == RISING).any():  # of curves of that metric there is no loss
        test = np.full(len(ran), np.nan)
    lossless, unknown = (_count(group, np.isnan(loss), n) > 0 for loss in (test, train))
    return {
        "final_train_loss_median": np.where(unknown, np.nan, _medians(train, group, n)),
        "final_test_loss_median": np.where(lossless, np.nan, _medians(test, group, n)),
        "final_test_loss_iqm": np.where(lossless, np.nan, interquartile_means(test, group, n)),
        "final_accuracy_median": np.where(absent, np.nan, _medians(accuracy, group, n)),
        "final_accuracy_iqm": np.where(absent, np.nan, interquartile_means(accuracy, group, n)),
    }


def _lost(trials: pd.DataFrame) -> NDArray[np.bool_]:
    """Mark trials without a finite loss at their end, whatever they had reached before."""
    rises = (trials["task"] == RISING).to_numpy()
    last = np.where(rises, _final(trials, "accuracy"), _final(trials, "test_loss"))
    return (trials["status"] == "diverged").to_numpy() | np.isnan(last)


def _mean_times(
    times: Floats, reached: NDArray[np.bool_], group: NDArray[np.intp], n: int, horizon: float
) -> dict[str, Floats]:
    """Restricted mean and expected running time with their bounds."""
    names = [f"{mean}{bound}" for mean in ("rmst", "ert") for bound in ("", "_low", "_high")]
    out = np.full((len(names), n), np.nan)
    arrived = reached.astype(np.float64)
    values = np.stack([times, arrived], axis=1)
    values = values[np.argsort(group, kind="stable")]
    counts = np.bincount(group, minlength=n)
    first = np.cumsum(counts) - counts
    for seeds in np.unique(counts[counts > 0]):
        settings = np.flatnonzero(counts == seeds)
        for start in range(0, len(settings), TOGETHER):
            some = settings[start : start + TOGETHER]
            out[:, some] = _with_bounds(values[first[some] + np.arange(seeds)[:, None]], horizon)
    # equal values give a bootstrap nothing to resample, which is not certainty
    never = np.bincount(group, weights=arrived, minlength=n) == 0
    for row, name in zip(out, names, strict=True):
        if name not in ("rmst", "ert"):
            row[never] = np.nan
    return dict(zip(names, out, strict=True))


def _with_bounds(values: Floats, horizon: float) -> Floats:
    """Bound both means, shape (6, setting), where few trials arrive or fail without resampling."""
    out, arrived = _resampled(values), values[..., 1] > 0
    some = few(arrived) & (len(values) > 1)
    if some.any():
        bounds = bounded_means(values[:, some, 0], arrived[:, some], horizon)
        for row, bound in zip((1, 2, 4, 5), bounds, strict=True):
            out[row, some] = bound
    return out


def _resampled(values: Floats) -> Floats:
    """Bound both means; values (seed, setting, [time, arrived]) to shape (6, setting)."""
    seeds, settings, _ = values.shape
    means, left_out = values.mean(axis=0), leave_one_out_means(values)
    drawn: Floats | None = None
    if seeds > 1:
        drawn = resampled_means(values.reshape(seeds, -1)).reshape(-1, settings, 2)
    out = []
    for mean in (lambda m: m[..., 0], lambda m: expected_running_time(m[..., 0], m[..., 1])):
        low = high = np.full(settings, np.nan)
        if drawn is not None:
            low, high = bca(mean(means), mean(drawn), mean(left_out), expanded=True)
        out += [mean(means), low, high]
    return np.array(out)


def _final(ran: pd.DataFrame, metric: str) -> Floats:
    return ran[f"final_{metric}"].to_numpy(dtype=np.float64, na_value=np.nan)


def _count(group: NDArray[np.intp], marked: NDArray[np.bool_], n: int) -> Ints:
    """Count the marked trials of each group."""
    return np.bincount(group[marked], minlength=n)


def _medians(values: Floats, group: NDArray[np.intp], n: int) -> Floats:
    """Take the median of each group, NaN counting as inf."""
    return group_quantiles(values, group, n, (0.5,))[0]
