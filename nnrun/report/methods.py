"""The methods of a sweep, in the words of a paper: what was done, and nothing that was not."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from nnrun.errors import as_typed
from nnrun.records.sweep import Sweep
from nnrun.report.tuning import choices, kept_apart, tuned_arms, tuned_keys, whose
from nnrun.results.results import Results
from nnrun.statistics.factors import factors, is_full_grid, names
from nnrun.statistics.findings import ENOUGH, LEVEL, MARGIN, OTHERS
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
from nnrun.text import count, listing, number, seeds_range, setting_name, things
from nnrun.trials.provenance import versions as installed

MOST_LEVELS = 8  # of a factor, that are named
DESCRIBED = (
    "data", "features", "network", "init", "optimizer", "schedule", "loss", "penalties", "clip",
)  # fmt: skip
ALONE = ("batch_size", "lr", "backprop", "continue_from")
"""Keys that are told of whether they are in a group or not."""

OFF = (None, 0, False, "", "none", "constant", "exact")
"""Values that say that a thing was not used."""

USUAL = ("data.shuffle", "network.bias")
"""What is told of only where it was not used."""


def methods(results: Results) -> str:
    """Describe the methods of a sweep, from its records alone; empty if nothing was trained."""
    ran = trained(results.trials)
    if ran.empty:
        return ""
    steps = (
        _design(results.sweep, len(results.summary)),
        _kept(results.sweep),
        _tuned(results.sweep),
        _seeds(results, ran),
        _measured(results, ran),
        _described(results),
        _compared(results),
        _tools(results.sweep),
    )
    return " ".join(sentence for step in steps for sentence in step)


def _design(sweep: Sweep, n: int) -> Iterator[str]:
    """Say what was varied."""
    if n < 2:
        yield "We trained one setting."
        return
    said = names(sweep)
    varied = [f"{said[key]} ({_levels(several)})" for key, several in factors(sweep).items()]
    how = ""
    if len(varied) > 1:
        how = ", in all combinations" if is_full_grid(sweep) else ", not in all combinations"
    about = f", which differ in {listing(varied, len(varied))}{how}" if varied else ""
    yield f"We trained {n:,} settings{about}."


def _levels(several: Sequence[str]) -> str:
    if len(several) <= MOST_LEVELS:
        return ", ".join(several)
    return f"{len(several):,} levels, from {several[0]} to {several[-1]}"


def _kept(sweep: Sweep) -> Iterator[str]:
    """Say what all settings share, by group."""
    every = sweep.constant or {}
    shared = {k: v for k, v in every.items() if v not in OFF and k not in USUAL}
    parts = [f"{key} {_said(shared[key])}" for key in ALONE if key in shared]
    for group in DESCRIBED:
        head = f"{group}."
        found = {k.removeprefix(head): v for k, v in shared.items() if k.startswith(head)}
        name = " ".join([group, *([str(found.pop("name"))] if "name" in found else [])])
        inner = [f"{key} {_said(value)}" for key, value in found.items()]
        unused = [key for key in USUAL if key.startswith(head) and every.get(key) is False]
        inner += [f"no {key.removeprefix(head)}" for key in unused]
        if inner or name != group:
            parts.append(f"{name} ({', '.join(inner)})" if inner else name)
    if parts:
        yield f"{'All had' if len(sweep.settings) > 1 else 'It had'}: {'; '.join(parts)}."


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_said, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    return "yes" if value is True else f"{value:,}" if isinstance(value, int) else str(value)


def _tuned(sweep: Sweep) -> Iterator[str]:
    arms = tuned_arms(sweep)
    if not arms:
        return
    tried = []
    for key in tuned_keys(arms):
        rows = (row for arm in arms for row in arm.rows if key in row)
        tried.append(f"{key} ({', '.join(dict.fromkeys(as_typed(row[key]) for row in rows))})")
    first, last = (sweep.tuning or {})["seeds"]
    apart = ", none of which is reported" if kept_apart(sweep) else ""
    took = choices(arms)
    yield (
        f"Beforehand, {listing(tried, len(tried))} {'was' if len(tried) == 1 else 'were'} chosen "
        f"for each setting{whose(sweep, arms)} by the lowest restricted mean, then the lowest test "
        f"loss, on seeds {first:,} to {last:,}{apart}{f' (chosen: {took})' if took else ''}."
    )


def _seeds(results: Results, ran: pd.DataFrame) -> Iterator[str]:
    """Say how many seeds, which, and what a seed fixes."""
    numbers = sorted(int(seed) for seed in ran["seed"].unique())
    whole = numbers == list(range(numbers[0], numbers[-1] + 1))
    which = f"{numbers[0]:,} to {numbers[-1]:,}" if whole else f"{len(numbers):,} numbers"
    which = f"{numbers[0]:,}" if len(numbers) == 1 else which
    sizes = results.summary["seeds"][results.summary["seeds"] > 0]
    yield (
        f"Each was trained from {seeds_range(sizes)} ({which}; {things(len(ran), 'network')} in "
        "all)."
    )
    failed = len(results.trials) - len(ran)
    if failed:
        are = "is" if failed == 1 else "are"
        yield f"{things(failed, 'trial')} ended with an error and {are} left out."
    if len(results.summary) > 1:
        yield (
            "In two settings the same seed sees the same samples in the same order and starts from "
            "the same weights, wherever they share data and weights."
        )


def _measured(results: Results, ran: pd.DataFrame) -> Iterator[str]:
    """Say how long networks trained, when they were evaluated, and what counts as arriving."""
    sweep, budgets = results.sweep, sorted({int(b) for b in ran["budget"]})
    budget = count(budgets[0])
    if len(budgets) > 1:
        budget = f"{count(budgets[0])} to {count(budgets[-1])}"
    grids = [bands.samples for bands in results.bands.values()]
    points = sorted({len(grid) for grid in grids})
    at = ""
    if points:
        span = (
            things(points[0], "point")
            if len(points) == 1
            else f"{points[0]:,} to {points[-1]:,} points"
        )
        first = count(float(min(grid[0] for grid in grids)))
        at = f" and was evaluated at {span}, spaced on a log scale from sample {first} on"
    yield (
        f"Each saw at most {budget} training samples{at}, on held-out data that all trials of its "
        "setting share."
    )
    target = shared_target(sweep)
    if target is None:
        yield "Settings had different targets, so their times are not compared."
        return
    declared, hold = int(target.get("hold") or 1), hold_used(sweep)
    held = f" and stayed there for {hold} evaluations in a row" if hold > 1 else ""
    when = "chosen after training" if sweep.judged_afterwards else "declared before training"
    common = judged_on(sweep)
    yield (
        f"A trial arrived at the first evaluation at which its {target_text(target)}{held} "
        f"(target {when}); its time is the number of training samples seen by then. "
        f"Trials that had not arrived by {count(common_budget(ran))} samples, diverged ones "
        "included, were censored there."
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
            f"Settings were evaluated at different moments, and judged at the "
            f"{len(common.samples)} that they share (up to {number(100 * common.apart, 2)}% apart)"
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
            "Mean times restricted to the common budget and expected running times (samples spent "
            f"by all per trial that arrived) have BCa bootstrap intervals from {boot}, widened for "
            "small samples (Efron 1987; Hesterberg 2015)."
        )


def _compared(results: Results) -> Iterator[str]:
    """Say how settings were compared, if any were."""
    table = results.contrasts
    tested = table[table["verdict"] != "incomparable"]
    if tested.empty:
        if len(results.summary) > 1 and (why := not_comparable(results.sweep)):
            yield f"Times were not compared: {why}."
        return
    n = int(tested["pairs"].max())
    swaps = f"{fitting(n):,} random swaps" if n > ENUMERATED else "all swaps"
    kinds = set(tested["family"])
    first = setting_name(results.sweep.settings[0].label)
    whom = [f"each setting with the first ({first})"] * ("setting" in kinds)
    whom += ["the levels of each factor with its first"] * ("factor" in kinds)
    yield (
        f"We compared {' and '.join(whom)} by the ratio of restricted means, paired by seed "
        f"({seeds_range(tested['pairs'])}), with 95% percentile bootstrap intervals from "
        f"{fitting(n):,} resamples of pairs, widened for small samples (Hesterberg 2015), and by a "
        f"two-sided permutation test of the log ratio with {swaps} of the arms within seeds "
        "(Fisher 1935; Phipson and Smyth 2010)."
    )
    if (tested["family"] == "factor").any():
        yield (
            "Levels of a factor were compared within blocks of the other factors; the ratio is the "
            "geometric mean over blocks, and all blocks of a seed were resampled and swapped "
            "together."
        )
    if "within" in kinds:
        yield (
            "Where the levels of another factor were told apart, the comparisons at its levels "
            "are a family of their own."
        )
    pooled = tested[tested["family"] != "within"]
    sizes = pooled.groupby("family", sort=False)["p_holm"].count()
    corrected = " and ".join(f"{n:,} of {kind}s" for kind, n in sizes.items() if n > 1)
    if corrected:
        yield (
            f"P-values were corrected by Holm's method (1979) within each family of comparisons "
            f"({corrected})."
        )
    if sizes.any():
        yield from _also(pooled)
        yield (
            f"A difference is claimed with at least {ENOUGH} pairs, an interval that excludes 1, "
            f"and a corrected p below {LEVEL:g}; intervals are not corrected. The log-rank test "
            "(Mantel 1966) is reported beside it."
        )


def _also(tested: pd.DataFrame) -> Iterator[str]:
    """Say what was asked of the arms besides whether their means differ."""
    asked = []
    if tested["p_order_holm"].notna().any():
        asked.append(
            "where some trials did not arrive, which arm arrived first more often (a sign "
            "test of the pairs)"
        )
    if tested["p_depends_holm"].notna().any():
        asked.append(
            "whether a difference depended on another factor (log ratios of paired times, "
            "permuted within seeds)"
        )
    if asked:
        yield (
            f"We also tested {' and '.join(asked)}; {100 * OTHERS * LEVEL:g}% of the "
            f"{100 * LEVEL:g}% error were set aside for this."
        )
    if (tested["verdict"] == "same").any():
        yield f"Arms are called the same if the interval lies between 1/{MARGIN:g} and {MARGIN:g}."


def _tools(sweep: Sweep) -> Iterator[str]:
    engines = sorted({job.engine for job in sweep.jobs if job.engine})
    versions = sweep.versions or {}
    with_ = [f"{name} {versions[key]}" for key, name in PACKAGES.items() if key in versions]
    by = f" with its {listing(engines)} engine{'s' * (len(engines) > 1)}" if engines else ""
    inside = f" ({', '.join(with_)})" if with_ else ""
    here = installed().get("nnrun", "")
    trained_by = versions.get("nnrun", here)
    if trained_by == here:
        yield f"Trained{by} in double precision and analysed by nnrun {here}{inside}."
    else:
        yield (
            f"Trained{by} in double precision by nnrun {trained_by}{inside} and analysed by nnrun "
            f"{here}."
        )
    if sweep.processor:
        yield f"Processor: {sweep.processor}."
    if sweep.git:
        yield f"Code: git commit {sweep.git}."


PACKAGES = {"numpy": "NumPy", "python": "Python"}
"""What numbers may hang on, as versions name it, and as people do."""
