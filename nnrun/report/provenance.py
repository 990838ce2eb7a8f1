"""Where the numbers come from."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nnrun.statistics.targets import shared_target
from nnrun.text import number

TABLE, MOST_TABLES = "Table", 5
"""What a table that was read goes by, and how many are told of."""


def provenance(sweep: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say where the numbers come from, as pairs of a term and its value."""
    tracking = sweep.get("tracking") or {}
    shown = ("experiment", "uri", "ui", "error")
    tracking = {key: tracking[key] for key in shown if tracking.get(key)}
    seconds = (sweep.get("stages") or {}).items()
    pairs = [
        ("Records of", _joined(sweep.get("report_of"))),
        *table_pairs(sweep.get("tables") or []),
        ("Command", sweep.get("command")),
        ("Started", sweep.get("started")),
        ("Git commit", sweep.get("git") or "not in a repository"),
        ("Processor", sweep.get("processor")),
        ("Versions", _joined(sweep.get("versions"))),
        ("Budget", _joined(sweep.get("budget"))),
        ("Target", _joined(shared_target(sweep)) or "differs between the settings"),
        ("Stages", ", ".join(f"{name} {number(s)} s" for name, s in seconds)),
        ("MLflow", _joined(tracking)),
    ]
    return [(term, str(value)) for term, value in pairs if value not in (None, "")]


def table_pairs(tables: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Say what was understood of the tables that were read, as pairs of a term and its value."""
    pairs = [(TABLE, "; ".join(lines).removeprefix("table ")) for lines in tables[:MOST_TABLES]]
    if len(tables) > MOST_TABLES:
        pairs.append((TABLE, f"and {len(tables) - MOST_TABLES:,} more: sweep.json"))
    return pairs


def _joined(value: Any) -> str:
    """Write a record's value in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_joined(v)}" for k, v in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(_joined, value))
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return "" if value is None else str(value)
