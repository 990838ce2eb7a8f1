"""Which rows of the summary the page's table has room for."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import pandas as pd

from nnrun.records.sweep import SWEEP, Sweep, SweepJob
from nnrun.results.results import Results
from nnrun.statistics.survival import shared_target, target_text
from nnrun.text import count, number, setting_name

MOST = 200  # settings up to which the table holds them all
BEST, WORST = 50, 10  # of more, how many of the fastest and of the slowest

RANKING = ["rmst", "final_test_loss_median"]  # the loss tells apart what never reached the target


class Group(NamedTuple):
    """Rows under a heading of their own.

    Attributes:
        title: The heading; empty where the group is the whole table.
        rows: Rows of the summary by column.
    """

    title: str
    rows: list[dict[str, Any]]


def row_groups(summary: pd.DataFrame, drawn: Collection[str]) -> list[Group]:
    """Choose the rows of the page's table.

    Args:
        summary: As `nnrun.statistics.summary.summarise` returns it, the baseline first.
        drawn: Settings that the figures show; they are never left out.

    Returns:
        All settings in the order of the sweep if they are few; else the baseline, then those that
        trained from the soonest to the latest by ``rmst``, the middle left out.
    """
    if len(summary) <= MOST:
        return [Group("", _rows(summary))] if len(summary) else []
    first, others = summary.iloc[:1], summary.iloc[1:]
    baseline = first[first["seeds"] > 0]
    ranked = others[others["seeds"] > 0].sort_values(RANKING, kind="stable")
    edge = max(BEST, len(ranked) - WORST)
    best, between, worst = ranked.iloc[:BEST], ranked.iloc[BEST:edge], ranked.iloc[edge:]
    between = between[between["setting"].isin(list(drawn))]
    groups = [
        Group("Baseline", _rows(baseline)),
        Group(f"The {len(best)} soonest, by restricted mean", _rows(best)),
        Group("Of the others, drawn in the figures", _rows(between)),
        Group(f"The {len(worst)} latest, by restricted mean", _rows(worst)),
    ]
    return [group for group in groups if group.rows]


def left_out(summary: pd.DataFrame, groups: Collection[Group]) -> str:
    """Say how many settings the table leaves out, and where they are; empty if none."""
    n = len(summary) - sum(len(group.rows) for group in groups)
    if not n:
        return ""
    untrained = int((summary["seeds"] == 0).sum())
    without = f" ({count(untrained)} of them without a trained seed)" if untrained else ""
    return (
        f"{count(n)} of {count(len(summary))} settings are not listed here{without}; all are in "
        f"summary.csv beside this page."
    )


def _rows(summary: pd.DataFrame) -> list[dict[str, Any]]:
    return summary.to_dict("records")  # type: ignore[return-value]


T = TypeVar("T")

LISTED = 20  # most failed, and most missing, jobs that are named


class Listed(NamedTuple, Generic[T]):
    """The head of a list.

    Attributes:
        head: The first entries.
        more: How many were cut.
    """

    head: Sequence[T]
    more: int


def failures(sweep: Sweep) -> Listed[dict[str, str]]:
    """List the jobs that ended with an error.

    Returns:
        For each ``name``, ``error`` (the last line), ``traceback`` (all lines, empty if the last is
        the only one) and ``log`` (the path of the job's log from the sweep's folder, or empty).
    """
    failed = [job for job in sweep.jobs if job.error or job.status == "failed"]
    return _listed([_failure(job) for job in failed[:LISTED]], len(failed))


def missing(results: Results) -> Listed[str]:
    """Name the jobs without a record, and the settings without a trial or an error."""
    jobs = results.sweep.jobs
    failed = {job.setting for job in jobs if job.error}
    seen = set(results.summary["setting"]) | failed
    names = [_job_name(job) for job in jobs if job.status == "missing"]
    names += [setting_name(s.label) for s in results.sweep.settings if s.id not in seen]
    return _listed(names[:LISTED], len(names))


def incomplete(sweep: Sweep) -> tuple[str, str] | None:
    """Say what is not in the report.

    Returns:
        What happened in a word or two, and what that leaves; None if the sweep is complete.
    """
    headings = {"interrupted": "Interrupted", "missing": "Incomplete", "failed": "With errors"}
    heading = headings.get(sweep.status)
    if heading is None:
        return None
    states: dict[str, set[str]] = {}
    for job in sweep.jobs:
        states.setdefault(job.setting, set()).add(job.status)
    failed = sum("failed" in found for found in states.values())
    complete = sum(found == {"complete"} for found in states.values())
    absent = len(states) - complete - failed
    text = f"{complete:,} of {len(states):,} settings are complete and in this report"
    text += f"; {failed:,} ended with an error" if failed else ""
    text += f"; {absent:,} left no record" if absent else ""
    go_on = " The same command goes on where it stopped." if heading == "Interrupted" else ""
    return heading, f"{text}.{go_on}"


def _failure(job: SweepJob) -> dict[str, str]:
    lines = (job.error or "no message was kept").strip().splitlines() or [""]
    return {
        "name": _job_name(job),
        "error": lines[-1].strip(),
        "traceback": "\n".join(lines) if len(lines) > 1 else "",
        "log": job.log or "",
    }


def _job_name(job: SweepJob) -> str:
    return job.label or " ".join(job.overrides) or "a job"


def _listed(head: Sequence[T], n: int) -> Listed[T]:
    return Listed(head, n - len(head))


TABLE, MOST_TABLES = "Table", 5
"""What a table that was read goes by, and how many are told of."""


def provenance(sweep: Sweep) -> list[tuple[str, str]]:
    """Say where the numbers come from, as pairs of a term and its value."""
    tracking = sweep.tracking or {}
    shown = ("experiment", "uri", "ui", "error")
    tracking = {key: tracking[key] for key in shown if tracking.get(key)}
    seconds = (sweep.stages or {}).items()
    pairs = [
        ("Records of", _joined(sweep.report_of)),
        *table_pairs(sweep.tables),
        ("Command", sweep.command),
        ("Started", sweep.started),
        ("Git commit", sweep.git or ("not in a repository" if sweep.words.own else "")),
        ("Processor", sweep.processor),
        ("Versions", _joined(sweep.versions)),
        ("Budget", _joined(sweep.budget)),
        ("In tables", _columns(sweep)),
        ("Target", _target(sweep)),
        ("Stages", ", ".join(f"{name} {number(s)} s" for name, s in seconds)),
        ("MLflow", _joined(tracking)),
    ]
    return [(term, str(value)) for term, value in pairs if value not in (None, "")]


def _target(sweep: Sweep) -> str:
    target = shared_target(sweep)
    if sweep.measured is not None and target is not None:
        return f"{target_text(target)}, hold {target['hold']}"
    return _joined(target) or "differs between the settings"


def _columns(sweep: Sweep) -> str:
    """Say what the columns of tables hold whose names are those of nnrun's own."""
    if sweep.measured is None:
        return ""
    metric = "accuracy" if sweep.measured["rising"] else "test_loss"
    return f"samples stands for {sweep.measured['x']}, {metric} for {sweep.measured['y']}"


def table_pairs(tables: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Say what was understood of the tables that were read, as pairs of a term and its value."""
    pairs = [(TABLE, "; ".join(lines).removeprefix("table ")) for lines in tables[:MOST_TABLES]]
    if len(tables) > MOST_TABLES:
        pairs.append((TABLE, f"and {len(tables) - MOST_TABLES:,} more: {SWEEP}"))
    return pairs


def _joined(value: Any) -> str:
    """Write a record's value in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_joined(v)}" for k, v in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(_joined, value))
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return "" if value is None else str(value)
