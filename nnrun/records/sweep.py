"""sweep.json, what a sweep is and how it ended: the one reader."""

from pathlib import Path
from typing import Any

from nnrun.records.plain import NUMBER, TEXT, Damaged, read_plain, reading, require, require_version

SWEEP = "sweep.json"
SCHEMA_VERSION = 1

STATUSES = ("complete", "failed", "missing", "interrupted", "running")

TARGET = {
    "target.metric?": TEXT,
    "target.value?": (*NUMBER, type(None)),
    "target.hold?": (int, type(None)),
}
"""What a setting says of its target."""

JOB = {
    "number": int, "overrides": [str], "setting": str, "status": str, "label?": TEXT,
    "seeds?": ([int], None), "engine?": TEXT, "error?": TEXT, "log?": TEXT, "sweep?": str,
}  # fmt: skip
SETTING = {"id": str, "label": str, "config": TARGET}
TRACKING = {
    "uri?": TEXT, "experiment?": TEXT, "id?": TEXT, "error?": TEXT, "settings?": dict,
    "not_logged?": [str], "sweep?": TEXT, "view?": TEXT, "charts?": TEXT, "ui?": TEXT,
    "digest?": TEXT,
}  # fmt: skip
AIM = {key.replace("target.", ""): kind for key, kind in TARGET.items()}
FIELDS = {
    "status": str, "name?": TEXT, "started?": TEXT, "command?": TEXT, "git?": TEXT, "study?": TEXT,
    "overrides?": [str], "jobs?": ([JOB], None), "settings?": ([SETTING], None), "varying?": [str],
    "telling?": [str], "constant?": dict, "budget?": (*NUMBER, type(None)),
    "target?": (AIM, None),
    "tables?": [[str]], "tuned?": [str], "tuning?": ({"seeds": [int], "rows": [dict]}, None),
    "stages?": (dict, type(None)), "tracking?": (TRACKING, None), "verdict?": ([str], None),
    "common_grid?": ({"samples": [int], "apart": NUMBER}, None), "animations?": ([str], None),
    "report_of?": [str], "notes?": [str], "clashes?": [str],
}  # fmt: skip
"""What it says of any sweep, also of one that is under way."""

OF_RESULTS = {"settings": list, "jobs": list, "varying": list, "telling": list, "target": dict}
"""What it must say besides where there are results."""


def read_sweep(folder: Path, results: bool = False) -> dict[str, Any] | None:
    """Read what a sweep or run says of itself.

    Args:
        folder: Of the sweep or run.
        results: Whether it must say what a sweep with results does.

    Returns:
        The content of its sweep.json; None if there is none.

    Raises:
        InputError: If it cannot be read, is damaged, or was written by another version.
    """
    path = folder / SWEEP
    anew = f"python -m nnrun.report {folder} writes it anew from the records"
    with reading("path", path, "account of a sweep", anew):
        try:
            found = read_plain(path, {"schema?": int})
        except FileNotFoundError:
            if path.is_symlink():
                raise
            return None
        require_version(found.get("schema"), SCHEMA_VERSION, found.get("versions"))
        require(found, {**FIELDS, **(OF_RESULTS if results else {})})
        _require_sound(found)
    return found


def _require_sound(found: dict[str, Any]) -> None:
    """Check what types do not tell."""
    if found["status"] not in STATUSES:
        raise Damaged(f"'status' is none of {', '.join(STATUSES)}")
    spans = [job.get("seeds") for job in found.get("jobs") or []]
    spans.append((found.get("tuning") or {}).get("seeds"))
    if any(span is not None and (len(span) != 2 or not 0 <= span[0] <= span[1]) for span in spans):
        raise Damaged("'seeds' are not a first and a last one")
    ids = [setting["id"] for setting in found.get("settings") or []]
    if len(set(ids)) < len(ids):
        raise Damaged("'settings' has one twice")
    if min((found.get("common_grid") or {}).get("samples") or [1]) < 1:
        raise Damaged("'common_grid.samples' are no numbers of samples")
