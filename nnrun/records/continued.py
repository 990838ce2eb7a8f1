"""Training that goes on: the state in which an earlier run left its trials.

A run with ``keep_state=true`` leaves the optimizer's state in its record, beside parameters and
curves. A run with ``continue_from`` starts there and ends, to the last bit, where one of the larger
budget would have ended.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from nnrun.errors import InputError, Issue, as_typed, listed
from nnrun.records.plain import reading, require
from nnrun.records.record import ANEW, NUMERICS_VERSION, Record, find_records, read_record

MAY_DIFFER = ("budget", "evals", "target.", "engine", "keep_state", "continue_from")
"""Keys in which a run may differ from the one that it continues."""


def find_state(
    path: str, wanted: Mapping[str, Any], sources: Mapping[str, Any] | None = None
) -> Record:
    """Find the record from whose trials a setting can go on.

    Args:
        path: A record, or the folder of a run, of a job, or of a sweep with a job of the same
            setting.
        wanted: The setting, flat.
        sources: What it reads from files, as hashes: these must be the same, too.

    Raises:
        InputError: With the key ``continue_from``, if there is none.
    """
    with reading("continue_from", Path(path), "record", ""):
        paths = find_records(Path(path).expanduser(), "continue_from")
        records = {record: record.stat().st_mtime_ns for record in paths}
    wanted = json.loads(json.dumps(wanted))  # lists for tuples, as in the records
    nearest: list[str] | None = None
    damaged: InputError | None = None
    for record, changed in records.items():
        try:
            found = _read(str(record), changed)
        except InputError as error:  # another one may be it
            damaged = damaged or error
            continue
        kept = found.meta["config"]
        keys = dict.fromkeys((*wanted, *kept))
        unlike = [k for k in keys if not k.startswith(MAY_DIFFER) and kept.get(k) != wanted.get(k)]
        if not unlike:
            _require_whole(path, found, sources)
            return found
        nearest = unlike if nearest is None or len(unlike) < len(nearest) else nearest
    if damaged is not None:
        raise damaged
    told = listed([f"{key}={as_typed(wanted.get(key))}" for key in nearest or ()], 5)
    rule = f"holds no such setting; the nearest differs from {told}"
    raise _refused(path, rule, "only budget, evals, target and seeds may differ")


def _require_whole(path: str, record: Record, sources: Mapping[str, Any] | None) -> None:
    """Check that a record of the right setting can be continued."""
    if record.meta["error"]:
        raise _refused(path, "has no state to go on from: its training failed")
    if not record.meta["config"].get("keep_state"):
        rule, hint = "does not hold the optimizer's state", "train it with keep_state=true"
        raise _refused(path, rule, hint)
    numerics = record.meta.get("numerics", NUMERICS_VERSION)
    if numerics != NUMERICS_VERSION:
        rule = f"has numbers of nnrun's numerics {numerics}, which numerics {NUMERICS_VERSION}"
        raise _refused(path, f"{rule} cannot go on with to the last bit", "train it anew")
    trained_with = record.meta.get("sources")
    if sources is not None and trained_with != sources:
        changed = [k for k, v in sources.items() if (trained_with or {}).get(k) != v]
        what = "data" if "data" in changed else "own components"
        raise _refused(path, f"was trained with other {what} under the same name")


@lru_cache(maxsize=4096)
def _read(path: str, changed: int) -> Record:
    """Read a record that was last changed at some time."""
    record = read_record(Path(path), key="continue_from")
    with reading("continue_from", Path(path), "record", ANEW):
        require(record.meta["config"], {"budget": int, "keep_state?": bool}, "config")
    return record


def _refused(path: str, rule: str, hint: str = "") -> InputError:
    return InputError(Issue("continue_from", path, rule, hint))
