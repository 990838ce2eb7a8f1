"""What the user sees on the terminal before and after training."""

import sys
from collections.abc import Mapping, Sequence
from math import isfinite, isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nnrun.config import Job
from nnrun.results import REPORT, Results
from nnrun.sweep.provenance import command

HEADINGS = ("reached", "samples to target", "q10 to q90", "test loss", "accuracy", "ns/sample")
NARROW = 110
"""Columns of a terminal below which the last headings are left out."""

ROWS = 40
"""Most settings listed on the terminal."""


def announce(jobs: Sequence[Job], folder: Path) -> None:
    """Say what is about to be trained, and where it goes."""
    settings = {job.setting.id: job.setting for job in jobs}
    trials = len({(job.setting.id, seed) for job in jobs for seed in job.trial_seeds})
    first = jobs[0].setting
    budgets = {setting.budget for setting in settings.values()}
    budget = f"{min(budgets):,}" if len(budgets) == 1 else f"{min(budgets):,} to {max(budgets):,}"
    target = first.target
    sign = "≥" if target.metric == "accuracy" else "≤"
    _console().print(
        f"{_count(len(settings), 'setting')}, {_count(trials, 'trial')} of {budget} samples; "
        f"target: {target.metric.replace('_', ' ')} {sign} {target.value:g}. Into {folder}",
        highlight=False,
        markup=False,
    )


def show_results(results: Results, facts: Mapping[str, Any], folder: Path) -> None:
    """Print a table of settings, the report's path and how to see the runs in MLflow."""
    console = _console()
    console.print(_table(results, 3 if console.width < NARROW else len(HEADINGS)))
    if len(results.summary) > ROWS:
        console.print(f"... and {len(results.summary) - ROWS} more settings: summary.csv")
    for job in facts["jobs"]:
        if job["status"] == "failed":
            last = job["error"].strip().splitlines()[-1]
            text = f"[red]failed[/red] job {job['number']} ({escape(job['label'])}): {escape(last)}"
            console.print(text, highlight=False)
    lines = [("results", str(folder))]
    if (folder / REPORT).exists():
        lines = [("report", str(folder / REPORT))]
    tracking = facts.get("tracking")
    if tracking:
        lines += [("compare", tracking["ui"])] if tracking["ui"] else []
        lines += [("then open", tracking["charts"])] if tracking["charts"] else []
        if tracking["error"]:
            lines.append(("MLflow", tracking["error"]))
    for name, text in lines:
        # soft_wrap: paths and commands must stay whole to be copied
        console.print(f"{name:>9}: {text}", soft_wrap=True, highlight=False, markup=False)


def say_how_to_go_on(left: Sequence[tuple[int, list[str]]]) -> None:
    """After an interrupt: say what is left to train, and the command that trains it."""
    lines = [f"interrupted: {_count(len(left), 'job')} not finished; what is finished is saved."]
    if not left:
        lines = ["interrupted: everything was trained and saved."]
    else:
        lines.append("To train what is left:")
        lines += [f"  {command(['-m', *overrides])}" for _, overrides in left[:8]]
    if len(left) > 8:
        lines.append(f"  ... and {len(left) - 8} more, listed as missing in sweep.json")
    print("\n".join(lines), file=sys.stderr, flush=True)


def _table(results: Results, columns: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("setting", overflow="fold")
    for heading in HEADINGS[:columns]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in results.summary.head(ROWS).to_dict("records"):
        diverged = f", {row['diverged']} diverged" if row["diverged"] else ""
        cells = (
            f"{row['reached']}/{row['seeds']}{diverged}",
            _samples(row["samples_median"]),
            f"{_samples(row['samples_q10'])} to {_samples(row['samples_q90'])}",
            _figure(row["final_test_loss_median"]),
            _figure(row["final_accuracy_median"]),
            _figure(row["ns_per_sample"]),
        )
        table.add_row(escape(str(row["label"])), *cells[:columns])
    return table


def _samples(value: float) -> str:
    if isnan(value):
        return "-"
    return f"{value:,.0f}" if isfinite(value) else "∞"


def _figure(value: float) -> str:
    if isnan(value):
        return "-"
    return f"{value:,.4g}" if isfinite(value) else "∞"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _console() -> Console:
    # a pipe or a log file has no width of its own: keep rows whole there
    return Console(width=None if sys.stdout.isatty() else 140)
