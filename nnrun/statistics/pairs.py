"""What is compared with what, and the times of both arms, seed by seed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.statistics.factors import blocks, factors, names
from nnrun.statistics.survival import censored, common_budget, trained
from nnrun.words import setting_name

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Question(NamedTuple):
    """Two arms to compare.

    Attributes:
        family: ``setting`` (a setting against the first) or ``factor`` (a level of a factor
            against the baseline's).
        key: The factor's dotted key; empty for settings.
        a: Setting id, or level.
        b: Likewise, of the baseline.
        name_a: Of the arm, in words.
        name_b: Of the baseline, in words.
        blocks: The ids of the settings that are held against each other, arm and baseline.
    """

    family: str
    key: str
    a: str
    b: str
    name_a: str
    name_b: str
    blocks: Sequence[tuple[str, str]]


class Clock(NamedTuple):
    """All trained trials on one clock.

    Attributes:
        times: Samples to target or the common budget, shape (seed, setting); NaN where the trial
            was not trained.
        arrived: Whether the target was reached by the common budget, shape (seed, setting).
        column: Of each setting.
    """

    times: Floats
    arrived: Bools
    column: Mapping[str, int]

    def has(self, setting: str) -> bool:
        """Tell whether any trial of the setting was trained."""
        return not bool(np.isnan(self.times[:, self.column[setting]]).all())


class Pairs(NamedTuple):
    """The trials of two arms that share a seed.

    Attributes:
        a: Samples to target or the common budget, shape (seed, block), never NaN.
        b: Likewise, of the baseline.
        complete: Whether every one of these trials reached the target.
        trials: Trained trials of the arms, paired or not: of the arm, and of the baseline.
        reached: Those of them that reached the target by the common budget.
        left_out: Blocks left out, as neither arm ever arrived, or one of them was not trained.
        why: Why the arms cannot be compared; empty if they can.
    """

    a: Floats
    b: Floats
    complete: bool
    trials: tuple[int, int]
    reached: tuple[int, int]
    left_out: int
    why: str


def questions(sweep: Mapping[str, Any]) -> list[Question]:
    """List what a sweep compares: its settings with the first, then the levels of its factors.

    Levels are compared where there are two factors or more, within two blocks of the others or
    more.
    """
    first, *others = sweep["settings"]
    found = [
        Question(
            "setting",
            "",
            setting["id"],
            first["id"],
            setting_name(setting["label"]),
            setting_name(first["label"]),
            [(setting["id"], first["id"])],
        )
        for setting in others
    ]
    several = factors(sweep)
    if len(several) < 2:
        return found
    for key, said in names(sweep).items():
        base, *levels = several[key]
        grid = blocks(sweep, key)
        for level in levels:
            held = [(block[level], block[base]) for block in grid if {level, base} <= block.keys()]
            arms = (level, base, f"{said}={level}", f"{said}={base}")
            # one pair of settings is compared as such already: a random draw has hardly more
            if len(held) > 1:
                found.append(Question("factor", key, *arms, held))
    return found


def clock(trials: pd.DataFrame, sweep: Mapping[str, Any]) -> Clock:
    """Put all trained trials on the clock of the common budget.

    Args:
        trials: As `nnrun.results.Results.trials`.
        sweep: The content of sweep.json.
    """
    column = {setting["id"]: i for i, setting in enumerate(sweep["settings"])}
    ran = trained(trials)
    ran = ran[ran["setting"].isin(column)]
    seed, seeds = pd.factorize(ran["seed"], sort=True)
    where = seed, ran["setting"].map(column).to_numpy(dtype=np.int64)
    times = np.full((len(seeds), len(column)), np.nan)
    arrived = np.zeros(times.shape, dtype=np.bool_)
    times[where], arrived[where] = censored(ran, common_budget(ran))
    return Clock(times, arrived, column)


def pairs(question: Question, on: Clock) -> Pairs:
    """Take the trials of two arms that share a seed: one that all blocks have.

    Args:
        question: What is compared.
        on: All trials.
    """
    held = [block for block in question.blocks if on.has(block[0]) and on.has(block[1])]
    if not held:
        return _nothing(question, on, [], _untrained(question, on))
    a, b = (np.array([on.column[block[arm]] for block in held]) for arm in (0, 1))
    shared = ~np.isnan(on.times[:, [*a, *b]]).any(axis=1)
    if not shared.any():
        return _nothing(question, on, held, "they have no seed in common")
    some = (on.arrived[np.ix_(shared, a)] | on.arrived[np.ix_(shared, b)]).any(axis=0)
    if not some.any():
        return _nothing(question, on, held, "no seed of either reached the target")
    chosen = [block for block, any_arrived in zip(held, some, strict=True) if any_arrived]
    rows_a, rows_b = np.ix_(shared, a[some]), np.ix_(shared, b[some])
    return Pairs(
        a=on.times[rows_a],
        b=on.times[rows_b],
        complete=bool(on.arrived[rows_a].all() and on.arrived[rows_b].all()),
        **_counts(on, chosen),
        left_out=len(question.blocks) - len(chosen),
        why="",
    )


def _nothing(question: Question, on: Clock, held: Sequence[tuple[str, str]], why: str) -> Pairs:
    """No pairs to compare; of two settings their trials are counted all the same."""
    counted = question.blocks if question.family == "setting" else held
    shared = 0
    if held:
        columns = [on.column[setting] for block in held for setting in block]
        shared = int((~np.isnan(on.times[:, columns]).any(axis=1)).sum())
    empty = np.empty((shared, 0))
    return Pairs(
        empty, empty, False, **_counts(on, counted), left_out=len(question.blocks), why=why
    )


def _counts(on: Clock, held: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Count trained trials and arrivals of both arms."""
    arms = [[on.column[block[arm]] for block in held] for arm in (0, 1)]
    trials = [int((~np.isnan(on.times[:, arm])).sum()) for arm in arms]
    reached = [int(on.arrived[:, arm].sum()) for arm in arms]
    return {"trials": (trials[0], trials[1]), "reached": (reached[0], reached[1])}


def _untrained(question: Question, on: Clock) -> str:
    if question.family == "factor":
        return "no block has both levels trained"
    return f"the {'setting' if on.has(question.b) else 'baseline'} was not trained"
