"""What a sweep found, in plain sentences; without a test, and without a figure."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nnrun.report.jobs import incomplete
from nnrun.statistics.findings import Findings
from nnrun.statistics.summary import SHOWN, shown
from nnrun.statistics.survival import common_budget, trained
from nnrun.statistics.targets import one_target, target_text, targets
from nnrun.words import count, number, seeds, seeds_range, setting_name

FEW_SEEDS = 20  # fewer seeds than this carry no verdict
NO_TEST = "These are descriptions: this first report makes no statistical test."


def verdict(findings: Findings) -> list[str]:
    """Say what the sweep found, in plain sentences.

    Returns:
        What is not in the report, if anything; then a sentence or two a setting (with more than
        eight settings, those that the figures show), the first being the baseline; then what the
        sentences must not be taken for.
    """
    lines = [": ".join(gap)] if (gap := incomplete(findings.sweep)) else []
    told = statements(findings)
    lines += [f"{told_one['name']}: {told_one['text']}" for told_one in told]
    untold = len(findings.summary) - len(told)
    if untold:
        lines.append(f"{untold:,} more settings are in the table.")
    return [*lines, *cautions(findings.summary, findings.sweep)]


def statements(findings: Findings) -> list[dict[str, str]]:
    """Write one statement a shown setting: ``setting`` (id), ``name``, ``text``."""
    trials, summary, sweep = findings.trials, findings.summary, findings.sweep
    horizon = common_budget(trials)
    if len(summary) > SHOWN:
        summary = summary[summary["setting"].isin(shown(summary))]
    told_trials = trained(trials[trials["setting"].isin(summary["setting"])])
    budgets = told_trials.groupby("setting", sort=False)["budget"].max()
    ratio, target = ratios(findings.summary, sweep), targets(sweep)
    told = []
    rows: list[dict[str, Any]] = summary.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        setting = row["setting"]
        text = outcome(row, budgets.get(setting, math.nan), target.get(setting))
        compared = comparison(row, ratio.get(setting), horizon)
        is_baseline = len(sweep["settings"]) > 1 and setting == sweep["settings"][0]["id"]
        name = setting_name(row["label"]) + (" (baseline)" if is_baseline else "")
        told.append({"setting": setting, "name": name, "text": f"{text} {compared}".strip()})
    return told


def outcome(row: Mapping[str, Any], budget: float, target: Any) -> str:
    """Say how one setting did, from its row of the summary."""
    if not row["seeds"]:
        return f"not trained: {seeds(row['failed'])} failed with an error."
    median = f"median {number(row['samples_median'])} samples"
    if math.isinf(row["samples_median"]):
        median = "the median lies beyond the budget" if row["reached"] else "no time to report"
    text = (
        f"{row['reached']} of {seeds(row['seeds'])} reached {target_text(target)} "
        f"within {count(budget)} samples; {median}."
    )
    if row["diverged"]:
        text += f" {row['diverged']:,} diverged."
    if row["failed"]:
        text += f" {row['failed']:,} failed with an error and {_are(row['failed'])} not counted."
    return text


def ratios(summary: pd.DataFrame, sweep: Mapping[str, Any]) -> dict[str, float]:
    """Divide each setting's restricted mean time by the baseline's; below 1 is sooner.

    Returns:
        By setting, the baseline left out, as is one that no more than the baseline ever reached
        the target; empty where the baseline did not train or targets differ.
    """
    ran = summary[summary["seeds"] > 0].set_index("setting")
    baseline = sweep["settings"][0]["id"]
    if baseline not in ran.index or not one_target(sweep):
        return {}
    arrived = (ran["reached"] > 0) | bool(ran.loc[baseline, "reached"])
    ratio = (ran["rmst"] / ran.loc[baseline, "rmst"])[arrived].drop(baseline, errors="ignore")
    return {str(setting): float(value) for setting, value in ratio.items()}


def comparison(row: Mapping[str, Any], value: float | None, horizon: float) -> str:
    """Say how one setting's restricted mean time relates to the baseline's, without a test."""
    if value is None:
        return ""
    return (
        f"Mean time restricted to {count(horizon)} samples: {number(row['rmst'])}, "
        f"{number(value)} times the baseline's."
    )


def cautions(summary: pd.DataFrame, sweep: Mapping[str, Any]) -> list[str]:
    """Say what the sentences above must not be taken for."""
    few = summary[(summary["seeds"] > 0) & (summary["seeds"] < FEW_SEEDS)]
    notes = []
    if len(few):
        has = seeds_range(few["seeds"])
        verb = "has" if len(few) == 1 else "have"
        who = f"{len(few):,} of {len(summary):,} settings {verb}"
        if len(few) == len(summary):
            who = "The setting has" if len(few) == 1 else "The settings have"
        notes.append(
            f"{who} {has}{' each' * (len(few) > 1)}: fewer than {FEW_SEEDS}, too few for a verdict."
        )
    if len(summary) > 1 and not one_target(sweep):
        notes.append("The settings have different targets, so their times are not compared.")
    elif len(summary) > 1 and not summary["reached"].any():
        notes.append("No seed reached the target, so no times are compared.")
    elif len(summary) > 1 and not ratios(summary, sweep):
        notes.append("The baseline was not trained, so no setting is compared with it.")
    return [*notes, NO_TEST]


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
