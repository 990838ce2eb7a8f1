"""Programs are run with seeds, as far as there is no run of them: in parallel, seed by seed."""

import math
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType

from nnrun.config.settings import Executor
from nnrun.errors import InputError, Issue
from nnrun.interrupt import interrupts_held
from nnrun.judging.differing import COMMAND
from nnrun.judging.metric_lines import Unread, curve_of
from nnrun.judging.processes import (
    CUT,
    TIME,
    Ended,
    Start,
    environment,
    require_process_groups,
    run_all,
)
from nnrun.judging.programs import Program
from nnrun.judging.runs import Limits, Run, Runs, Watch, log_of, read_run, write_run
from nnrun.layout import PROGRAMS, write_text
from nnrun.masking import masked_words
from nnrun.records.lock import alone_in
from nnrun.text import duration, things
from nnrun.trials.executors import threads
from nnrun.trials.progress import meter

IN_VAIN = 3
"""First runs of a program without a curve after which no more are tried."""

TAIL = 12
"""Lines of a failed run's output that are shown."""


def run_missing(
    programs: Sequence[Program],
    seeds: Sequence[int],
    limits: Limits,
    until: float = math.inf,
    known: Runs = MappingProxyType({}),
) -> Runs:
    """Find or run every program with every seed, the seeds one after the other.

    Args:
        programs: What is run.
        seeds: With each of these.
        limits: Up to where.
        until: Time, as of ``time.monotonic``, at which what still runs is ended: it is
            returned, but not kept.
        known: Runs that are known already.

    Returns:
        The runs that were begun; all, unless their total time was short.

    Raises:
        InputError: If another process runs one of them, or a program has no curve.
        KeyboardInterrupt: After a signal. What has ended is kept.
    """
    require_process_groups()
    with interrupts_held() as interrupt, _alone(programs):
        asked = [(place, seed) for seed in seeds for place in range(len(programs))]
        kept, failures = dict(known), dict[tuple[int, int], int]()
        for place, seed in asked:
            run = kept.get((place, seed)) or read_run(programs[place], seed)
            if run is not None and run.covers(limits):
                kept[place, seed] = run
            elif run is not None:
                failures[place, seed] = run.failures + (run.failed and limits.retry)
        missing = [one for one in asked if one not in kept]
        _say(len(asked), len(missing), programs, limits)
        work = _Work(programs, limits, kept, failures)
        with meter(f"running {things(len(missing), 'program')}", len(missing) or 1,
                   more=work.words, lasting=False) as advance:  # fmt: skip
            starts = ((one, work.start(*one, len(missing))) for one in missing)
            with closing(run_all(starts, limits.jobs, until, interrupt.check)) as ended:
                for one, how in ended:
                    work.keep(*one, how)
                    advance(1)
    return work.runs


def _say(asked: int, missing: int, programs: Sequence[Program], limits: Limits) -> None:
    """Say what is run."""
    kept = f", {asked - missing:,} of them done before" if missing < asked else ""
    jobs = f", {limits.jobs:,} at once" if missing else ""
    print(f"{things(asked, 'run')} of {things(len(programs), 'command')}{kept}{jobs}", flush=True)


@dataclass
class _Work:
    """Runs that are under way, and those that have ended."""

    programs: Sequence[Program]
    limits: Limits
    runs: dict[tuple[int, int], Run]
    failures: Mapping[tuple[int, int], int]
    _watches: dict[tuple[int, int], Watch] = field(default_factory=dict)
    _done: int = 0
    _failed: int = 0

    def start(self, place: int, seed: int, of: int) -> Start:
        """Say how a run is started."""
        watch = self._watches[place, seed] = Watch(self.limits)
        program, jobs = self.programs[place], min(self.limits.jobs, of)
        variables = environment(seed, threads(Executor()), jobs)
        log = log_of(program, seed)
        return Start(program.command(seed), variables, log, watch.take, self.limits.seconds)

    def keep(self, place: int, seed: int, how: Ended) -> None:
        """Keep a run that has ended; one that was cut is known now, and run anew by the next.

        Raises:
            InputError: If the first have shown that the program has no curve.
        """
        limit = self.limits.seconds if how.why == TIME else self.limits.budget
        lines = self._watches.pop((place, seed)).reader.lines
        failures = self.failures.get((place, seed), 0)
        run = Run(how.why, how.code, how.seconds, limit, lines, failures)
        self.runs[place, seed] = run
        if how.why == CUT:
            return
        write_run(self.programs[place], seed, run)
        self._done, self._failed = self._done + 1, self._failed + run.failed
        mine = {seed: run for (of, seed), run in self.runs.items() if of == place}
        if len(mine) == IN_VAIN:
            require_curve(self.programs[place], mine, self.limits)

    def words(self) -> str:
        """Say how far all is."""
        failed = f", {self._failed:,} failed" if self._failed else ""
        return f" ({self._done:,} done{failed})"


def require_curve(program: Program, runs: Mapping[int, Run], limits: Limits) -> None:
    """Check that some run of a program, by its seed, has a curve.

    Raises:
        InputError: If none has, with the end of what the last has printed.
    """
    why = Unread("", "")
    for run in runs.values():
        try:
            curve_of(run.lines, limits.x, limits.y)
            return
        except Unread as reason:
            why = reason
    seed, run = list(runs.items())[-1]
    raise InputError(unread(program, seed, run, why))


def unread(program: Program, seed: int, run: Run, why: Unread) -> Issue:
    """Say what is wrong with a run, and show the end of what it printed."""
    ended = ""
    if run.ended == TIME:
        ended = f"was ended after {duration(run.seconds)} and "
    elif run.code:
        ended = f"ended with {exit_words(run.code)} and "
    log, tail = log_of(program, seed), list[str]()
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL * 200))
        tail = file.read().decode(errors="replace").strip().splitlines()[-TAIL:]
    shown = "".join(f"\n  | {line[:200]}" for line in tail) or " nothing"
    hint = f"{why.hint}; the end of {log}:{shown}\n"
    return Issue(
        COMMAND, shlex.join(masked_words(program.command(seed))), f"{ended}{why.rule}", hint
    )


def exit_words(code: int) -> str:
    """Name an exit code, or the signal that it stands for."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


@contextmanager
def _alone(programs: Sequence[Program]) -> Iterator[None]:
    """Let no other process run these programs while the ``with`` block runs."""
    with ExitStack() as held:
        for folder, program in sorted((PROGRAMS / one.id, one) for one in programs):
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(alone_in(folder, COMMAND))
            about = folder / "command.txt"
            if not about.exists():
                write_text(about, f"{shlex.join(masked_words(program.command('{seed}')))}\n")
        yield
