"""What MLflow is told of a launch: a run for each setting, and one for the sweep."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, Self

import pandas as pd
from rich.console import Console

from nnrun.config import Tracking
from nnrun.errors import InputError, Issue
from nnrun.pipeline.setting_run import COUNTS, setting_run, spans
from nnrun.results import CURVES, LADDER, MARKDOWN, REPORT, SUMMARY, TRIALS, TUNING
from nnrun.sweep.store import Record
from nnrun.tracking import SettingRun, Status, SweepRun, Tracker, TrackingError, Writer

STATUSES: dict[str, Status] = {
    "complete": "FINISHED",
    "interrupted": "KILLED",
    "failed": "FAILED",
    "missing": "FAILED",
}

SEEDS = "nnrun.seeds"
"""Tag with the seeds that a setting's run sums up."""

FIRST_LINE, BETWEEN_LINES = 2.0, 5.0
"""Seconds of waiting for MLflow until the first plain line about it, and between two."""


class Summarised(Protocol):
    """Anything that has the summary of a sweep, a row a setting."""

    @property
    def summary(self) -> pd.DataFrame:
        """As `nnrun.statistics.summary.summarise` returns it."""


class Runs:
    """The MLflow runs of one launch, logged in the background while it trains.

    A store that stops taking runs does not stop training: its complaint is kept in ``facts``, and
    after one that will not pass nothing more is sent.

    Attributes:
        facts: Where the runs are: uri, experiment, the command and address to see them; the run ids
            of ``settings`` by setting and of the ``sweep``; ``not_logged``, the settings without a
            run; error. Filled by the calling thread alone: whole once ``close`` was called.
    """

    def __init__(self, tracker: Tracker, facts: dict[str, Any], tags: dict[str, str]) -> None:
        self._tracker = tracker
        self._writer = Writer()
        self._tags = tags
        self._seeds: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self._described: tuple[Mapping[str, Any], dict[str, Any]] = ({}, {})
        self._broken = False
        self._refused: set[str] = set()
        self._closed = False
        self.facts = facts

    @classmethod
    def open(
        cls,
        tracking: Tracking,
        experiment: str,
        sweep: str,
        provenance: Mapping[str, Any],
        sweep_id: str = "",
        go_on: bool = False,
    ) -> Self | None:
        """Open the store; None if tracking is off.

        Args:
            tracking: Where to.
            experiment: The experiment's name.
            sweep: Its name, as tag ``nnrun.sweep``; two sweeps may have the same.
            provenance: For its command and git commit.
            sweep_id: Ties its runs together and to no other's, as tag ``nnrun.sweep_id``; empty to
                take its name for it.
            go_on: Whether the sweep was begun before: its finished settings are kept, and what
                was left unfinished, double or failed is deleted, with the sweep's own run.

        Raises:
            InputError: If the store cannot be used.
        """
        if tracking.name == "off":
            return None
        sweep = re.sub(r"[\"'`]", "_", sweep)  # MLflow's queries know no way to quote a quote
        tracker = Tracker(tracking.uri, experiment, tracking.artifacts)
        sweep_id = sweep_id or sweep
        tags = {"nnrun.sweep": sweep, "nnrun.sweep_id": sweep_id}
        tags |= {"nnrun.command": str(provenance["command"])}
        if provenance.get("git"):
            tags["mlflow.source.git.commit"] = str(provenance["git"])
        facts: dict[str, Any] = {
            "uri": tracking.uri,
            "experiment": experiment,
            "ui": tracker.ui_command(),
            "charts": tracker.charts_url(sweep),
            "settings": {},
            "not_logged": [],
            "sweep": None,
            "error": None,
        }
        runs = cls(tracker, facts, tags)
        if go_on:
            runs._take_up(sweep_id)
        return runs

    def add_setting(self, records: Sequence[Record], facts: Mapping[str, Any]) -> None:
        """Queue one setting with all its trials; one that has a run of these trials keeps it.

        Args:
            records: Of one setting; they are not held.
            facts: Of the sweep, for its varying keys and labels.
        """
        self._collect()
        key, seeds = records[0].setting, spans(records)
        if self._broken:
            self._note_refused(key)
        elif self._seeds.get(key) != seeds:
            self._seeds[key] = seeds
            if self._described[0] is not facts:
                self._described = (facts, {s["id"]: s for s in facts["settings"]})
            run = setting_run(records, self._described[1][key], facts, {**self._tags, SEEDS: seeds})
            self._writer.add(key, partial(self._log, run))
        elif key in self._runs:
            self.facts["settings"][key] = self._runs[key]

    def add_sweep(self, facts: Mapping[str, Any], results: Summarised, folder: Path) -> None:
        """Log the sweep itself, after its settings: verdict, tables and report."""
        self._wait()
        if self._broken:
            return
        pages = (REPORT, MARKDOWN, "figures", "animation.html", "animation.gif")
        names = (*pages, SUMMARY, TRIALS, CURVES, LADDER, TUNING)
        totals = {key: float(results.summary[key].sum()) for key in COUNTS}
        run = SweepRun(
            name=f"{'sweep' if len(facts['jobs']) > 1 else 'run'} {folder.name}",
            description="\n\n".join([*facts.get("verdict", []), f"`{facts['command']}`"]),
            metrics={"settings": float(len(results.summary)), **totals},
            tags=self._tags,
            artifacts=[folder / name for name in names if (folder / name).exists()],
            status=STATUSES[facts["status"]],
        )
        try:
            self.facts["sweep"] = self._tracker.log_sweep(run)
        except TrackingError as error:
            self._note_error(error)

    def close(self) -> None:
        """Wait for what is queued and close the store; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._wait()
        self._writer.close()
        if not self._broken:
            self._tracker.close()
        lost = len(self.facts["not_logged"])
        if lost:
            total = lost + len(self.facts["settings"])
            rest = f"; {lost:,} of {total:,} settings are not in MLflow, sweep.json lists them"
            self.facts["error"] += rest

    def _take_up(self, sweep: str) -> None:
        """Sort the runs of an earlier launch: one for each finished setting is kept."""
        for run, status, tags in self._tracker.find(sweep):
            key = tags.get("nnrun.setting", "")
            if status == "FINISHED" and key and key not in self._runs:
                self._runs[key] = run
                self._seeds[key] = tags.get(SEEDS, "")
                continue
            try:
                self._tracker.delete(run)
            except TrackingError as error:
                raise InputError(Issue("tracking", None, str(error))) from error

    def _log(self, run: SettingRun) -> str:
        """Log a setting in the place of an earlier run of it; called by the writer's thread."""
        if run.setting in self._runs:
            self._tracker.delete(self._runs.pop(run.setting))
        self._runs[run.setting] = self._tracker.log_setting(run)
        return self._runs[run.setting]

    def _collect(self) -> None:
        """Take over what the writer has done since the last call."""
        for key, outcome in self._writer.finished():
            if isinstance(outcome, str):
                self.facts["settings"][key] = outcome
            else:
                self._note_error(outcome)
                self._note_refused(key)

    def _note_error(self, error: TrackingError) -> None:
        """Keep the first error, and say it at once: what follows from it says less."""
        if error.lost:
            for key in list(self.facts["settings"]):
                self._note_refused(key)
        self._broken = self._broken or error.lasting
        if self.facts["error"] is None:
            self.facts["error"] = str(error)
            end = "; no more runs are sent, training goes on" if error.lasting else ""
            print(f"{error}{end}", file=sys.stderr, flush=True)

    def _note_refused(self, key: str) -> None:
        self.facts["settings"].pop(key, None)
        self._seeds.pop(key, None)
        if key not in self._refused:
            self._refused.add(key)
            self.facts["not_logged"].append(key)

    def _wait(self) -> None:
        """Wait for the queue, saying how far it is; an interrupt drops what waits."""
        try:
            with _progress() as say:
                while not self._writer.wait(0.2):
                    say(self._writer.unfinished)
        except BaseException:
            self._writer.drop()
            raise
        finally:
            self._collect()


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Say on standard error how many settings are still to be logged, if that takes a while."""
    due = monotonic() + FIRST_LINE

    def say_in_lines(left: int) -> None:
        nonlocal due
        if monotonic() >= due:
            due = monotonic() + BETWEEN_LINES
            print(_left(left), file=sys.stderr, flush=True)

    if not sys.stderr.isatty():
        yield say_in_lines
        return
    with Console(stderr=True).status("logging to MLflow") as status:
        yield lambda left: status.update(_left(left))


def _left(settings: int) -> str:
    return f"logging to MLflow: {settings:,} setting{'' if settings == 1 else 's'} left"
