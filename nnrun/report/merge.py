"""What several sweeps say of themselves, put together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnrun.records.record import Record
from nnrun.report.facts import status_of, sweep_facts, tables_told
from nnrun.report.sources import Source
from nnrun.sweep.describe import describe

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
