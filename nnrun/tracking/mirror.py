"""The mirror of a sweep in MLflow: a run for each setting, and one for the sweep."""

import re
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import inf, isclose, isfinite, nan
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any, Self

from rich.console import Console

from nnrun.calls import current
from nnrun.config.settings import Tracking
from nnrun.errors import InputError
from nnrun.layout import REPORT
from nnrun.masking import masked
from nnrun.model.load import chosen
from nnrun.records.record import read_record
from nnrun.records.sweep import Sweep
from nnrun.results.results import Results, csv_text
from nnrun.text import shown, things
from nnrun.tracking.address import require_usable, ui_command
from nnrun.tracking.client import Tracker
from nnrun.tracking.entities import FoundRun, SweepRun, Update, clean
from nnrun.tracking.errors import TrackingError
from nnrun.tracking.log_queue import LogQueue
from nnrun.tracking.registry import Chosen, choose, version_of, warnings_of
from nnrun.tracking.run_contents import (
    TRIALS_TOLD,
    digest,
    experiment_described,
    setting_run,
    spans,
    sweep_run,
    updates,
)
from nnrun.tracking.view import View, page_view

OPENING = 10.0
"""Seconds that a launch waits for a server before it trains: what is wrong with it is said then."""

LEAVING = 5.0
"""Seconds that are spent on telling a store that its sweep will not be finished."""

SYNC = "python -m nnrun.sync"

FIRST_LINE, BETWEEN_LINES = 2.0, 5.0
"""Seconds of waiting until the first plain line about it, and between two."""

IN_HAND = 0.5
"""Seconds that an end waits for the run in hand."""

ENDED = "MLflow was not told all before the process was asked to end"

SEEDS, DIGEST = (f"nnrun.{name}" for name in ("seeds", "digest"))
"""Tags: the seeds that a setting's run sums up; what a sweep's own run was made of."""

NAME, NOTE = "mlflow.runName", "mlflow.note.content"

OPEN, TIDY, VIEW, SWEEP, REGISTER = "open", "tidy", "view", "sweep", "register"
"""Keys of what the queue does besides settings, whose ids are digits."""


class Mirror:
    """The MLflow runs of one launch, logged in the background while it trains.

    One thread imports MLflow, opens the store and logs settings from their records on disk; nothing
    waits for it before the end. A store that stops taking runs does not stop training: its
    complaint is kept in ``facts``, and after one that will not pass nothing more is sent. What was
    not sent is on disk, where ``nnrun.sync`` finds it.

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
        self._queue = LogQueue()
        self._opened: Future[Tracker] = Future()
        self._kept: dict[str, FoundRun] = {}
        self._trials: dict[str, list[str]] = {}
        self._updates: dict[str, Update] = {}
        self._parent = ""
        self._own: FoundRun | None = None
        self._broken = False
        self._warned = ""
        self._queued: dict[str, list[Path]] = {}
        self._refused: set[str] = set()
        self._closed = False
        self._until = inf
        self.facts = facts
        self._queue.add(OPEN, self._open)

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
        if not tracking.uri.startswith("sqlite"):
            runs._await_opening()
        return runs

    def add_setting(self, paths: Sequence[Path], sweep: Sweep, setting: str) -> None:
        """Queue the records of one setting, by its id; one that has a run of these keeps it."""
        self._collect()
        self._queued[setting] = places = [path.absolute() for path in paths]
        self._queue.add(setting, partial(self._log_setting, setting, places, sweep))

    def add_settings(
        self, records: Mapping[str, Sequence[Path]], sweep: Sweep, results: Results
    ) -> None:
        """Queue the settings of a whole sweep that were not queued before, one after the other.

        What waits is logged with what the tables say of it, rather than told that afterwards.
        """
        self._updates = updates(sweep, results, self._tags)
        for setting, paths in records.items():
            if setting not in self._queued:
                self.add_setting(paths, sweep, setting)

    def add_sweep(self, sweep: Sweep, results: Results, folder: Path) -> None:
        """Send what takes the whole sweep, after its settings: what is there already stays."""
        self._training = False
        self._wait()
        if self._broken:
            return
        self._updates = updates(sweep, results, self._tags)
        for setting, update in self._updates.items():
            if setting in self.facts["settings"]:
                self._queue.add(setting, partial(self._update, setting, update, results))
        if sweep.status != "interrupted":
            known = {about.id for about in sweep.settings}
            self._queue.add(TIDY, partial(self._drop_others, known))
        made_of = digest(sweep, folder)
        same = self._own if self._own and self._own.tags.get(DIGEST) == made_of else None
        if same is None:
            view = page_view(sweep, results.summary)
            self._queue.add(VIEW, partial(self._save_view, view))
        self._wait()
        if same is None and not self._broken:
            tags = {**self._tags, DIGEST: made_of}
            told_of = replace(sweep, tracking=self.facts)
            run = sweep_run(told_of, results.summary, folder, tags)
            self._queue.add(SWEEP, partial(self._log_sweep, run, told_of))
        elif same is not None:
            told = sweep.tracking or {}
            self.facts["view"] = self.facts["view"] or told.get("view") or ""
            self.facts["sweep"] = same.run
        if self._tracking.register:
            reported = (folder / REPORT).is_file()
            self._register(self._tracking.register, sweep, results, reported)
        self._wait()
        self.facts["digest"] = made_of

    def hurry(self, seconds: float) -> None:
        """Let nothing be waited for any longer than so many seconds from now on."""
        self._until = min(self._until, monotonic() + seconds)

    def close(self) -> None:
        """Wait for what is queued and close the store; a second call does nothing."""
        if self._closed:
            return
        self._closed, self._training = True, False
        self._wait()
        self._queue.close(min(60.0, self._left()))
        if self._opened.done() and not self._opened.exception():
            if self._parent and self.facts["sweep"] is None:
                self._leave(self._parent)
            if not self._broken and not self._queue.unfinished:
                self._tracker.close()
        for setting in self._queued.keys() - self.facts["settings"].keys():
            self._note_refused(setting)  # the one in hand, if there was no time for it
            self.facts["error"] = self.facts["error"] or ENDED
        if self.facts["error"]:
            self.facts["error"] = incomplete(self.facts["error"], self.facts)

    def leave(self, seconds: float) -> None:
        """Send nothing more, and give the run in hand so many seconds: else it stays as running."""
        self._queue.give_up(ENDED)
        if self._opened.done():
            self._queue.wait(seconds)

    @property
    def _tracker(self) -> Tracker:
        """The store, once it is open."""
        return self._opened.result()

    def _open(self) -> str:
        """Open the store and see what it has of the sweep; called by the queue's thread."""
        asked, name = self._tracking, self.facts["experiment"]
        try:
            tracker = Tracker(asked.uri, name, asked.artifacts)
            if self._go_on:
                self._take_up(tracker)
            if asked.nested and not self._parent:
                sweep = self._tags["nnrun.sweep"]
                self._parent = tracker.begin_sweep(f"sweep {sweep}", self._tags)
        except Exception as error:
            self._opened.set_exception(error)
            if isinstance(error, TrackingError):
                raise
            # whatever it is, such as an MLflow that cannot be imported: there is no store
            raise TrackingError(str(error) or type(error).__name__) from error
        self._opened.set_result(tracker)
        return ""

    def _await_opening(self) -> None:
        """Wait a while for the store, where nothing else should happen before it is open.

        Raises:
            InputError: If it cannot be used at all.
        """
        try:
            self._opened.result(OPENING)
        except InputError:
            self._closed = True
            self._queue.close()
            raise
        except NotYet:
            if self._beside_training:
                say("warning: the MLflow server takes long to answer; training goes on meanwhile")
        except Exception:
            self._collect()  # says what it is

    def _take_up(self, tracker: Tracker) -> None:
        """Sort the runs of an earlier launch, so that nothing is there twice.

        One for each whole setting is kept, and the sweep's own. What else there is, unfinished,
        double or failed, is deleted.
        """
        rest: list[str] = []
        below: dict[str, list[str]] = {}
        for found in tracker.find(self._tags["nnrun.sweep_id"]):
            kind, key = found.tags.get("nnrun.kind"), found.tags.get("nnrun.setting", "")
            if kind == "trial":
                below.setdefault(found.tags.get("mlflow.parentRunId", ""), []).append(found.run)
            elif kind == "sweep" and self._own is None and self._is_whole(found):
                self._own = found
            elif kind == "setting" and key not in self._kept and self._is_whole(found):
                self._kept[key] = found
            else:
                rest.append(found.run)
        self._trials = {kept.run: below.pop(kept.run, []) for kept in self._kept.values()}
        if self._tracking.nested and self._own:
            self._parent = self._own.run
        for run in (*rest, *(trial for trials in below.values() for trial in trials)):
            tracker.delete(run)

    def _is_whole(self, found: FoundRun) -> bool:
        if found.tags["nnrun.kind"] == "sweep":
            return self._tracking.nested or found.status != "RUNNING"
        # a setting of which no trial could be trained is a failed run, but has had its last word;
        # any other failed run is one that the store took in part
        untrained = re.fullmatch(r"\d+ failed", found.tags.get("nnrun.status", ""))
        return found.status == "FINISHED" or bool(untrained and NOTE in found.tags)

    def _log_setting(self, key: str, paths: Sequence[Path], sweep: Sweep) -> str:
        """Log a setting in the place of an earlier run of it; called by the queue's thread."""
        records = [read_record(path) for path in paths]
        seeds, kept = spans(records), self._kept.get(key)
        if kept and kept.tags.get(SEEDS, "") == seeds:
            return kept.run
        tags = {**self._tags, SEEDS: seeds}
        if self._parent:
            tags["mlflow.parentRunId"] = self._parent
        about = next(about for about in sweep.settings if about.id == key)
        run = setting_run(records, about, sweep, tags, self._tracking)
        if update := self._updates.get(key):
            said, figures = {**run.tags, **update.tags}, {**update.metrics, **run.summary}
            run = replace(run, name=update.name, tags=said, summary={**figures, **update.metrics})
        self._drop(key)
        logged, said = self._tracker.log_setting(run), {**run.tags, NAME: run.name}
        self._kept[key] = FoundRun(logged, "FINISHED", said, run.summary)
        return logged

    def _update(self, key: str, update: Update, results: Results) -> str:
        """Send what a setting's run does not say yet; called by the queue's thread."""
        kept = self._kept[key]
        # a table that was read back may differ in the last digit
        metrics = {
            name: value
            for name, value in clean(update.metrics).items()
            if isfinite(value) and not isclose(kept.metrics.get(name, nan), value, rel_tol=1e-12)
        }
        tags = {name: text for name, text in update.tags.items() if kept.tags.get(name) != text}
        name = update.name if kept.tags.get(NAME) != update.name else ""
        if metrics or tags or name:
            mine = results.trials[results.trials["setting"] == key]
            texts = {TRIALS_TOLD: csv_text(mine)} if name else {}  # it has the label, too
            self._tracker.update_setting(kept.run, name, tags, metrics, texts)
            said = {**kept.tags, **tags, NAME: update.name}
            self._kept[key] = kept._replace(tags=said, metrics={**kept.metrics, **metrics})
        return kept.run

    def _drop_others(self, settings: Container[str]) -> str:
        """Delete the runs of settings that the sweep has no more; called by the queue's thread."""
        for key in [key for key in self._kept if key not in settings]:
            self._drop(key)
        return ""

    def _drop(self, key: str) -> None:
        """Delete the run of a setting, if there is one, and those of its trials."""
        if kept := self._kept.pop(key, None):
            for run in (*self._trials.pop(kept.run, ()), kept.run):
                self._tracker.delete(run)

    def _log_sweep(self, run: SweepRun, sweep: Sweep) -> str:
        """Log the sweep in the place of an earlier run of it; called by the queue's thread."""
        if self._own and not self._parent:
            self._tracker.delete(self._own.run)
            self._own = None
        logged = self._tracker.log_sweep(run, self._parent)
        self._own = FoundRun(logged, run.status, run.tags, {})
        page, name = self._tracker.run_page(logged), self._tags["nnrun.sweep"]
        self._tracker.describe(experiment_described(sweep, name, page))
        return logged

    def _save_view(self, view: View) -> str:
        name = f"Sweep {self._tags['nnrun.sweep']}"
        return self._tracker.save_view(self._tags["nnrun.sweep_id"], view, name)

    def _leave(self, run: str) -> None:
        """End the sweep's own run where it was begun but not finished, if the store lets us."""
        ending = Thread(target=self._tracker.abandon, args=(run,), daemon=True)
        ending.start()
        ending.join(min(LEAVING, self._left()))

    def _register(self, name: str, sweep: Sweep, results: Results, reported: bool) -> None:
        best = choose(results, self._tracking.register_by)
        run = self.facts["settings"].get(best.setting) if best else None
        if best is None or run is None:
            self._note_error(TrackingError(f"no model to register as '{name}'", lasting=False))
            return
        self._warned = "; ".join(warnings_of(best, sweep))
        self._queue.add(REGISTER, partial(self._log_model, name, run, best, sweep, reported))

    def _log_model(self, name: str, run: str, best: Chosen, sweep: Sweep, reported: bool) -> str:
        """Register a network, unless it was by an earlier launch; called by the queue's thread."""
        if known := self._tracker.registered(name, run, best.seed):
            return known
        records = [read_record(path) for path in self._queued[best.setting]]
        record = next(r for r in records if best.seed in r.seeds[r.trained])
        try:
            network = chosen(record, best.seed)
        except InputError as error:  # a component of the user's own that is not there any more
            told = f"no model to register as '{name}': {error}"
            raise TrackingError(told, lasting=False) from error
        links = {"the run of its setting": self._tracker.run_page(run)}
        if self._own:
            links["the run of its sweep"] = page = self._tracker.run_page(self._own.run)
            links |= {"its report": f"{page}/artifacts/{REPORT}"} if reported else {}
        version = version_of(best, sweep, record.meta.get("data") or {}, links)
        tags = {key: text for key, text in self._tags.items() if key.startswith("nnrun.")}
        return self._tracker.register(
            name, run, network, version._replace(tags={**tags, **version.tags})
        )

    def _collect(self) -> None:
        """Take over what the queue has done since the last call."""
        for key, outcome in self._queue.finished():
            if isinstance(outcome, TrackingError):
                self._note_error(outcome)
                if key not in (OPEN, TIDY, VIEW, SWEEP, REGISTER):
                    self._note_refused(key)
            elif key == OPEN:
                self.facts["charts"] = self._tracker.charts_url(self._tags["nnrun.sweep_id"])
            elif key == VIEW:
                self.facts["view"] = outcome
            elif key == SWEEP:
                self.facts["sweep"] = outcome
            elif key == TIDY:
                pass
            elif key == REGISTER:
                self.facts["model"] = f"models:/{self._tracking.register}/{outcome}"
                if self._warned:
                    self.facts["warning"] = f"{self.facts['model']}: {self._warned}"
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
            say(f"{error}{end}{goes_on}")

    def _note_refused(self, key: str) -> None:
        self.facts["settings"].pop(key, None)
        if key not in self._refused:
            self._refused.add(key)
            self.facts["not_logged"].append(key)

    def _wait(self) -> None:
        """Wait for the queue, saying how far it is; an interrupt drops what waits."""
        until = monotonic() + self._tracking.wait
        try:
            with waiting() as tell:
                while not self._queue.wait(min(0.2, self._left())):
                    self._collect()
                    if not self._left():  # nor for the run in hand
                        self._queue.give_up(ENDED)
                        break
                    tell(self._queue.unfinished)
                    if monotonic() > until and not self._broken:
                        self._queue.give_up(self._out_of_time())
        except BaseException:
            self._queue.drop(min(IN_HAND, self._left()))
            raise
        finally:
            self._collect()

    def _left(self) -> float:
        return max(0.0, self._until - monotonic())

    def _out_of_time(self) -> str:
        done = "was not done" if self._opened.done() else "has not answered"
        return f"MLflow {done} within tracking.wait={self._tracking.wait:g} s"


def incomplete(error: str, facts: Mapping[str, Any]) -> str:
    """Say why MLflow was not told all, and what helps."""
    lost, logged = len(facts["not_logged"]), len(facts["settings"])
    rest = f"; {lost:,} of {lost + logged:,} settings are not in MLflow" if lost else ""
    # a server that a sweep's folder alone names is not spoken to
    uri = str(facts.get("uri") or "")
    where = f" --uri {uri}" if uri.startswith("http") and "@" not in uri else ""
    return f"{error}{rest}: {SYNC}{where} sends what is missing"


def say(text: str) -> None:
    """Print a line on standard error."""
    print(shown(text, lines=True), file=sys.stderr, flush=True)


@contextmanager
def waiting() -> Iterator[Callable[[int], None]]:
    """Say on standard error how many runs are still to be logged, if that takes a while."""
    due = monotonic() + FIRST_LINE

    def say_in_lines(left: int) -> None:
        nonlocal due
        if monotonic() >= due:
            due = monotonic() + BETWEEN_LINES
            say(_left(left))

    call = current()
    if call is not None and not call.line.wanted:
        yield lambda left: None
        return
    if not sys.stderr.isatty():
        yield say_in_lines
        return
    with Console(stderr=True).status("logging to MLflow") as status:
        yield lambda left: status.update(_left(left))


def _left(runs: int) -> str:
    return f"logging to MLflow: {things(runs, 'run')} left"
