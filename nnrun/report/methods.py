"""The methods of a sweep, in the words of a paper: what was done, and nothing that was not."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nnrun.records.sweep import Sweep
from nnrun.report.design import design
from nnrun.report.looked import how_compared, how_seeds_were_added
from nnrun.results.results import Results
from nnrun.statistics.bounded import FEW
from nnrun.statistics.factors import names
from nnrun.statistics.findings import ENOUGH, LEVEL, MOSTLY, OTHERS
from nnrun.statistics.hypothesis_tests import ENUMERATED
from nnrun.statistics.resampling import fitting
from nnrun.statistics.survival import (
    common_budget,
    hold_used,
    judged_on,
    not_comparable,
    shared_target,
    target_text,
    trained,
)
from nnrun.text import (
    exactly,
    listing,
    number,
    percentage,
    seeds_range,
    setting_name,
    share,
    things,
)
from nnrun.trials.provenance import versions as installed


def methods(results: Results) -> str:
    """Describe the methods of a sweep, from its records alone; empty if nothing was trained."""
    ran = trained(results.trials)
    if ran.empty:
        return ""
    steps = (
        design(results.sweep),
        _seeds(results, ran),
        _measured(results, ran),
        _described(results),
        _compared(results),
        _tools(results.sweep),
    )
    return " ".join(sentence for step in steps for sentence in step)


def _seeds(results: Results, ran: pd.DataFrame) -> Iterator[str]:
    """Say how many seeds, which, and what a seed fixes."""
    numbers = sorted(int(seed) for seed in ran["seed"].unique())
    whole = numbers == list(range(numbers[0], numbers[-1] + 1))
    which = f"{numbers[0]:,} to {numbers[-1]:,}" if whole else f"{len(numbers):,} numbers"
    which = f"{numbers[0]:,}" if len(numbers) == 1 else which
    sizes = results.summary["seeds"][results.summary["seeds"] > 0]
    said = results.sweep.words
    yield (
        f"Each was {'trained from' if said.own else 'run with'} {seeds_range(sizes)} ({which}; "
        f"{things(len(ran), said.subject)} in all)."
    )
    yield from how_seeds_were_added(results.sweep)
    failed = len(results.trials) - len(ran)
    if failed:
        are = "is" if failed == 1 else "are"
        yield f"{things(failed, 'trial')} ended with an error and {are} left out."
    if len(results.summary) > 1 and said.own:
        yield (
            "In two settings the same seed sees the same samples in the same order and starts from "
            "the same weights, wherever they share data and weights."
        )


def first_of(grids: Sequence[Any]) -> float:
    """Return the first evaluation of all grids."""
    return float(min(grid[0] for grid in grids))


def _measured(results: Results, ran: pd.DataFrame) -> Iterator[str]:
    """Say how long networks trained, when they were evaluated, and what counts as arriving."""
    sweep, budgets = results.sweep, sorted({float(b) for b in ran["budget"]})
    said = sweep.words
    budget = exactly(budgets[0])
    if len(budgets) > 1:
        budget = f"{exactly(budgets[0])} to {exactly(budgets[-1])}"
    grids = [bands.samples for bands in results.bands.values()]
    points = sorted({len(grid) for grid in grids})
    at = ""
    if points:
        span = (
            things(points[0], "point")
            if len(points) == 1
            else f"{points[0]:,} to {points[-1]:,} points"
        )
        first = exactly(first_of(grids))
        at = f" and was evaluated at {span}, spaced on a log scale from sample {first} on"
    if said.own:
        yield (
            f"Each saw at most {budget} training samples{at}, on {_held_out(sweep)} that all "
            "trials of its setting share."
        )
    else:
        yield (
            f"The metric is {said.metrics['accuracy']}, against {said.seen}: curves of {budget} "
            f"{said.unit}, judged at {points[0]:,} points from {said.amount(first_of(grids))}"
            " on."
        )
    target = shared_target(sweep)
    if target is None:
        yield "Settings had different targets, so their times are not compared."
        return
    declared, hold = int(target.get("hold") or 1), hold_used(sweep)
    held = f" and stayed there for {hold} evaluations in a row" if hold > 1 else ""
    when = "chosen after training" if sweep.judged_afterwards else "declared before training"
    if not said.own:
        when = "chosen by who judged the curves"
    common = judged_on(sweep)
    yield (
        f"A trial arrived at the first evaluation at which its {target_text(target)}{held} "
        f"(target {when}); its time is "
        f"{'the number of training samples seen by' if said.own else f'the {said.seen}'} then. "
        f"Trials that had not arrived by {said.amount(common_budget(ran))}, diverged ones "
        f"{'included' if said.own else 'and those that ended early included'}, were censored there."
    )
    if common is not None:
        thinner = (
            f", where a target that was to hold for {declared} evaluations had to hold for {hold}"
            if hold < declared
            else ""
        )
        near = (
            "; intervals were widened by as much, and arrivals at neighbouring ones counted as tied"
            if common.apart
            else ""
        )
        yield (
            f"{'Settings' if said.own else 'Curves'} were evaluated at different moments, and "
            f"judged at the {len(common.samples)} that they share (up to "
            f"{number(100 * common.apart, 2)}% apart)"
            f"{thinner}{near}."
        )


def _described(results: Results) -> Iterator[str]:
    n = int(results.summary["seeds"].max())
    boot = f"{fitting(n):,} resamples of seeds"
    yield (
        "Success rates have Wilson 95% intervals (Wilson 1927); shares arrived are 1 − "
        "Kaplan–Meier with pointwise 95% log(−log) Greenwood intervals (Kaplan and Meier 1958; "
        "Kalbfleisch and Prentice 1980)."
    )
    if n > 1:
        yield (
            "Mean times restricted to the common budget and expected running times "
            f"({results.sweep.words.unit} spent "
            f"by all per trial that arrived) have BCa bootstrap intervals from {boot}, widened for "
            "small samples (Efron 1987; Hesterberg 2015)" + _few(results) + "."
        )


def _few(results: Results) -> str:
    """Say how else means are bounded, where few seeds of a setting arrived or failed."""
    arrived, seeds = results.summary["reached"], results.summary["seeds"]
    fewest = np.minimum(arrived, seeds - arrived)
    if not ((fewest >= 1) & (fewest <= FEW) & (seeds > 1)).any():
        return ""
    return (
        f"; where {FEW} or fewer seeds arrived, or failed, intervals for means of bounded "
        "variables (Learned-Miller and Thomas 2019)"
    )


def _compared(results: Results) -> Iterator[str]:
    """Say how settings were compared, if any were."""
    table = results.contrasts
    tested = table[table["verdict"] != "incomparable"]
    if tested.empty:
        if len(results.summary) > 1 and (why := not_comparable(results.sweep)):
            yield f"Times were not compared: {why}."
        return
    sequential = bool(tested["sequential"].any())
    kinds = set(tested["family"])
    first = setting_name(results.sweep.settings[0].label)
    whom = [f"each setting with the first ({first})"] * ("setting" in kinds)
    whom += ["the levels of each factor with its first"] * ("factor" in kinds)
    how = _once(int(tested["pairs"].max())) if results.sweep.words.paired else UNPAIRED
    yield (
        f"We compared {' and '.join(whom)} by the ratio of restricted means, "
        f"{'paired by seed' if results.sweep.words.paired else 'unpaired'} "
        f"({seeds_range(tested['pairs'])}), with "
        f"{how_compared(results.sweep) if sequential else how}."
    )
    how = "taken" if sequential else "resampled and swapped"
    together = f", and all blocks of a seed were {how} together"
    if (tested["family"] == "factor").any():
        yield (
            "Levels of a factor were compared within blocks of the other factors; the ratio is the "
            f"geometric mean over blocks{together if results.sweep.words.paired else ''}."
        )
    yield from _at_levels(results.sweep, tested[tested["family"] == "within"])
    pooled = tested[tested["family"] != "within"]
    sizes = pooled.groupby("family", sort=False)["p_holm"].count()
    corrected = " and ".join(f"{n:,} of {kind}s" for kind, n in sizes.items() if n > 1)
    if corrected:
        yield (
            f"P-values were corrected by Holm's method (1979) within each family of comparisons "
            f"({corrected})."
        )
    if sizes.any():
        yield from _also(pooled, results.sweep)
        of = "pairs" if results.sweep.words.paired else "seeds each"
        needs = f"with at least {ENOUGH} {of}, an interval that excludes 1, and"
        if sequential:
            needs = "where the means differ by more than an ordinary 95% interval, and at"
        swaps = ", with the variance of swaps within seeds (Jung 1999),"
        yield (
            f"A difference is claimed {needs} "
            f"a corrected p below {LEVEL:g}; intervals are not corrected. The log-rank test "
            f"(Mantel 1966){swaps if results.sweep.words.paired or sequential else ''} is reported "
            f"beside it{', of the last look alone' * sequential}."
        )
    if (tested["verdict"] == "same").any():
        margin = results.sweep.margin
        yield (
            f"Arms are called the same within {percentage(margin)} if no difference is claimed, "
            f"the interval of the ratio lies between 1/{1 + margin:g} and {1 + margin:g}, and "
            f"{share(MOSTLY)} or more of the trials of both arrived."
        )


def _once(n: int) -> str:
    """Say by which tests and intervals arms are compared that are looked at once."""
    swaps = f"{fitting(n):,} random swaps" if n > ENUMERATED else "all swaps"
    return (
        f"95% percentile bootstrap intervals from {fitting(n):,} resamples of pairs, widened for "
        "small samples (Hesterberg 2015), and by a two-sided permutation test of the log ratio "
        f"with {swaps} of the arms within seeds (Fisher 1935; Phipson and Smyth 2010)"
    )


def _at_levels(sweep: Sweep, table: pd.DataFrame) -> Iterator[str]:
    """Say where comparisons were made at each level of another factor, and in which families."""
    if table.empty:
        return
    other = table["within"].str.partition("=")[0]
    wanted = names(sweep).get(sweep.within or sweep.facet or "")
    asked = [f"within each level of {wanted}"] if (other == wanted).any() else []
    if (other != wanted).any():
        asked.append("where a difference depended on another factor, within each level of that")
    sizes = table.groupby([table["key"], table["a"], other]).size()
    least, most = int(sizes.min()), int(sizes.max())
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    families = "1 family" if len(sizes) == 1 else f"{len(sizes):,} families"
    yield f"Levels were also compared {', and '.join(asked)}: {families} of {each} comparisons."


def _held_out(sweep: Sweep) -> str:
    """Say how many points were held out, where that is known."""
    several = sorted(sweep.held_out)
    if not several:
        return "held-out data"
    if len(several) == 1:
        return f"{things(several[0], 'held-out point')}"
    return f"{several[0]:,} to {several[-1]:,} held-out points"


def _also(tested: pd.DataFrame, sweep: Sweep) -> Iterator[str]:
    """Say what was asked of the arms besides whether their means differ."""
    asked, pairs = [], sweep.words.paired or bool(tested["sequential"].any())
    if tested["p_order_holm"].notna().any():
        asked.append(
            "where some trials did not arrive, which arm arrived first more often "
            + ("(a sign test of the pairs)" if pairs else "(Brunner and Munzel 2000)")
        )
    if tested["p_depends_holm"].notna().any():
        permuted = "" if tested["sequential"].any() else ", permuted within seeds"
        asked.append(
            "whether a difference depended on another factor "
            + (f"(log ratios of paired times{permuted})" if pairs else "(Welch 1951)")
        )
    if asked:
        yield (
            f"We also tested {' and '.join(asked)}; {100 * OTHERS * LEVEL:g}% of the "
            f"{100 * LEVEL:g}% error was set aside for this."
        )


def _tools(sweep: Sweep) -> Iterator[str]:
    engines = sorted({job.engine for job in sweep.jobs if job.engine})
    versions = sweep.versions or {}
    with_ = [f"{name} {versions[key]}" for key, name in PACKAGES.items() if key in versions]
    by = f", by its {listing(engines)} engine{'s' * (len(engines) > 1)}" if engines else ""
    inside = f" ({', '.join(with_)})" if with_ else ""
    here = installed().get("nnrun", "")
    if not sweep.words.own:
        yield f"The curves were analysed with nnrun {here}{inside}."
        return
    trained_by = versions.get("nnrun", here)
    if trained_by == here:
        yield (
            f"The networks were trained and the results analysed with nnrun {here}{inside}, in "
            f"double precision{by}."
        )
    else:
        yield (
            f"The networks were trained with nnrun {trained_by}{inside}, in double precision{by}, "
            f"and the results analysed with nnrun {here}."
        )
    if sweep.processor:
        yield f"Processor: {sweep.processor}."
    if sweep.git:
        yield f"Code: git commit {sweep.git}."


UNPAIRED = (
    "95% symmetric bootstrap-t intervals from independent resamples of both arms, no narrower than "
    "Welch's (Hall 1988), and by a two-sided permutation test of the studentised log ratio, "
    "which holds for arms of unequal spread (Chung and Romano 2013)"
)

PACKAGES = {"numpy": "NumPy", "python": "Python"}
"""What numbers may hang on, as versions name it, and as people do."""
