"""What MLflow is told of a launch: a run for each setting, and one for the sweep."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from functools import partial
from math import inf
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any, Protocol, Self

import pandas as pd

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, masked
from nnrun.launch import terminal
from nnrun.pipeline.earlier import SEEDS, Earlier, take_up
from nnrun.pipeline.page_view import page_view
from nnrun.pipeline.setting_run import setting_run
from nnrun.pipeline.sums import Sums, spans
from nnrun.pipeline.sweep_run import best_setting, sweep_run
from nnrun.tracking.address import is_file, require_usable, ui_command
from nnrun.tracking.errors import TrackingError
from nnrun.tracking.tracker import Tracker
from nnrun.tracking.view import View
from nnrun.tracking.writer import Writer

OPENING = 10.0
"""Seconds that a launch waits for a server before it trains: what is wrong with it is said then."""

LEAVING = 5.0
"""Seconds that are spent on telling a store that its sweep will not be finished."""

SYNC = "python -m nnrun.sync"

IN_HAND = 0.5
"""Seconds that an end waits for the run in hand."""

ENDED = "MLflow was not told all before the process was asked to end"

OPEN, VIEW, SWEEP, REGISTER = "open", "view", "sweep", "register"
"""Keys of what the writer does besides settings, whose ids are digits."""


class Summarised(Protocol):
    """Anything that has the summary of a sweep, a row a setting."""

    @property
    def summary(self) -> pd.DataFrame:
        """As `nnrun.statistics.summary.summarise` returns it."""


class Runs:
    """The MLflow runs of one launch, logged in the background while it trains.

    One thread imports MLflow, opens the store and logs settings from their records on disk; nothing
    waits for it before the end. A store that stops taking runs does not stop training: its
    complaint is kept in ``facts``, and after one that will not pass nothing more is sent. What was
    not sent is on disk, where ``nnrun.pipeline.resend`` finds it.

    Attributes:
        facts: Where the runs are: uri, experiment, id of the sweep there, the command and address
            to see them; the run ids of ``settings`` by setting and of the ``sweep``; the settings
            without a run, ``not_logged``; error. Filled by the calling thread alone: whole once
            ``close`` was called.
    """

    def __init__(
        self,
        tracking: Tracking,
        facts: dict[str, Any],
        tags: dict[str, str],
        go_on: bool = False,
        beside_training: bool = True,
    ) -> None:
        self._tracking, self._tags, self._go_on = tracking, tags, go_on
        self._beside_training, self._training = beside_training, beside_training
        self._writer = Writer()
        self._opened: Future[Tracker] = Future()
        self._earlier = Earlier()
        self._sums: Sums | None = None
        self._broken = False
        self._queued: set[str] = set()
        self._refused: set[str] = set()
        self._closed = False
        self._until = inf
        self.facts = facts
        self._writer.add(OPEN, self._open)

    @classmethod
    def open(
        cls,
        tracking: Tracking,
        experiment: str,
        sweep: str,
        provenance: Mapping[str, Any],
        sweep_id: str = "",
        go_on: bool = False,
        beside_training: bool = True,
    ) -> Self | None:
        """Begin to open the store; None if tracking is off.

        Args:
            tracking: Where to.
            experiment: The experiment's name.
            sweep: Its name, as tag ``nnrun.sweep``; two sweeps may have the same.
            provenance: For its command and git commit.
            sweep_id: Ties its runs together and to no other's, as tag ``nnrun.sweep_id``; empty to
                take its name for it.
            go_on: Whether the sweep was begun before: its finished settings are kept, and what
                was left unfinished, double or failed is deleted, with the sweep's own run.
            beside_training: Whether to say at once what goes wrong, and that training goes on.

        Raises:
            InputError: If the store cannot be used, as far as that is known by now. Of a file it is
                what can be seen without MLflow; of a server what it answers within ten seconds.
        """
        if tracking.name == "off":
            return None
        require_usable(tracking.uri, experiment)
        sweep = re.sub(r"[\"'`]", "_", sweep)  # MLflow's queries know no way to quote a quote
        sweep_id = sweep_id or sweep
        tags = {"nnrun.sweep": sweep, "nnrun.sweep_id": sweep_id}
        tags |= {"nnrun.command": str(provenance["command"])}
        if provenance.get("git"):
            tags["mlflow.source.git.commit"] = str(provenance["git"])
        facts: dict[str, Any] = {
            "uri": masked(tracking.uri),
            "experiment": experiment,
            "id": sweep_id,
            "ui": ui_command(tracking.uri),
            "charts": "",
            "view": "",
            "settings": {},
            "not_logged": [],
            "sweep": None,
            "error": None,
        }
        runs = cls(tracking, facts, tags, go_on, beside_training)
        if not is_file(tracking.uri):
            runs.await_opening()
        return runs

    def add_setting(self, paths: Sequence[Path], facts: Mapping[str, Any], setting: str) -> None:
        """Queue one setting with all its trials; one that has a run of these trials keeps it.

        Args:
            paths: Of its records, which stay where they are.
            facts: Of the sweep, for its varying keys and labels.
            setting: Its id.
        """
        self._collect()
        if self._sums is None or self._sums.facts is not facts:
            self._sums = Sums(facts)
        self._queued.add(setting)
        places = [path.absolute() for path in paths]
        self._sums.expect(setting, places)
        self._writer.add(setting, partial(self._log_setting, setting, places, self._sums))

    def add_settings(self, records: Mapping[str, Sequence[Path]], facts: Mapping[str, Any]) -> None:
        """Queue the settings of a whole sweep that were not queued before, one after the other.

        Args:
            records: The paths of each setting's records, by its id.
            facts: Of the sweep.
        """
        for setting, paths in records.items():
            if setting not in self._queued:
                self.add_setting(paths, facts, setting)

    def add_sweep(self, facts: Mapping[str, Any], results: Summarised, folder: Path) -> None:
        """Log the sweep itself, after its settings: verdict, tables and report."""
        self._training = False
        self._wait()
        if self._broken:
            return
        self._writer.add(VIEW, partial(self._save_view, page_view(facts)))
        self._wait()
        run = sweep_run({**facts, "tracking": self.facts}, results.summary, folder, self._tags)
        self._writer.add(SWEEP, lambda: self._tracker.log_sweep(run, self._earlier.parent))
        if self._tracking.register:
            self._register(self._tracking.register, results.summary)
        self._wait()

    def hurry(self, seconds: float) -> None:
        """Let nothing be waited for any longer than so many seconds from now on."""
        self._until = min(self._until, monotonic() + seconds)

    def close(self) -> None:
        """Wait for what is queued and close the store; a second call does nothing."""
        if self._closed:
            return
        self._closed, self._training = True, False
        self._wait()
        self._writer.close(min(60.0, self._left()))
        if self._opened.done() and not self._opened.exception():
            if self._earlier.parent and self.facts["sweep"] is None:
                self._leave(self._earlier.parent)
            if not self._broken and not self._writer.unfinished:
                self._tracker.close()
        for setting in self._queued.difference(self.facts["settings"]):
            self._note_refused(setting)  # the one in hand, if there was no time for it
            self.facts["error"] = self.facts["error"] or ENDED
        lost, logged = len(self.facts["not_logged"]), len(self.facts["settings"])
        if self.facts["error"]:
            rest = f"; {lost:,} of {lost + logged:,} settings are not in MLflow" if lost else ""
            self.facts["error"] += f"{rest}: {SYNC} sends what is missing"

    @property
    def _tracker(self) -> Tracker:
        """The store, once it is open."""
        return self._opened.result()

    def _open(self) -> str:
        """Open the store and see what it has of the sweep; called by the writer's thread."""
        asked, name = self._tracking, self.facts["experiment"]
        try:
            tracker = Tracker(asked.uri, name, asked.artifacts, asked.bulk)
            if self._go_on:
                self._earlier = take_up(tracker, self._tags["nnrun.sweep_id"], asked.nested)
            if asked.nested and not self._earlier.parent:
                sweep = self._tags["nnrun.sweep"]
                self._earlier.parent = tracker.begin_sweep(f"sweep {sweep}", self._tags)
        except Exception as error:
            self._opened.set_exception(error)
            if isinstance(error, TrackingError):
                raise
            # whatever it is, such as an MLflow that cannot be imported: there is no store
            raise TrackingError(str(error) or type(error).__name__) from error
        self._opened.set_result(tracker)
        return ""

    def await_opening(self) -> None:
        """Wait a while for the store, where nothing else should happen before it is open.

        Raises:
            InputError: If it cannot be used at all.
        """
        try:
            self._opened.result(OPENING)
        except InputError:
            self._closed = True
            self._writer.close()
            raise
        except NotYet:
            if self._beside_training:
                terminal.warn("the MLflow server takes long to answer; training goes on meanwhile")
        except Exception:
            self._collect()  # says what it is

    def _log_setting(self, key: str, paths: Sequence[Path], sums: Sums) -> str:
        """Log a setting in the place of an earlier run of it; called by the writer's thread."""
        found = sums.read(key, paths)
        seeds = spans([one.record for one in found])
        earlier = self._earlier
        if earlier.seeds.get(key) == seeds:
            return earlier.runs[key]
        tags = {**self._tags, SEEDS: seeds}
        if earlier.parent:
            tags["mlflow.parentRunId"] = earlier.parent
        summed = sums.take(key, found, skip=earlier.seeds)
        run = setting_run(summed, sums.facts, tags, self._tracking)
        if key in earlier.runs:
            earlier.drop(key, self._tracker)
        earlier.runs[key] = self._tracker.log_setting(run)
        earlier.seeds[key] = seeds
        return earlier.runs[key]

    def _save_view(self, view: View) -> str:
        return self._tracker.save_view(self._tags["nnrun.sweep_id"], view)

    def _leave(self, run: str) -> None:
        """End the sweep's own run where it was begun but not finished, if the store lets us."""
        ending = Thread(target=self._tracker.abandon, args=(run,), daemon=True)
        ending.start()
        ending.join(min(LEAVING, self._left()))

    def _register(self, name: str, summary: pd.DataFrame) -> None:
        best = best_setting(summary)
        run = self.facts["settings"].get(best)
        if run is None:
            self._note_error(TrackingError(f"no model to register as '{name}'", lasting=False))
            return
        tags = {"nnrun.setting": best, **{k: v for k, v in self._tags.items() if k[:5] == "nnrun"}}
        self._writer.add(REGISTER, lambda: self._tracker.register(name, run, tags))

    def _collect(self) -> None:
        """Take over what the writer has done since the last call."""
        for key, outcome in self._writer.finished():
            if isinstance(outcome, TrackingError):
                self._note_error(outcome)
                if key not in (OPEN, VIEW, SWEEP, REGISTER):
                    self._note_refused(key)
            elif key == OPEN:
                self.facts["charts"] = self._tracker.charts_url(self._tags["nnrun.sweep_id"])
            elif key == VIEW:
                self.facts["view"] = outcome
            elif key == SWEEP:
                self.facts["sweep"] = outcome
            elif key == REGISTER:
                self.facts["model"] = f"models:/{self._tracking.register}/{outcome}"
            else:
                self.facts["settings"][key] = outcome

    def _note_error(self, error: TrackingError) -> None:
        """Keep the first error, and say it at once: what follows from it says less."""
        if error.lost:
            for key in list(self.facts["settings"]):
                self._note_refused(key)
        self._broken = self._broken or error.lasting
        if self.facts["error"] is None:
            self.facts["error"] = str(error)
            if not self._beside_training:
                return
            end = "; no more runs are sent" if error.lasting else ""
            goes_on = ", training goes on" if end and self._training else ""
            terminal.say_apart(f"{error}{end}{goes_on}")

    def _note_refused(self, key: str) -> None:
        self.facts["settings"].pop(key, None)
        if key not in self._refused:
            self._refused.add(key)
            self.facts["not_logged"].append(key)

    def _wait(self) -> None:
        """Wait for the queue, saying how far it is; an interrupt drops what waits."""
        until = monotonic() + self._tracking.wait
        try:
            with terminal.waiting_for_mlflow() as say:
                while not self._writer.wait(min(0.2, self._left())):
                    self._collect()
                    if not self._left():  # nor for the run in hand
                        self._writer.give_up(ENDED)
                        break
                    say(self._writer.unfinished)
                    if monotonic() > until and not self._broken:
                        self._writer.give_up(self._out_of_time())
        except BaseException:
            self._writer.drop(min(IN_HAND, self._left()))
            raise
        finally:
            self._collect()

    def _left(self) -> float:
        return max(0.0, self._until - monotonic())

    def _out_of_time(self) -> str:
        done = "was not done" if self._opened.done() else "has not answered"
        return f"MLflow {done} within tracking.wait={self._tracking.wait:g} s"
