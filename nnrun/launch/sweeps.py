"""What a sweep is: as its records and its sweep.json tell, and of several put together."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnrun.config.settings import Auto
from nnrun.launch.history import at_each, looks_at, seen_in
from nnrun.launch.sources import Source
from nnrun.masking import masked
from nnrun.records.labels import describe
from nnrun.records.record import Record
from nnrun.records.sweep import Sweep, SweepJob
from nnrun.results.tabulate import common_facts
from nnrun.trials.provenance import provenance

BEFORE_REPORT = ("start", "compose", "tune", "train", "evaluate", "decide", "store", "tables")
"""Stages that are over when the page is written, so that it can be written again alike."""

RECALLED = ("tuned", "tuning", "stacks", "tracking", "animations", "stages")
"""What no record says, and sweep.json does."""

LOOKED = ("looks", "auto")
"""What sweep.json says better than records, where it says it."""

PLACES = ("uri", "experiment", "ui")
"""Of the tracking, what is known when the page is written."""

ORIGIN = ("name", "command", "started", "git", "numerics", "versions", "processor", "platform")
"""What says where a sweep comes from."""


def sweep_of(
    heads: Sequence[Record],
    folder: Path,
    overrides: Sequence[str] = (),
    planned: Iterable[SweepJob] = (),
    **more: Any,
) -> Sweep:
    """Say where a sweep comes from, what it asked for and how each job ended.

    Args:
        heads: Of its records, in the order of their jobs.
        folder: Where sweep.json goes, for the paths of logs.
        overrides: As given on the command line.
        planned: The jobs that were asked for; those without a record are listed as missing.
        more: What else its sweep.json says.
    """
    configs: dict[str, Mapping[str, Any]] = {}
    for head in heads:
        configs.setdefault(head.setting, head.meta["config"])
    about = describe(configs, more.get("tuned") or ())
    labels = {setting.id: setting.label for setting in about["settings"]}
    meta = heads[0].meta if heads else provenance()
    jobs = {job.number: job for job in planned}
    jobs |= {head.meta["number"]: _job(head, labels, folder) for head in heads}
    said: dict[str, Any] = {
        **{key: meta.get(key) for key in (*ORIGIN, "study")},
        **about,
        "status": status_of(jobs.values()),
        "overrides": [masked(given) for given in overrides],
        "jobs": [jobs[number] for number in sorted(jobs)],
        "budget": max((head.meta["samples"] for head in heads), default=None),
        "target": _target(configs),
        "tables": _tables((head.meta.get("data") or {}).get("about") for head in heads),
        "common_grid": common_facts(heads),
        **_auto(heads),
        "held_out": sorted({n for head in heads if (n := _held_out(head)) is not None}),
    }
    return Sweep(**{**said, **more})


def as_told(sweep: Sweep) -> Sweep:
    """Take what the page may tell: what is known before it is written, whoever writes it.

    Stages that the page is part of, and what follows it, would differ when it is written again.
    """
    stages, tracking = sweep.stages or {}, sweep.tracking
    return replace(
        sweep,
        verdict=(),
        animations=None,
        stages={name: stages[name] for name in BEFORE_REPORT if name in stages},
        tracking=tracking and {key: tracking.get(key) for key in PLACES},
    )


def status_of(jobs: Iterable[SweepJob]) -> str:
    """Say how a sweep ended by how its jobs did: ``failed``, ``missing`` or ``complete``."""
    states = {job.status for job in jobs}
    return next((state for state in ("failed", "missing") if state in states), "complete")


def sweep_of_source(source: Source, heads: Sequence[Record], folder: Path) -> Sweep:
    """Say of one sweep what its records and its sweep.json tell.

    Args:
        source: The sweep.
        heads: Of its records, with the targets that they are judged by.
        folder: Where the report goes.
    """
    saved = source.saved
    if saved is None:
        return sweep_of(heads, folder)
    moved = {old.setting: new.setting for old, new in zip(source.heads, heads, strict=True)}
    planned = [
        SweepJob(job.number, [*map(masked, job.overrides)], moved.get(job.setting, job.setting))
        for job in saved.jobs
    ]
    more: dict[str, Any] = {key: getattr(saved, key) for key in RECALLED}
    more |= {key: getattr(saved, key) for key in LOOKED if getattr(saved, key)}
    if saved.status in ("running", "interrupted"):
        more["status"] = "interrupted"
    return sweep_of(heads, folder, saved.overrides, planned, **more)


def merged(sources: Sequence[Source], several: Sequence[Sweep]) -> Sweep:
    """Put several sweeps together; what varies and what settings are called is found anew."""
    configs = {s.id: s.config for sweep in several for s in sweep.settings}
    tuned = _tuned(sources, several)
    about = describe(configs, tuned.get("tuned") or ())
    labels = {setting.id: setting.label for setting in about["settings"]}
    jobs = [
        replace(job, label=labels.get(job.setting, job.label), sweep=source.name)
        for source, sweep in zip(sources, several, strict=True)
        for job in sweep.jobs
    ]
    status = status_of(jobs)
    stopped = any(sweep.status == "interrupted" for sweep in several)
    said = {key: _said_once([getattr(sweep, key) for sweep in several]) for key in ORIGIN}
    return Sweep(
        **{**said, **about, **tuned},
        status="missing" if stopped and status == "complete" else status,
        jobs=jobs,
        budget=max((s.budget for s in several if s.budget is not None), default=None),
        target=_target(configs),
        tables=_tables(lines for sweep in several for lines in sweep.tables),
        held_out=sorted({n for sweep in several for n in sweep.held_out}),
        tracking=_same([sweep.tracking for sweep in several]),
        common_grid=common_facts(head for source in sources for head in source.heads),
        stages={},
        looks=_looked_at(sources, several),
        merged=[
            {"sweep": source.name, **{key: getattr(sweep, key) for key in ORIGIN}}
            for source, sweep in zip(sources, several, strict=True)
        ],
    )


def _looked_at(sources: Sequence[Source], several: Sequence[Sweep]) -> list[int]:
    """Say at how many seeds sweeps were looked at, each by itself, and together now."""
    now = seen_in(head for source in sources for head in source.heads)
    both = zip(sources, several, strict=True)
    parts = (at_each(seen_in(source.heads), sweep.looks) for source, sweep in both)
    return looks_at(now, (seen for part in parts for seen in part))


def differences(sources: Sequence[Source], several: Sequence[Sweep]) -> list[str]:
    """Say in sentences what makes the numbers of several sweeps hard to put together."""
    found = []
    by_version: dict[str, list[str]] = {}
    for source, sweep in zip(sources, several, strict=True):
        by_version.setdefault(str(sweep.numerics), []).append(source.name)
    if len(by_version) > 1:
        told = "; ".join(f"{version}: {', '.join(names)}" for version, names in by_version.items())
        found.append(
            f"The sweeps were trained by different versions of the numerics ({told}), so that "
            "equal settings and seeds need not have equal numbers."
        )
    for source, sweep in zip(sources, several, strict=True):
        first, last = (sweep.tuning or {}).get("seeds") or (0, -1)
        for other, others in zip(sources, several, strict=True):
            spans = [job.seeds for job in others.jobs if job.seeds]
            if other is not source and any(a <= last and first <= b for a, b in spans):
                found.append(
                    f"{source.name} was tuned on seeds {first} to {last}, some of which "
                    f"{other.name} reports: its tuned values look better there than they are."
                )
    return found


def _job(head: Record, labels: Mapping[str, str], folder: Path) -> SweepJob:
    """Say what a job was and how it ended; of a failed one, where its log is."""
    meta = head.meta
    logs = sorted(head.path.parent.glob("*.log")) if meta["error"] and head.path else []
    return SweepJob(
        number=meta["number"],
        overrides=meta["overrides"],
        setting=meta["setting"],
        label=labels[meta["setting"]],
        seeds=[meta["seed"], meta["seed"] + meta["seeds"] - 1],
        engine=meta["engine"],
        status="failed" if meta["error"] else "complete",
        error=meta["error"],
        log=Path(os.path.relpath(logs[0], folder)).as_posix() if logs else None,
    )


def _auto(heads: Sequence[Record]) -> dict[str, Any]:
    """Say at how many seeds the results were looked at, where they decided on that number."""
    found = next((head.meta["auto"] for head in heads if head.meta.get("auto")), None)
    if found is None:
        return {}
    most = max(int(head.meta["seeds"]) for head in heads)
    return {"auto": found, "looks": Auto(**found).looks(most)}


def _target(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    first = next(iter(configs.values()), {})
    return {key: first.get(f"target.{key}") for key in ("metric", "value", "hold")}


def _held_out(head: Record) -> int | None:
    """Return on how many points a setting was evaluated, if its record says so."""
    test = (head.meta.get("data") or {}).get("test") or {}
    return test.get("samples")


def _tables(told: Iterable[Sequence[str] | None]) -> list[list[str]]:
    """Collect what was understood of each table that was read, once, as a list of lines."""
    return [list(lines) for lines in dict.fromkeys(tuple(lines) for lines in told if lines)]


def _tuned(sources: Sequence[Source], several: Sequence[Sweep]) -> dict[str, Any]:
    """Join what was tuned in all of them, and the tables of tuning."""
    tunings = [sweep.tuning for sweep in several if sweep.tuning]
    if not tunings:
        return {}
    spans = [tuning["seeds"] for tuning in tunings]
    seeds = [min(first for first, _ in spans), max(last for _, last in spans)]
    rows = [
        {**row, "sweep": source.name}
        for source, sweep in zip(sources, several, strict=True)
        for row in (sweep.tuning or {}).get("rows") or ()
    ]
    # what one of them was given by hand is a key like any other
    keys = [key for key in several[0].tuned if all(key in sweep.tuned for sweep in several)]
    return {"tuned": keys, "tuning": {"seeds": seeds, "rows": rows}}


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
