"""From the records on disk to tables, report and sweep.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnrun.config import Tracking
from nnrun.pipeline import terminal
from nnrun.pipeline.clock import Clock
from nnrun.pipeline.track import Runs
from nnrun.report.summary import summarise
from nnrun.report.verdict import verdict
from nnrun.results import CURVES, SUMMARY, SWEEP, TRIALS, Results
from nnrun.sweep.provenance import provenance
from nnrun.sweep.run import Tally
from nnrun.sweep.store import Record, read_records, write_text
from nnrun.sweep.tables import curves_table, describe, merged, trials_table, write_parquet

Plan = Sequence[tuple[int, list[str]]]
"""The number and the overrides of each job, in order."""


def finish(
    folder: Path,
    overrides: Sequence[str],
    clock: Clock,
    tally: Tally,
    runs: Runs | None,
    plan: Plan,
    interrupted: bool = False,
) -> None:
    """Make everything that is made of records.

    Args:
        folder: Of the sweep or run; its records are read from there.
        overrides: As given on the command line.
        clock: Counts the stages.
        tally: What training cost.
        runs: The launch's MLflow runs; None if tracking is off.
        plan: The jobs that were asked for; those without a record are listed as missing.
        interrupted: Whether training was stopped; then there is no report.
    """
    with clock("tables"):
        records = read_records(folder)
        facts = sweep_facts(records, overrides, plan)
        facts["status"] = "interrupted" if interrupted else facts["status"]
        facts["stacks"] = tally.stacks
        facts["tracking"] = runs and runs.facts
        if not records:
            write_sweep(folder, facts, clock)
            return
        results = make_results(records, facts)
        write_tables(results, folder)
    if records[0].meta["report"] != "off" and not interrupted:
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


def finish_foreign_sweep(folder: Path, overrides: Sequence[str]) -> None:
    """Finish a sweep whose jobs were run one by one by a launcher that is not ours."""
    clock = Clock()
    records = read_records(folder)
    if not records:
        return
    first = records[0].meta
    with clock("mlflow"):
        runs = Runs.open(Tracking(**first["tracking"]), first["name"], folder.name, first)
        if runs:
            settings = merged(records)
            facts = describe({key: found[0].meta["config"] for key, found in settings.items()})
            for found in settings.values():
                runs.add_setting(found, facts)
    finish(folder, overrides, clock, Tally(), runs, plan=())


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
        "status": "failed" if "failed" in states else "complete",
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
