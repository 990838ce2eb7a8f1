"""What the user sees on the terminal before and after training."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nnrun import documents
from nnrun.calls import current
from nnrun.layout import HANDOUT, REPORT
from nnrun.records.sweep import SWEEP, Sweep, SweepJob
from nnrun.report.looked import looked
from nnrun.report.sentences import arm, mark
from nnrun.report.verdict import headline
from nnrun.results.listing import COLUMNS, headings, rows
from nnrun.results.results import Results
from nnrun.text import duration, shown, sign, things
from nnrun.trials.forecast import Forecast, Wanted
from nnrun.trials.provenance import command

NARROW = 110
"""Columns of a terminal below which the last headings are left out."""

FOUND = {
    "arrives": "alone converges",
    "depends": "depends",
    "fails": "does not converge",
    "incomparable": "not compared",
    "unsure": "no difference shown",
}
"""Kinds of finding as a look says them, where that is another word."""

NAMED = 3
"""Most comparisons that a look names."""

ROWS, FAILURES, TABLES = 40, 20, 5
"""Most settings, failed jobs and tables that were read listed on the terminal."""


def announce(
    wants: Sequence[Wanted],
    expected: Forecast,
    workers: str,
    where: str | None,
    doing: str = "",
    until: str = "",
) -> None:
    """Say what is about to be trained, what of it was before, how long the rest takes, and where.

    Args:
        wants: The settings with their seeds.
        expected: What is known of their trials.
        workers: Words on who trains.
        where: Words on where the results go; None if nothing will be trained for them.
        doing: Words before all others.
        until: Words on what decides on the trials that may not be needed.
    """
    seeds, trials = _asked(wants, expected, until)
    budgets = [want.setting.budget for want in wants]
    least, most = min(budgets), max(budgets)
    target = wants[0].setting.target
    lines = [
        f"{doing}{things(len(wants), 'setting')}{seeds} = {trials} of "
        f"{least:,}{f' to {most:,}' if most > least else ''} samples; "
        f"target: {target.metric.replace('_', ' ')} {sign(target.metric)} {target.value:g}."
    ]
    n_jobs = sum(len(want.jobs) for want in wants)
    if n_jobs > len(wants) and not doing:
        lines.append(f"{n_jobs:,} jobs ask for them: equal settings are trained once.")
    if expected.cached:
        lines.append(f"Found in the cache: {expected.cached:,} of {expected.trials:,} trials.")
    if expected.measured or (where is None and expected.cached < expected.trials):
        time = duration(expected.seconds)
        if expected.least is not None and duration(expected.least.seconds) != time:
            time = f"{duration(expected.least.seconds)} to {time}"
        lines.append(f"Training: about {time} with {workers}.")
    if where is not None:
        lines.append(where)
    # soft_wrap: what is found by a search, or copied, must not be cut by a line's end
    _console().print(shown(" ".join(lines)), highlight=False, markup=False, soft_wrap=True)


def _asked(wants: Sequence[Wanted], expected: Forecast, until: str) -> tuple[str, str]:
    """Say how many seeds each setting has, and how many trials that makes."""
    counts, trials = {len(want.seeds) for want in wants}, things(expected.trials, "trial")
    if expected.least is not None:
        each = expected.least.trials // len(wants)
        trials = f"{expected.least.trials:,} to {trials}"
        return f" × {each:,} to {counts.pop():,} seeds ({until})", trials
    return f" × {things(counts.pop(), 'seed')}" if len(counts) == 1 else " with their seeds", trials


def say_look(
    seeds: int, decided: Sequence[Mapping[Any, Any]], going_on: int, left: int, of: int
) -> None:
    """Say what a look at the results has decided.

    Args:
        seeds: Of each setting that is trained on.
        decided: The rows of the contrasts that are decided since the look before.
        going_on: How many are not, and get more seeds.
        left: How many are not, and get no more.
        of: How many there are.
    """
    kinds = [FOUND.get(row["verdict"]) or mark(row["verdict"], row["margin"]) for row in decided]
    words = [f"{arm(row)} {kind}" for row, kind in zip(decided, kinds, strict=True)]
    if len(words) > NAMED:
        words = [f"{count:,} × {kind}" for kind, count in Counter(kinds).items()]
    rest = "every comparison is decided"
    if going_on:
        rest = f"{going_on:,} of {of:,} comparisons open"
    elif left:
        rest = f"{left:,} of {of:,} comparisons stay undecided"
    text = f"after {seeds:,} seeds: {'; '.join(filter(None, (', '.join(words), rest)))}"
    _console().print(shown(text), highlight=False, markup=False, soft_wrap=True)


def say_notes(notes: Sequence[str]) -> None:
    """Print what a reader of the plan should know, a line each."""
    call = current()
    for note in notes:
        documents.add("notes", note)
        if call is not None:
            call.notes.append(f"note: {shown(note)}")
        _console().print(f"note: {shown(note)}", highlight=False, markup=False, soft_wrap=True)


def show_tables(tables: Sequence[Sequence[str]]) -> None:
    """Say what was understood of the tables that were read, each in lines of its own."""
    console = _console()
    for lines in tables[:TABLES]:
        for line in lines:
            console.print(shown(line), highlight=False, markup=False, soft_wrap=True)
    if len(tables) > TABLES:
        console.print(f"... and {len(tables) - TABLES:,} more tables: {SWEEP}")


def warn(text: str) -> None:
    """Print a warning on standard error."""
    documents.add("warnings", text)
    print(f"warning: {shown(text, lines=True)}", file=sys.stderr, flush=True)


def fall_short(text: str) -> None:
    """Say that something which was required is not there; who called is told by an exception."""
    if (call := current()) is not None:
        call.short.append(text)
    else:
        warn(text)


def show_results(results: Results, sweep: Sweep, folder: Path) -> None:
    """Print a table of settings, the report's path and how to see the runs in MLflow."""
    console = _console()
    console.print(_table(results, 3 if console.width < NARROW else len(COLUMNS)))
    if len(results.summary) > ROWS:
        console.print(f"... and {len(results.summary) - ROWS} more settings: summary.csv")
    _show_failures(console, [job for job in sweep.jobs if job.status == "failed"])
    lines = [("found", sweep.verdict[0])] if sweep.verdict else []
    if sweep.verdict and (told := looked(results, headline(results))):
        lines.append(("looks", told))
    page = folder / REPORT
    lines.append(("report", str(page)) if page.exists() else ("results", str(folder)))
    if (folder / HANDOUT).exists():
        lines.append(("handout", str(folder / HANDOUT)))
    study = Path(sweep.study or "").name.removesuffix(".j2")
    if study and (folder / study).exists():
        lines.append(("study", str(folder / study)))
    pages = sweep.animations
    if pages:
        more = f" and {len(pages) - 1:,} more" if len(pages) > 1 else ""
        lines.append(("animation", f"{folder / pages[0]}{more}"))
    tracking = sweep.tracking
    if tracking:
        address = tracking.get("view") or tracking["charts"]
        compare = f"python -m nnrun.ui {folder}" if tracking["ui"] else address
        lines += [("compare", compare)] if compare and tracking["settings"] else []
        lines += [(key, tracking[key]) for key in ("model", "warning") if tracking.get(key)]
        if tracking["error"]:
            lines.append(("MLflow", tracking["error"]))
    for name, text in lines:
        # soft_wrap: paths and commands must stay whole to be copied
        console.print(f"{name:>9}: {shown(text)}", soft_wrap=True, highlight=False, markup=False)


def say_how_to_go_on(
    left: int, jobs: int, kept: bool, more: bool = False, page: Path | None = None
) -> None:
    """After an interrupt: say what is left to train, and how that is done.

    Args:
        left: Jobs that are not finished.
        jobs: That were begun.
        kept: Whether trained trials are in the cache.
        more: Whether there would have been other jobs.
        page: The folder whose page was not drawn; None if there is none to draw.
    """
    text, call = "interrupted: everything was trained and saved.", current()
    same = "command" if call is None else "call"
    if left or more:
        text = f"interrupted: {left:,} of {things(jobs, 'job')} not finished"
        text += ", and what the sweeper had planned next was not begun. " if more else ". "
        text += (
            f"What was trained is kept; the same {same} goes on"
            if kept
            else f"Nothing is kept in the cache: the same {same} trains all of it again"
        )
        text += f":\n  {command()}" if kept and call is None else "."
    if page is not None:
        again = f"nnrun.make_report({str(page)!r})" if call else f"python -m nnrun.report {page}"
        text += f"\nThe page was not drawn: {again}"
    if call is not None:
        call.notes.append(text)
        return
    documents.add("notes", text)
    print(shown(text, lines=True), file=sys.stderr, flush=True)


def _show_failures(console: Console, failed: Sequence[SweepJob]) -> None:
    for job in failed[:FAILURES]:
        last = (job.error or "").strip().splitlines()[-1]
        label, last = escape(shown(job.label)), escape(shown(last))
        text = f"[red]failed[/red] job {job.number} ({label}): {last}"
        console.print(text, highlight=False, soft_wrap=True)
    if len(failed) > FAILURES:
        console.print(f"... and {len(failed) - FAILURES:,} more failed jobs: {SWEEP}")


def _table(results: Results, columns: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("setting", overflow="fold")
    for heading in headings(results.sweep)[:columns]:
        table.add_column(heading, justify="right", no_wrap=True)
    for label, cells in rows(results, ROWS):
        table.add_row(escape(shown(label)), *cells[:columns])
    return table


def _console() -> Console:
    if current() is not None:
        return Console(quiet=True)  # a call in Python says in one line what came of it
    # a pipe or a log file has no width of its own: keep rows whole there
    return Console(width=None if sys.stdout.isatty() else 140)
