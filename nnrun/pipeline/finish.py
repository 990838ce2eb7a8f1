"""From the records on disk to tables, report and sweep.json."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from nnrun.config import Tracking
from nnrun.network.files import RECORD
from nnrun.pipeline import terminal
from nnrun.pipeline.animations import draw_animations
from nnrun.pipeline.clock import Clock
from nnrun.pipeline.track import Runs
from nnrun.report.verdict import verdict
from nnrun.results import SWEEP
from nnrun.statistics.findings import Findings
from nnrun.statistics.tabulate import Head, by_setting, read_heads, tabulate
from nnrun.sweep.describe import describe
from nnrun.sweep.provenance import provenance
from nnrun.sweep.run import Tally
from nnrun.sweep.store import read_records, write_text
from nnrun.sweep.tables import merged


class Planned(NamedTuple):
    """A job that was asked for.

    Attributes:
        number: In the sweep.
        overrides: Its own.
        setting: Id of its setting.
    """

    number: int
    overrides: list[str]
    setting: str


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
    plan: Sequence[Planned]
    records: Sequence[Path]


class Finished(NamedTuple):
    """A launch that is over.

    Attributes:
        facts: The content of its sweep.json.
        findings: Of its records; None if there is no record.
        undrawn: Whether a setting could not be animated.
    """

    facts: Mapping[str, Any]
    findings: Findings | None
    undrawn: bool = False

    @property
    def failed(self) -> bool:
        """Whether a job failed, or could not be animated."""
        return self.undrawn or any(job["status"] == "failed" for job in self.facts["jobs"])

    def show(self, folder: Path) -> None:
        """Say on the terminal what was found, and where it is."""
        if self.findings is not None:
            terminal.show_results(self.findings, self.facts, folder)


def finish(
    ending: Ending,
    clock: Clock,
    tally: Tally,
    runs: Runs | None,
    interrupted: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> "Finished":
    """Make everything that is made of records.

    Args:
        ending: What there is to finish.
        clock: Counts the stages.
        tally: What training cost.
        runs: The launch's MLflow runs; None if tracking is off.
        interrupted: Whether the sweep was ended before all its jobs were done.
        stopped: Asked while drawing animations: whether an end is wanted.

    Returns:
        What there is to be shown.
    """
    folder = ending.folder
    with clock("tables"):
        heads = read_heads(ending.records)
        facts = sweep_facts(heads, ending)
        if interrupted:
            facts["status"] = "interrupted"
        facts["stacks"] = tally.stacks
        facts["tracking"] = runs and runs.facts
        if heads:
            findings = tabulate(by_setting(heads), facts, folder)
    # once before the report, so that whatever happens then the tables can be loaded
    write_sweep(folder, facts, clock)
    if not heads:
        return Finished(facts, None)
    if heads[0].meta["report"] != "off":
        with clock("report"):
            from nnrun.report.page import build

            tracking = runs and {key: runs.facts[key] for key in ("uri", "experiment", "ui")}
            about = {**facts, "stages": clock.report(), "tracking": tracking}
            build(replace(findings, sweep=about), folder)
            facts["verdict"] = verdict(findings)
    undrawn = False
    if heads[0].meta.get("animate") and not stopped():
        with clock("animate"):
            facts["animations"], undrawn = draw_animations(heads, folder, stopped)
    if runs:
        with clock("mlflow"):
            runs.add_sweep(facts, findings, folder)
            runs.close()
    write_sweep(folder, facts, clock)
    return Finished(facts, findings, undrawn)


def finish_foreign_sweep(sweep: "ForeignSweep") -> int:
    """Finish a sweep whose jobs were run one by one by a launcher that is not ours.

    Returns:
        The exit code of the process: 0, or 1 if a job failed.
    """
    clock = Clock()
    paths = [p for p in sweep.folder.rglob(RECORD) if p.stat().st_mtime >= sweep.started]
    records = read_records(paths)
    if not records and not sweep.plan:
        with suppress(OSError):  # its input was bad: nothing was begun
            sweep.folder.rmdir()
        return 0
    runs = sweep.runs
    if records:
        first = records[0].meta
        with clock("mlflow"):
            if runs is None:
                tracking = Tracking(**first["tracking"])
                runs = Runs.open(tracking, first["name"], sweep.folder.name, first)
            settings = merged(records)
            facts = describe({key: found[0].meta["config"] for key, found in settings.items()})
            for found in settings.values():
                if runs:
                    runs.add_setting(found, facts)
    ended_early = len(records) < len(sweep.plan)
    ending = Ending(sweep.folder, sweep.overrides, sweep.plan, paths)
    finished = finish(ending, clock, Tally(), runs, ended_early)
    finished.show(sweep.folder)
    if ended_early:
        terminal.say_how_to_go_on(len(sweep.plan) - len(records), len(sweep.plan), kept=True)
    return int(finished.failed)


@dataclass
class ForeignSweep:
    """A sweep of a launcher that is not ours.

    Attributes:
        folder: Of the sweep.
        overrides: As given on the command line.
        started: When it began, in seconds since the epoch.
        plan: Its jobs, filled when they are checked.
        runs: Its MLflow runs, opened before the first job where our sweeper makes the jobs.
    """

    folder: Path
    overrides: Sequence[str]
    started: float
    plan: list[Planned] = field(default_factory=list)
    runs: Runs | None = None


def sweep_facts(heads: Sequence[Head], ending: Ending) -> dict[str, Any]:
    """Say where a sweep comes from, what it asked for and how each job ended."""
    configs: dict[str, Mapping[str, Any]] = {}
    for head in heads:
        configs.setdefault(head.meta["setting"], head.meta["config"])
    about = describe(configs)
    labels = {s["id"]: s["label"] for s in about["settings"]}
    meta = heads[0].meta if heads else provenance()
    jobs: dict[int, dict[str, Any]] = {
        job.number: {**job._asdict(), "status": "missing"} for job in ending.plan
    }
    jobs |= {head.meta["number"]: _job(head, labels, ending.folder) for head in heads}
    states = {job["status"] for job in jobs.values()}
    first = next(iter(configs.values()), {})
    return {
        "schema": 1,
        "name": meta.get("name"),
        "status": next((s for s in ("failed", "missing") if s in states), "complete"),
        "overrides": list(ending.overrides),
        **{key: meta.get(key) for key in ("command", "started", "git", "numerics", "versions")},
        **{key: meta.get(key) for key in ("processor", "platform")},
        "jobs": [jobs[number] for number in sorted(jobs)],
        **about,
        "budget": max((head.meta["samples"] for head in heads), default=None),
        "target": {key: first.get(f"target.{key}") for key in ("metric", "value", "hold")},
    }


def _job(head: Head, labels: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Say what a job was and how it ended; of a failed one, where its log is."""
    meta, logs = head.meta, sorted(head.path.parent.glob("*.log")) if head.meta["error"] else []
    return {
        "number": meta["number"],
        "overrides": meta["overrides"],
        "setting": meta["setting"],
        "label": labels[meta["setting"]],
        "seeds": [meta["seed"], meta["seed"] + meta["seeds"] - 1],
        "engine": meta["engine"],
        "status": "failed" if meta["error"] else "complete",
        "error": meta["error"],
        "log": Path(os.path.relpath(logs[0], folder)).as_posix() if logs else None,
    }


def write_sweep(folder: Path, facts: dict[str, Any], clock: Clock) -> None:
    """Write sweep.json with the seconds of all stages so far."""
    folder.mkdir(parents=True, exist_ok=True)
    facts["stages"] = clock.report()
    write_text(folder / SWEEP, json.dumps(facts, indent=1) + "\n")
