"""A caption for each figure and table: what is shown, of how many seeds, and by which method."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from nnrun.records.sweep import Sweep
from nnrun.records.trials import LOSSES
from nnrun.results.results import Results
from nnrun.statistics.bounded import FEW
from nnrun.statistics.factors import factors
from nnrun.statistics.findings import ENOUGH
from nnrun.statistics.resampling import RESAMPLES
from nnrun.statistics.summary import BEST
from nnrun.statistics.survival import (
    common_budget,
    hold_used,
    judged_on,
    shared_target,
    target_text,
    trained,
)
from nnrun.text import (
    METRIC_NAMES,
    OWN,
    Words,
    count,
    exactly,
    listing,
    percentage,
    seeds,
    seeds_range,
    things,
)

BOOTSTRAP = f"{RESAMPLES:,} seeded resamples of the seeds"

ENDED = ", and so does one that ended early,"

ROOMY = 16  # letters up to which a level is written whole in every figure


def time_caption(trials: pd.DataFrame, names: Sequence[str], sweep: Sweep) -> str:
    """Caption the time-to-target figure."""
    horizon = common_budget(trials)
    curve = (
        "with one budget for all, 1 − Kaplan–Meier, which here equals the empirical distribution"
        if trials["budget"].min() == trials["budget"].max() == horizon
        else f"1 − Kaplan–Meier, each trial followed to the common budget of {exactly(horizon)}"
    )
    target, said = target_text(shared_target(sweep)), sweep.words
    lost = "" if said.own else ", and so does one that ended early"
    return (
        f"Share of seeds that have reached {target}{_held(sweep)}, against {said.seen}"
        f": {curve}. Bands: pointwise 95% log(−log) Greenwood intervals, not defined "
        f"where the share is 0 or 1. Below: seeds still short of the target. A diverged seed "
        f"counts as never arriving{lost}. n = {_sizes(trials, names)}; budget "
        f"{said.amount(horizon)}."
        f"{_left_out(trials['setting'].nunique(), names)}"
    )


def curve_caption(
    bands: pd.DataFrame,
    metric: str,
    settings: int,
    budget: float = np.nan,
    traces: int = 0,
    said: Words = OWN,
) -> str:
    """Caption a figure of learning curves."""
    table = bands[bands["metric"] == metric]
    worst = "an infinite loss" if metric in LOSSES else "accuracy 0"
    unit = "share of test points" if metric == "accuracy" else "mean over the test set"
    what = f"{METRIC_NAMES[metric].capitalize()} ({unit})" if said.own else said.metrics[metric]
    if not said.own:
        worst = "the worst value there is" + ENDED
    text = (
        f"{what} against {said.seen}. Lines: "
        f"median over seeds; bands: interquartile range (the spread of seeds, not an interval for "
        f"the median). A diverged seed counts as {worst} from then on. "
    )
    if traces:
        text += f"Thin lines: single seeds, the first {traces} of a setting, not smoothed. "
    if not np.isfinite(table["median"]).all():
        text += "A line ends where half of its seeds or more have diverged. "
    sizes = table.groupby("setting", sort=False)["n"].first()
    within = f"; budget {said.amount(budget)}" if np.isfinite(budget) else ""
    return f"{text}n = {seeds_range(sizes)} a setting{within}.{_left_out(settings, sizes.index)}"


def summary_caption(summary: pd.DataFrame, horizon: float, said: Words = OWN) -> str:
    """Caption the table of settings."""
    unit, upto = said.unit, said.amount(horizon)
    ends = (
        "Loss and accuracy at the end: median and interquartile mean over seeds, a diverged seed "
        "counting as ∞ and 0. Lost: how many seeds diverged, before or after they had reached the "
        "target, and how many ended on a plateau. Cost: median nanoseconds of training a sample."
        if said.own
        else "At the end, of each curve's own: median and interquartile mean over seeds, a "
        "diverged seed counting as the worst value there is. Lost: how many seeds diverged, before "
        "or after they had reached the target, and how many ended on a plateau."
    )
    counted = (
        "seeds stopped by an error are not counted in any rate"
        if said.own
        else "a seed that failed or ended early counts as not arriving, if it had not before"
    )
    return (
        f"One row a setting, n = {seeds_range(summary['seeds'])} ({counted}). Reached: "
        f"share of seeds with its Wilson 95% interval. Median and 10–90% range of {unit} to "
        f"target; ∞ where that share of seeds did not arrive. "
        f"Restricted mean: mean {unit} to target, a seed not there by {upto} "
        f"(the common budget) counting with exactly that. Running time (ERT): {unit} spent by all "
        f"seeds (the common budget by one that did not arrive) for each one that did. Both with "
        f"95% BCa intervals from {BOOTSTRAP}, none where no seed arrived; where {FEW} or fewer "
        f"arrived, or failed, with bounds that hold for any times up to the budget; where all "
        f"arrived, of seeds that do: how many may not, the success rate says. {ends}"
    )


def contrasts_caption(results: Results) -> str:
    """Caption the contrasts, figure and table."""
    table, said = results.contrasts, results.sweep.words
    horizon = common_budget(results.trials)
    together = ", and all blocks of a seed are resampled and swapped together"
    pooled = (
        " Levels of a factor are compared within blocks of the other factors; the ratio is the "
        f"geometric mean over blocks{together if said.paired else ''}."
        if (table["family"] == "factor").any()
        else ""
    )
    most = 1 + results.sweep.margin
    common = judged_on(results.sweep)
    near = (
        f" Evaluations differ: all are judged at {len(common.samples)} points that the settings "
        f"share; intervals are widened by how far these may lie apart, and arrivals at "
        "neighbouring ones tie."
        if common is not None
        else ""
    )
    sequential = bool(table["sequential"].any())
    at_once = _AT_ONE_LOOK if said.paired else _OF_GROUPS
    intervals, p, needs = _AT_EVERY_LOOK if sequential else at_once
    alone = ", of the last look alone" if sequential else ""
    power = (
        ""
        if sequential
        else " Could have shown: the smallest ratio, either way, that this spread and so many "
        "seeds show four times in five beside the other comparisons."
    )
    return (
        f"Ratio and difference of the mean {said.unit} to target, restricted to "
        f"{said.amount(horizon)} (a seed not there by then counts with exactly that); below 1 the "
        f"first arm is sooner. {_paired(results)}; {intervals}, each for its own contrast. "
        f"First in pairs: share of pairs{'' if said.paired else ' of a trial of either arm'} in "
        f"which the first arm arrives sooner, ties counting one half "
        f"(also where neither arrives), with its 95% interval. p: {p}; beside "
        f"it the log-rank test{alone}{SWAPS if said.paired else ''}; below "
        f"each, adjusted for the number of comparisons of its kind "
        f"that can make a claim (Holm), and for what else is asked of the same arms: where some "
        f"seeds do not arrive, which arm is first more often ({said.order_test}); where there are "
        f"blocks, whether the levels of another factor disagree. That the "
        f"means differ needs {needs}. "
        f"Where no more than a tenth of an arm's seeds arrive it is said that it does not "
        f"converge; the same are two arms whose interval lies between 1/{most:g} and {most:g}, "
        f"with four fifths of the seeds of both arriving.{pooled}{near} Ratio of medians: only "
        f"where every seed{' of the pairs' if said.paired else ''} arrived.{power}"
    )


SWAPS = ", its variance that of swaps of the arms within seeds"


def _paired(results: Results) -> str:
    """Say whether seeds are paired, and how many there are."""
    n = seeds_range(results.contrasts["pairs"])
    if results.sweep.words.paired:
        return f"Paired by seed, n = {n} in common"
    return f"Not paired: the arms are groups of independent curves, n = {n} at least in each"


_AT_ONE_LOOK = (
    f"95% percentile intervals, widened for few seeds, from {BOOTSTRAP}",
    f"{RESAMPLES:,} random swaps of the arms within seeds (all of them, where there are fewer), on "
    "the log ratio",
    f"{ENOUGH} pairs, an interval without 1, and an adjusted p below 0.05",
)
_OF_GROUPS = (
    f"95% symmetric bootstrap-t intervals from {BOOTSTRAP}, of each arm for itself",
    f"{RESAMPLES:,} random ways to give the trials to the arms, on the log ratio over its standard "
    "error (of more than 1,000 trials Student's t)",
    f"{ENOUGH} seeds each, an interval without 1, and an adjusted p below 0.05",
)
_AT_EVERY_LOOK = (
    "95% intervals that hold at every look",
    "the least of all looks, which holds at every one, of a test of the log ratios of pairs "
    "(methods)",
    "an adjusted p below 0.05, and now a difference beyond an ordinary 95% interval",
)
"""Of which kind intervals are, and p, and what a claim needs."""


def forest_caption(results: Results, rows: int) -> str:
    """Caption the figure of the contrasts."""
    total, sequential = len(results.contrasts), bool(results.contrasts["sequential"].any())
    more = f" Shown are {rows} of {total:,} contrasts; the table has more." if rows < total else ""
    most, said = 1 + results.sweep.margin, results.sweep.words
    kind = "bootstrap-t intervals" if results.sweep.unpaired else "percentile bootstrap intervals"
    kind = "intervals that hold at every look" if sequential else kind
    return (
        f"Ratio of the mean {said.unit} to target, restricted to "
        f"{said.amount(common_budget(results.trials))}, with 95% {kind}; left of 1 is sooner. "
        "Filled: a claim (triangle: only one of both arrives, and the ratio goes by the budget; "
        "diamond: the same, as the interval lies in the shaded band, "
        f"1/{most:g} to {most:g}); hollow: no difference of the means; "
        "grey: too few seeds to say, or pooled over levels that disagree; what is not compared is "
        "left to the table. "
        f"{_paired(results)}.{more}"
    )


def looks_caption(table: pd.DataFrame, results: Results, others: Sequence[str]) -> str:
    """Caption the figure of what was known at each look.

    Args:
        table: The rows of `nnrun.statistics.looks.history` that are drawn.
        results: What the sweep found.
        others: The arms that are not drawn.
    """
    sweep, drawn = results.sweep, sorted(set(table["seeds"]))
    horizon = sweep.words.amount(common_budget(results.trials))
    few = f", of which {len(drawn):,} are drawn" if len(drawn) < len(sweep.looks) else ""
    rest = f" Not drawn: {listing(others, 2 * ROOMY)}." if others else ""
    whom = "" if table["name_b"].nunique() == 1 else " Each is held against its own baseline."
    return (
        f"Ratio of the mean {sweep.words.unit} to target, restricted to {horizon}, with its 95% "
        f"interval, at each of {things(len(sweep.looks), 'look')}{few}: from {drawn[0]:,} to "
        f"{seeds(drawn[-1])}, judged as a report of then was. A marker stands where a decision "
        f"fell, with the shapes of the figure above; a line ends where an arm got no more seeds. "
        f"Shaded: within {percentage(sweep.margin)}, where two count as the same.{whom}{rest}"
    )


def profile_caption(results: Results, rungs: Sequence[str], names: Sequence[str]) -> str:
    """Caption the runtime profile."""
    ran = trained(results.trials)
    accuracies = sum(rung.startswith("accuracy") for rung in rungs)
    losses = len(rungs) - accuracies
    kinds = [f"{accuracies} accuracies from 0.9 to 1"] * (accuracies > 0)
    kinds += [f"{losses} test losses from 1 down to 0.001, ten a decade"] * (losses > 0)
    return (
        f"Share of all pairs of a seed and a target that are solved, against training samples "
        f"seen. Targets: {' and '.join(kinds)}, judged as the headline target is. Bands: 95%, "
        f"percentile, from {BOOTSTRAP}; the targets are fixed. n = {_sizes(ran, names)}; "
        f"budget {count(common_budget(ran))} samples.{_left_out(ran['setting'].nunique(), names)}"
    )


def heatmap_caption(results: Results, value: str) -> str:
    """Caption a heatmap of a grid of two factors."""
    said = results.sweep.words
    horizon = exactly(common_budget(results.trials))
    shown = {
        "success_rate": "Share of seeds that reached the target within the budget",
        "rmst": f"Mean {said.unit} to target, restricted to {horizon}",
        "speedup": "How many times sooner than the first setting: ratio of the mean "
        f"{said.unit} to target, restricted to {horizon}; above 1 is sooner",
    }[value]
    sizes = seeds_range(results.summary["seeds"])
    hatched = "a hatched cell has no trained setting"
    return f"{shown}. n = {sizes} a cell; {hatched}.{_shortened(results)}"


def sensitivity_caption(results: Results, against: str) -> str:
    """Caption a figure of how the ratio depends on what was chosen."""
    said = results.sweep.words
    horizon = said.amount(common_budget(results.trials))
    varied = {
        "target": f"the target, each judged as the headline target is; restricted to {horizon}"
        ". Targets that no seed of either reached are left out",
        "budget": "the budget to which the means are restricted; the headline target",
        "seeds": f"the number of seeds, the first so many; restricted to {horizon}",
    }[against]
    return (
        f"Ratio of restricted mean {said.unit} to target, to the first setting's, against "
        f"{varied}. Below 1 is sooner. Paired by seed; bands: pointwise 95%, percentile, from "
        f"{BOOTSTRAP}. n = {seeds_range(results.contrasts['pairs'])} in common."
    )


def effects_caption(results: Results) -> str:
    """Caption the decomposition of variance."""
    said = results.sweep.words
    return (
        f"Share of the variance of log {said.unit} to target, restricted to "
        f"{exactly(common_budget(results.trials))}, by what it goes with: a factor alone, two "
        "together (×), the seed, and the rest. From a full grid crossed with seeds, "
        f"n = {seeds_range(results.summary['seeds'])} a setting. Seeds that never arrive count "
        "with the budget, which makes the shares of what slows beyond it too small."
    )


def coordinates_caption(results: Results) -> str:
    """Caption the parallel coordinates."""
    said = results.sweep.words
    upto = exactly(common_budget(results.trials))
    return (
        f"One line a setting through the values of its varying keys, to its restricted mean "
        f"{said.unit} to target ({upto} at most), which also colours "
        f"it. Grey: no seed arrived. n = {seeds_range(results.summary['seeds'])} a setting."
        f"{_shortened(results)}"
    )


def _shortened(results: Results) -> str:
    """Say where the names are whole that a figure may have no room for."""
    several = factors(results.sweep).values()
    longest = max((len(level) for levels in several for level in levels), default=0)
    told = " Where … stands, a name is cut: the table of the settings has it whole."
    return told if longest > ROOMY else ""


def _held(sweep: Sweep) -> str:
    """Say for how long the target must hold, if for more than one evaluation."""
    hold, common = hold_used(sweep), judged_on(sweep)
    where = "evaluations" if common is None else f"of the {len(common.samples)} shared evaluations"
    return f" and held it for {hold} {where}" if hold > 1 else ""


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
