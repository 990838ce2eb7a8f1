"""The sections of the page after its first screen, each where there is something for it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnrun.records.sweep import Sweep
from nnrun.report.captions import contrasts_caption
from nnrun.report.ends import Ends
from nnrun.report.figures import Picture
from nnrun.report.tables import Group
from nnrun.report.tuning import RACE, kept_apart, raced, table_rows, tuned_arms, tuned_keys, whose
from nnrun.report.verdict import headline
from nnrun.results.results import Results
from nnrun.statistics.survival import common_budget, hold_used, judged_on, shared_target, trained
from nnrun.text import count, listing, number, ratio, seeds_range, share

SETTINGS, FACTORS = "Settings, against the first", "Levels of a factor, pooled over the others"


class Section(NamedTuple):
    """A section of the page.

    Attributes:
        id: Of its heading, for links.
        title: Its heading.
        text: What it shows, in a sentence or two.
        pictures: Its figures.
        template: Of what follows the figures; empty for nothing.
        caption: Of the table that follows.
        rows: Of that table.
    """

    id: str
    title: str
    text: str = ""
    pictures: Sequence[Picture] = ()
    template: str = ""
    caption: str = ""
    rows: Sequence[Any] = ()


PICTURED = {
    "curves": ("Learning curves", "", ("test_loss", "accuracy")),
    "profile": (
        "Runtime profile",
        "One target says little of a curve. Here every seed is asked about a whole ladder of "
        "targets, from easy to hard.",
        ("profile",),
    ),
    "grid": (
        "The grid",
        "Two factors at a time.",
        ("success_rate", "rmst", "speedup"),
    ),
    "sensitivity": (
        "Sensitivity",
        "Would the answer be another with another target, budget or number of seeds?",
        ("sensitivity_target", "sensitivity_budget", "sensitivity_seeds"),
    ),
    "effects": ("Effects", "What the differences go with.", ("effects", "coordinates")),
}


def sections(
    results: Results,
    pictures: Mapping[str, Picture],
    listed: Collection[str],
    behaviour: Any,
    found: Ends | None = None,
) -> list[Section]:
    """List the sections that have something to show."""
    return [
        *_contrasts(results, pictures, listed),
        *_ends(found),
        *_pictured(pictures),
        *_behaviour(behaviour, pictures),
        *_tuning(results.sweep),
    ]


def contrast_groups(table: pd.DataFrame, listed: Collection[str]) -> list[Group]:
    """Choose the rows of the table of contrasts, levels of factors first."""
    factors = table[table["family"] != "setting"]
    settings = table[(table["family"] == "setting") & table["a"].isin(list(listed))]
    groups = [Group(FACTORS, _rows(factors)), Group(SETTINGS, _rows(settings))]
    groups = [group for group in groups if group.rows]
    return groups if len(groups) > 1 else [group._replace(title="") for group in groups]


def _contrasts(
    results: Results, pictures: Mapping[str, Picture], listed: Collection[str]
) -> Iterator[Section]:
    groups = contrast_groups(results.contrasts, listed)
    if groups:
        yield Section(
            "contrasts",
            "Contrasts",
            pictures=[pictures[name] for name in ("contrasts", "looks") if name in pictures],
            template="contrasts.html.j2",
            caption=contrasts_caption(results),
            rows=groups,
        )


def _ends(found: Ends | None) -> Iterator[Section]:
    if found is not None:
        yield Section("end", "Best at the end", found.text, template="ends.html.j2", rows=[found])


def _pictured(pictures: Mapping[str, Picture]) -> Iterator[Section]:
    for id_, (title, text, names) in PICTURED.items():
        drawn = [pictures[name] for name in names if name in pictures]
        if drawn:
            yield Section(id_, title, text, drawn)


def _behaviour(behaviour: Any, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    if behaviour is not None:
        text = " ".join(behaviour.notes)
        drawn = [pictures["networks"]] if "networks" in pictures else []
        yield Section("behaviour", "Behaviour", text, drawn, "behaviour.html.j2", rows=[behaviour])


def _tuning(sweep: Sweep) -> Iterator[Section]:
    arms = tuned_arms(sweep)
    if not arms:
        return
    first, last = (sweep.tuning or {})["seeds"]
    keys, apart = tuned_keys(arms), kept_apart(sweep)
    race = RACE if raced(arms) else ""
    n = seeds_range([row["seeds"] for arm in arms for row in arm.rows])
    own = ", none of them among the reported ones" if apart else ""
    yield Section(
        "tuning",
        "Tuning",
        f"Before the sweep, {listing(keys, len(keys))} was chosen for each arm{whose(sweep, arms)}"
        f"{', on seeds that are not reported here' if apart else ''}.",
        template="tuning.html.j2",
        caption=f"One row an arm and value, n = {n} ({count(first)} to {count(last)}){own}. "
        f"{race}Chosen: the lowest restricted mean, then the lowest test loss.",
        rows=table_rows(arms),
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict("records")  # type: ignore[return-value]


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
    said = results.sweep.words
    worst = "accuracy 0" if said.own else "the worst value there is"
    after = f" {then:,} reached it and diverged afterwards: reached, with {worst} at the end."
    ended = "the budget ended" if said.own else "the budget, or the curve, ended"
    limits = [
        f"Censoring: {late + lost:,} of {n:,} {'trained ' if said.own else ''}seeds "
        f"({share((late + lost) / n)}) did not reach the target; in {late:,} {ended} "
        f"first ({int(ran['plateaued'].eq(True).sum()):,} of them on a plateau), {lost:,} diverged."
        f"{after if then else ''}"
    ]
    limits += _common(results)
    common = judged_on(results.sweep)
    grids = (
        [bands.samples for bands in results.bands.values()] if common is None else [common.samples]
    )
    grid = np.unique(np.concatenate([*grids, []])).astype(np.float64)
    steps = grid[1:] / grid[:-1] if (grid > 0).all() else np.array([])
    if steps.size:
        limits.append(
            "Resolution: a time to target is known to the evaluation grid, without interpolation; "
            f"an evaluation has {number(float(np.median(steps)))} times the {said.unit} of "
            "the one before it (median)."
        )
    several = (_rare(results), _power(results), _scope(results))
    return [*limits, *chain.from_iterable(several)]


def _common(results: Results) -> list[str]:
    """Say how settings are judged that were not evaluated alike."""
    ran, common = trained(results.trials), judged_on(results.sweep)
    own, said = "Losses and accuracies at the end are", results.sweep.words
    own = f"{own if said.own else 'Values at the end are'} those at each setting's own end."
    if common is None:
        if ran["budget"].min() == ran["budget"].max():
            return []
        horizon = said.amount(common_budget(ran))
        return [f"Budgets differ: all settings are judged up to {horizon}. {own}"]
    n, last = len(common.samples), said.amount(float(common.samples[-1]))
    near, held = "", "a target must hold at these"
    declared = int((shared_target(results.sweep) or {}).get("hold") or 1)
    if (hold := hold_used(results.sweep)) < declared:
        held = (
            f"a target must hold for {hold} of these, which last about as long as {declared} "
            "evaluations of a setting"
            if hold > 1
            else "they lie so far apart that meeting the target once counts as holding it"
        )
    if common.apart:
        near = (
            f" Evaluations up to {number(100 * common.apart, 2)}% apart count as one, and "
            "intervals of ratios are wider by as much on either side; arrivals at neighbouring "
            "points tie."
        )
    return [
        "Evaluations differ: whoever is looked at more often seems to arrive sooner. So all "
        f"settings are judged as if they had been evaluated at the {n} points up to {last} "
        f"that they share, and at no others; {held}.{near} {own} The same "
        f"{'budget, batch_size and evals' if said.own else 'evaluations'} for all give finer times."
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
        "arrived, or fewer than that did not. Their intervals of restricted mean and running time "
        "are wide, as they hold for any times up to the budget; the ratio's is a bootstrap's, and "
        "can be too narrow: lean on the success rate and its interval."
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


def _scope(results: Results) -> list[str]:
    """Say what was not varied, which the verdict therefore does not speak of."""
    varying = results.sweep.varying
    if not results.sweep.words.own:
        return []
    groups = ("data", "features", "network", "init", "optimizer", "schedule", "loss")
    still = [g for g in groups if not any(k == g or k.startswith(f"{g}.") for k in varying)]
    still += [key for key in ("lr", "batch_size") if key not in varying]
    if not still:
        return []
    return [
        f"Scope: {', '.join(still)} {'was' if len(still) == 1 else 'were'} not varied. The verdict "
        "is about these settings, this task and this target, and says nothing about others."
    ]
