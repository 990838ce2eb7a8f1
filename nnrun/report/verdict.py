"""The verdict: what a sweep found, in sentences that say how sure they are."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from nnrun.report.tables import incomplete
from nnrun.results.results import Results
from nnrun.statistics.contrasts import ENOUGH, LEVEL
from nnrun.statistics.summary import SHOWN, shown
from nnrun.statistics.survival import (
    common_budget,
    not_comparable,
    one_target,
    target_text,
    targets,
)
from nnrun.text import (
    count,
    listing,
    number,
    p_value,
    ratio,
    seeds,
    seeds_range,
    setting_name,
    share,
)

CLAIMS = {
    "sooner": "sooner",
    "later": "later",
    "none": "no difference shown",
    "few": "no verdict",
    "incomparable": "not compared",
}
"""Words for what a contrast came to."""


class Told(NamedTuple):
    """One statement of the verdict.

    Attributes:
        setting: The id of the setting it is about; empty for a level of a factor.
        name: Of that setting or level.
        claim: ``sooner``, ``later``, ``none`` (no difference shown), ``few``, ``incomparable``;
            empty where nothing is compared.
        text: What was found.
    """

    setting: str
    name: str
    claim: str
    text: str


def verdict(results: Results) -> list[str]:
    """Say what the sweep found.

    Returns:
        The answer in one sentence; what is not in the report, if anything; a sentence or two for
        each statement; then what the sentences must not be taken for.
    """
    gap = incomplete(results.sweep)
    told = statements(results)
    lines = [answer(results), *([": ".join(gap)] if gap else [])]
    lines += [f"{one.name}: {one.text}" for one in told]
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
    claims = {claim: table[table["verdict"] == claim] for claim in table["verdict"].unique()}
    tested = [claim for claim in ("sooner", "later", "none") if claim in claims]
    if not tested:
        few = claims.get("few")
        if few is None:
            return f"Not compared: {table['why'].iloc[0]}."
        pairs = seeds_range(few["pairs"])
        verb = "is" if few["pairs"].max() == 1 else "are"
        return f"No verdict: it takes {ENOUGH} seeds in common, and there {verb} {pairs}."
    parts = []
    for claim in tested:
        for other, found in claims[claim].groupby("name_b", sort=False):
            names = listing(list(found["name_a"]))
            verb = "converges" if len(found) == 1 else "converge"
            if claim == "none":
                shown_for = "" if tested == ["none"] else "no difference shown for "
                parts.append(f"{shown_for}{names} against {other}")
            else:
                parts.append(f"{names} {verb} {claim} than {other}")
    found = "No difference shown" if tested == ["none"] else "Yes"
    return f"{found}: {'; '.join(parts)}."


def headline(results: Results) -> pd.DataFrame:
    """Take the contrasts that the verdict is made of: of factors, if any was tested."""
    table = results.contrasts
    factors, settings = (table[table["family"] == family] for family in ("factor", "setting"))
    if factors.empty or (_tested(settings).any() and not _tested(factors).any()):
        return settings
    return factors


def statements(results: Results) -> list[Told]:
    """Write the statements: one a level of a factor, or else one a shown setting."""
    table = headline(results)
    if len(table) and table["family"].iloc[0] == "factor":
        claims = table["verdict"].isin(["sooner", "later"])
        first = pd.concat([table[claims], table[~claims]]).head(SHOWN).sort_index()
        rows: list[dict[str, Any]] = first.to_dict("records")  # type: ignore[assignment]
        horizon = common_budget(results.trials)
        return [Told("", row["name_a"], row["verdict"], compared(row, horizon)) for row in rows]
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
        text = outcome(row, horizon, target.get(setting))
        found = against.get(setting)
        is_baseline = len(sweep.settings) > 1 and setting == sweep.settings[0].id
        name = setting_name(row["label"]) + (" (baseline)" if is_baseline else "")
        claim = str(found["verdict"]) if found and row["seeds"] else ""
        more = f" {compared(found, horizon)}" if found and claim else ""
        told.append(Told(setting, name, claim, text + more))
    return told


def outcome(row: Mapping[str, Any], horizon: float, target: Any) -> str:
    """Say how one setting did up to the common budget, from its row of the summary."""
    if not row["seeds"]:
        return f"not trained: {seeds(row['failed'])} failed with an error."
    median = f"median {number(row['samples_median'])} samples"
    if math.isinf(row["samples_median"]):
        median = "the median lies beyond the budget" if row["reached"] else "no time to report"
    text = (
        f"{row['reached']} of {seeds(row['seeds'])} reached {target_text(target)} "
        f"within {count(horizon)} samples; {median}."
    )
    if row["reached_then_diverged"]:
        then = row["reached_then_diverged"]
        text += f" {then:,} of them diverged afterwards."
    if row["diverged"]:
        text += f" {row['diverged']:,} diverged."
    if row["failed"]:
        text += f" {row['failed']:,} failed with an error and {_are(row['failed'])} not counted."
    return text


def compared(row: Mapping[Any, Any], horizon: float) -> str:
    """Say how one arm compares with another, from its row of the contrasts."""
    if row["verdict"] == "incomparable":
        return f"Not compared with {row['name_b']}: {row['why']}."
    within = _blocks(row)
    if row["verdict"] == "few":
        return (
            f"No verdict against {row['name_b']}: {seeds(row['pairs'])} in common, and it takes "
            f"{ENOUGH}. Observed: {ratio(row['ratio'])} times its samples{within}."
        )
    interval = f"95% interval {ratio(row['ratio_low'])} to {ratio(row['ratio_high'])}"
    tied = f" ({share(row['tied'])} tie, which counts one half)" if row["tied"] else ""
    found = (
        f"{ratio(row['ratio'])} times the samples of {row['name_b']} ({interval}; means "
        f"restricted to {count(horizon)} samples{within}), first in {share(row['sooner'])} of "
        f"{count(row['pairs'])} pairs of seeds{tied}; {p_value(row['p_holm'])}."
    )
    if row["verdict"] != "none":
        return f"Converges {row['verdict']}: {found}{_never(row)}"
    return f"No difference shown: {found}{_why_not(row)}"


def _blocks(row: Mapping[Any, Any]) -> str:
    """Say in which blocks of the other factors two levels were compared."""
    used, left = row["blocks"], row["blocks_left_out"]
    if used <= 1 and not left:
        return ""
    where = "in one block" if used == 1 else f"in {used:,} blocks"
    rest = f", not in {left:,} with nothing to compare" if left else ""
    return f", {where} of the other factors{rest}"


def _never(row: Mapping[Any, Any]) -> str:
    """Warn of a ratio that stands for a time that one arm does not have."""
    if row["reached_a"] and row["reached_b"]:
        return ""
    who = row["name_b"] if row["reached_a"] else row["name_a"]
    return f" No seed of {who} arrives: it has no time, and the ratio goes by the budget."


def _why_not(row: Mapping[Any, Any]) -> str:
    """Say why an interval alone makes no claim, or how large a ratio could have been missed."""
    if row["p_holm"] < LEVEL:
        return " The test alone says otherwise, but the interval holds 1, and a claim needs both."
    if not row["ratio_low"] <= 1 <= row["ratio_high"]:
        return " The interval leaves 1 out, but not so that it outlasts the correction for many."
    if not math.isfinite(row["detectable"]):
        return ""
    least = ratio(row["detectable"])
    return f" A ratio of {least}, or one in {least}, would have been shown four times in five."


def cautions(results: Results) -> list[str]:
    """Say what the sentences above must not be taken for."""
    summary, sweep = results.summary, results.sweep
    few = summary[(summary["seeds"] > 0) & (summary["seeds"] < ENOUGH)]
    notes = []
    if len(few):
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
    tested = int(_tested(headline(results)).sum())
    if tested > 1:
        notes.append(
            f"{tested:,} comparisons were tested together: p is adjusted for their number (Holm), "
            "intervals are not."
        )
    return notes


def _alone(results: Results) -> str:
    """Answer for a sweep that compares nothing."""
    row: dict[Any, Any] = results.summary.iloc[0].to_dict()
    text = outcome(row, common_budget(results.trials), targets(results.sweep).get(row["setting"]))
    low, high = share(row["success_low"]), share(row["success_high"])
    return f"{text} Success rate {share(row['success_rate'])} (95% interval {low} to {high})."


def _tested(table: pd.DataFrame) -> "pd.Series[bool]":
    """Mark the contrasts that a test was made of."""
    return table["verdict"].isin(["sooner", "later", "none"])


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
