"""The report's words: numbers for humans, the verdict's sentences, a caption for each picture."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nnrun.report import statistics
from nnrun.results import Results

FEW_SEEDS = 20  # fewer seeds than this carry no verdict
METRIC_NAMES = {"train_loss": "training loss", "test_loss": "test loss", "accuracy": "accuracy"}
NO_TEST = "These are descriptions: this first report makes no statistical test."

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """Write a measured number for humans.

    Args:
        value: Any number; NaN and None are written as a dash.
        digits: Significant digits kept.

    Example:
        >>> [number(x) for x in (12345.6, 0.95312, 0.0000123, 0.0, float("inf"), float("nan"))]
        ['12,300', '0.953', '1.23 × 10⁻⁵', '0', '∞', '–']
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -4 <= exponent < 9:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    places = digits - 1 - exponent
    return f"{round(value, places):,.{max(places, 0)}f}"


def count(value: float) -> str:
    """Write an exact number of things, such as a budget: ``200000`` as ``200,000``."""
    return f"{value:,.0f}" if math.isfinite(value) else number(value)


def compact(value: float) -> str:
    """Write a tick of the samples axis shortly: ``20000`` as ``20k``.

    Example:
        >>> [compact(x) for x in (50, 2000, 20000, 3e6)]
        ['50', '2,000', '20k', '3M']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:,g}"


def one_line(text: str) -> str:
    """Make a label safe for a figure: one line, no control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def wrapped(text: str, width: int) -> str:
    """Break a long label into lines, at spaces where there are any."""
    return "\n".join(textwrap.wrap(text, width)) or " "


def share(value: float) -> str:
    """Write a share as a percentage: ``0.95`` as ``95%``."""
    return "–" if math.isnan(value) else f"{100 * value:.0f}%"


def seeds(n: int) -> str:
    """Write a number of seeds: ``1 seed``, ``20 seeds``."""
    return f"{n:,} seed" if n == 1 else f"{n:,} seeds"


def target_text(target: Any) -> str:
    """Say what counts as converged, for instance ``accuracy ≥ 0.95``."""
    if not is_target(target):
        return "its target"
    sign = "≥" if target["metric"] == "accuracy" else "≤"
    name = METRIC_NAMES.get(str(target["metric"]), str(target["metric"]))
    return f"{name} {sign} {target['value']:g}"


def is_target(target: Any) -> bool:
    """Tell whether this is one target, rather than several or none."""
    return isinstance(target, Mapping) and all(
        isinstance(target.get(key), kind) for key, kind in (("metric", str), ("value", int | float))
    )


def setting_target(sweep: Mapping[str, Any], setting: str) -> Any:
    """Find the target of one setting: its own, from its config, else the sweep's."""
    configs = {s["id"]: s["config"] for s in sweep["settings"]}
    config: Mapping[str, Any] = configs.get(setting, {})
    own = {key: config.get(f"target.{key}") for key in ("metric", "value", "hold")}
    return own if is_target(own) else sweep.get("target")


def one_target(sweep: Mapping[str, Any]) -> bool:
    """Tell whether all settings share one target, so that their times can be compared."""
    targets = [setting_target(sweep, s["id"]) for s in sweep["settings"]]
    return all(target == targets[0] for target in targets[1:])


def setting_name(label: Any) -> str:
    """Name a setting by its label; a single run varies nothing and has none."""
    return str(label) if str(label or "").strip() else "This setting"


def in_order(results: Results) -> pd.DataFrame:
    """Sort the trials into the sweep's order of settings, so that the baseline comes first."""
    place = {s["id"]: i for i, s in enumerate(results.sweep["settings"])}
    order = results.trials["setting"].map(place).astype("float64")
    return results.trials.loc[order.sort_values(kind="stable").index]


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
        has = _range(few["seeds"])
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


def verdict(results: Results) -> list[str]:
    """Say what the sweep found, in plain sentences.

    Args:
        results: A sweep's tables.

    Returns:
        A sentence or two a setting (with more than eight settings, those that the figures show),
        the first being the baseline, then what the sentences must not be taken for.
    """
    trials = in_order(results)
    summary = statistics.summarise(trials, results.varying)
    told = statements(trials, summary, results.sweep)
    lines = [f"{told_one['name']}: {told_one['text']}" for told_one in told]
    untold = len(summary) - len(told)
    if untold:
        lines.append(f"{untold:,} more settings are in the table.")
    return [*lines, *cautions(summary, results.sweep)]


def statements(
    trials: pd.DataFrame, summary: pd.DataFrame, sweep: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Write one statement a shown setting: ``setting`` (id), ``name``, ``text``."""
    horizon = statistics.common_budget(trials)
    budgets = statistics.trained(trials).groupby("setting", sort=False)["budget"].max()
    ratio = ratios(summary, sweep)
    chosen = set(summary["setting"])
    if len(chosen) > statistics.SHOWN:
        chosen = set(statistics.shown(summary))
    told = []
    rows: list[dict[str, Any]] = summary.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        if row["setting"] not in chosen:
            continue
        setting = row["setting"]
        text = outcome(row, budgets.get(setting, math.nan), setting_target(sweep, setting))
        compared = comparison(row, ratio.get(setting), horizon)
        is_baseline = len(sweep["settings"]) > 1 and setting == sweep["settings"][0]["id"]
        name = setting_name(row["label"]) + (" (baseline)" if is_baseline else "")
        told.append({"setting": setting, "name": name, "text": f"{text} {compared}".strip()})
    return told


def time_caption(trials: pd.DataFrame, names: Sequence[str], sweep: Mapping[str, Any]) -> str:
    """Caption the time-to-target figure.

    Args:
        trials: Trained trials of all settings.
        names: Settings that the figure shows.
        sweep: Provenance, for the target.
    """
    horizon = statistics.common_budget(trials)
    target = setting_target(sweep, names[0]) if one_target(sweep) else None
    curve = (
        "with one budget for all, 1 − Kaplan–Meier, which here equals the empirical distribution"
        if trials["budget"].min() == trials["budget"].max()
        else f"1 − Kaplan–Meier, each trial followed to the common budget of {count(horizon)}"
    )
    return (
        f"Share of seeds that have reached {target_text(target)} and held it, against training "
        f"samples seen: {curve}. Bands: pointwise 95% log(−log) Greenwood intervals, not defined "
        f"where the share is 0 or 1. Below: seeds still short of the target. A diverged seed "
        f"counts as never arriving. n = {_sizes(trials, names)}; budget {count(horizon)} samples."
        f"{_left_out(trials, names)}"
    )


def curve_caption(bands: pd.DataFrame, metric: str, names: Sequence[str]) -> str:
    """Caption a figure of learning curves.

    Args:
        bands: As `statistics.bands` returns it, for all settings.
        metric: The metric drawn.
        names: Settings that the figure shows.
    """
    table = bands[bands["metric"] == metric]
    worst = "an infinite loss" if metric in statistics.LOSSES else "accuracy 0"
    unit = "share of test points" if metric == "accuracy" else "mean over the test set"
    text = (
        f"{METRIC_NAMES[metric].capitalize()} ({unit}) against training samples seen. Lines: "
        f"median over seeds; bands: interquartile range (the spread of seeds, not an interval for "
        f"the median). A diverged seed counts as {worst} from then on. "
    )
    if not table[table["setting"].isin(list(names))]["median"].map(math.isfinite).all():
        text += "A line ends where half of its seeds or more have diverged. "
    sizes = table.groupby("setting", sort=False)["n"].first()
    return f"{text}n = {_range(sizes)} a setting.{_left_out(table, names)}"


def summary_caption(summary: pd.DataFrame, horizon: float) -> str:
    """Caption the table of settings."""
    return (
        f"One row a setting, n = {_range(summary['seeds'])} (seeds stopped by an error are not "
        f"counted in any rate). Reached: share of seeds with its Wilson 95% interval. Median and "
        f"10–90% range of samples to target; ∞ where that share of seeds did not arrive. "
        f"Restricted mean: mean samples to target, a seed not there by {count(horizon)} samples "
        f"(the common budget) counting with exactly that. Loss and accuracy: medians over "
        f"seeds at the end, a diverged seed counting as ∞ and 0. Cost: median nanoseconds of "
        f"training a sample."
    )


def _sizes(trials: pd.DataFrame, names: Sequence[str]) -> str:
    sizes = trials[trials["setting"].isin(list(names))].groupby("setting").size()
    return f"{_range(sizes)} a setting"


def _range(sizes: "pd.Series[int]") -> str:
    low, high = int(sizes.min()), int(sizes.max())
    return seeds(low) if low == high else f"{low:,} to {seeds(high)}"


def _left_out(table: pd.DataFrame, names: Sequence[str]) -> str:
    total = table["setting"].nunique()
    if total <= len(names):
        return ""
    return (
        f" Shown are {len(names)} of {total:,} settings: the baseline, the best {statistics.BEST} "
        f"by restricted mean time, and of the others the median and the worst."
    )


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
