"""What a reader must know before leaning on the numbers."""

from itertools import chain

import numpy as np

from nnrun.records.sweep import Sweep
from nnrun.report.verdict import headline
from nnrun.results.results import Results
from nnrun.statistics.survival import common_budget, judged_on, trained
from nnrun.text import count, number, ratio, share

RARE = 5  # arrivals, or failures, under which a bootstrap has too little to resample


def reading_limits(results: Results) -> list[str]:
    """Say how much was censored, how fine the times are, and what could not have been seen.

    Returns:
        A paragraph a limit; none if no trial was trained.
    """
    ran = trained(results.trials)
    n, status = len(ran), ran["status"].value_counts()
    if not n:
        return []
    late, lost = int(status.get("exhausted", 0)), int(status.get("diverged", 0))
    then = int(results.summary["reached_then_diverged"].sum())
    after = f" {then:,} reached it and diverged afterwards: reached, with accuracy 0 at the end."
    limits = [
        f"Censoring: {late + lost:,} of {n:,} trained seeds ({share((late + lost) / n)}) "
        f"did not reach the target; in {late:,} the budget ended first "
        f"({int(ran['plateaued'].eq(True).sum()):,} of them on a plateau), {lost:,} diverged."
        f"{after if then else ''}"
    ]
    limits += _common(results)
    grids = [bands.samples for bands in results.bands.values()]
    grid = np.unique(np.concatenate([*grids, []])).astype(np.float64)
    steps = grid[1:] / grid[:-1] if (grid > 0).all() else np.array([])
    if steps.size:
        limits.append(
            "Resolution: a time to target is known to the evaluation grid, without interpolation; "
            f"an evaluation has {number(float(np.median(steps)))} times the samples of "
            "the one before it (median)."
        )
    several = (_rare(results), _power(results), _tuned(results.sweep), _scope(results))
    return [*limits, *chain.from_iterable(several)]


def _common(results: Results) -> list[str]:
    """Say how settings are judged that were not evaluated alike."""
    ran, common = trained(results.trials), judged_on(results.sweep)
    own = "Losses and accuracies at the end are those at each setting's own end."
    if common is None:
        if ran["budget"].min() == ran["budget"].max():
            return []
        horizon = count(common_budget(ran))
        return [f"Budgets differ: all settings are judged up to {horizon} samples. {own}"]
    n, last = len(common.samples), count(float(common.samples[-1]))
    near = ""
    if common.apart:
        near = (
            f" Evaluations up to {number(100 * common.apart, 2)}% apart count as one, and "
            "intervals of ratios are wider by as much on either side."
        )
    return [
        "Evaluations differ: whoever is looked at more often seems to arrive sooner. So all "
        f"settings are judged as if they had been evaluated at the {n} points up to {last} samples "
        f"that they share, and at no others; a target must hold at these.{near} {own} The same "
        "budget, batch_size and evals for all give finer times."
    ]


def _rare(results: Results) -> list[str]:
    """Warn of intervals that rest on very few arrivals, or on very few failures."""
    summary = results.summary
    missed = summary["seeds"] - summary["reached"]
    rare = summary["reached"].between(1, RARE - 1) | missed.between(1, RARE - 1)
    if not rare.any():
        return []
    return [
        f"Rare events: in {int(rare.sum()):,} of {len(summary):,} settings fewer than {RARE} seeds "
        "arrived, or fewer than that did not. Bootstrap intervals of restricted mean and running "
        "time are too narrow there; lean on the success rate and its interval."
    ]


def _power(results: Results) -> list[str]:
    """Say how small a ratio the seeds could have shown."""
    table = headline(results)
    least = table["detectable"][np.isfinite(table["detectable"])]
    if least.empty:
        return []
    spread = ratio(float(least.median()))
    return [
        f"Power: with these seeds, this spread and this many contrasts a ratio of {spread} "
        f"(median over {len(least):,} of them), or one in {spread}, is shown four times in five; "
        "a smaller effect can well be real and not be shown."
    ]


def _tuned(sweep: Sweep) -> list[str]:
    """Warn of a tuned value that lies at the edge of what was tried."""
    rows = (sweep.tuning or {}).get("rows") or []
    edges = [row for row in rows if row.get("chosen") and row.get("edge")]
    if not edges:
        return []
    keys, arms = ", ".join(sweep.tuned or []), sum(bool(r.get("chosen")) for r in rows)
    return [
        f"Tuning: in {len(edges):,} of {arms:,} arms the chosen "
        f"{keys} is the smallest or the largest that was tried, so a better one may lie beyond."
    ]


def _scope(results: Results) -> list[str]:
    """Say what was not varied, which the verdict therefore does not speak of."""
    varying = results.sweep.varying
    groups = ("data", "features", "network", "init", "optimizer", "schedule", "loss")
    still = [g for g in groups if not any(k == g or k.startswith(f"{g}.") for k in varying)]
    still += [key for key in ("lr", "batch_size") if key not in varying]
    if not still:
        return []
    return [
        f"Scope: {', '.join(still)} {'was' if len(still) == 1 else 'were'} not varied. The verdict "
        "is about these settings, this task and this target, and says nothing about others."
    ]
