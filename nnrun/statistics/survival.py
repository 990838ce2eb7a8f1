"""What counts as converged, and times to it of trials of which some never arrive.

A trial that ended without the target is censored: all that is known is that it needs more samples
than it was given. No statistic here leaves such a trial out, and none gives it an invented time.
"""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nnrun.config.evaluation_grid import CommonGrid
from nnrun.config.settings import Target
from nnrun.records.sweep import Sweep
from nnrun.text import METRIC_NAMES, sign, things


def target_text(target: Any) -> str:
    """Say what counts as converged, for instance ``accuracy ≥ 0.95``."""
    if not is_target(target):
        return "its target"
    name = target.get("name") or METRIC_NAMES.get(str(target["metric"]), str(target["metric"]))
    return f"{name} {sign(str(target['metric']))} {target['value']:g}"


def is_target(target: Any) -> bool:
    """Tell whether this is one target, rather than several or none."""
    return isinstance(target, Mapping) and all(
        isinstance(target.get(key), kind) for key, kind in (("metric", str), ("value", int | float))
    )


def targets(sweep: Sweep) -> dict[str, Any]:
    """Find the target of each setting: its own, from its config, else the sweep's."""
    found = {}
    for setting in sweep.settings:
        config = setting.config
        own = {key: config.get(f"target.{key}") for key in ("metric", "value", "hold")}
        if "target.name" in config:  # of a metric that is not nnrun's
            own["name"] = config["target.name"]
        found[setting.id] = own if is_target(own) else sweep.target
    return found


def holds(sweep: Sweep) -> dict[str, int]:
    """Find how many evaluations in a row count as holding, by setting."""
    found = {}
    for setting, target in targets(sweep).items():
        own = target.get("hold") if isinstance(target, Mapping) else None
        found[setting] = int(own or Target.hold)
    return found


def judged_on(sweep: Sweep) -> CommonGrid | None:
    """Find the points at which settings of differing evaluations are judged.

    Returns:
        None where each setting is judged on its own grid: because all share one, or because they
        share so few points that a target could not be seen to hold there.
    """
    common = CommonGrid.from_facts(sweep.common_grid)
    return None if common is None or _too_few(common, sweep) else common


def not_comparable(sweep: Sweep) -> str:
    """Say why the times of a sweep's settings cannot be compared; empty if they can."""
    if not one_target(sweep):
        return "the settings have different targets"
    common = CommonGrid.from_facts(sweep.common_grid)
    if common is not None and _too_few(common, sweep):
        points = things(len(common.samples), "point")
        most = max(holds(sweep).values())
        return f"their evaluations have {points} in common, and a target must hold at {most}"
    return ""


def _too_few(common: CommonGrid, sweep: Sweep) -> bool:
    return len(common.samples) < max(holds(sweep).values(), default=1)


def one_target(sweep: Sweep) -> bool:
    """Tell whether all settings share one target, so that their times can be compared."""
    found = list(targets(sweep).values())
    return all(target == found[0] for target in found)


def shared_target(sweep: Sweep) -> Mapping[str, Any] | None:
    """Find the target that all settings share; None if they do not, or have none."""
    found = list(targets(sweep).values())
    return found[0] if found and one_target(sweep) and is_target(found[0]) else None


def hold_used(sweep: Sweep) -> int:
    """Find at how many evaluations in a row the target that all settings share had to hold.

    It is fewer than was declared where settings are judged at the few points that they share.
    """
    declared = int((shared_target(sweep) or {}).get("hold") or 1)
    common = judged_on(sweep)
    return declared if common is None else common.hold(declared)


Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    t, seen = np.asarray(times, dtype=np.float64), np.asarray(observed, dtype=bool)
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


def trained(trials: pd.DataFrame) -> pd.DataFrame:
    """Keep the trials that did train: all but those stopped by an error."""
    return trials[trials["status"] != "failed"]


def common_budget(trials: pd.DataFrame) -> float:
    """Find the samples up to which every trained trial is judged; NaN if none was trained.

    It is the smallest budget or, where evaluations differ, the last point that all settings share.
    """
    ran = trained(trials)
    return float(ran["horizon" if "horizon" in ran else "budget"].min())


def samples_to_target(trials: pd.DataFrame) -> Floats:
    """Read the times to target: samples, shape (n_trials,); inf where it was not reached."""
    times = trials["samples_to_target"].to_numpy(dtype=np.float64, na_value=np.nan)
    reached = (trials["status"] == "reached").to_numpy(dtype=bool) & ~np.isnan(times)
    return np.where(reached, times, np.inf)


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
    times = samples_to_target(trials)
    observed = times <= horizon
    return np.where(observed, times, horizon), observed


def expected_running_time(spent: ArrayLike, arrived: ArrayLike) -> Floats:
    """Divide the samples spent by trials by the number that arrived.

    It is what one arrival costs if a failed trial is started again from another seed. A trial that
    did not arrive has spent the whole common budget, a diverged one too: stopped at its divergence
    it would be cheap, and a setting that diverges early would look the better for it.

    Args:
        spent: Samples, any shape: sums over trials, or means.
        arrived: How many arrived, or which share of them, the same shape.

    Returns:
        Samples; inf where none arrived.

    Example:
        >>> float(expected_running_time(1400.0, 2))
        700.0

    References:
        N. Hansen, A. Auger, S. Finck, R. Ros: Real-parameter black-box optimization benchmarking
        2009: experimental setup, 2009, INRIA RR-6828.
    """
    never = np.full(np.broadcast(spent, arrived).shape, np.inf)
    return np.divide(spent, arrived, out=never, where=np.asarray(arrived) > 0)
