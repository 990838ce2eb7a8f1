"""What a sweep's trials say about convergence, as tables; draws nothing.

A trial that ended without the target is censored: all that is known is that it needs more samples
than it was given. No statistic here leaves such a trial out, and none gives it an invented time.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOSSES = ("train_loss", "test_loss")
METRICS = (*LOSSES, "accuracy")
SHOWN = 8  # most lines that a reader can tell apart in one panel
BEST = 4  # of these, how many go to the fastest settings


def kaplan_meier(times: ArrayLike, observed: ArrayLike, confidence: float = 0.95) -> pd.DataFrame:
    """Estimate the share of trials still short of the target, with a pointwise interval.

    The interval is Greenwood's on the log(-log) scale, so it stays between 0 and 1. Where an event
    and a censoring fall on one time, the censored trial still counts as at risk.

    Args:
        times: Samples to the event or to the censoring, shape (n_trials,), finite.
        observed: True where the event was seen, False where censored, shape (n_trials,).
        confidence: Coverage of the interval, between 0 and 1.

    Returns:
        A row a distinct time, increasing: ``time`` (samples), ``at_risk`` and ``events`` (trials),
        ``survival``, ``low``, ``high`` (shares just after the time). The bounds are NaN where
        the survival is exactly 1 or 0, where Greenwood's formula is not defined.

    Raises:
        ValueError: If there is no trial, or shapes disagree, or a time is not finite.

    Example:
        >>> kaplan_meier([100, 300], [True, False])[["time", "at_risk", "survival"]]
            time  at_risk  survival
        0  100.0        2       0.5
        1  300.0        1       0.5

    References:
        E. L. Kaplan, P. Meier: Nonparametric estimation from incomplete observations, 1958,
        doi:10.1080/01621459.1958.10501452. J. D. Kalbfleisch, R. L. Prentice: The Statistical
        Analysis of Failure Time Data, 1980, section 1.4 (the log(-log) interval).
    """
    time, at_risk, events, survival = _steps(times, observed)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    left = at_risk - events
    hazard_variance = np.cumsum(events / (at_risk * np.where(left > 0, left, np.nan)))
    inside = (survival > 0) & (survival < 1)
    log_survival = np.log(np.where(inside, survival, np.nan))
    spread = np.exp(z * np.sqrt(hazard_variance) / -log_survival)
    columns = {
        "time": time,
        "at_risk": at_risk,
        "events": events,
        "survival": survival,
        "low": np.exp(log_survival * spread),
        "high": np.exp(log_survival / spread),
    }
    return pd.DataFrame(columns)


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bound a success rate by inverting the score test (Wilson).

    Args:
        successes: Trials that reached the target.
        n: Trials in all.
        confidence: Coverage of the interval, between 0 and 1.

    Returns:
        Lower and upper bound, shares; NaN both if ``n`` is 0.

    Example:
        >>> low, high = wilson_interval(10, 10)
        >>> round(low, 3), high
        (0.722, 1.0)

    References:
        E. B. Wilson: Probable inference, the law of succession, and statistical inference, 1927,
        doi:10.1080/01621459.1927.10502953.
    """
    if n == 0:
        return float("nan"), float("nan")
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    centre = successes + z2 / 2
    half = (z2 * (successes * (n - successes) / n + z2 / 4)) ** 0.5
    low = 0.0 if successes == 0 else (centre - half) / (n + z2)
    high = 1.0 if successes == n else (centre + half) / (n + z2)
    return low, high


def rmst(times: ArrayLike, observed: ArrayLike, horizon: float) -> float:
    """Compute the restricted mean time to target: the area under Kaplan-Meier up to a horizon.

    With no trial censored before the horizon it is the mean of min(time, horizon).

    Args:
        times: Samples to the event or to the censoring, shape (n_trials,), finite.
        observed: True where the event was seen, False where censored, shape (n_trials,).
        horizon: Samples; a trial not there by then counts with exactly this many.

    Returns:
        Mean training samples to target, at most ``horizon``.

    Raises:
        ValueError: As `kaplan_meier`.

    Example:
        >>> rmst([100, 300], [True, False], horizon=300)
        200.0
    """
    time, _, _, survival = _steps(times, observed)
    edges = np.clip(np.concatenate([[0.0], time, [horizon]]), 0.0, horizon)
    return float(np.sum(np.diff(edges) * np.concatenate([[1.0], survival])))


def quantile_with_failures(values: ArrayLike, q: float) -> float:
    """Take a quantile in which a failure counts as infinitely slow (or infinitely wrong).

    Between two order statistics it is linear, as in NumPy; with any weight on a failure it is inf.

    Args:
        values: Shape (n_trials,); inf or NaN is a failure.
        q: Between 0 and 1.

    Returns:
        The quantile, inf where it falls on a failure; never NaN.

    Raises:
        ValueError: If there is no value.

    Example:
        >>> quantile_with_failures([1.0, 3.0, float("nan")], 0.5)
        3.0
    """
    row = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if row.size == 0:
        raise ValueError("values: holds no trial; a quantile needs at least one")
    row = np.sort(np.where(np.isnan(row), np.inf, row), axis=1)
    return float(_row_quantiles(row, np.array([row.shape[1]]), q)[0])


def bands(curves: pd.DataFrame) -> pd.DataFrame:
    """Summarise the curves of each setting by median and quartiles over its seeds.

    A diverged trial stays in: from its divergence on its loss counts as inf and its accuracy
    as 0, and so does an evaluation that one seed lacks. No point shows survivors only.

    Args:
        curves: A row an evaluation: ``setting``, ``seed``, ``samples``, ``train_loss``,
            ``test_loss``, ``accuracy``; NaN from the divergence on.

    Returns:
        A row a metric, setting and evaluation: ``setting``, ``samples``, ``metric``, ``q25``,
        ``median``, ``q75`` (inf where diverged trials reach so far), ``n`` (trials). A metric that
        is NaN throughout (accuracy in regression) is left out.
    """
    setting, settings = pd.factorize(curves["setting"])
    trial, per_setting = _seed_positions(setting, curves["seed"], len(settings))
    grid, samples = pd.factorize(curves["samples"], sort=True)
    cells, row = np.unique(setting * max(len(samples), 1) + grid, return_inverse=True)
    owner, point = np.divmod(cells, max(len(samples), 1))
    counts = per_setting[owner]
    present = np.arange(per_setting.max(initial=0)) < counts[:, None]
    tables = []
    for metric in METRICS:
        values = curves[metric].to_numpy(dtype=np.float64, na_value=np.nan)
        known = _has_metric(metric, values, curves, setting, len(settings))[owner]
        if not known.any():
            continue
        failure = np.inf if metric in LOSSES else 0.0
        matrix = np.where(present, failure, np.inf)
        matrix[row, trial] = np.where(np.isnan(values), failure, values)
        matrix = np.sort(matrix[known], axis=1)
        table = {"setting": settings[owner[known]], "samples": samples[point[known]]}
        quantiles = {
            name: _row_quantiles(matrix, counts[known], q)
            for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))
        }
        tables.append(pd.DataFrame({**table, "metric": metric, **quantiles, "n": counts[known]}))
    columns = ["setting", "samples", "metric", "q25", "median", "q75", "n"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def trained(trials: pd.DataFrame) -> pd.DataFrame:
    """Keep the trials that did train: all but those stopped by an error."""
    return trials[trials["status"] != "failed"]


def common_budget(trials: pd.DataFrame) -> float:
    """Find the samples that every trained trial could see; NaN if none was trained."""
    return float(trained(trials)["budget"].min())


def censored(trials: pd.DataFrame, horizon: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Put trials on one clock: the time to target, or the horizon where that came first.

    A diverged trial is censored at the horizon too, not where it stopped: it will never arrive,
    and to drop it from the risk set early would flatter its setting.

    Args:
        trials: Trained trials, with ``status`` and ``samples_to_target``.
        horizon: Samples, the common budget.

    Returns:
        Times in samples and whether the target was reached by then, shape (n_trials,) each.
    """
    times = _times(trials)
    observed = times <= horizon
    return np.where(observed, times, horizon), observed


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
    classifies = bool(trials["final_accuracy"].notna().any())
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
    times = _times(ran)
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


def _times(trials: pd.DataFrame) -> Floats:
    """Samples to target, shape (n_trials,); inf where the target was not reached."""
    times = trials["samples_to_target"].to_numpy(dtype=np.float64, na_value=np.nan)
    reached = (trials["status"] == "reached").to_numpy(dtype=bool) & ~np.isnan(times)
    return np.where(reached, times, np.inf)


def _finals(ran: pd.DataFrame, metric: str, at_divergence: Floats) -> Floats:
    """Final values; ``at_divergence`` wins wherever it is not NaN."""
    values = ran[f"final_{metric}"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(at_divergence), values, at_divergence)


def _quantile_or_nan(values: Floats, q: float) -> float:
    return quantile_with_failures(values, q) if values.size else float("nan")


def _steps(times: ArrayLike, observed: ArrayLike) -> tuple[Floats, Ints, Ints, Floats]:
    """Kaplan-Meier's distinct times, trials at risk, events and survival."""
    t = np.asarray(times, dtype=np.float64)
    seen = np.asarray(observed, dtype=bool)
    if t.ndim != 1 or t.shape != seen.shape or t.size == 0:
        raise ValueError(
            f"times {t.shape} and observed {seen.shape}: need one shape (n_trials,), n_trials >= 1"
        )
    if not np.isfinite(t).all():
        raise ValueError("times: not finite; give a censored trial the samples it was followed for")
    time, where, total = np.unique(t, return_inverse=True, return_counts=True)
    events = np.bincount(where, weights=seen, minlength=len(time)).astype(np.int64)
    at_risk = t.size - np.concatenate([[0], np.cumsum(total)[:-1]]).astype(np.int64)
    survival: Floats = np.cumprod(1.0 - events / at_risk, dtype=np.float64)
    return time, at_risk, events, survival


def _row_quantiles(rows: Floats, counts: Ints, q: float) -> Floats:
    """Quantile of the first ``counts[i]`` entries of each sorted row; inf where it touches inf."""
    position = q * (counts - 1)
    # 0.55 * 100 is 55.00000000000001: without rounding it would touch the entry after its own.
    whole = np.rint(position)
    position = np.where(np.abs(position - whole) < 1e-9, whole, position)
    below = np.floor(position).astype(np.int64)
    weight = position - below
    index = np.arange(len(rows))
    low, high = rows[index, below], rows[index, np.minimum(below + 1, counts - 1)]
    between = (weight > 0) & np.isfinite(high)
    out: Floats = np.where(weight > 0, np.inf, low)
    out[between] = low[between] + weight[between] * (high[between] - low[between])
    return out


def _seed_positions(setting: NDArray[np.intp], seeds: pd.Series, n: int) -> tuple[Ints, Ints]:
    """Number each row's trial within its setting; also the trials of each setting."""
    seed, names = pd.factorize(seeds)
    trials, trial = np.unique(setting * max(len(names), 1) + seed, return_inverse=True)
    per_setting = np.bincount(trials // max(len(names), 1), minlength=n).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(per_setting)[:-1]])
    return (trial - first[setting]).astype(np.int64), per_setting


def _has_metric(
    metric: str, values: Floats, curves: pd.DataFrame, setting: NDArray[np.intp], n: int
) -> NDArray[np.bool_]:
    """Whether each setting has the metric at all; a wholly diverged setting has it."""
    if np.isnan(values).all():
        return np.zeros(n, dtype=bool)
    known = np.bincount(setting, weights=~np.isnan(values), minlength=n) > 0
    trains = np.bincount(setting, weights=curves["test_loss"].notna(), minlength=n) > 0
    return known | ~trains
