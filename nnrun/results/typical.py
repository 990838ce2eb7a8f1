"""Which trials of a sweep are shown: the median one of a setting, and the worst of all."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnrun.statistics.survival import samples_to_target, trained
from nnrun.text import count, number, percent

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
        words: How it ended, in words.
        final: Its last test loss and accuracy, in words.
    """

    setting: str
    seed: int
    arrived: bool
    words: str
    final: str


def median_case(trials: pd.DataFrame) -> Case | None:
    """Choose the trial of one setting that stands for the others.

    It is the lower median by time to target, where a trial that did not arrive took forever; equal
    times are ordered by the last test loss (of a diverged trial the largest), then by seed.

    Args:
        trials: Of one setting, as ``nnrun.Results.trials``.

    Returns:
        The trial; None if none was trained.
    """
    ran = trained(trials)
    if ran.empty:
        return None
    seeds = ran["seed"].to_numpy()
    order = np.lexsort((seeds, _final_loss(ran), samples_to_target(ran)))
    return _case(ran.iloc[int(order[(len(ran) - 1) // 2])])


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
    times, loss = samples_to_target(ran), _final_loss(ran)
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


def _final_loss(trials: pd.DataFrame) -> Any:
    """Return the last test losses, shape (trial,), inf where diverged."""
    return trials["final_test_loss"].fillna(np.inf).to_numpy(dtype=np.float64)


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
        _ending(row),
        "no finite loss" if diverged or np.isnan(row["final_test_loss"]) else final,
    )


def _ending(row: Any) -> str:
    if row["status"] == "reached":
        then = ", then diverged" if np.isnan(row["final_test_loss"]) else ""
        return f"reached the target after {count(float(row['samples_to_target']))} samples{then}"
    if row["status"] == "diverged":
        return "diverged"
    still = ", and had stopped improving" if row["plateaued"] else ""
    seen = float(row["horizon"] if "horizon" in row else row["budget"])
    return f"did not reach the target in {count(seen)} samples{still}"
