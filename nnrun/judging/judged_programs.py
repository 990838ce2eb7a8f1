"""``python -m nnrun.judge ... -- COMMAND {seed}``: programs are run with seeds, and judged."""

import argparse
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

import pandas as pd

from nnrun.config.settings import Auto, Executor
from nnrun.errors import InputError, Issue
from nnrun.judging.judge import Asked, Origin, results_of
from nnrun.judging.processes import CUT
from nnrun.judging.programs import SEED, Program, read_programs
from nnrun.judging.run_table import table_of
from nnrun.judging.running import run_missing
from nnrun.judging.runs import Limits, Runs
from nnrun.judging.target import read_target
from nnrun.launch.blocks import SELDOM
from nnrun.launch.history import Note, Seen, looked_at, note, noted, spans_of
from nnrun.layout import PROGRAMS
from nnrun.records.sweep import Sweep
from nnrun.results.results import Results
from nnrun.statistics.findings import settled
from nnrun.statistics.pairs import NOBODY
from nnrun.trials.executors import threads

AUTO = "auto"
MOST = 100
"""Seeds that are run at most where the results decide, and nobody says how many."""

_SEEDS = re.compile(r"(\d+)|(\d+)-(\d+)")
_OF_TABLES = ("setting", "seed")


def judge_programs(
    programs: Sequence[Program],
    seeds: Sequence[int],
    asked: Asked,
    limits: Limits,
    auto: Auto | None = None,
    total_time: float = math.inf,
    command: str | None = None,
) -> Results:
    """Run programs with seeds, as far as they have not been, and judge their curves.

    Seeds that are added later make another look at the same results, which tests and intervals
    allow for, as they do for all looks of ``auto``.

    Args:
        programs: What is compared; the first is the baseline.
        seeds: The most of them, in their order.
        asked: Of the curves; what tells settings apart is taken from the programs.
        limits: Up to where they run.
        auto: Where results decide on the number of seeds, how many there are between looks.
        total_time: Seconds after which no more is run; seeds are judged up to the last that every
            program has run with.
        command: The command line, for the page.

    Raises:
        InputError: If a program prints no curve, or the curves cannot be judged.
        KeyboardInterrupt: After a signal. What has ended is kept.
    """
    _require_sound(programs, asked)
    until = monotonic() + total_time
    complaints: list[str] = []
    earlier = list(noted(PROGRAMS, complaints))
    plan = None if auto is None else {"most": auto.most, "block": auto.block}
    runs: Runs = {}
    results: Results | None = None
    looks: list[int] = []
    for n in [len(seeds)] if auto is None else auto.looks(auto.most):
        runs = run_missing(programs, seeds[:n], limits, until, runs)
        table = table_of(programs, seeds[:n], runs, limits)
        cut = any(run.ended == CUT for run in runs.values())
        if results is not None and (cut or len(table.seeds) < n):
            # what was decided at the look before stands
            note_ = f"Time was up before {n:,} seeds had run. The same command goes on."
            notes = [*results.sweep.notes, note_]
            return results.of(replace(results.sweep, notes=notes), None)
        looks.append(len(table.seeds))
        own = replace(asked, setting=table.keys, seed=SEED, x=table.x, y=limits.y)
        seen = {one.id: spans_of(table.seeds) for one in programs}
        before = earlier if plan else [*earlier, *_before_retry(programs, table.seeds, runs)]
        looked = partial(_looked, looks if plan else [], plan, seen, before)
        origin = Origin(command, [table.about], [*table.notes, *complaints], looked)
        results = results_of(table.frame, own, origin)
        note(PROGRAMS, Note(seen, results.sweep.looks, results.sweep.auto))
        if _decided(results, n):
            break
    assert results is not None
    return results


def _require_sound(programs: Sequence[Program], asked: Asked) -> None:
    """Check what is asked for before anything runs: by judging curves that could be the programs'.

    Raises:
        InputError: As `results_of`.
    """
    rows = [
        {**one.levels, SEED: 0, "(x)": at, "(y)": float(at - 1)}
        for one in programs
        for at in range(1, asked.hold + 2)
    ]
    keys = [*programs[0].levels]
    like = replace(asked, setting=keys, target="(y)>=1", seed=SEED, x="(x)", y="(y)")
    results_of(pd.DataFrame(rows), replace(like, budget=None, paired=True))


def _before_retry(programs: Sequence[Program], seeds: Sequence[int], runs: Runs) -> list[Note]:
    """Return the look at what had failed: at all up to the last of it but what was run again."""
    again = {seed for (_, seed), run in runs.items() if run.failures}
    last = max((n for n, seed in enumerate(seeds) if seed in again), default=0)
    spans = spans_of(seed for seed in seeds[:last] if seed not in again)
    return [Note({one.id: spans for one in programs})] if spans else []


def _looked(
    looks: Sequence[int],
    plan: Mapping[str, int] | None,
    seen: Seen,
    earlier: Sequence[Note],
    sweep: Sweep,
) -> Sweep:
    """Tell the looks of now, and those of earlier commands."""
    return looked_at(replace(sweep, looks=[*looks], auto=plan), seen, earlier)


def _decided(results: Results, seeds: int) -> bool:
    """Say whether no comparison wants more seeds."""
    return all(
        settled(row) and not (row["why"] == NOBODY and seeds < SELDOM)
        for row in results.contrasts.to_dict("records")
    )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what is asked of programs to the command's parser."""
    group = parser.add_argument_group("programs, behind --")
    add = group.add_argument
    about = "how many, or the first and the last: 20-39; auto: in blocks, until all is decided, at "
    about += f"most {MOST}, or auto:200; default: 20"
    add("--seeds", default=None, metavar="N", help=about)
    about = "call the settings of a command so; once for each"
    add("--name", action="append", default=[], metavar="WORD", help=about)
    add("--jobs", type=int, metavar="N", help="runs at once; default: one a processor")
    about = "end a run after so many seconds; it counts as failed"
    add("--time-limit", type=float, default=math.inf, metavar="SECONDS", help=about)
    about = "end all after so many seconds, and judge the seeds up to the last that every command "
    about += "has run with; of these, runs that were ended count as not arriving"
    add("--total-time", type=float, default=math.inf, metavar="SECONDS", help=about)
    about = "end a run when its target has held; its curve keeps the last value"
    add("--until-target", action="store_true", help=about)
    about = "run again what failed before; the page says so, and it counts as another look"
    add("--retry", action="store_true", help=about)


OF_PROGRAMS = ("seeds", "name", "jobs", "until_target", "retry")
"""What is asked of programs only; limits of time have values where nothing is asked."""


def judge_commands(
    options: argparse.Namespace, commands: Sequence[Sequence[str]], command: str
) -> tuple[Results, Path]:
    """Run and judge what stands behind ``--``.

    Args:
        options: As of the command's parser.
        commands: The words of each command.
        command: The whole command line.

    Returns:
        The results, and where they go if the options do not say it.

    Raises:
        InputError: As `judge_programs`, and if the options do not fit.
    """
    programs = read_programs(commands, options.name)
    limits = _limits(options)
    first, n, auto = _seeds(str(options.seeds or 20))
    name = _name(programs)
    asked = Asked(
        setting=(),
        target=options.target,
        hold=options.hold,
        budget=options.budget,
        baseline=options.baseline,
        within=options.within,
        margin=options.margin,
        paired=options.paired,
        name=name,
    )
    results = judge_programs(
        programs, range(first, first + n), asked, limits, auto, options.total_time, command
    )
    ids = "".join(sorted(program.id for program in programs))
    return results, Path(f"{name}-{hashlib.sha256(ids.encode()).hexdigest()[:8]}")


def _limits(options: argparse.Namespace) -> Limits:
    """Take from a command line up to where programs run.

    Raises:
        InputError: If that makes no sense.
    """
    if options.target is None:
        hint = "for instance --target 'val_acc>=0.9'"
        raise InputError(Issue("target", None, "say what counts as converged", hint))
    for name in _OF_TABLES:
        if getattr(options, name) is not None:
            rule = "names a column of a table, and goes with files only"
            raise InputError(Issue(f"--{name}", getattr(options, name), rule, "leave it out"))
    for name in ("jobs", "time_limit", "total_time", "budget"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise InputError(Issue(f"--{name.replace('_', '-')}", value, "must be above 0"))
    target = read_target(options.target)
    y = options.y or target.y
    if not y:
        rule = "does not name a metric, and nothing else does"
        raise InputError(Issue("target", options.target, rule, "for instance 'val_acc>=0.9'"))
    if options.until_target and target.rising is None:
        rule = "must say which way it is met for --until-target"
        raise InputError(Issue("target", options.target, rule, f"{y}>={target.value:g}"))
    return Limits(
        options.x or "",
        y,
        math.inf if options.budget is None else options.budget,
        options.time_limit,
        target,
        options.hold,
        options.until_target,
        options.jobs or threads(Executor()),
        options.retry,
    )


def _seeds(text: str) -> tuple[int, int, Auto | None]:
    """Read the first seed, how many there are at most, and how results decide on them."""
    head, _, most = text.partition(":")
    if head == AUTO and (most.isdecimal() or not most):
        auto = Auto(most=int(most or MOST)) if int(most or MOST) >= 10 else None
        if auto is not None:
            return 0, auto.most, auto
    found = _SEEDS.fullmatch(text)
    first, last = (0, int(found[1]) - 1) if found and found[1] else (0, -1)
    if found and not found[1]:
        first, last = int(found[2]), int(found[3])
    if last < first or last >= 2**53:
        hint = "a number of seeds, 20-39 for these, auto, or auto:200 for at most 200 (10 or more)"
        raise InputError(Issue("--seeds", text, "are no seeds", hint))
    return first, last - first + 1, None


def _name(programs: Sequence[Program]) -> str:
    """Call what is judged after the first program: its script, where there is one."""
    words = programs[0].command(0)
    script = next((word for word in words[1:] if Path(word).is_file()), words[0])
    return re.sub(r"[^\w.-]+", "-", Path(script).stem) or "programs"
