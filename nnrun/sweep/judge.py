"""Judging trained trials anew: by another target, or at points that several settings share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnrun.config.evaluations import CommonGrid
from nnrun.config.settings import Target
from nnrun.records.record import Record
from nnrun.records.trials import Curves, Outcomes
from nnrun.training.convergence import at_points, loss_window, outcomes


def judged(record: Record) -> Record:
    """Judge a record's trials by the target in its configuration; failed ones stay failed."""
    if not record.samples.size:
        return record
    return replace(record, outcomes=_outcomes(record.trials.curves, record.meta))


def judged_at(record: Record, common: CommonGrid | None) -> Record:
    """Judge a setting's trials as if they had been evaluated at common points and nowhere else.

    Args:
        record: Of a setting; failed trials stay failed.
        common: The points; None to leave the trials as they are.

    Returns:
        The trials with other outcomes, and with the last point as their horizon; their curves are
        what was measured.
    """
    if common is None:
        return record
    record = replace(record, meta={**record.meta, "horizon": int(common.samples[-1])})
    ran = record.trained
    if not ran.any():
        return record
    measured = record.trials if ran.all() else record.trials.rows(np.flatnonzero(ran))
    found = _outcomes(at_points(measured.curves, common), record.meta)
    fates: list[Any] = [was.copy() for was in record.outcomes]
    for fate, now in zip(fates, found, strict=True):
        fate[ran] = now
    return replace(record, outcomes=Outcomes(*fates))


def _outcomes(curves: Curves, meta: Mapping[str, Any]) -> Outcomes:
    config, data = meta["config"], meta.get("data")
    target = Target(**{key: config[f"target.{key}"] for key in ("metric", "value", "hold")})
    # records from before 0.2 do not say how many samples there were
    return outcomes(curves, target, loss_window(data["training"]["samples"] if data else None))
