"""What each setting did, one row a setting, and which settings a panel has room for."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.statistics.bands import LOSSES
from nnrun.statistics.quantiles import group_quantiles
from nnrun.statistics.survival import (
    censored,
    common_budget,
    rmst,
    samples_to_target,
    wilson_interval,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATUSES = ("reached", "exhausted", "diverged", "failed")

SHOWN = 8  # most lines that a reader can tell apart in one panel
BEST = 4  # of these, how many go to the fastest settings


def summarise(trials: pd.DataFrame, varying: Sequence[str]) -> pd.DataFrame:
    """Summarise each setting in one row, in order of first appearance.

    Args:
        trials: As `nnrun.results.Results.trials`.
        varying: Columns of ``trials`` that tell the settings apart; passed through.

    Returns:
        ``setting``, ``label``, the varying columns, then ``seeds`` (trained trials, the denominator
        of every rate), ``reached``, ``exhausted``, ``diverged``, ``failed`` (errors, apart from
        the rest), ``plateaued``, ``success_rate`` with ``success_low`` and ``success_high``
        (Wilson 95%), ``samples_median``, ``samples_q10``, ``samples_q90`` (inf where unreached),
        ``rmst`` (samples, at the common budget of all settings), ``final_train_loss_median``,
        ``final_test_loss_median`` (diverged is inf), ``final_accuracy_median`` (diverged is 0; NaN
        for regression), ``ns_per_sample`` (median). NaN where no trial was trained.
    """
    group, settings = pd.factorize(trials["setting"])
    n = len(settings)
    _, first = np.unique(group, return_index=True)
    about = {key: trials[key].iloc[first].reset_index(drop=True) for key in ("label", *varying)}
    status = trials["status"].to_numpy()
    ran = status != "failed"
    tally = {name: _count(group, status == name, n) for name in STATUSES}
    seeds = _count(group, ran, n)
    measured = _measured(trials[ran], group[ran], n, common_budget(trials))
    counts = zip(tally["reached"].tolist(), seeds.tolist(), strict=True)
    low, high = np.array([wilson_interval(*k) for k in counts], dtype=np.float64).reshape(n, 2).T
    columns = {
        "setting": settings,
        **about,
        "seeds": seeds,
        **tally,
        "plateaued": _count(group, ran & trials["plateaued"].eq(True).to_numpy(), n),
        "success_rate": tally["reached"] / np.where(seeds > 0, seeds, np.nan),
        "success_low": low,
        "success_high": high,
        **measured,
    }
    return pd.DataFrame(columns)


def shown(summary: pd.DataFrame, most: int = SHOWN) -> list[str]:
    """Choose the settings that a panel shows, in the order of the summary.

    Args:
        summary: As `summarise` returns it, the baseline first.
        most: Most lines in a panel.

    Returns:
        Settings that trained, all of them if they fit; else the first, the best four by ``rmst``,
        and of the others the median and the worst.
    """
    ran = summary[summary["seeds"] > 0]
    names = [str(name) for name in ran["setting"]]
    if len(names) <= most:
        return names
    ranked = [str(n) for n in ran.iloc[1:].sort_values("rmst", kind="stable")["setting"]]
    rest = ranked[BEST:]
    chosen = {names[0], *ranked[:BEST], rest[(len(rest) - 1) // 2], rest[-1]}
    return [name for name in names if name in chosen]


def _measured(
    ran: pd.DataFrame, group: NDArray[np.intp], n: int, horizon: float
) -> dict[str, Floats]:
    """Times and final values of the trained trials, shape (n,) each; NaN without a trial."""
    diverged = (ran["status"] == "diverged").to_numpy()
    times = samples_to_target(ran)
    median, q10, q90 = group_quantiles(times, group, n, (0.5, 0.1, 0.9))
    final = {
        f"final_{name}_median": _medians(np.where(diverged, np.inf, _final(ran, name)), group, n)
        for name in LOSSES
    }
    # A regression has no accuracy: NaN there is an absence, not a failure.
    classifies = (ran["task"] != "regression").to_numpy()
    accuracy = np.where(diverged & classifies, 0.0, _final(ran, "accuracy"))
    absent = _count(group, np.isnan(accuracy), n) > 0
    cost = ran["ns_per_sample"].to_numpy(dtype=np.float64, na_value=np.nan)
    timed = ~np.isnan(cost)
    return {
        "samples_median": median,
        "samples_q10": q10,
        "samples_q90": q90,
        "rmst": _restricted_means(*censored(ran, horizon), group, n, horizon),
        **final,
        "final_accuracy_median": np.where(absent, np.nan, _medians(accuracy, group, n)),
        "ns_per_sample": _medians(cost[timed], group[timed], n),
    }


def _final(ran: pd.DataFrame, metric: str) -> Floats:
    return ran[f"final_{metric}"].to_numpy(dtype=np.float64, na_value=np.nan)


def _count(group: NDArray[np.intp], marked: NDArray[np.bool_], n: int) -> Ints:
    """Count the marked trials of each group."""
    return np.bincount(group[marked], minlength=n)


def _medians(values: Floats, group: NDArray[np.intp], n: int) -> Floats:
    """Take the median of each group, NaN counting as inf."""
    return group_quantiles(values, group, n, (0.5,))[0]


def _restricted_means(
    times: Floats,
    observed: NDArray[np.bool_],
    group: NDArray[np.intp],
    n: int,
    horizon: float,
) -> Floats:
    """Take the restricted mean time of each group; NaN where it is empty."""
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=n))
    parts = [np.split(values[order], ends[:-1]) for values in (times, observed)]
    means = [rmst(t, o, horizon) if len(t) else np.nan for t, o in zip(*parts, strict=True)]
    return np.array(means[:n], dtype=np.float64)
