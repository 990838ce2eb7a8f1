"""Jobs that ended with an error or not at all, and what that leaves of the sweep."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from nnrun.statistics.findings import Findings
from nnrun.text import setting_name

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


def failures(sweep: Mapping[str, Any]) -> Listed[dict[str, str]]:
    """List the jobs that ended with an error.

    Returns:
        For each ``name``, ``error`` (the last line), ``traceback`` (all lines, empty if the last is
        the only one) and ``log`` (the path of the job's log from the sweep's folder, or empty).
    """
    failed = [
        job for job in sweep.get("jobs") or [] if job.get("error") or job.get("status") == "failed"
    ]
    return _listed([_failure(job) for job in failed[:LISTED]], len(failed))


def missing(findings: Findings) -> Listed[str]:
    """Name the jobs without a record, and the settings without a trial or an error."""
    jobs = findings.sweep.get("jobs") or []
    failed = {job.get("setting") for job in jobs if job.get("error")}
    seen = set(findings.summary["setting"]) | failed
    names = [_job_name(job) for job in jobs if job.get("status") == "missing"]
    names += [setting_name(s["label"]) for s in findings.sweep["settings"] if s["id"] not in seen]
    return _listed(names[:LISTED], len(names))


def incomplete(sweep: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say what is not in the report.

    Returns:
        What happened in a word or two, and what that leaves; None if the sweep is complete.
    """
    headings = {"interrupted": "Interrupted", "missing": "Incomplete", "failed": "With errors"}
    heading = headings.get(str(sweep.get("status")))
    if heading is None:
        return None
    states: dict[Any, set[str]] = {}
    for job in sweep.get("jobs") or []:
        setting = job.get("setting") or (job.get("number"), *(job.get("overrides") or []))
        states.setdefault(setting, set()).add(str(job.get("status")))
    failed = sum("failed" in found for found in states.values())
    complete = sum(found == {"complete"} for found in states.values())
    absent = len(states) - complete - failed
    text = f"{complete:,} of {len(states):,} settings are complete and in this report"
    text += f"; {failed:,} ended with an error" if failed else ""
    text += f"; {absent:,} left no record" if absent else ""
    go_on = " The same command goes on where it stopped." if heading == "Interrupted" else ""
    return heading, f"{text}.{go_on}"


def _failure(job: Mapping[str, Any]) -> dict[str, str]:
    lines = str(job.get("error") or "no message was kept").strip().splitlines() or [""]
    return {
        "name": _job_name(job),
        "error": lines[-1].strip(),
        "traceback": "\n".join(lines) if len(lines) > 1 else "",
        "log": str(job.get("log") or ""),
    }


def _job_name(job: Mapping[str, Any]) -> str:
    return str(job.get("label") or " ".join(job.get("overrides") or []) or "a job")


def _listed(head: Sequence[T], n: int) -> Listed[T]:
    return Listed(head, n - len(head))
