"""From runs of programs to a table with a row an evaluation, and what is to be said of the runs."""

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from nnrun.errors import InputError, Issue
from nnrun.judging.metric_lines import Curve, Unread, curve_of, require_counter
from nnrun.judging.processes import CUT, EXIT, TIME
from nnrun.judging.programs import SEED, Program
from nnrun.judging.running import exit_words, require_curve, unread
from nnrun.judging.runs import TARGET, Limits, Run, Runs, log_of
from nnrun.masking import masked_words
from nnrun.text import duration, listing, things

NO_CURVE = Curve([], [])
LISTED = 8
"""Failed runs, and commands, that are named one by one."""


class Table(NamedTuple):
    """What runs have come to.

    Attributes:
        frame: A row an evaluation: the keys that tell settings apart, ``seed``, x and y.
        keys: The first of these columns.
        x: The name of what counts.
        seeds: From the first on, up to the last that every program has run with.
        about: What was run, in lines.
        notes: What a reader should know, in sentences.
    """

    frame: pd.DataFrame
    keys: Sequence[str]
    x: str
    seeds: Sequence[int]
    about: Sequence[str]
    notes: Sequence[str]


def table_of(
    programs: Sequence[Program], seeds: Sequence[int], runs: Runs, limits: Limits
) -> Table:
    """Put the curves of runs together.

    All seeds are taken up to the last that every program has run with. What was cut among them, as
    the total time was up, ends where it was: without it those that take long would be missing. A
    run that failed has no value from then on: if it has not met the target before, it counts as one
    that diverged. One that was ended as the target held keeps its last value.

    Raises:
        InputError: If no seed has run with every program, or a program has no curve.
    """
    first = _judged(len(programs), seeds, runs)
    if not first:
        rule = f"is short: no seed from {seeds[0]} on has run with every program"
        raise InputError(Issue("--total-time", None, rule, "the same command goes on"))
    mine = {(place, seed): runs[place, seed] for seed in first for place in range(len(programs))}
    lines = [line for run in mine.values() for line in run.lines]
    try:
        x = limits.x or require_counter(lines, limits.y)
    except Unread as why:
        raise InputError(unread(programs[0], first[0], mine[0, first[0]], why)) from None
    curves = _read(programs, mine, x, limits)
    lost = {key: _why(run) if run.failed or run.ended == CUT else f"no {limits.y}"
            for key, run in mine.items() if run.failed or not curves[key].x}  # fmt: skip
    held = [key for key, run in mine.items() if key not in lost and _held(run, curves[key], limits)]
    ended, curves = curves, _gone_on(curves, lost, held, limits)
    rows = defaultdict[str, list[object]](list)
    for (place, seed), curve in curves.items():
        for key, level in programs[place].levels.items():
            rows[key] += [level] * len(curve.x)
        rows[SEED] += [seed] * len(curve.x)
        rows[x] += curve.x
        rows[limits.y] += curve.y
    early = sum(curves[key].x[-1:] > ended[key].x[-1:] for key in held)
    notes = list(_told(programs, seeds, first, runs, mine, lost, early))
    about = list(_about(programs, mine))
    return Table(pd.DataFrame(rows), list(programs[0].levels), x, first, about, notes)


def _judged(programs: int, seeds: Sequence[int], runs: Runs) -> list[int]:
    """List the seeds that are judged: all were begun, and the last has ended with each program."""
    cut = {key for key, run in runs.items() if run.ended == CUT}
    found, last = list[int](), 0
    for seed in seeds:
        own = {(place, seed) for place in range(programs)}
        if own - runs.keys():
            break
        found.append(seed)
        last = last if own & cut else len(found)
    return found[:last]


def _read(
    programs: Sequence[Program], runs: Runs, x: str, limits: Limits
) -> dict[tuple[int, int], Curve]:
    """Read the curves of runs; empty ones of those that have none."""
    found = {}
    for (place, seed), run in runs.items():
        try:
            found[place, seed] = curve_of(run.lines, x, limits.y)
        except Unread as why:
            if not why.missing:
                raise InputError(unread(programs[place], seed, run, why)) from None
            found[place, seed] = NO_CURVE
    for place, program in enumerate(programs):
        own = {seed: run for (of, seed), run in runs.items() if of == place}
        if not any(found[place, seed].x for seed in own):
            require_curve(program, own, replace(limits, x=x))
    return found


def _held(run: Run, curve: Curve, limits: Limits) -> bool:
    """Say whether a run ended, by itself or not, as its target had held: many stop when it does."""
    last = curve.y[-limits.hold :]
    itself = run.ended == EXIT and len(last) == limits.hold and all(map(limits.met, last))
    return itself or run.ended == TARGET


def _gone_on(
    curves: Mapping[tuple[int, int], Curve],
    lost: Collection[tuple[int, int]],
    held: Collection[tuple[int, int]],
    limits: Limits,
) -> dict[tuple[int, int], Curve]:
    """Go on with curves where others were evaluated later."""
    points, found = _Points(curves, {*lost, *held}, limits.budget), dict(curves)
    for key, curve in curves.items():
        if key in lost:
            found[key] = _lost(curve, points.after(key[0], curve))
        elif key in held:
            later = points.after(key[0], curve)
            found[key] = Curve(curve.x + later, curve.y + [curve.y[-1]] * len(later))
    return found


class _Points:
    """Where runs would have been evaluated, had they not ended.

    That is where the longest run of the same program was. Beyond it, where those of others were, if
    of all its runs it is known what became of them; one that ended by itself, or at the budget, and
    may have arrived later would then count as one that does not.

    Args:
        curves: By the place of the program and the seed.
        known: Of which it is known.
        budget: Points beyond it are left out.
    """

    def __init__(
        self,
        curves: Mapping[tuple[int, int], Curve],
        known: Collection[tuple[int, int]],
        budget: float,
    ) -> None:
        self._of: dict[int, list[float]] = defaultdict(list)
        self._budget, self._open = budget, {place for place, _ in curves.keys() - known}
        for (place, _), curve in curves.items():
            self._of[place] = max(self._of[place], curve.x, key=lambda at: at[-1:])
        self._longest = max(self._of.values(), key=lambda at: at[-1:])

    def after(self, place: int, curve: Curve) -> list[float]:
        """List where a curve would have been evaluated later."""
        own = self._of[place]
        end = curve.x[-1] if curve.x else -math.inf
        further = [] if place in self._open else self._longest
        beyond = [at for at in further if not own or at > own[-1]]
        return [at for at in (*own, *beyond) if end < at <= self._budget]


def _lost(curve: Curve, later: Sequence[float]) -> Curve:
    """Let a curve diverge where its run failed."""
    known = [n for n, value in enumerate(curve.y) if math.isfinite(value)]
    last = known[-1] if known else -1
    # an empty value before a finite one was no evaluation
    kept = [n for n, value in enumerate(curve.y) if n > last or not math.isnan(value)]
    y = [curve.y[n] for n in kept] + [math.nan] * len(later)
    return Curve([curve.x[n] for n in kept] + list(later), y)


def _about(programs: Sequence[Program], runs: Runs) -> Iterator[str]:
    """Say what was run, and how long that took."""
    took = [run.seconds for run in runs.values()]
    yield f"{things(len(runs), 'run')} of {things(len(programs), 'command')}"
    yield f"{duration(sum(took))} in all, the longest {duration(max(took))}"
    for one in programs[:LISTED]:
        yield f"{one.label}: {shlex.join(masked_words(one.command('{seed}')))}"
    if len(programs) > LISTED:
        yield f"and {len(programs) - LISTED:,} more commands"


def _told(
    programs: Sequence[Program],
    seeds: Sequence[int],
    judged: Sequence[int],
    all_: Runs,
    runs: Runs,
    lost: Mapping[tuple[int, int], str],
    held: int,
) -> Iterator[str]:
    """Say how runs have ended, and which have not."""
    failed = [
        f"{programs[place].label} with seed {seed} ({why}: {log_of(programs[place], seed)})"
        for (place, seed), why in lost.items()
    ]
    if failed:
        yield (
            f"{things(len(failed), 'run')} of {len(runs):,} failed: {listing(failed, LISTED)}. "
            "What would have come is not known: where the target was not met before, they count "
            "as not arriving, as diverged ones do. --retry runs them again."
        )
    if held:
        yield (
            f"{things(held, 'run')} of {len(runs):,} ended when the target had held; from there on "
            "their curves keep the last value."
        )
    yield from _again(programs, runs)
    yield from _in_time(len(programs) * len(seeds), len(seeds), len(judged), all_, runs)


def _again(programs: Sequence[Program], runs: Runs) -> Iterator[str]:
    """Say which runs have another's place, that had failed."""
    again = Counter(programs[place].label for (place, _), run in runs.items() if run.failures)
    if again:
        each = listing([f"{n:,} of {label}" for label, n in again.items()], LISTED)
        yield (
            f"{things(again.total(), 'run')} of {len(runs):,} had failed and came to be run again "
            f"({each}): only the last try of each counts, which favours what fails at times."
        )


def _in_time(asked: int, seeds: int, judged: int, all_: Runs, runs: Runs) -> Iterator[str]:
    """Say what the total time has cut, and left."""
    cut = sum(run.ended == CUT for run in runs.values())
    if cut:
        yield (
            f"{things(cut, 'run')} of {len(runs):,} had not ended when the total time was up: "
            "where the target was not met before, they count as not arriving. The same command "
            "runs them anew."
        )
    if judged < seeds:
        left = asked - sum(run.ended != CUT for run in all_.values())
        yield (
            f"Judged are the first {judged:,} of {seeds:,} seeds, up to the last with "
            f"which every command has run; {things(left, 'run')} were not done in time. The same "
            "command goes on."
        )


def _why(run: Run) -> str:
    if run.ended == CUT:
        return "ended as the total time was up"
    return f"ended after {duration(run.seconds)}" if run.ended == TIME else exit_words(run.code)
