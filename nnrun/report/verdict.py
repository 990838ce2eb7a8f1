"""The verdict: what a sweep found, in sentences that say how sure they are."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from nnrun.config.evaluation_grid import CommonGrid
from nnrun.report.looked import ending, looked
from nnrun.report.sentences import (
    arm,
    at_levels,
    by_arrivals,
    compared,
    levels_of,
    mark,
    missed,
    plainly,
)
from nnrun.report.tables import incomplete
from nnrun.report.tuning import at_ends
from nnrun.results.results import Results
from nnrun.statistics.factors import names
from nnrun.statistics.findings import DIFFERENCES, DIRECTION, ENOUGH, TESTED, least_pairs
from nnrun.statistics.pairs import NOBODY
from nnrun.statistics.summary import SHOWN, shown
from nnrun.statistics.survival import (
    common_budget,
    hold_used,
    judged_on,
    not_comparable,
    one_target,
    shared_target,
    target_text,
    targets,
    trained,
)
from nnrun.text import (
    OWN,
    Words,
    exactly,
    listing,
    number,
    percentage,
    seeds,
    seeds_range,
    setting_name,
    share,
    things,
)


class Told(NamedTuple):
    """One statement of the verdict.

    Attributes:
        setting: The id of the setting it is about; empty for a level of a factor.
        name: Of that setting or level.
        claim: The kind of finding, as `nnrun.statistics.contrasts` has it; empty where nothing is
            compared.
        plain: What was found, in plain words; empty where nothing is compared.
        text: What was found, exactly.
    """

    setting: str
    name: str
    claim: str
    plain: str
    text: str


ADVICE = "Try a larger budget, another lr or an easier target.value."
EASIER = "Try a larger budget or an easier target."
MOST_PARTS = 3  # of the answer, beyond which what shows nothing is only counted, and so are others


def verdict(results: Results) -> list[str]:
    """Say what the sweep found.

    Returns:
        The answer in one sentence; what is not in the report, if anything; a sentence or two for
        each statement; then what the sentences must not be taken for.
    """
    gap = incomplete(results.sweep)
    told = statements(results)
    lines = [answer(results), *([": ".join(gap)] if gap else [])]
    lines += [f"{one.name}: {' '.join(filter(None, (one.plain, one.text)))}" for one in told]
    untold = len(results.summary) - len(told)
    if untold and told and told[0].setting:
        lines.append(f"{untold:,} more settings are in the table.")
    return [*lines, *cautions(results)]


def answer(results: Results) -> str:
    """Answer the sweep's question in one sentence."""
    if not (results.summary["seeds"] > 0).any():
        return "No setting was trained."
    table = headline(results)
    if table.empty:
        return _alone(results)
    tested = table[table["verdict"].isin(TESTED)]
    if tested.empty:
        few = table[table["verdict"] == "few"]
        if few.empty:
            why = table["why"].iloc[0]
            own = results.sweep.words.own
            advice = f" {ADVICE if own else EASIER}" if why == NOBODY else ""
            return f"Not compared: {why}.{advice}"
        pairs = seeds_range(few["pairs"])
        verb = "is" if few["pairs"].max() == 1 else "are"
        takes = least_pairs(few["sequential"].iloc[0])
        shared = results.sweep.words.shared
        return f"No verdict: it takes {takes} seeds {shared}, and there {verb} {pairs}."
    return _answer(tested, results.contrasts)


def _answer(tested: pd.DataFrame, table: pd.DataFrame) -> str:
    """Answer by kinds of finding, those that say most first."""
    kinds = [kind for kind in _ORDER if kind in set(tested["verdict"])]
    parts: list[str] = []
    for kind in kinds:
        rows = _rows(tested[tested["verdict"] == kind])
        if kind in ("same", "unsure") and len(parts) + len(rows) > MOST_PARTS and parts:
            words = "no difference shown" if kind == "unsure" else mark(kind, rows[0]["margin"])
            parts.append(f"{words} for {things(len(rows), 'other')}")
            continue
        if kind == "depends":
            for row in rows:
                levels = levels_of(row, table)
                parts.append(_depends(row, levels))
            continue
        by_baseline: dict[tuple[str, str, bool], list[str]] = {}
        for row in rows:
            by_baseline.setdefault((row["name_b"], _but(row), _seldom(row)), []).append(arm(row))
        for (other, never, seldom), arms in by_baseline.items():
            several = len(arms) > 1
            but = never.replace("{its}", "their" if several else "its")
            said = _SAID[kind][several]
            if seldom:
                which = "{0}" if kind == "arrives" else "{1}"
                said = said.replace(which, f"{which} sometimes", 1)
            within = percentage(tested["margin"].iloc[0])
            parts.append(said.format(listing(arms), other, within) + but)
    if len(parts) > MOST_PARTS + 1:
        parts[MOST_PARTS:] = [f"{len(parts) - MOST_PARTS} more findings"]
    return f"{_word(tested, table, kinds)}{'; '.join(parts)}."


def _seldom(row: Mapping[Any, Any]) -> bool:
    """Tell whether of the arm that alone converges fewer than half of the seeds do."""
    ahead = {"arrives": "a", "fails": "b"}.get(row["verdict"])
    return ahead is not None and bool(2 * row[f"reached_{ahead}"] < row[f"n_{ahead}"])


def _word(tested: pd.DataFrame, table: pd.DataFrame, kinds: Sequence[str]) -> str:
    """Say in a word whether something makes it converge sooner; of several keys, if all agree."""
    by_key: dict[str, set[int]] = {}
    for row in _rows(tested):
        sides = {DIRECTION.get(one["verdict"], 0) for one in levels_of(row, table) or [row]}
        if {-1, 1} <= sides:
            return "It depends: "
        by_key.setdefault(row["key"], set()).update(sides)
    within = tested[tested["within"] != ""].groupby(["key", "a"], sort=False)["verdict"]
    if any({-1, 1} <= {DIRECTION.get(kind, 0) for kind in several} for _, several in within):
        return "It depends: "
    sooner = [-1 in sides for sides in by_key.values()]
    if any(sooner):
        return "Yes: " if all(sooner) else ""
    if any(1 in sides for sides in by_key.values()):
        return "No: "
    return f"{_FIRST[kinds[0]]}: "


_SAID = {
    "arrives": (
        "{0} converges, and {1} does not within the budget",
        "{0} converge, and {1} does not within the budget",
    ),
    "sooner": ("{0} converges sooner than {1}", "{0} converge sooner than {1}"),
    "usually sooner": (
        "{0} usually converges sooner than {1}",
        "{0} usually converge sooner than {1}",
    ),
    "same": (
        "{0} converges as soon as {1}, to within {2}",
        "{0} converge as soon as {1}, to within {2}",
    ),
    "unsure": ("no difference shown for {0} against {1}",) * 2,
    "usually later": (
        "{0} usually converges later than {1}",
        "{0} usually converge later than {1}",
    ),
    "later": ("{0} converges later than {1}", "{0} converge later than {1}"),
    "fails": (
        "{0} does not converge within the budget, and {1} does",
        "{0} do not converge within the budget, and {1} does",
    ),
}
_ORDER = (
    *("arrives", "depends", "sooner", "usually sooner", "usually later", "later", "fails"),
    *("same", "unsure"),
)
_FIRST = {"same": "The same", "depends": "It depends", "unsure": "Not sure yet"}


def _but(row: Mapping[Any, Any]) -> str:
    """Say what a finding must not be heard without: tries, or blocks, that never arrive."""
    if row["verdict"].startswith("usually"):
        of = "of both" if missed(row, "a") and missed(row, "b") else f"of {row['name_b']}"
        some = "some seeds " + of if missed(row, "b") else "some of {its} seeds"
        return f", but {some} do not arrive"
    if by_arrivals(row):
        return f", as {'more' if row['verdict'] == 'sooner' else 'fewer'} of {{its}} seeds arrive"
    slow = {"sooner": "b", "later": "a"}.get(row["verdict"])
    if slow is None or not row[f"rarely_{slow}"]:
        return ""
    where = f"{row[f'rarely_{slow}']:,} of {row['blocks']:,} blocks"
    return f", and in {where} {row[f'name_{slow}']} does not converge at all"


def _depends(row: Mapping[Any, Any], levels: Sequence[Mapping[Any, Any]]) -> str:
    return f"{arm(row)}, against {row['name_b']}, {at_levels(levels)}"


def headline(results: Results) -> pd.DataFrame:
    """Take the contrasts that the verdict is made of: of factors, if any was tested.

    Where a facet was asked for, or contrasts within each value of a key, it is those.
    """
    table = results.contrasts
    if results.sweep.within or results.sweep.facet:
        wanted = names(results.sweep).get(results.sweep.within or results.sweep.facet or "")
        of_levels = table[table["within"].str.startswith(f"{wanted}=")]
        if _tested(of_levels).any():
            return of_levels
    factors, settings = (table[table["family"] == family] for family in ("factor", "setting"))
    if factors.empty or (_tested(settings).any() and not _tested(factors).any()):
        return settings
    return factors


def statements(results: Results) -> list[Told]:
    """Write the statements: one a level of a factor, or else one a shown setting."""
    table = headline(results)
    if len(table) and table["family"].iloc[0] != "setting":
        claims = table["verdict"].isin(DIFFERENCES)
        first = pd.concat([table[claims], table[~claims]]).head(SHOWN)
        horizon = common_budget(results.trials)
        found = []
        for row in _rows(first):
            levels = levels_of(row, results.contrasts)
            words = results.sweep.words
            exactly = compared(row, horizon, levels, words) + ending(row, results.sweep)
            said = plainly(row, levels, words), exactly
            found.append(Told("", arm(row), row["verdict"], *said))
        return found
    return _of_settings(results, table)


def _of_settings(results: Results, table: pd.DataFrame) -> list[Told]:
    """Write a statement for each shown setting: how it did, and how it compares."""
    summary, sweep = results.summary, results.sweep
    if len(summary) > SHOWN:
        summary = summary[summary["setting"].isin(shown(summary))]
    against = {row["a"]: row for row in table.to_dict("records")}
    target, told = targets(sweep), []
    horizon = common_budget(results.trials)
    rows: list[dict[str, Any]] = summary.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        setting = row["setting"]
        text = outcome(row, horizon, target.get(setting), sweep.words)
        if setting in results.tuned:
            text += f" Tuned: {results.tuned[setting]}."
        found = against.get(setting)
        is_baseline = len(sweep.settings) > 1 and setting == sweep.settings[0].id
        name = setting_name(row["label"]) + (" (baseline)" if is_baseline else "")
        claim = str(found["verdict"]) if found and row["seeds"] else ""
        plain = more = ""
        if found and claim:
            plain = plainly(found, (), sweep.words)
            more = f" {compared(found, horizon, (), sweep.words)}{ending(found, sweep)}"
        told.append(Told(setting, name, claim, plain, text + more))
    return told


def outcome(row: Mapping[str, Any], horizon: float, target: Any, said: Words = OWN) -> str:
    """Say how one setting did up to the common budget, from its row of the summary."""
    if not row["seeds"]:
        return f"not trained: {seeds(row['failed'])} failed with an error."
    median = f"median {number(row['samples_median'])} {said.unit}"
    if math.isinf(row["samples_median"]):
        median = "the median lies beyond the budget" if row["reached"] else "no time to report"
    text = (
        f"{row['reached']} of {seeds(row['seeds'])} reached {target_text(target)} "
        f"within {said.amount(horizon)}; {median}."
    )
    if row["reached_then_diverged"]:
        then = row["reached_then_diverged"]
        text += f" {then:,} of them diverged afterwards."
    if row["diverged"]:
        text += f" {row['diverged']:,} diverged."
    if row["failed"]:
        text += f" {row['failed']:,} failed with an error and {_are(row['failed'])} not counted."
    return text


def cautions(results: Results) -> list[str]:
    """Say what the sentences above must not be taken for."""
    summary, sweep = results.summary, results.sweep
    few = summary[(summary["seeds"] > 0) & (summary["seeds"] < ENOUGH)]
    told = looked(results, headline(results))
    notes = [told] if told else []
    if len(few) and not told:
        has = seeds_range(few["seeds"])
        verb = "has" if len(few) == 1 else "have"
        who = f"{len(few):,} of {len(summary):,} settings {verb}"
        if len(few) == len(summary):
            who = "The setting has" if len(few) == 1 else "The settings have"
        notes.append(
            f"{who} {has}{' each' * (len(few) > 1)}: fewer than {ENOUGH}, too few for a verdict."
        )
    if len(summary) > 1 and not one_target(sweep):
        notes.append("The settings have different targets, so their times are not compared.")
    elif len(summary) > 1 and (why := not_comparable(sweep)):
        notes.append(f"The times of the settings are not compared: {why}.")
    elif (common := judged_on(sweep)) is not None:
        notes.append(_where_judged(results, common))
    notes += at_ends(sweep)
    tested = int(_tested(headline(results)).sum())
    if tested > 1:
        notes.append(
            f"{tested:,} comparisons were tested together: p is adjusted for their number (Holm), "
            "intervals are not."
        )
    return notes


def _where_judged(results: Results, common: CommonGrid) -> str:
    """Say at which points settings are judged that were evaluated at different moments."""
    last, most = float(common.samples[-1]), float(trained(results.trials)["budget"].max())
    said = results.sweep.words
    upto = f"{exactly(last)} of {said.amount(most)}" if last < most else said.amount(last)
    declared = int((shared_target(results.sweep) or {}).get("hold") or 1)
    hold = hold_used(results.sweep)
    held = f", where a target that was to hold for {declared} evaluations must hold for {hold}"
    if hold == 1:
        held += f", as they lie about as far apart as {declared} in a row last"
    return (
        f"The {'settings' if said.own else 'curves'} were evaluated at different moments: all are "
        f"judged at the {len(common.samples)} that they share, up to {upto}"
        f"{held if hold < declared else ''}."
    )


def _alone(results: Results) -> str:
    """Answer for a sweep that compares nothing."""
    row: dict[Any, Any] = results.summary.iloc[0].to_dict()
    target, said = targets(results.sweep).get(row["setting"]), results.sweep.words
    text = outcome(row, common_budget(results.trials), target, said)
    low, high = share(row["success_low"]), share(row["success_high"])
    return f"{text} Success rate {share(row['success_rate'])} (95% interval {low} to {high})."


def _tested(table: pd.DataFrame) -> "pd.Series[bool]":
    """Mark the contrasts that a test was made of."""
    return table["verdict"].isin(TESTED)


def _rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
