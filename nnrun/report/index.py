"""index.html: every sweep and run under outputs/, newest first, with its verdict and its report."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from nnrun.errors import InputError
from nnrun.jinja import environment, script
from nnrun.layout import INDEX, KINDS, REPORT, write_text
from nnrun.records.plain import NUMBER, Damaged, read_plain, require
from nnrun.records.sweep import SWEEP, Sweep, read_sweep
from nnrun.statistics.survival import shared_target, target_text
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


KEPT = ".index.json"
"""What the index says of each sweep, beside it: what has not changed is not read again."""

SAID = {
    "folder": str, "name": str, "started": str, "moment": NUMBER, "status": str, "good": bool,
    "settings": int, "seeds": str, "target": str, "answer": str,
}  # fmt: skip


def write_index(outputs: Path) -> Path:
    """Write the index of a folder of results; it reads those sweep.json that are new to it.

    Args:
        outputs: Such as ``outputs``, with the folders ``sweeps``, ``runs`` and ``reports``.

    Returns:
        Path of index.html.
    """
    known = _read_kept(outputs)
    found = entries(outputs, known)
    write_text(outputs / KEPT, json.dumps(known))
    templates = Path(__file__).parent / "templates"
    language = environment(templates)
    language.filters["count"] = count
    about = {"entries": found, "palette": (), **script(templates / "page.js")}
    page = language.get_template("index.html.j2").render(about)
    write_text(outputs / INDEX, page)
    return outputs / INDEX


def entries(outputs: Path, known: dict[str, Any] | None = None) -> list[Entry]:
    """List the sweeps and runs of a folder, the newest first; a file that is damaged is skipped.

    Args:
        outputs: As of ``write_index``.
        known: What was found before, by folder; brought up to date.
    """
    known = {} if known is None else known
    before, found = dict(known), []
    known.clear()
    for path in sorted(path for kind in KINDS for path in (outputs / kind).glob(f"*/{SWEEP}")):
        with suppress(InputError, OSError):
            place = path.parent.relative_to(outputs).as_posix()
            about = path.stat()
            state = [about.st_mtime_ns, about.st_size, about.st_ino]
            kept = before.get(place)
            if kept is None or kept["state"] != state:
                sweep = read_sweep(path.parent)
                if sweep is None:
                    continue
                kept = {"state": state, "entry": _entry(sweep, place)}
            known[place] = kept
            link = quote(f"{place}/{REPORT}") if (path.parent / REPORT).is_file() else ""
            found.append(Entry(**kept["entry"], link=link))
    found.sort(key=lambda entry: entry.folder, reverse=True)
    return sorted(found, key=lambda entry: entry.moment, reverse=True)


def _read_kept(outputs: Path) -> dict[str, Any]:
    """Read what was said of sweeps before; nothing, if it is damaged or missing."""
    with suppress(OSError, Damaged):
        known = read_plain(outputs / KEPT, {})
        for place, kept in known.items():
            require(kept, {"state": [int], "entry": SAID})
            if kept["entry"].keys() != SAID.keys() or kept["entry"]["folder"] != place:
                return {}
        return known
    return {}


def _entry(sweep: Sweep, place: str) -> dict[str, Any]:
    """Say what a sweep's own file tells: all of an entry but its link."""
    started = sweep.started or ""
    return {
        "folder": place,
        "name": sweep.name or place,
        "started": started[:16].replace("T", " "),
        "moment": _moment(started),
        "status": STATUSES[sweep.status],
        "good": sweep.status == "complete",
        "settings": len(sweep.settings),
        "seeds": _seeds(sweep),
        "target": _target(sweep),
        "answer": next(iter(sweep.verdict), ""),
    }


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
    if not facts.settings:
        return ""
    target = shared_target(facts)
    return target_text(target) if target else "differs"
