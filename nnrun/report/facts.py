"""What sweep.json says of a sweep: where it comes from, what was asked for, how each job ended."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnrun.errors import masked
from nnrun.records.record import Record
from nnrun.sweep.describe import describe
from nnrun.trials.provenance import provenance

BEFORE_REPORT = ("start", "compose", "tune", "train", "evaluate", "store", "tables")
"""Stages that are over when the page is written, so that it can be written again alike."""

PLACES = ("uri", "experiment", "ui")
"""Of the tracking, what is known when the page is written."""

AFTER_REPORT = ("verdict", "animations")
"""What is found when the page has been written."""


def sweep_facts(
    heads: Sequence[Record],
    folder: Path,
    overrides: Sequence[str] = (),
    planned: Iterable[Mapping[str, Any]] = (),
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Say where a sweep comes from, what it asked for and how each job ended.

    Args:
        heads: Of its records, in the order of their jobs.
        folder: Where sweep.json goes, for the paths of logs.
        overrides: As given on the command line.
        planned: The ``number``, ``overrides`` and ``setting`` of the jobs that were asked for;
            those without a record are listed as missing.
        more: What else sweep.json says.
    """
    configs: dict[str, Mapping[str, Any]] = {}
    for head in heads:
        configs.setdefault(head.meta["setting"], head.meta["config"])
    about = describe(configs)
    labels = {s["id"]: s["label"] for s in about["settings"]}
    meta = heads[0].meta if heads else provenance()
    jobs: dict[int, dict[str, Any]] = {
        job["number"]: {**job, "status": "missing"} for job in planned
    }
    jobs |= {head.meta["number"]: _job(head, labels, folder) for head in heads}
    first = next(iter(configs.values()), {})
    return {
        "schema": 1,
        "name": meta.get("name"),
        "status": status_of(jobs.values()),
        "overrides": [masked(given) for given in overrides],
        **{key: meta.get(key) for key in ("command", "started", "git", "numerics", "versions")},
        **{key: meta.get(key) for key in ("processor", "platform", "study")},
        "jobs": [jobs[number] for number in sorted(jobs)],
        **about,
        "budget": max((head.meta["samples"] for head in heads), default=None),
        "target": {key: first.get(f"target.{key}") for key in ("metric", "value", "hold")},
        **tables_told((head.meta.get("data") or {}).get("about") for head in heads),
        **(more or {}),
    }


def tables_told(told: Iterable[Sequence[str] | None]) -> dict[str, Any]:
    """Collect what was understood of each table that was read, once, as a list of lines."""
    tables = [list(lines) for lines in dict.fromkeys(tuple(lines) for lines in told if lines)]
    return {"tables": tables} if tables else {}


def status_of(jobs: Iterable[Mapping[str, Any]]) -> str:
    """Say how a sweep ended by how its jobs did: ``failed``, ``missing`` or ``complete``."""
    states = {job["status"] for job in jobs}
    return next((state for state in ("failed", "missing") if state in states), "complete")


def page_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Take what the page may tell: what is known before it is written, whoever writes it.

    Stages that the page is part of, and what follows it, would differ when it is written again.
    """
    told = {key: value for key, value in facts.items() if key not in AFTER_REPORT}
    stages, tracking = facts.get("stages") or {}, facts.get("tracking")
    told["stages"] = {name: stages[name] for name in BEFORE_REPORT if name in stages}
    told["tracking"] = tracking and {key: tracking.get(key) for key in PLACES}
    return told


def _job(head: Record, labels: Mapping[str, str], folder: Path) -> dict[str, Any]:
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
