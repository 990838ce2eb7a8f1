"""``seeds=auto``: seeds are trained in blocks until every comparison of the report is decided."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnrun.config.settings import Auto, Job
from nnrun.interrupt import Interrupt
from nnrun.launch import terminal
from nnrun.launch.history import Note, looked_at, seen_of
from nnrun.records.record import Record
from nnrun.records.sweep import Sweep
from nnrun.records.trials import Outcomes, join
from nnrun.results.tabulate import tabulate_trials
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.findings import settled
from nnrun.statistics.looks import SAME
from nnrun.statistics.pairs import NOBODY, Question, questions
from nnrun.trials.progress import BETWEEN_LINES, Clock
from nnrun.trials.run import failed_record

LOOKED_AT = (
    *(*SAME, "name_a", "confined", "pairs", "ratio_low", "ratio_high", "margin", "verdict", "why"),
)
"""Columns of the contrasts: what is compared, and what else is looked at."""

INCOMPARABLE = "incomparable"

SELDOM = 30
"""Seeds without an arrival after which fewer than a tenth may be taken to arrive, with 95%."""

Comparison = tuple[str, ...]
"""What a row of the contrasts compares, whatever it finds."""


class Look(NamedTuple):
    """What a look at the results has decided.

    Attributes:
        needed: The ids of the settings that comparisons still need more seeds of.
        decided: The rows of the contrasts that are decided since the look before.
        open: How many are not.
        left: How many are not, and get no more seeds.
        of: How many there are.
    """

    needed: AbstractSet[str]
    decided: Sequence[Mapping[Any, Any]]
    open: int
    left: int
    of: int


@dataclass
class Decisions:
    """Which of a sweep's comparisons are decided.

    What is decided stays so. What could not be compared is open again once it can be, as long as
    its settings are trained on for others.

    Attributes:
        sweep: As its report will have it, with the looks so far, this one included.
        trials: Those so far, as `nnrun.Results.trials`.
        decided: The finding of each comparison that wants no more seeds.
    """

    sweep: Sweep
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    decided: dict[Comparison, str] = field(default_factory=dict)

    def add(self, records: Sequence[Record], failed: AbstractSet[str]) -> None:
        """Take in the new trials of settings, one record each; leave out settings that failed."""
        parts = [self.trials, tabulate_trials(records, self.sweep)]
        trials = pd.concat(parts, ignore_index=True) if len(self.trials) else parts[1]
        self.trials = trials[~trials["setting"].isin(failed)]

    def look(self, training: AbstractSet[str], failed: AbstractSet[str]) -> Look:
        """Compare, as the report does, and see what is decided.

        Args:
            training: The ids of the settings that have been trained up to the last of them.
            failed: The ids of those that an error has stopped.
        """
        asked = {(one.key, one.a, one.b): one for one in questions(self.sweep)}
        rows = contrasts(self.trials, self.sweep)[list(LOOKED_AT)].to_dict("records")
        needed: set[str] = set()
        fresh, n_open, n_left = [], 0, 0
        for row in rows:
            compared = tuple(str(row[key]) for key in SAME)
            known = self.decided.get(compared, INCOMPARABLE)
            if known != INCOMPARABLE:
                continue
            if settled(row) and not (row["why"] == NOBODY and self.sweep.looks[-1] < SELDOM):
                if self.decided.get(compared) != row["verdict"]:
                    self.decided[compared] = row["verdict"]
                    fresh.append(row)
                continue
            settings = _settings(row, asked[row["key"], row["a"], row["b"]]) - failed
            if settings <= training:
                needed |= settings
                n_open += 1
            else:  # what has ended, as it could not be compared then, is not begun anew
                n_left += 1
        return Look(needed, fresh, n_open, n_left, len(rows))


def _settings(row: Mapping[Any, Any], question: Question) -> set[str]:
    """List the settings that a row of the contrasts compares."""
    if row["within"]:
        name, _, level = str(row["within"]).partition("=")
        question = question.at(name, level)
    return {setting for block in question.blocks for setting in block}


class Blocks:
    """Trains jobs a block of seeds at a time, each as long as a comparison needs it.

    Args:
        jobs: Checked jobs, each with the most seeds that it may have.
        auto: Likewise, and how many make a block.
        run: Finds or trains all trials of jobs, as `nnrun.trials.run.run_jobs`.
        describe: Says what the sweep is of which these are the first records, as its report does.
        interrupt: Ends a look at the results, too.
        clock: Counts what looking takes.
        earlier: What was looked at before of settings that may be the same.

    Attributes:
        looks: The numbers of seeds at which the results were looked at here.
        open: The jobs that are trained on, by their indices, each with the records of its blocks.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        auto: Auto,
        run: Callable[[Sequence[Job]], Iterator[tuple[int, Record]]],
        describe: Callable[[Mapping[int, Record]], Sweep],
        interrupt: Interrupt,
        clock: Clock,
        earlier: Sequence[Note] = (),
    ) -> None:
        self._jobs, self._auto, self._run, self._describe = jobs, auto, run, describe
        self._interrupt, self._clock, self._due = interrupt, clock, 0.0
        own = seen_of((job.setting.flat, job.seed, job.seeds) for job in jobs).keys()
        # of other settings there may be many
        self._earlier = [note for note in earlier if len(own & note.seen.keys()) > 1]
        self._counts = dict[int, int]()
        self._decisions: Decisions | None = None
        self._failed: set[str] = set()
        self.looks: list[int] = []
        self.open: dict[int, list[Record]] = {number: [] for number in range(len(jobs))}

    def records(self) -> Iterator[tuple[int, Record]]:
        """Train; yield the index and the record of each job that has all the seeds it needs.

        Where an end is asked for, records of what stands are yielded before that is raised: of as
        many seeds as the last look was at. Their jobs stay open.
        """
        try:
            for first, last in pairwise((0, *self._auto.looks(self._auto.most))):
                yield from self._block(first, last)
                if not self.open:
                    return
        except KeyboardInterrupt:
            yield from self._standing()
            raise
        yield from self._standing()
        self.open.clear()

    def _block(self, first: int, last: int) -> Iterator[tuple[int, Record]]:
        """Train the next seeds of all open jobs; yield those that are needed no longer."""
        numbers, fresh = list(self.open), dict[int, Record]()
        for place, record in self._run([self._jobs[n].part(first, last) for n in numbers]):
            number = numbers[place]
            fresh[number] = record
            if error := record.meta["error"]:
                self._failed.add(record.setting)
                self._counts.pop(number, None)
                del self.open[number]
                yield number, failed_record(self._jobs[number].part(0, last), error)
            else:
                self.open[number].append(record)
                self._counts[number] = last
        self.looks.append(last)
        needed = self._look(fresh)
        for number in [n for n in numbers if n in self.open]:
            if self._jobs[number].setting.id not in needed:
                yield number, joined(self.open.pop(number))

    def _look(self, fresh: Mapping[int, Record]) -> AbstractSet[str]:
        """Look at the results, with the new records by job; return the settings still needed."""
        with self._clock("decide"), self._interrupt.let_through():
            if self._decisions is None:
                self._decisions = Decisions(self._describe(fresh))
            # jobs of one setting have the same trials
            trained = {one.setting: one for one in fresh.values() if not one.meta["error"]}
            if not trained:
                return set()
            self._decisions.add(list(trained.values()), self._failed)
            self._decisions.sweep = self._looked_at(self._decisions.sweep)
            look = self._decisions.look(trained.keys(), self._failed)
        self._say(look)
        return look.needed

    def _looked_at(self, sweep: Sweep) -> Sweep:
        """Tell the looks as the report will: those of now, and those of earlier sweeps."""
        sweep = replace(sweep, looks=self.looks)
        if not self._earlier:
            return sweep
        jobs = ((self._jobs[number], n) for number, n in self._counts.items())
        seen = seen_of((job.setting.flat, job.seed, n) for job, n in jobs)
        return looked_at(sweep, seen, self._earlier)

    def _say(self, look: Look) -> None:
        """Say what a look has decided; where that is nothing, every few seconds."""
        last = self.looks[-1] == self._auto.most
        if look.decided or last or monotonic() > self._due:
            on, left = (0, look.left + look.open) if last else (look.open, look.left)
            terminal.say_look(self.looks[-1], look.decided, on, left, look.of)
            self._due = monotonic() + BETWEEN_LINES

    def _standing(self) -> Iterator[tuple[int, Record]]:
        """Yield what there is of open jobs, all of them with the same seeds."""
        whole = max(1, len(self.looks))
        for number, parts in self.open.items():
            if parts:
                yield number, joined(parts[:whole])


def joined(parts: Sequence[Record]) -> Record:
    """Put the records of the blocks of a job together, its seeds ascending."""
    fates = zip(*(part.outcomes for part in parts), strict=True)
    return Record(
        {**parts[0].meta, "seeds": sum(part.meta["seeds"] for part in parts)},
        join([part.trials for part in parts]),
        Outcomes(*map(np.concatenate, fates)),
    )
