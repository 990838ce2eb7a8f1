"""What each setting did, one row a setting, and which settings a panel has room for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.report.bands import LOSSES
from nnrun.report.quantiles import quantile_with_failures
from nnrun.report.survival import (
    censored,
    common_budget,
    rmst,
    samples_to_target,
    trained,
    wilson_interval,
)
from nnrun.results import Results

Floats = NDArray[np.float64]

SHOWN = 8  # most lines that a reader can tell apart in one panel
BEST = 4  # of these, how many go to the fastest settings


def in_order(results: Results) -> pd.DataFrame:
    """Sort the trials into the sweep's order of settings, so that the baseline comes first."""
    place = {s["id"]: i for i, s in enumerate(results.sweep["settings"])}
    order = results.trials["setting"].map(place).astype("float64")
    return results.trials.loc[order.sort_values(kind="stable").index]


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
    horizon = common_budget(trials)
    classifies = bool((trials["task"] != "regression").any())
    rows = []
    for setting, group in trials.groupby("setting", sort=False):
        about = {key: group[key].iloc[0] for key in ("label", *varying)}
        rows.append({"setting": setting, **about, **_summary_row(group, horizon, classifies)})
    if rows:
        return pd.DataFrame(rows)
    empty = _summary_row(trials, horizon, classifies)
    return pd.DataFrame(columns=["setting", "label", *varying, *empty])


def shown(summary: pd.DataFrame, most: int = SHOWN) -> list[str]:
    """Choose the settings that a panel shows, in the order of the summary.

    Args:
        summary: As `summarise` returns it, the baseline first.
        most: Most lines in a panel.

    Returns:
        Settings that trained, all of them if they fit; else the baseline, the best four by
        ``rmst``, and of the others the median and the worst.
    """
    ran = summary[summary["seeds"] > 0]
    names = [str(name) for name in ran["setting"]]
    if len(names) <= most:
        return names
    ranked = [str(n) for n in ran.iloc[1:].sort_values("rmst", kind="stable")["setting"]]
    rest = ranked[BEST:]
    chosen = {names[0], *ranked[:BEST], rest[(len(rest) - 1) // 2], rest[-1]}
    return [name for name in names if name in chosen]


def _summary_row(group: pd.DataFrame, horizon: float, classifies: bool) -> dict[str, Any]:
    ran = trained(group)
    status = group["status"].value_counts()
    n, reached = len(ran), int(status.get("reached", 0))
    low, high = wilson_interval(reached, n)
    diverged = (ran["status"] == "diverged").to_numpy()
    times = samples_to_target(ran)
    final = {name: _finals(ran, name, np.where(diverged, np.inf, np.nan)) for name in LOSSES}
    accuracy = _finals(ran, "accuracy", np.where(diverged & classifies, 0.0, np.nan))
    return {
        "seeds": n,
        **{name: int(status.get(name, 0)) for name in ("reached", "exhausted", "diverged")},
        "failed": int(status.get("failed", 0)),
        "plateaued": int(ran["plateaued"].eq(True).sum()),
        "success_rate": reached / n if n else float("nan"),
        "success_low": low,
        "success_high": high,
        "samples_median": _quantile_or_nan(times, 0.5),
        "samples_q10": _quantile_or_nan(times, 0.1),
        "samples_q90": _quantile_or_nan(times, 0.9),
        "rmst": rmst(*censored(ran, horizon), horizon) if n else float("nan"),
        **{f"final_{name}_median": _quantile_or_nan(final[name], 0.5) for name in LOSSES},
        # A regression has no accuracy: NaN there is an absence, not a failure.
        "final_accuracy_median": float(np.median(accuracy)) if n else float("nan"),
        "ns_per_sample": float(ran["ns_per_sample"].median()) if n else float("nan"),
    }


def _finals(ran: pd.DataFrame, metric: str, at_divergence: Floats) -> Floats:
    """Final values; ``at_divergence`` wins wherever it is not NaN."""
    values = ran[f"final_{metric}"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(at_divergence), values, at_divergence)


def _quantile_or_nan(values: Floats, q: float) -> float:
    return quantile_with_failures(values, q) if values.size else float("nan")
