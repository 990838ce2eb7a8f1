"""Judging trained trials anew: by another target, or at points that several settings share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nnrun.config import Target
from nnrun.evaluations import CommonGrid
from nnrun.records.record import Record
from nnrun.records.trials import Curves, Outcomes
from nnrun.sweep.tables import SettingTrials
from nnrun.training.convergence import at_points, loss_window, outcomes


def judged(record: Record) -> Record:
    """Judge a record's trials by the target in its configuration; failed ones stay failed."""
    if not record.curves.samples.size:
        return record
    return replace(record, outcomes=_outcomes(record.curves, record.meta))


def judged_at(trials: SettingTrials, common: CommonGrid | None) -> SettingTrials:
    """Judge a setting's trials as if they had been evaluated at common points and nowhere else.

    Args:
        trials: Of a setting; failed ones stay failed.
        common: The points; None to leave the trials as they are.

    Returns:
        The trials with other outcomes, and with the last point as their horizon; their curves are
        what was measured.
    """
    if common is None:
        return trials
    horizon = int(common.samples[-1])
    if not trials.trained.any():
        return trials._replace(horizon=horizon)
    found = _outcomes(at_points(trials.curves, common), trials.meta)
    fates: list[Any] = []
    for was, now in zip(trials.outcomes, found, strict=True):
        fate = was.copy()
        fate[trials.trained] = now
        fates.append(fate)
    return trials._replace(outcomes=Outcomes(*fates), horizon=horizon)


def _outcomes(curves: Curves, meta: Mapping[str, Any]) -> Outcomes:
    config, data = meta["config"], meta.get("data")
    target = Target(**{key: config[f"target.{key}"] for key in ("metric", "value", "hold")})
    # records from before 0.2 do not say how many samples there were
    return outcomes(curves, target, loss_window(data["training"]["samples"] if data else None))
