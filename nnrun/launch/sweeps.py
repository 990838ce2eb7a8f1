"""What sweep.json says of a sweep: where it comes from, what was asked for, how each job ended."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnrun.errors import masked
from nnrun.launch.sources import Source
from nnrun.records.labels import describe
from nnrun.records.record import Record
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


Facts = dict[str, Any]

MADE_HERE = ("notes", "clashes", "facet", "merged", "report_of")
"""What a report adds to sweep.json: never taken over from an earlier one."""

UNFINISHED = ("running", "interrupted")


def facts_of(source: Source, heads: Sequence[Record], folder: Path) -> Facts:
    """Say of one sweep what its records and its sweep.json tell.

    Args:
        source: The sweep.
        heads: Of its records, with the targets that they are judged by.
        folder: Where the report goes.
    """
    saved = {key: value for key, value in source.saved.items() if key not in MADE_HERE}
    moved = {
        old.meta["setting"]: new.meta["setting"]
        for old, new in zip(source.heads, heads, strict=True)
    }
    planned = [
        {
            "number": job["number"],
            "overrides": job["overrides"],
            "setting": moved.get(job["setting"], job["setting"]),
        }
        for job in saved.get("jobs") or []
    ]
    fresh = sweep_facts(heads, folder, saved.get("overrides") or [], planned)
    if saved.get("status") in UNFINISHED:
        fresh["status"] = "interrupted"
    return {**saved, **fresh}  # in the order of the file: the same facts make the same file


def merged_facts(sources: Sequence[Source], several: Sequence[Facts]) -> Facts:
    """Put the facts of several sweeps together; what varies and what it is called is found anew."""
    configs = {s["id"]: s["config"] for facts in several for s in facts["settings"]}
    about = describe(configs)
    labels = {s["id"]: s["label"] for s in about["settings"]}
    jobs = [
        {**job, "label": labels.get(job["setting"], job.get("label")), "sweep": source.name}
        for source, facts in zip(sources, several, strict=True)
        for job in facts["jobs"]
    ]
    status = status_of(jobs)
    stopped = any(facts["status"] == "interrupted" for facts in several)
    kept = ("name", "command", "started", "git", "numerics", "versions", "processor", "platform")
    first = next(iter(configs.values()))
    budgets = [facts["budget"] for facts in several if facts["budget"] is not None]
    return {
        "schema": 1,
        **{key: _said_once([facts.get(key) for facts in several]) for key in kept},
        "started": min((str(f["started"]) for f in several if f.get("started")), default=None),
        "status": "missing" if stopped and status == "complete" else status,
        "overrides": [],
        "jobs": jobs,
        **about,
        "budget": max(budgets, default=None),
        "target": {key: first.get(f"target.{key}") for key in ("metric", "value", "hold")},
        **_tuned(several),
        **tables_told(lines for facts in several for lines in facts.get("tables", [])),
        "stages": {},
        "tracking": _same([facts.get("tracking") for facts in several]),
        "merged": [
            {"sweep": source.name, **{key: facts.get(key) for key in kept}}
            for source, facts in zip(sources, several, strict=True)
        ],
    }


def differences(sources: Sequence[Source], several: Sequence[Facts]) -> list[str]:
    """Say in sentences what makes the numbers of several sweeps hard to put together."""
    found = []
    by_version: dict[str, list[str]] = {}
    for source, facts in zip(sources, several, strict=True):
        by_version.setdefault(str(facts.get("numerics")), []).append(source.name)
    if len(by_version) > 1:
        told = "; ".join(f"{version}: {', '.join(names)}" for version, names in by_version.items())
        found.append(
            f"The sweeps were trained by different versions of the numerics ({told}), so that "
            "equal settings and seeds need not have equal numbers."
        )
    return found + _tuned_on_reported(sources, several)


def _tuned_on_reported(sources: Sequence[Source], several: Sequence[Facts]) -> list[str]:
    """Name the sweeps that were tuned on seeds which another one reports."""
    found = []
    for source, facts in zip(sources, several, strict=True):
        first, last = (facts.get("tuning") or {}).get("seeds") or (0, -1)
        for other, others in zip(sources, several, strict=True):
            spans = [job["seeds"] for job in others["jobs"] if job.get("seeds")]
            if other is not source and any(a <= last and first <= b for a, b in spans):
                found.append(
                    f"{source.name} was tuned on seeds {first} to {last}, some of which "
                    f"{other.name} reports: its tuned values look better there than they are."
                )
    return found


def _tuned(several: Sequence[Facts]) -> Facts:
    """Join what was tuned, and the tables of tuning."""
    tunings = [facts["tuning"] for facts in several if facts.get("tuning")]
    if not tunings:
        return {}
    spans = [tuning["seeds"] for tuning in tunings]
    keys = dict.fromkeys(key for facts in several for key in facts.get("tuned") or [])
    seeds = [min(first for first, _ in spans), max(last for _, last in spans)]
    rows = [row for tuning in tunings for row in tuning["rows"]]
    return {"tuned": list(keys), "tuning": {"seeds": seeds, "rows": rows}}


def _same(values: Sequence[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else None


def _said_once(values: Sequence[Any]) -> Any:
    """Return what all have in common; else each different value once, in words."""
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, Mapping) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        return {key: _said_once([value.get(key) for value in values]) for key in keys}
    return "; ".join(dict.fromkeys("none" if value is None else str(value) for value in values))
