"""What MLflow is told of a launch: a run for each setting, and one for the sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from nnrun.config import Tracking
from nnrun.errors import shown
from nnrun.report.bands import bands
from nnrun.report.summary import summarise
from nnrun.results import CURVES, REPORT, SUMMARY, TRIALS, Results
from nnrun.sweep.store import Record
from nnrun.sweep.tables import curves_table, trials_table
from nnrun.tracking import SettingRun, Status, SweepRun, Tracker, TrackingError

STATUSES: dict[str, Status] = {
    "complete": "FINISHED",
    "interrupted": "KILLED",
    "failed": "FAILED",
    "missing": "FAILED",
}
COUNTS = ("seeds", "reached", "exhausted", "diverged", "failed", "plateaued")


class Runs:
    """The MLflow runs of one launch.

    A store that stops taking runs does not stop training: its complaint is kept in ``facts``.

    Attributes:
        facts: Where the runs are: uri, experiment, the command and address to see them, run ids,
            error.
    """

    def __init__(self, tracker: Tracker, facts: dict[str, Any], tags: dict[str, str]) -> None:
        self._tracker = tracker
        self._tags = tags
        self.facts = facts

    @classmethod
    def open(
        cls, tracking: Tracking, experiment: str, sweep: str, provenance: Mapping[str, Any]
    ) -> Self | None:
        """Open the store; None if tracking is off.

        Raises:
            InputError: If the store cannot be used.
        """
        if tracking.name == "off":
            return None
        tracker = Tracker(tracking.uri, experiment, tracking.artifacts)
        tags = {"nnrun.sweep": sweep, "nnrun.command": str(provenance["command"])}
        if provenance.get("git"):
            tags["mlflow.source.git.commit"] = str(provenance["git"])
        facts: dict[str, Any] = {
            "uri": tracking.uri,
            "experiment": experiment,
            "ui": tracker.ui_command(),
            "charts": tracker.charts_url(sweep),
            "settings": {},
            "sweep": None,
            "error": None,
        }
        return cls(tracker, facts, tags)

    def add_setting(self, records: Sequence[Record], facts: Mapping[str, Any]) -> None:
        """Log one setting with all its trials.

        Args:
            records: Of one setting.
            facts: Of the sweep, for its varying keys and labels.
        """
        mine = next(s for s in facts["settings"] if s["id"] == records[0].setting)
        own = {**facts, "settings": [mine]}
        trials = trials_table(records, own)
        row = summarise(trials, facts["varying"]).iloc[0].to_dict()
        config = mine["config"]
        keys = [*facts["varying"], *(key for key in config if key not in facts["varying"])]
        failed = bool((trials["status"] == "failed").all())
        run = SettingRun(
            setting=mine["id"],
            name=mine["label"],
            params={key: shown(config[key]) for key in keys if key in config},
            bands=bands(curves_table(records, own)),
            summary=_metrics(row),
            tags={**self._tags, "nnrun.engine": records[0].meta["engine"]},
            failed=failed,
        )
        try:
            self.facts["settings"][mine["id"]] = self._tracker.log_setting(run)
        except TrackingError as error:
            self.facts["error"] = str(error)

    def add_sweep(self, facts: Mapping[str, Any], results: Results, folder: Path) -> None:
        """Log the sweep itself: verdict, tables and report."""
        names = (REPORT, "figures", SUMMARY, TRIALS, CURVES)
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
            self.facts["error"] = str(error)

    def close(self) -> None:
        """Close the store."""
        self._tracker.close()


def _metrics(row: Mapping[Any, Any]) -> dict[str, float]:
    renamed = {f"samples_{q}": f"samples_to_target_{q}" for q in ("median", "q10", "q90")}
    return {
        renamed.get(key, key): float(value)
        for key, value in row.items()
        if key in (*COUNTS, "rmst", "ns_per_sample")
        or str(key).startswith(("success", "samples", "final"))
    }
