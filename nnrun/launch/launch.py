"""A launch: its jobs announced, trained and recorded, then finished."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from nnrun import documents
from nnrun.calls import current
from nnrun.commands import UNMET
from nnrun.config.evaluation_grid import common_grid
from nnrun.config.settings import Executor, Job, Tracking
from nnrun.errors import InputError, TrainingFailed, refused, unmasked
from nnrun.interrupt import Ended, Interrupt
from nnrun.launch import terminal
from nnrun.launch.blocks import Blocks
from nnrun.launch.choices import AS_DECLARED, chosen
from nnrun.launch.claim import Claim, take_unused
from nnrun.launch.facts import plan_facts
from nnrun.launch.finish import SOON, Finished, Launched, finish
from nnrun.launch.history import noted
from nnrun.launch.required import unmet
from nnrun.launch.sources import AskedTrials, Source, found_since, written_in
from nnrun.launch.sweeps import sweep_of
from nnrun.layout import STORE, wait_for_disk
from nnrun.masking import masked
from nnrun.records.labels import describe
from nnrun.records.record import Record, write_record
from nnrun.records.sweep import Sweep, SweepJob
from nnrun.text import things
from nnrun.tracking.process import MirrorProcess
from nnrun.trials.cache import Cache
from nnrun.trials.executors import connected
from nnrun.trials.forecast import Forecast, Wanted, forecast, wanted
from nnrun.trials.progress import Clock
from nnrun.trials.provenance import command, processor, provenance
from nnrun.trials.run import Tally, cache_of, run_jobs

STORE_REFUSED = 3
"""Exit code: the store did not take all and had to."""

MOST_HELD = 2**23
"""Bytes of trials that are held from their being written to the tables; others are read back."""

OTHER_PROCESSORS = (
    "workers have other processors than this machine: in their last bits numbers may differ that "
    "BLAS or NumPy computes (engine=reference, init=orthogonal, what the plan says NumPy does)"
)

MEASURE_FROM = 5.0
"""Estimated seconds of training from which on a moment is spent on a better estimate."""


def announce(
    todo: Mapping[str, Wanted],
    cache: Cache,
    executor: Executor,
    where: str | None,
    measure_from: float = MEASURE_FROM,
    doing: str = "",
    sure: Mapping[str, Wanted] | None = None,
    until: str = "until every comparison is decided",
) -> Forecast:
    """Print what is about to be trained.

    Args:
        todo: What jobs ask for, at most.
        cache: Where earlier trials are.
        executor: Who trains.
        where: Words on where the results go; None if they go nowhere.
        measure_from: Estimated seconds from which on training for a moment corrects the estimate.
        doing: Words before all others, where it is not the sweep itself.
        sure: What is trained whatever the results are; None for all of it.
        until: Words on what decides on the rest.

    Returns:
        What was said.
    """
    workers = connected(executor)
    if not doing:
        about = dict.fromkeys(want.setting.problem.about for want in todo.values())
        terminal.show_tables([lines for lines in about if lines])
    least = forecast(sure, cache, workers.slots, measure_from, workers.costs) if sure else None
    if least and measure_from and not least.measured:
        measure_from = inf  # what may never be trained is not worth a moment
    expected = forecast(todo, cache, workers.slots, measure_from, workers.costs)
    expected = expected._replace(least=least)
    terminal.announce(list(todo.values()), expected, workers.words(), where, doing, until)
    slower = Counter(want.slower for want in todo.values() if want.slower)
    terminal.say_notes([f"{why} ({things(n, 'setting')})" for why, n in slower.items()])
    return expected


log = logging.getLogger(__name__)


class CannotGoOn(OSError):
    """The system refused something in the middle of a sweep, such as space on its disk."""


class Launch:
    """Where a launch writes, where it comes from, what it costs and how it ends.

    Args:
        folder: Of the sweep, or of the single run.
        overrides: As given on the command line.
        claim: On the folder; None for a single run.
        interrupt: Says whether the user wants an end.
        clock: Counts its stages; None for a new one.
        jobs: All of its jobs; None if they are not known before the first is trained.

    Attributes:
        plan: The number and overrides of each job that was begun.
        written: The records that were written, as they are read back: whole ones as long as they
            take little memory, then their heads.
        mirror: Of it in MLflow; None if tracking is off, or nothing was begun.
        cache: Where trained trials are kept for the next launch.
        unfinished: Jobs whose records are written, and are to have more trials.
        given_up: Settings, by id, that are not to be trained, with the errors that say why.
        more: What else its sweep.json says.
    """

    def __init__(
        self,
        folder: Path,
        overrides: Sequence[str],
        claim: Claim | None = None,
        interrupt: Interrupt | None = None,
        clock: Clock | None = None,
        jobs: Sequence[Job] | None = None,
    ) -> None:
        self.folder = folder
        self.overrides = list(overrides)
        self.claim = claim
        self.interrupt = interrupt or Interrupt()
        self.clock = clock or Clock()
        self.tally = Tally()
        self.jobs = jobs
        self._jobs_of = Counter(job.setting.id for job in jobs or ())
        self._waiting: dict[str, list[Path]] = {}
        self.cache = Cache()
        self.unfinished = 0
        self.given_up: Mapping[str, str] = {}
        self.more: Mapping[str, Any] = {}
        self.plan: list[SweepJob] = []
        self.written: list[Record] = []
        self._held = 0
        self.mirror: MirrorProcess | None = None
        self.provenance = {
            **provenance(),
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        }

    @property
    def where(self) -> str:
        """Words on where the results go."""
        continued = self.claim is not None and self.claim.continued
        return f"{'Going on in' if continued else 'Into'} {self.folder}"

    def describe(self) -> Sweep:
        """Say what varies between the settings, and what each is called; of known jobs only."""
        known = self.jobs or ()
        shared = common_grid([job.setting.grid for job in known])
        configs = {job.setting.id: job.setting.flat for job in known}
        about = describe(configs, self.more.get("tuned") or ())
        return Sweep("running", **about, common_grid=shared and shared.to_facts())

    def as_reported(self, first: Mapping[int, Record]) -> Sweep:
        """Say what the sweep is as its report will, before that is written.

        Args:
            first: A record of each job, by its index.
        """
        heads = [
            replace(first[i], meta={**first[i].meta, "number": job.number, "overrides": []})
            for i, job in enumerate(self.plan)
        ]
        sweep = sweep_of(heads, self.folder, **self.more)
        return chosen(sweep, AS_DECLARED, [head.meta for head in heads], [])

    def begin(self, name: str, status: str = "running") -> None:
        """Leave word in the folder that a sweep is under way, and whose it is."""
        overrides = [masked(given) for given in self.overrides]
        Sweep(status, name, overrides, **self.provenance).write(self.folder)

    def write(self, record: Record, number: int, overrides: Sequence[str], folder: Path) -> float:
        """Write a job's record into its folder, and a line into its log.

        Returns:
            The mean number of samples until the target, unreached ones counted at the budget: what
            an optimising sweeper should minimise.

        Raises:
            TrainingFailed: If the record is of a failed job; it is written first.
        """
        about = {"number": number, "overrides": [*map(masked, overrides)], **self.provenance}
        record = replace(record, meta={**record.meta, **about})
        written = write_record(record, folder)
        self._held += written.trials.nbytes
        self.written.append(written if self._held < MOST_HELD else written.head)
        if record.meta["error"]:
            log.error("%s", record.meta["error"])
            raise TrainingFailed(record.meta["error"].strip().splitlines()[-1])
        counts = Counter(record.outcomes.status.tolist())
        log.info(
            "setting %s, %d trials: %s; engine %s, %.0f ns a sample",
            record.setting,
            len(record.seeds),
            ", ".join(f"{count} {name}" for name, count in counts.items()),
            record.meta["engine"],
            record.trials.ns_per_sample.mean(),
        )
        times = record.outcomes.samples_to_target
        return float(np.where(np.isnan(times), record.meta["samples"], times).mean())

    def note_processors(self, others: Sequence[str]) -> None:
        """Note on which other types of processor trials are trained; say what may differ there."""
        if others:
            self.provenance["processor"] = ", ".join([processor(), *others])
            terminal.say_notes([OTHER_PROCESSORS])

    def open_mirror(self, tracking: Tracking, name: str) -> None:
        """Open the MLflow store for an experiment of a name, unless it is open.

        Raises:
            InputError: If it cannot be used.
        """
        if self.mirror is None:
            # what is noted here ends training before it begins
            with self.clock("mlflow"), suppress(Ended), self.interrupt.let_through():
                sweep, go_on = uuid4().hex, False
                if self.claim is not None:
                    sweep, go_on = self.claim.sweep, self.claim.continued
                self.mirror = MirrorProcess.open(
                    tracking, name, self.folder.name, self.provenance, sweep, go_on
                )

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Give back whatever is held when the ``with`` block ends.

        The folder is left as it was found on bad input, and free to be continued on other errors.
        """
        try:
            yield
        except InputError:
            if self.claim is not None and not self.written:
                self.claim.withdraw()
            raise
        except OSError as error:
            raise CannotGoOn(
                f"{refused(error)}. What was trained is kept, and found again by\n  {command()}"
            ) from error
        finally:
            if self.mirror is not None:
                if self.interrupt.pressed():
                    self.mirror.hurry(self.interrupt.left(SOON))
                self.mirror.close()
            if self.claim is not None:
                self.claim.release(finished=False)

    def gathered(self, setting: str) -> list[Path]:
        """Return the records of a setting once there is one for each of its jobs, else none.

        Where not all jobs are known there is none: what varies, and how far all settings can be
        compared, is known at the end of the sweep.

        Args:
            setting: Of the record that was written last.
        """
        found = self._waiting.setdefault(setting, [])
        found.append(self.written[-1].path)
        return self._waiting.pop(setting) if len(found) == self._jobs_of[setting] else []

    def finish(self) -> int:
        """Make tables, report and the sweep's MLflow run of what was written; say how it ended.

        Returns:
            The exit code of the process: 0, 1 if a job failed or is missing, 3 if the store had to
            take all and did not, 4 if a finding that was required is not there, 128 + the signal
            if interrupted.
        """
        stopped = self.interrupt.pressed()
        with self.clock("store"):
            wait_for_disk(record.path for record in self.written)
        left = len(self.plan) - len(self.written) + self.unfinished
        early = left > 0 or (stopped and self.jobs is None)
        finished = finish(
            [self._source("interrupted" if early else "complete")],
            launched=Launched(self.clock, self.mirror, self.interrupt, self.cache),
        )
        if self.claim is not None:
            self.claim.release(finished=not left)
        # last: nobody may be listening any more
        finished.show()
        if left > 0 or self.interrupt.pressed():
            more = self.jobs is None
            page = self.folder if self.written and not finished.whole else None
            keeps = self.cache.use == "use"
            terminal.say_how_to_go_on(left, len(self.plan), keeps, more, page)
        failed = finished.failed or left > 0
        return self.interrupt.exit_code or int(failed) or self._refused(finished)

    def _refused(self, finished: Finished) -> int:
        """Say whether what the first job asked of store and finding was not met."""
        if not self.written or finished.results is None:
            return 0
        asked, code = self.written[0].meta, 0
        if required := asked.get("require"):
            why = unmet(finished.results, required)
            if why:
                terminal.fall_short(why)
                code = UNMET
        lost = (finished.sweep.tracking or {}).get("error")
        if lost and asked["tracking"].get("required"):
            if (call := current()) is not None:
                call.short.append(f"MLflow: {lost}")
            code = STORE_REFUSED
        return code

    def _source(self, status: str) -> Source:
        """Return what was trained, as it would be read back."""
        asked = Sweep(
            status,
            overrides=self.overrides,
            jobs=self.plan,
            stacks=self.tally.stacks,
            tracking=self.mirror.facts if self.mirror else None,
            **self.more,
        )
        heads = sorted(self.written, key=lambda record: int(record.meta["number"]))
        return Source(self.folder, self.folder.name, heads, asked)


class ForeignLaunch(Launch):
    """A launch whose jobs another's launcher runs: their records are found when Hydra is done.

    Args:
        folder: Of the sweep; taken, and made if need be.
        overrides: As given on the command line.

    Attributes:
        lock: On the folder.
        before: The records that were in the folder before it began.
        asked: The trials that its jobs are to leave records of; empty where jobs are not known.

    Raises:
        InputError: If the folder is that of another run or sweep.
    """

    def __init__(self, folder: Path, overrides: Sequence[str]) -> None:
        super().__init__(folder, overrides, jobs=())
        self.lock = take_unused(folder)
        self.before = written_in(folder)
        self.asked: set[AskedTrials] = set()

    def begun(self) -> bool:
        """Tell whether jobs were planned or run; not so where the input was bad."""
        return bool(self.plan or self.recorded())

    def expect(self, jobs: Sequence[Job], batch: Sequence[Sequence[str]], first: int) -> None:
        """Note which jobs are to leave records."""
        for number, (job, overrides) in enumerate(zip(jobs, batch, strict=True), first):
            self.plan.append(SweepJob(number, list(overrides), job.setting.id))
            self.asked.add((number, job.setting.id, job.seed, job.seeds))

    def recorded(self) -> list[Path]:
        """List the records that came since it began."""
        now = written_in(self.folder)
        return [path for path in now if self.before.get(path) != now[path]]

    def stop(self, name: str) -> None:
        """Leave word that nothing more is wanted: jobs that run elsewhere, or have yet to, end."""
        self.begin(name, "interrupted")

    def finish(self) -> int:
        """Finish as any launch what has come."""
        self.written = found_since(self.folder, self.before, self.asked)
        if self.written and self.mirror is None:
            first = self.written[0].meta
            asked = Tracking(**first["tracking"])
            # records do not keep what may be the store's password
            addresses = [given.partition("=")[2].strip("'\"") for given in self.overrides]
            uri = unmasked(asked.uri, [os.environ.get(STORE), *addresses])
            self.open_mirror(replace(asked, uri=uri), first["name"])
        return super().finish()


def show_plan(jobs: Sequence[Job]) -> None:
    """Print what jobs would train, what of it was trained before, and how long the rest takes."""
    todo, cache, executor = wanted(jobs), cache_of(jobs[0]), jobs[0].executor
    expected = announce(todo, cache, executor, None, measure_from=0.0, sure=_sure(jobs))
    call = current()
    if call is not None or documents.wanted():
        facts = plan_facts(jobs, todo, cache, expected, connected(executor).slots)
        documents.give("plan", **facts)
        if call is not None:
            call.plan = facts


def _sure(jobs: Sequence[Job]) -> dict[str, Wanted] | None:
    """Return what jobs train whatever the results are; None where that is all that they ask for."""
    auto = jobs[0].auto
    return wanted([job.part(0, auto.block) for job in jobs]) if auto else None


def train_and_publish(
    jobs: Sequence[Job],
    plan: Sequence[SweepJob],
    launch: Launch,
    publish: Callable[[int, Record], None],
) -> None:
    """Train jobs, publish and track each as it is done, until all are or an end is asked for.

    Args:
        jobs: Checked jobs that may share a sweep.
        plan: The number and overrides of each.
        launch: Where to and where from.
        publish: Called with an index into ``jobs`` and its record; sees to its being written.

    Raises:
        InputError: If the MLflow store cannot be used; nothing was trained.
    """
    tally, clock = launch.tally, launch.clock
    cache = launch.cache = cache_of(jobs[0])
    launch.note_processors(cache.others)
    launch.open_mirror(jobs[0].tracking, jobs[0].name)
    launch.plan += plan
    with clock("train"), suppress(KeyboardInterrupt):
        with launch.interrupt.let_through():
            todo = wanted(jobs)
            announce(todo, cache, jobs[0].executor, launch.where, sure=_sure(jobs))
            facts = launch.describe() if launch.mirror else None
        for index, record in _records(jobs, todo, launch):
            with clock("store"):
                publish(index, record)
            paths = launch.gathered(record.setting)
            if paths and launch.mirror and facts:
                with launch.clock("mlflow"):
                    launch.mirror.add_setting(paths, facts, record.setting)
    clock.move("train", "store", cache.seconds)
    spent = tally.train + tally.evaluate
    share = tally.evaluate / spent if spent else 0.0
    clock.move("train", "evaluate", share * clock.seconds["train"])
    for complaint in cache.complaints:
        terminal.warn(complaint)


def _records(
    jobs: Sequence[Job], todo: Mapping[str, Wanted], launch: Launch
) -> Iterator[tuple[int, Record]]:
    """Find or train the trials of jobs; yield each job's record when it has all that it needs."""
    rest = (launch.tally, launch.cache, launch.interrupt.check)
    auto = jobs[0].auto
    if auto is None:
        yield from run_jobs(jobs, *rest, todo, launch.given_up)
        return
    blocks = Blocks(
        jobs,
        auto,
        lambda some: run_jobs(some, *rest, given_up=launch.given_up, one_of_many=True),
        launch.as_reported,
        launch.interrupt,
        launch.clock,
        # what is wrong with these is said with the report, which reads them, too
        [] if launch.cache.use == "off" else list(noted(launch.cache.folder, [])),
    )
    try:
        yield from blocks.records()
    finally:
        launch.unfinished = sum(map(bool, blocks.open.values()))
