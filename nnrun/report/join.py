"""The records of several sweeps, setting by setting; what clashes between them is named."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnrun.errors import InputError
from nnrun.records.record import Record, read_record
from nnrun.report.sources import none_left, unread
from nnrun.sweep.judge import judged
from nnrun.text import setting_name


class Joiner:
    """Reads the records of several sweeps a setting at a time, and notes what clashes.

    Args:
        facts: Of the report, for its settings and their labels.
        heads: Of all records with the names of their sweeps, in the order in which they count.
        judge_anew: Whether the targets in the heads are not those that the records were judged by.
        notes: Is told of records that cannot be read.

    Attributes:
        clashes: Sentences, filled while the settings are read.
    """

    def __init__(
        self,
        facts: Mapping[str, Any],
        heads: Iterable[tuple[str, Record]],
        judge_anew: bool,
        notes: list[str],
    ) -> None:
        self.clashes: list[str] = []
        self._settings = facts["settings"]
        self._judge_anew = judge_anew
        self._notes = notes
        self._of: dict[str, list[tuple[str, Record]]] = {}
        for name, head in heads:
            self._of.setdefault(head.meta["setting"], []).append((name, head))

    def __iter__(self) -> Iterator[list[Record]]:
        """Yield the records of each setting that has any, in the order of the report."""
        empty = True
        for setting in self._settings:
            found = self._joined(setting_name(setting["label"]), self._of[setting["id"]])
            if found:
                empty = False
                yield found
        if empty:
            raise none_left(self._notes)

    def _joined(self, label: str, heads: Sequence[tuple[str, Record]]) -> list[Record]:
        kept: list[tuple[str, Record]] = []
        for name, head in heads:
            try:
                record = read_record(head.path)
            except InputError as error:
                self._notes.append(unread(head.path, error))
                continue
            record = replace(record, meta=head.meta)
            if self._judge_anew:
                record = judged(record)
            where = f"job {head.meta['number']} of {name}"
            if kept and (why := _unlike(kept[0][1], record)):
                self.clashes.append(f"{label}: {where} {why}; it is left out.")
                continue
            for other, first in kept:
                seeds = differing(first, record)
                if seeds:
                    self.clashes.append(
                        f"{label}, {_spans(seeds)}: {other} and {where} hold different numbers; "
                        f"those of {other} are used."
                    )
            kept.append((where, record))
        return [record for _, record in kept]


def differing(first: Record, second: Record) -> list[int]:
    """List the seeds that two records of one setting both trained, with different numbers."""
    place = {int(first.seeds[i]): i for i in np.flatnonzero(first.trained)}
    rows = [
        (place[seed], i)
        for i in np.flatnonzero(second.trained)
        if (seed := int(second.seeds[i])) in place
    ]
    if not rows:
        return []
    a, b = np.array(rows).T
    same = np.ones(len(rows), dtype=np.bool_)
    for x, y in zip(_numbers(first), _numbers(second), strict=True):
        mine, other = x[a].reshape(len(a), -1), y[b].reshape(len(b), -1)
        same &= ((mine == other) | (np.isnan(mine) & np.isnan(other))).all(axis=1)
    return [int(seed) for seed in second.seeds[b[~same]]]


def _numbers(record: Record) -> list[NDArray[np.float64]]:
    """All that training found, each array with the trials first."""
    layers = [part for layer in record.trials.params for part in layer]
    return [*record.trials.curves[1:], *layers]


def _unlike(first: Record, second: Record) -> str:
    """Say why two records of one id cannot be of one setting; empty if they can."""
    if first.meta.get("sources") != second.meta.get("sources"):
        return "was trained with other data or own components under the same name"
    grids = [record.samples for record in (first, second)]
    if all(grid.size for grid in grids) and not np.array_equal(grids[0], grids[1]):
        return "was evaluated at other numbers of samples"
    return ""


def _spans(seeds: Sequence[int]) -> str:
    """Write seeds as spans: ``seed 3``, ``seeds 0–9, 20``."""
    numbers = np.unique(seeds)
    pieces = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    told = ", ".join(f"{p[0]}–{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in pieces)
    return f"seed {told}" if len(numbers) == 1 else f"seeds {told}"
