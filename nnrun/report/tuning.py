"""What tuning tried and chose, arm by arm: in rows for the page's table, and in sentences."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nnrun.errors import as_typed
from nnrun.records.sweep import Sweep
from nnrun.statistics.racing import CHANCE, MARGIN, NEVER
from nnrun.text import listing, number, percentage, things

COLUMNS = (
    *("job", "overrides", "seeds", "reached", "restricted_mean", "final_test_loss"),
    *("fell", "behind", "chosen", "edge", "error", "sweep"),
)
"""What a row of a sweep's tuning says besides the values of the keys that were tuned."""

RACE = (
    "A value fell, and had no more seeds, when the chance that with all of them it would do better "
    f"than the best so far by more than {percentage(MARGIN - 1)} was put below "
    f"{percentage(CHANCE)}; it is not chosen, and its row is about the seeds until then. Better is "
    f"sooner or, where none of {NEVER} seeds of any value arrived, a lower test loss. "
)
"""How a race goes, for the table."""

MOST_NAMED = 3  # arms, of those that chose an end of what was tried
MOST_TOLD = 6  # arms, of whose choices all are told


class TunedArm(NamedTuple):
    """An arm of a sweep, and what was tried for it.

    Attributes:
        name: As the settings are called.
        sweep: That tuned it, where several were put together; else empty.
        rows: One a choice of values, as sweep.json has them.
    """

    name: str
    sweep: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def chosen(self) -> dict[str, Any]:
        """The values that were chosen, by key; none if none could be trained."""
        return next((_values(row) for row in self.rows if row.get("chosen")), {})

    def end(self, key: str) -> str:
        """Say whether the value chosen is the smallest or the largest of the numbers tried."""
        tried = [_values(row).get(key) for row in self.rows]
        numbers = [v for v in tried if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) < len(tried) or len(set(numbers)) < 2:
            return ""
        ends: dict[Any, str] = {min(numbers): "smallest", max(numbers): "largest"}
        return ends.get(self.chosen.get(key), "")


def tuned_arms(sweep: Sweep) -> list[TunedArm]:
    """List the arms that were tuned, in the order of their jobs."""
    # a label that has the value itself would stand beside the other values, too
    jobs = sweep.jobs if sweep.tuned else ()
    labels = {(job.sweep or "", job.number): job.label for job in jobs}
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in (sweep.tuning or {}).get("rows") or ():
        found.setdefault((row.get("sweep") or "", row.get("job", 0)), []).append(row)
    return [
        TunedArm(labels.get(key) or rows[0].get("overrides") or "the setting", key[0], rows)
        for key, rows in found.items()
    ]


def tuned_keys(arms: Iterable[TunedArm]) -> list[str]:
    """List the keys that were tuned, as they were given."""
    return list(dict.fromkeys(key for arm in arms for row in arm.rows for key in _values(row)))


def kept_apart(sweep: Sweep) -> bool:
    """Tell whether no seed that tuned is reported."""
    first, last = (sweep.tuning or {})["seeds"]
    spans = [job.seeds for job in sweep.jobs if job.seeds]
    return not any(a <= last and first <= b for a, b in spans)


def raced(arms: Iterable[TunedArm]) -> bool:
    """Tell whether choices fell before they had all seeds."""
    return any(row.get("fell") for arm in arms for row in arm.rows)


def whose(sweep: Sweep, arms: Sequence[TunedArm]) -> str:
    """Say of which sweeps the tuned arms are, where not all that were put together were tuned."""
    own = list(dict.fromkeys(arm.sweep for arm in arms))
    return "" if len(own) == (len(sweep.merged) or 1) else f" of {listing(own, len(own))}"


def at_ends(sweep: Sweep) -> list[str]:
    """Warn of tuned values at an end of what was tried: a sentence, if there are any."""
    arms = tuned_arms(sweep)
    found: dict[tuple[str, str, str], list[str]] = {}
    for arm in arms:
        for key in arm.chosen:
            if side := arm.end(key):
                value = as_typed(arm.chosen[key])
                found.setdefault((key, side, value), []).append(arm.name)
    parts = []
    for key, side, value in found:
        names = found[key, side, value]
        of = f" of {listing(names, MOST_NAMED)}" if len(arms) > 1 else ""
        parts.append(f"the tuned {key}{of} is the {side} that was tried ({value})")
    if not parts:
        return []
    told = "; ".join(parts)
    return [
        f"{told[0].upper()}{told[1:]}: a better one may lie beyond; what is tried can be "
        "extended, and what was trained is cached."
    ]


def choices(arms: Sequence[TunedArm]) -> str:
    """Say what was chosen for which arm; empty where they are many."""
    took: dict[str, list[str]] = {}
    for arm in arms:
        if arm.chosen:
            said = _typed(arm.chosen) if len(arm.chosen) > 1 else as_typed(*arm.chosen.values())
            took.setdefault(said, []).append(arm.name)
    if len(took) == 1 and len(arms) > 1:
        return f"{next(iter(took))} for all"
    if not 1 < len(arms) <= MOST_TOLD:
        return next(iter(took), "") if len(arms) == 1 else ""
    return ", ".join(f"{said} for {listing(names, MOST_TOLD)}" for said, names in took.items())


def table_rows(arms: Sequence[TunedArm]) -> list[dict[str, Any]]:
    """Write each choice of values that was tried as a row of the page's table."""
    return [_table_row(arm, row) for arm in arms for row in arm.rows]


def _table_row(arm: TunedArm, row: Mapping[str, Any]) -> dict[str, Any]:
    numbers = [math.inf if row[key] is None else row[key] for key in COLUMNS[4:6]]
    return {
        "arm": f"{arm.name} of {arm.sweep}" if arm.sweep else arm.name,
        "tried": _typed(_values(row)),
        "cells": [
            (f"{row['reached']} of {row['seeds']}", row["reached"] / max(1, row["seeds"])),
            *((number(value), value) for value in numbers),
        ],
        "chosen": row["chosen"],
        "fell": _fell(row),
        "edge": row["edge"],
        "error": row["error"],
    }


def _fell(row: Mapping[str, Any]) -> str:
    fell = row.get("fell")
    return f"fell after {things(row['seeds'], 'seed')}, behind {row['behind']}" if fell else ""


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in COLUMNS}


def _typed(values: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={as_typed(value)}" for key, value in values.items())
