"""How a speed-up depends on what was chosen: the target, the budget, the number of seeds."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.sweep import Sweep
from nnrun.statistics.ladder import RUNGS, rung_name, rungs_used
from nnrun.statistics.resampling import percentile, resampled_means
from nnrun.statistics.survival import censored, common_budget, targets

Floats = NDArray[np.float64]

HORIZONS = 20  # budgets tried, evenly spaced in their logarithm
FEWEST, SIZES = 5, 10  # seeds of the smallest number tried, and about how many numbers

COLUMNS = ("kind", "setting", "metric", "x", "ratio", "low", "high")


class Arms(NamedTuple):
    """The trials of a setting and of the baseline that share a seed, in the order of seeds.

    Attributes:
        a: Samples to the target or the common budget, shape (seed,).
        b: Likewise, of the baseline.
        ladder_a: Samples to each rung that means the same for both, shape (seed, rung); inf where
            it was not reached.
        ladder_b: Likewise, of the baseline.
    """

    a: Floats
    b: Floats
    ladder_a: pd.DataFrame
    ladder_b: pd.DataFrame


class Choice(NamedTuple):
    """Restricted times under one choice of target, budget or number of seeds.

    Attributes:
        kind: ``target``, ``budget`` or ``seeds``.
        metric: Of a target; else empty.
        x: The target's value, samples, or seeds.
        a: Samples, shape (seed,).
        b: Likewise, of the baseline.
    """

    kind: str
    metric: str
    x: float
    a: Floats
    b: Floats


def sensitivity(
    trials: pd.DataFrame, ladder: pd.DataFrame, sweep: Sweep, settings: Sequence[str]
) -> pd.DataFrame:
    """Compute the ratio of restricted mean times to the baseline under other choices.

    All is paired by seed. The last budget and the last number of seeds are those of the headline
    ratio. Many ratios of the same trials are seen at once: the intervals are each for itself.

    Args:
        trials: As `nnrun.Results.trials`; trials stopped by an error are left out.
        ladder: As `nnrun.results.results.Results.ladder`, row by row those of ``trials``.
        sweep: The content of sweep.json; its first setting is the baseline.
        settings: Ids of those to compare with the baseline, a handful; itself it is not.

    Returns:
        A row a choice: ``kind`` (``target``, ``budget`` or ``seeds``), ``setting``, ``metric``
        (of a target; else empty), ``x`` (the target's value, samples, or seeds), ``ratio`` (below
        1: sooner than the baseline), ``low`` and ``high`` (95%, bootstrap over pairs of seeds; NaN
        with one seed). A choice by which no trial of either has arrived is left out; budgets and
        seeds also where the two settings have different targets. No rows where the same seed in
        two settings means nothing.
    """
    if sweep.unpaired:
        settings = ()
    baseline = str(sweep.settings[0].id)
    goals = targets(sweep)
    horizon = common_budget(trials)
    found: list[tuple[str, Choice]] = []
    for setting in settings:
        if setting != baseline:
            pair = (setting, baseline)
            arms = _arms(trials, ladder, rungs_used(ladder, trials, sweep, pair), pair)
            several = _choices(arms, horizon, goals[setting] == goals[baseline])
            found += [(setting, choice) for choice in several]
    ratios = _ratios([choice for _, choice in found])
    rows = [
        (choice.kind, setting, choice.metric, choice.x, *ratio)
        for (setting, choice), ratio in zip(found, ratios, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def restricted_ratios(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Compute ratios of mean restricted times, with 95% intervals from resampling pairs.

    Args:
        a: Samples, shape (seed, k), positive and finite.
        b: Likewise, of the baseline's trials with the same seeds.

    Returns:
        Ratio, lower and upper bound, shape (k,) each; the bounds are NaN with one seed.
    """
    ratio = a.mean(axis=0) / b.mean(axis=0)
    if len(a) < 2:
        return ratio, np.full_like(ratio, np.nan), np.full_like(ratio, np.nan)
    drawn = np.log(resampled_means(a) / resampled_means(b))
    low, high = percentile(drawn, len(a))
    return ratio, np.exp(low), np.exp(high)


def sizes(n: int) -> list[int]:
    """List the numbers of seeds tried: from 5 to all, evenly spaced in their logarithm.

    Example:
        >>> sizes(100), sizes(3)
        ([5, 7, 10, 14, 19, 26, 37, 51, 72, 100], [3])
    """
    if n <= FEWEST:
        return [n]
    return [int(m) for m in np.unique(np.rint(np.geomspace(FEWEST, n, SIZES)))]


def _choices(arms: Arms, horizon: float, same_target: bool) -> Iterator[Choice]:
    """List the choices of one comparison by which some trial arrived."""
    if len(arms.a) == 0:
        return
    yield from _targets(arms, horizon)
    if same_target and min(arms.a.min(), arms.b.min()) < horizon:
        yield from _budgets(arms, horizon)
        yield from _seeds(arms, horizon)


def _targets(arms: Arms, horizon: float) -> Iterator[Choice]:
    for rung in RUNGS:
        name = rung_name(rung)
        if name in arms.ladder_a:
            a, b = (np.asarray(times[name]) for times in (arms.ladder_a, arms.ladder_b))
            if min(a.min(), b.min()) <= horizon:
                held = np.minimum(a, horizon), np.minimum(b, horizon)
                yield Choice("target", rung.metric, rung.value, *held)


def _budgets(arms: Arms, horizon: float) -> Iterator[Choice]:
    first, times = min(arms.a.min(), arms.b.min()), np.concatenate([arms.a, arms.b])
    several = np.geomspace(first, horizon, HORIZONS)
    if (times == np.rint(times)).all():  # seconds need not be whole, as samples are
        several = np.rint(several)
    for budget in np.unique(several):
        held = np.minimum(arms.a, budget), np.minimum(arms.b, budget)
        yield Choice("budget", "", float(budget), *held)


def _seeds(arms: Arms, horizon: float) -> Iterator[Choice]:
    sooner = np.minimum(arms.a, arms.b)
    for n in sizes(len(sooner)):
        if sooner[:n].min() < horizon:
            yield Choice("seeds", "", float(n), arms.a[:n], arms.b[:n])


def _ratios(choices: Sequence[Choice]) -> Floats:
    """Ratio, lower and upper bound of each choice, shape (choice, 3); equal seeds together."""
    out: Floats = np.empty((len(choices), 3))
    counts = np.array([len(choice.a) for choice in choices], dtype=np.int64)
    for n in np.unique(counts):
        places = np.flatnonzero(counts == n)
        alike = [choices[int(i)] for i in places]
        a, b = (np.stack([getattr(one, arm) for one in alike], axis=1) for arm in ("a", "b"))
        out[places] = np.stack(restricted_ratios(a, b), axis=1)
    return out


def _arms(
    trials: pd.DataFrame, ladder: pd.DataFrame, rungs: Sequence[str], pair: tuple[str, str]
) -> Arms:
    """Take the trials that two settings share by seed."""
    horizon = common_budget(trials)
    status, settings = trials["status"].to_numpy(), trials["setting"].to_numpy()
    arms = []
    for setting in pair:
        rows = np.flatnonzero((settings == setting) & (status != "failed"))
        mine = trials.iloc[rows]
        table = ladder[list(rungs)].iloc[rows]
        table = table.assign(time=censored(mine, horizon)[0]).set_axis(mine["seed"], axis=0)
        arms.append(table)
    seeds = arms[0].index.intersection(arms[1].index).sort_values()
    a, b = (table.loc[seeds] for table in arms)
    time_a, time_b = (np.asarray(table["time"], dtype=np.float64) for table in (a, b))
    return Arms(time_a, time_b, a, b)
