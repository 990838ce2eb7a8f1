"""What a sweep's settings came to, summed up many at a time while they wait to be logged."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnrun.errors import InputError
from nnrun.plot.style import LINE_STYLES
from nnrun.records.record import Record, join_records, read_record
from nnrun.results.tabulate import (
    TrialRows,
    assemble,
    curves_of,
    judged_at,
    trial_rows,
)
from nnrun.statistics.ladder import SettingLadder, setting_ladder
from nnrun.statistics.summary import summarise
from nnrun.statistics.targets import holds, judged_on

TOGETHER = 32
"""Most settings summed up at once: the summary of one takes 5 ms, that of so many hardly more."""

BYTES = 64_000_000
"""Most bytes of records that are read ahead for it."""


class Found(NamedTuple):
    """A setting's record and where it is.

    Attributes:
        record: What it holds.
        path: Its file.
    """

    record: Record
    path: Path


class Summed(NamedTuple):
    """A setting with all its trials.

    Attributes:
        about: The setting's id, label and flat config.
        found: Its records.
        trials: Each seed once.
        part: The same as rows of the trials table.
        row: Its row of the summary.
        ladder: When each trained trial reached each target of the ladder.
        color: That the report draws it in, if it draws all settings.
    """

    about: Mapping[str, Any]
    found: Sequence[Found]
    trials: Record
    part: TrialRows
    row: Mapping[Any, Any]
    ladder: SettingLadder | None
    color: str


class Sums:
    """Sum up settings one after the other, and with each some of those that wait behind it.

    One thread may say what waits while another takes.

    Args:
        facts: Of the sweep, for its varying keys and labels.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self._place = {about["id"]: i for i, about in enumerate(facts["settings"])}
        self._hold, self._common = holds(facts), judged_on(facts)
        self._waiting: dict[str, Sequence[Path]] = {}
        self._ready: dict[str, Summed] = {}

    def expect(self, setting: str, paths: Sequence[Path]) -> None:
        """Say where the records of a setting are that will be asked for."""
        self._waiting[setting] = paths

    def read(self, setting: str, paths: Sequence[Path]) -> Sequence[Found]:
        """Read the records of a setting, unless that was done ahead.

        Raises:
            InputError: If one cannot be read.
        """
        self._waiting.pop(setting, None)
        ready = self._ready.pop(setting, None)
        if ready is None or [one.path for one in ready.found] != list(paths):
            return _read(paths)
        self._ready[setting] = ready
        return ready.found

    def take(self, setting: str, found: Sequence[Found], skip: Container[str] = ()) -> Summed:
        """Sum up a setting, and let go of it.

        Args:
            setting: Its id.
            found: As ``read`` gave it.
            skip: Settings that are not worth summing up ahead.

        Raises:
            ValueError: If its records do not belong together.
        """
        if setting not in self._ready:
            first = found, self._trials(found)
            self._ready |= self._sum_up({setting: first, **dict(self._ahead(skip))})
        return self._ready.pop(setting)

    def _ahead(self, skip: Container[str]) -> Iterator[tuple[str, tuple[Sequence[Found], Record]]]:
        """Read some of what waits; what cannot be read is left for its own turn to say so."""
        held = 0
        waiting = [key for key in tuple(self._waiting) if key not in skip]
        for key in waiting[: TOGETHER - 1]:
            with suppress(InputError, OSError, ValueError):
                paths = self._waiting[key]
                held += sum(path.stat().st_size for path in paths)
                if held > BYTES:
                    return
                found = _read(paths)
                yield key, (found, self._trials(found))

    def _trials(self, found: Sequence[Found]) -> Record:
        return judged_at(join_records([one.record for one in found]), self._common)

    def _ladder(self, trials: Record) -> SettingLadder | None:
        if not trials.trained.any():
            return None
        curves, task = curves_of(trials), trials.meta["task"]
        return setting_ladder(curves, task, self._hold[curves.setting], self._common)

    def _sum_up(self, many: Mapping[str, tuple[Sequence[Found], Record]]) -> dict[str, Summed]:
        parts = {key: trial_rows(trials) for key, (_, trials) in many.items()}
        rows = self._summary_rows(parts.values())
        return {
            key: Summed(
                about=self._about(key),
                found=found,
                trials=trials,
                part=parts[key],
                row=rows[key],
                ladder=self._ladder(trials),
                color=LINE_STYLES[self._place[key] % len(LINE_STYLES)].color,
            )
            for key, (found, trials) in many.items()
        }

    def _summary_rows(self, parts: Iterable[TrialRows]) -> dict[str, Mapping[Any, Any]]:
        """Summarise settings as the sweep's own summary does, up to the horizon that all share."""
        several = list(parts)
        facts = {**self.facts, "settings": [self._about(part.setting) for part in several]}
        summary = summarise(assemble(several, facts), self.facts["varying"])
        return {row["setting"]: row for row in summary.to_dict("records")}

    def _about(self, setting: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.facts["settings"][self._place[setting]]
        return found


def spans(records: Sequence[Record]) -> str:
    """Write the seeds of records as spans, for instance ``0-9,20``."""
    seeds = np.unique(np.concatenate([record.seeds for record in records]))
    pieces = np.split(seeds, np.flatnonzero(np.diff(seeds) > 1) + 1)
    return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in pieces)


def _read(paths: Sequence[Path]) -> list[Found]:
    return [Found(read_record(path), path) for path in paths]
