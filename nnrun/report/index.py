"""index.html: every sweep and run under outputs/, newest first, with its verdict and its report."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from nnrun.errors import InputError
from nnrun.layout import INDEX, KINDS, REPORT, write_text
from nnrun.records.sweep import SWEEP, Sweep, read_sweep
from nnrun.statistics.targets import is_target, target_text, targets
from nnrun.templates import environment, script
from nnrun.text import count, seeds_range

STATUSES = {
    "complete": "complete",
    "failed": "with errors",
    "missing": "incomplete",
    "interrupted": "interrupted",
    "running": "running, or ended early",
}


class Entry(NamedTuple):
    """A sweep or run as the index lists it.

    Attributes:
        folder: Of the sweep, as seen from the index.
        link: Of its report, fit for an address; empty if there is none.
        name: Of the experiment.
        started: As in sweep.json; empty if unknown.
        moment: The same in seconds since the epoch, -1 if unknown.
        status: In words.
        good: Whether all went well.
        settings: How many.
        seeds: Of a setting, for instance ``2 to 20``; empty if there was none.
        target: In words.
        answer: The first sentence of the verdict; empty if there is none.
    """

    folder: str
    link: str
    name: str
    started: str
    moment: float
    status: str
    good: bool
    settings: int
    seeds: str
    target: str
    answer: str


def write_index(outputs: Path) -> Path:
    """Write the index of a folder of results; it reads their sweep.json and nothing else.

    Args:
        outputs: Such as ``outputs``, with the folders ``sweeps``, ``runs`` and ``reports``.

    Returns:
        Path of index.html.
    """
    found = entries(outputs)
    templates = Path(__file__).parent / "templates"
    language = environment(templates)
    language.filters["count"] = count
    about = {"entries": found, "palette": (), **script(templates / "page.js")}
    page = language.get_template("index.html.j2").render(about)
    write_text(outputs / INDEX, page)
    return outputs / INDEX


def entries(outputs: Path) -> list[Entry]:
    """List the sweeps and runs of a folder, the newest first; a file that is damaged is skipped."""
    found = []
    for path in sorted(path for kind in KINDS for path in (outputs / kind).glob(f"*/{SWEEP}")):
        with suppress(InputError):
            if facts := read_sweep(path.parent):
                found.append(_entry(facts, path.parent, outputs))
    found.sort(key=lambda entry: entry.folder, reverse=True)
    return sorted(found, key=lambda entry: entry.moment, reverse=True)


def _entry(facts: Sweep, folder: Path, outputs: Path) -> Entry:
    place = folder.relative_to(outputs).as_posix()
    status, started = str(facts.status), str(facts.started or "")
    verdict = facts.verdict or [""]
    return Entry(
        folder=place,
        link=quote(f"{place}/{REPORT}") if (folder / REPORT).is_file() else "",
        name=str(facts.name or place),
        started=started[:16].replace("T", " "),
        moment=_moment(started),
        status=STATUSES.get(status, status),
        good=status == "complete",
        settings=len(facts.settings or []),
        seeds=_seeds(facts),
        target=_target(facts),
        answer=str(verdict[0]),
    )


def _moment(started: str) -> float:
    """Read a date and time; one that does not name its zone is taken for UTC."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(started)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return -1.0


def _seeds(facts: Sweep) -> str:
    """Count the seeds of each setting over its jobs."""
    several: dict[str, list[Sequence[int]]] = {}
    for job in facts.jobs:
        if job.seeds:
            several.setdefault(job.setting, []).append(job.seeds)
    if not several:
        return ""
    counts = [_union(spans) for spans in several.values()]
    return seeds_range(counts).split(" seed")[0]


def _union(spans: Iterable[Sequence[int]]) -> int:
    """Count the numbers in spans, each from a first to a last one; some may be in several."""
    count, end = 0, -1
    for first, last in sorted(spans, key=tuple):
        count += max(last + 1 - max(first, end + 1), 0)
        end = max(end, last)
    return count


def _target(facts: Sweep) -> str:
    found = list(targets(facts).values()) if facts.settings else []
    if not found:
        return ""
    shared = all(target == found[0] for target in found) and is_target(found[0])
    return target_text(found[0]) if shared else "differs"
