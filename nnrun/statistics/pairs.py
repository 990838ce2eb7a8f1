"""What is compared with what, seed by seed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import blocks, factors, levels, names
from nnrun.statistics.survival import censored, common_budget, hold_used, judged_on, trained
from nnrun.text import setting_name

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
        others: The level of each other factor in each block, by its name.
        within: The level of another factor to which the blocks are confined, as ``lr=0.1``.
    """

    family: str
    key: str
    a: str
    b: str
    name_a: str
    name_b: str
    blocks: Sequence[tuple[str, str]]
    others: Mapping[str, Sequence[str]] = {}
    within: str = ""

    def confined(self, used: Sequence[int]) -> str:
        """Say the level of another factor at which alone there was something to compare, if any."""
        for name, texts in self.others.items():
            found = {texts[i] for i in used}
            if len(found) == 1 < len(set(texts)):
                return f"{name}={found.pop()}"
        return ""

    def at(self, name: str, level: str) -> "Question":
        """Ask within one level of another factor alone."""
        places = [i for i, found in enumerate(self.others[name]) if found == level]
        kept = {key: [levels[i] for i in places] for key, levels in self.others.items()}
        blocks = [self.blocks[i] for i in places]
        return self._replace(family="within", blocks=blocks, others=kept, within=f"{name}={level}")


class Clock(NamedTuple):
    """All trained trials on one clock.

    Attributes:
        times: Samples to target or the common budget, shape (seed, setting); NaN where the trial
            was not trained.
        arrived: Whether the target was reached by the common budget, shape (seed, setting).
        column: Of each setting.
        points: At which settings are judged whose evaluations lie a little apart, in samples, as
            far as a trial can arrive there: who arrives at neighbouring ones ties, and so does who
            does not arrive with who does at the last. Else empty.
    """

    times: Floats
    arrived: Bools
    column: Mapping[str, int]
    points: Floats = np.empty(0)

    def has(self, setting: str) -> bool:
        """Tell whether any trial of the setting was trained."""
        return not bool(np.isnan(self.times[:, self.column[setting]]).all())


class Pairs(NamedTuple):
    """The trials of two arms that share a seed.

    Attributes:
        a: Samples to target or the common budget, shape (seed, block), never NaN.
        b: Likewise, of the baseline.
        both: Whether both trials reached the target, shape (seed, block).
        trials: Trained trials of the arms, paired or not: of the arm, and of the baseline.
        reached: Those of them that reached the target by the common budget.
        rarely: Blocks in which (almost) no trial of the arm, and of the baseline, arrived.
        used: Places of the blocks among those of the question.
        left_out: Blocks left out, as neither arm ever arrived, or one of them was not trained.
        why: Why the arms cannot be compared; empty if they can.
    """

    a: Floats
    b: Floats
    both: Bools
    trials: tuple[int, int]
    reached: tuple[int, int]
    rarely: tuple[int, int]
    used: Sequence[int]
    left_out: int
    why: str

    @property
    def complete(self) -> bool:
        """Whether every one of these trials reached the target."""
        return bool(self.both.size and self.both.all())


def questions(sweep: Sweep) -> list[Question]:
    """List what a sweep compares: its settings with the first, then the levels of its factors.

    Levels are compared where there are two factors or more, within two blocks of the others or
    more.
    """
    first, *others = sweep.settings
    found = [
        Question(
            "setting",
            "",
            setting.id,
            first.id,
            setting_name(setting.label),
            setting_name(first.label),
            [(setting.id, first.id)],
        )
        for setting in others
    ]
    several = factors(sweep)
    if len(several) < 2:
        return found
    said, of = names(sweep), levels(sweep)
    for key, name in said.items():
        base, *rest = several[key]
        grid = blocks(sweep, key)
        for level in rest:
            held = [(block[level], block[base]) for block in grid if {level, base} <= block.keys()]
            arms = (level, base, f"{name}={level}", f"{name}={base}")
            where = of.loc[[setting for setting, _ in held]]
            rest_of = {said[k]: list(where[k]) for k in said if k != key}
            # one pair of settings is compared as such already: a random draw has hardly more
            if len(held) > 1:
                found.append(Question("factor", key, *arms, held, rest_of))
    return found


def clock(trials: pd.DataFrame, sweep: Sweep) -> Clock:
    """Put all trained trials on the clock of the common budget."""
    column = {setting.id: i for i, setting in enumerate(sweep.settings)}
    ran = trained(trials)
    ran = ran[ran["setting"].isin(column)]
    seed, seeds = pd.factorize(ran["seed"], sort=True)
    where = seed, ran["setting"].map(column).to_numpy(dtype=np.int64)
    times = np.full((len(seeds), len(column)), np.nan)
    arrived = np.zeros(times.shape, dtype=np.bool_)
    times[where], arrived[where] = censored(ran, common_budget(ran))
    return Clock(times, arrived, column, _points(sweep))


def _points(sweep: Sweep) -> Floats:
    """Find the points of which neighbours tie: those from which a target can be seen to hold."""
    common = judged_on(sweep)
    if common is None or not common.apart:
        return np.empty(0)
    last = len(common.samples) - hold_used(sweep)
    return common.samples[: last + 1].astype(np.float64)


NOBODY = "no seed of either reached the target"


def pairs(question: Question, on: Clock) -> Pairs:
    """Take the trials of two arms that share a seed: one that all blocks have."""
    places = [i for i, block in enumerate(question.blocks) if all(map(on.has, block))]
    held = [question.blocks[i] for i in places]
    if not held:
        return _nothing(question, on, [], untrained(question, on))
    a, b = (np.array([on.column[block[arm]] for block in held]) for arm in (0, 1))
    shared = ~np.isnan(on.times[:, [*a, *b]]).any(axis=1)
    if not shared.any():
        return _nothing(question, on, held, "they have no seed in common")
    some = (on.arrived[np.ix_(shared, a)] | on.arrived[np.ix_(shared, b)]).any(axis=0)
    if not some.any():
        return _nothing(question, on, held, NOBODY)
    used = [place for place, any_arrived in zip(places, some, strict=True) if any_arrived]
    rows_a, rows_b = np.ix_(shared, a[some]), np.ix_(shared, b[some])
    return Pairs(
        a=on.times[rows_a],
        b=on.times[rows_b],
        both=on.arrived[rows_a] & on.arrived[rows_b],
        **counts(on, [question.blocks[i] for i in used]),
        used=used,
        left_out=len(question.blocks) - len(used),
        why="",
    )


def _nothing(question: Question, on: Clock, held: Sequence[tuple[str, str]], why: str) -> Pairs:
    """No pairs to compare; of two settings their trials are counted all the same."""
    counted = question.blocks if question.family == "setting" else held
    shared = 0
    if held:
        columns = [on.column[setting] for block in held for setting in block]
        shared = int((~np.isnan(on.times[:, columns]).any(axis=1)).sum())
    empty, none = np.empty((shared, 0)), np.empty((shared, 0), dtype=np.bool_)
    left_out = len(question.blocks)
    return Pairs(empty, empty, none, **counts(on, counted), used=[], left_out=left_out, why=why)


RARELY = 0.1  # share of the seeds up to which an arm is said (almost) never to arrive


def counts(on: Clock, held: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Count trained trials and arrivals of both arms, and blocks in which one hardly arrives."""
    found: dict[str, list[int]] = {"trials": [], "reached": [], "rarely": []}
    for arm in (0, 1):
        columns = [on.column[block[arm]] for block in held]
        n, reached = (
            (~np.isnan(on.times[:, columns])).sum(axis=0),
            on.arrived[:, columns].sum(axis=0),
        )
        found["trials"].append(int(n.sum()))
        found["reached"].append(int(reached.sum()))
        found["rarely"].append(int((reached <= RARELY * n).sum()))
    return {name: (pair[0], pair[1]) for name, pair in found.items()}


def untrained(question: Question, on: Clock) -> str:
    """Say which arm has no trial."""
    if question.family == "factor":
        return "no block has both levels trained"
    return f"the {'setting' if on.has(question.b) else 'baseline'} was not trained"
