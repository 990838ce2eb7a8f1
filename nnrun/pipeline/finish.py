"""From the records on disk to tables, report and sweep.json."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from nnrun.config import Tracking
from nnrun.pipeline import terminal
from nnrun.pipeline.clock import Clock
from nnrun.pipeline.track import Runs
from nnrun.report.summary import summarise
from nnrun.report.verdict import verdict
from nnrun.results import CURVES, SUMMARY, SWEEP, TRIALS, Results
from nnrun.sweep.provenance import provenance
from nnrun.sweep.run import Tally
from nnrun.sweep.store import RECORD, Record, read_records, write_text
from nnrun.sweep.tables import curves_table, describe, merged, trials_table, write_parquet

Plan = Sequence[tuple[int, list[str]]]
"""The number and the overrides of each job, in order."""


class Ending(NamedTuple):
    """What a launch leaves to be finished.

    Attributes:
        folder: Of the sweep or run.
        overrides: As given on the command line.
        plan: The jobs that were asked for; those without a record are listed as missing.
        records: The records that were written.
    """

    folder: Path
    overrides: Sequence[str]
    plan: Plan
    records: Sequence[Path]


def finish(
    ending: Ending,
    clock: Clock,
    tally: Tally,
    runs: Runs | None,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Make everything that is made of records.

    Args:
        ending: What there is to finish.
        clock: Counts the stages.
        tally: What training cost.
        runs: The launch's MLflow runs; None if tracking is off.
        interrupted: Whether the user wants an end; then the report is left out.
    """
    folder = ending.folder
    with clock("tables"):
        records = read_records(ending.records)
        facts = sweep_facts(records, ending.overrides, ending.plan)
        if interrupted():
            facts["status"] = "interrupted"
        facts["stacks"] = tally.stacks
        facts["tracking"] = runs and runs.facts
        if records:
            results = make_results(records, facts)
            write_tables(results, folder)
    # once before the report, so that whatever happens then the tables can be loaded
    write_sweep(folder, facts, clock)
    if not records:
        return
    if records[0].meta["report"] != "off" and not interrupted():
        with clock("report"):
            from nnrun.report.page import build

            tracking = runs and {key: runs.facts[key] for key in ("uri", "experiment", "ui")}
            about = {**facts, "stages": clock.report(), "tracking": tracking}
            build(replace(results, sweep=about), folder)
            facts["verdict"] = verdict(results)
    if runs:
        with clock("mlflow"):
            runs.add_sweep(facts, results, folder)
            runs.close()
    write_sweep(folder, facts, clock)
    terminal.show_results(results, facts, folder)


def finish_foreign_sweep(sweep: "ForeignSweep") -> None:
    """Finish a sweep whose jobs were run one by one by a launcher that is not ours."""
    clock = Clock()
    paths = [p for p in sweep.folder.rglob(RECORD) if p.stat().st_mtime >= sweep.started]
    records = read_records(paths)
    runs = None
    if records:
        first = records[0].meta
        with clock("mlflow"):
            runs = Runs.open(Tracking(**first["tracking"]), first["name"], sweep.folder.name, first)
            settings = merged(records)
            facts = describe({key: found[0].meta["config"] for key, found in settings.items()})
            for found in settings.values():
                if runs:
                    runs.add_setting(found, facts)
    ended_early = len(records) < len(sweep.plan)
    ending = Ending(sweep.folder, sweep.overrides, sweep.plan, paths)
    finish(ending, clock, Tally(), runs, lambda: ended_early)


@dataclass
class ForeignSweep:
    """A sweep of a launcher that is not ours.

    Attributes:
        folder: Of the sweep.
        overrides: As given on the command line.
        started: When it began, in seconds since the epoch.
        plan: Its jobs, filled when they are checked.
    """

    folder: Path
    overrides: Sequence[str]
    started: float
    plan: list[tuple[int, list[str]]] = field(default_factory=list)


def make_results(records: Sequence[Record], facts: Mapping[str, Any]) -> Results:
    """Make the tables of a sweep from its records."""
    trials = trials_table(records, facts)
    summary = summarise(trials, facts["varying"])
    return Results(trials, curves_table(records, facts), summary, facts)


def write_tables(results: Results, folder: Path) -> None:
    """Write trials, curves and summary, each or not at all."""
    write_parquet(results.trials, folder / TRIALS)
    write_parquet(results.curves, folder / CURVES)
    write_text(folder / SUMMARY, results.summary.to_csv(index=False, lineterminator="\n"))


def sweep_facts(records: Sequence[Record], overrides: Sequence[str], plan: Plan) -> dict[str, Any]:
    """Say where a sweep comes from, what it asked for and how each job ended."""
    configs = {key: found[0].meta["config"] for key, found in merged(records).items()}
    about = describe(configs)
    labels = {s["id"]: s["label"] for s in about["settings"]}
    meta = records[0].meta if records else provenance()
    jobs = {number: {"number": number, "overrides": o, "status": "missing"} for number, o in plan}
    for record in records:
        error = record.meta["error"]
        jobs[record.meta["number"]] = {
            "number": record.meta["number"],
            "overrides": record.meta["overrides"],
            "setting": record.setting,
            "label": labels[record.setting],
            "seeds": [record.meta["seed"], record.meta["seed"] + record.meta["seeds"] - 1],
            "engine": record.meta["engine"],
            "status": "failed" if error else "complete",
            "error": error,
        }
    states = {job["status"] for job in jobs.values()}
    first: Mapping[str, Any] = next(iter(configs.values()), {})
    return {
        "schema": 1,
        "name": meta.get("name"),
        "status": next((s for s in ("failed", "missing") if s in states), "complete"),
        "overrides": list(overrides),
        **{key: meta.get(key) for key in ("command", "started", "git", "numerics", "versions")},
        **{key: meta.get(key) for key in ("processor", "platform")},
        "jobs": [jobs[number] for number in sorted(jobs)],
        **about,
        "budget": max((record.meta["samples"] for record in records), default=None),
        "target": {key: first.get(f"target.{key}") for key in ("metric", "value", "hold")},
    }


def write_sweep(folder: Path, facts: dict[str, Any], clock: Clock) -> None:
    """Write sweep.json with the seconds of all stages so far."""
    folder.mkdir(parents=True, exist_ok=True)
    facts["stages"] = clock.report()
    write_text(folder / SWEEP, json.dumps(facts, indent=1) + "\n")
