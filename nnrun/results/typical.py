"""Which trials stand for others: the median one of a setting, its best, and the worst of all."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nnrun.records.record import Record
from nnrun.statistics.survival import samples_to_target, trained
from nnrun.text import count, number, percent

Which = Literal["median", "best"]

WORST = 5
"""Trials in a gallery of failures."""

INCOMPARABLE = ("loss.", "data.")
"""Where such a key varies, two test losses are not of one scale."""


class Case(NamedTuple):
    """A trial that is shown.

    Attributes:
        setting: Its id.
        seed: Which of its trials.
        arrived: Whether it reached the target.
        samples: Until it did; NaN if it did not.
        words: How it ended, in words.
        final: Its last test loss and accuracy, in words.
    """

    setting: str
    seed: int
    arrived: bool
    samples: float
    words: str
    final: str


def typical(seeds: ArrayLike, times: ArrayLike, losses: ArrayLike, which: Which = "median") -> int:
    """Choose the trial that stands for others.

    Trials are ordered by time to target; equal times by the last test loss; then by seed. The
    median is the lower of two.

    Args:
        seeds: Shape (trial,), at least one.
        times: Samples to the target, same shape; NaN, which is forever, where it was not reached.
        losses: Last test losses, same shape; NaN, the largest of all, after divergence.
        which: ``median``, or ``best`` for the first.

    Returns:
        Its index.
    """
    ranks = (np.nan_to_num(np.asarray(v, dtype=np.float64), nan=np.inf) for v in (losses, times))
    order = np.lexsort((np.asarray(seeds), *ranks))
    return int(order[0 if which == "best" else (len(order) - 1) // 2])


def representative(records: Sequence[Record], which: Which = "median") -> tuple[Record, int] | None:
    """Choose the trial that stands for a setting: if the median, the one that the report draws.

    Args:
        records: Of one setting. Of a seed in several records the first counts that was trained.
        which: ``median``, or ``best``.

    Returns:
        Its record and seed; None if none was trained, or the chosen one's network is not finite.
    """
    trials: dict[int, tuple[Record, int]] = {}
    for record in records:
        for place in np.flatnonzero(record.trained).tolist():
            trials.setdefault(int(record.seeds[place]), (record, place))
    if not trials:
        return None
    seeds, found = list(trials), list(trials.values())
    times = [record.outcomes.samples_to_target[place] for record, place in found]
    losses = [record.trials.curves.test_loss[place, -1] for record, place in found]
    chosen = typical(seeds, times, losses, which)
    record, place = found[chosen]
    layers = record.trials.params
    finite = all(np.isfinite(part[place]).all() for layer in layers for part in layer)
    return (record, seeds[chosen]) if layers and finite else None


MEDIAN = (
    "the lower median by time to target, a trial that did not arrive counting as infinitely slow, "
    "ties by final test loss and then by seed"
)
"""Which trial of a setting stands for the others."""


def median_case(trials: pd.DataFrame, seed: int | None = None) -> Case | None:
    """Choose the trial of one setting that stands for the others: the median of `typical`.

    Args:
        trials: Of one setting, as ``nnrun.Results.trials``.
        seed: Of the trial that is to be chosen instead.

    Returns:
        The trial; None if none was trained.
    """
    ran = trained(trials)
    if seed is not None:
        ran = ran[ran["seed"] == seed]
    if ran.empty:
        return None
    place = typical(ran["seed"], ran["samples_to_target"], ran["final_test_loss"])
    return _case(ran.iloc[place])


def case_in(record: Record, seed: int) -> Case:
    """Say how a trial ended by its record alone: at its own evaluations, up to its own budget.

    Among settings of other budgets or batch sizes, tables judge it at those that all share.

    Args:
        record: That has the trial, read whole.
        seed: Of the trial.
    """
    place = record.seeds.tolist().index(seed)
    curves, fates = record.trials.curves, record.outcomes
    row = {
        "setting": record.meta["setting"],
        "seed": seed,
        "status": str(fates.status[place]),
        "samples_to_target": fates.samples_to_target[place],
        "plateaued": fates.plateaued[place],
        "budget": record.meta["samples"],
        "final_test_loss": curves.test_loss[place, -1],
        "final_accuracy": curves.accuracy[place, -1],
    }
    return _case(row)


def worst_cases(trials: pd.DataFrame, most: int = WORST) -> list[Case]:
    """Choose the trials that went worst, worst first.

    Diverged trials come first, then others that did not reach the target, by the last test loss,
    then those that arrived last. Where losses of the settings are not of one scale, the lowest
    accuracy comes before the highest loss. Equals stay in the table's order.

    Args:
        trials: Of all settings, as ``nnrun.Results.trials``.
        most: How many.
    """
    ran = trained(trials)
    times = samples_to_target(ran)
    loss = ran["final_test_loss"].fillna(np.inf).to_numpy(dtype=np.float64)
    diverged = (ran["status"] == "diverged").to_numpy(dtype=bool)
    wrong = np.zeros(len(ran))
    if any(column.startswith(INCOMPARABLE) for column in ran.columns):
        wrong = -ran["final_accuracy"].fillna(0.0).to_numpy(dtype=np.float64)
    # inf > any time: who did not arrive comes before who did
    order = np.lexsort((-loss, -wrong, -times, ~diverged))
    return [_case(ran.iloc[int(row)]) for row in order[:most]]


def costs(trials: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Measure what training cost, by setting: nanoseconds a trial and sample, and trials."""
    groups = trained(trials).groupby("setting", sort=False)["ns_per_sample"]
    table = groups.agg(["max", "size"])
    return {str(s): (float(most), int(n)) for s, most, n in table.itertuples()}


def _case(row: Any) -> Case:
    right = float(row["final_accuracy"])
    final = f"test loss {number(float(row['final_test_loss']))}"
    final += "" if np.isnan(right) else f" · accuracy {percent(right)}"
    arrived = row["status"] == "reached"
    diverged = row["status"] == "diverged"
    return Case(
        str(row["setting"]),
        int(row["seed"]),
        bool(arrived),
        float(row["samples_to_target"]),
        _ending(row),
        "no finite loss" if diverged or np.isnan(row["final_test_loss"]) else final,
    )


def _ending(row: Any) -> str:
    if row["status"] == "reached":
        then = ", then diverged" if np.isnan(row["final_test_loss"]) else ""
        return f"reached the target after {count(float(row['samples_to_target']))} samples{then}"
    if row["status"] == "diverged":
        return "diverged"
    still = ", and had not improved in the second half" if row["plateaued"] else ""
    seen = float(row["horizon"] if "horizon" in row else row["budget"])
    if row.get("first_hit", np.nan) <= seen:
        still = f"; it met it at {count(float(row['first_hit']))}, and was not seen to hold it"
    return f"did not reach the target in {count(seen)} samples{still}"
