"""What a store has of a sweep that was begun before, sorted so that nothing is there twice."""

from dataclasses import dataclass, field

from nnrun.tracking.tracker import Tracker

SEEDS = "nnrun.network.randomness"
"""Tag with the seeds that a setting's run sums up."""


@dataclass
class Earlier:
    """What the store has of an earlier launch of the sweep.

    Attributes:
        runs: The run of each finished setting, by its id.
        seeds: The seeds that it sums up, as ``spans`` writes them.
        trials: The runs of its trials.
        parent: The sweep's own run where settings are below it.
    """

    runs: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, str] = field(default_factory=dict)
    trials: dict[str, list[str]] = field(default_factory=dict)
    parent: str = ""

    def drop(self, setting: str, tracker: Tracker) -> None:
        """Delete the run of a setting, and those of its trials.

        Raises:
            TrackingError: If the store does not do it.
        """
        for run in (*self.trials.pop(setting, ()), self.runs.pop(setting)):
            tracker.delete(run)


def take_up(tracker: Tracker, sweep: str, nested: bool) -> Earlier:
    """Sort the runs of an earlier launch: one for each finished setting is kept.

    What else there is of the sweep, unfinished, double or failed, is deleted, and so is its own run
    unless the settings are below it.

    Args:
        tracker: Of the store.
        sweep: The sweep's id there.
        nested: Whether settings are below the sweep's run.

    Raises:
        InputError: If the store does not answer.
        TrackingError: If it does not delete.
    """
    earlier, rest = Earlier(), []
    below: dict[str, list[str]] = {}
    for run, status, tags in tracker.find(sweep):
        kind, key = tags.get("nnrun.kind"), tags.get("nnrun.setting", "")
        if kind == "trial":
            below.setdefault(tags.get("mlflow.parentRunId", ""), []).append(run)
        elif kind == "sweep" and nested and not earlier.parent:
            earlier.parent = run
        elif status == "FINISHED" and key and key not in earlier.runs:
            earlier.runs[key], earlier.seeds[key] = run, tags.get(SEEDS, "")
        else:
            rest.append(run)
    earlier.trials = {key: below.pop(run, []) for key, run in earlier.runs.items()}
    for run in (*rest, *(trial for trials in below.values() for trial in trials)):
        tracker.delete(run)
    return earlier
