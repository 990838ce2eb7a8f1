"""What is compared with what, seed by seed, and how far apart: ratio, difference, share sooner."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import blocks, factors, levels, names
from nnrun.statistics.hypothesis_tests import order_test, swap_test
from nnrun.statistics.resampling import fitting, percentile, resampled_means, t_quantile
from nnrun.statistics.sequences import Looks, sequential_test, share_interval, standard_errors
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
        return _nothing(question, on, [], _untrained(question, on))
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
        **_counts(on, [question.blocks[i] for i in used]),
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
    return Pairs(empty, empty, none, **_counts(on, counted), used=[], left_out=left_out, why=why)


RARELY = 0.1  # share of the seeds up to which an arm is said (almost) never to arrive


def _counts(on: Clock, held: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
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


def _untrained(question: Question, on: Clock) -> str:
    if question.family == "factor":
        return "no block has both levels trained"
    return f"the {'setting' if on.has(question.b) else 'baseline'} was not trained"


DISCORDANT = 8  # pairs that must differ before their spread says how small a ratio could be shown
TOGETHER = 64  # contrasts whose resamples are held at once

MEASURES = (
    *("ratio", "ratio_low", "ratio_high", "difference", "difference_low", "difference_high"),
    *("sooner", "sooner_low", "sooner_high", "tied", "p", "p_order", "error", "discordant"),
)


def measure(
    a: Floats, b: Floats, points: Floats | None = None, looks: Looks | None = None
) -> dict[str, Floats]:
    """Compare arms, for many contrasts that have the same number of seeds and blocks.

    Seeds are drawn and swapped with all of their blocks.

    Args:
        a: Restricted times in samples, shape (seed, contrast, block), positive and finite.
        b: Likewise, of the arm it is held against.
        points: Evaluations of which neighbours tie where it is asked who is first, if any do.
        looks: At which intervals and tests must hold; None where there is one.

    Returns:
        ``MEASURES``, shape (contrast,) each: the ratio of the restricted means (geometric mean
        over blocks), their difference in samples (mean over blocks), the share of seeds in which
        ``a`` is sooner (ties count one half), each with its 95% interval (NaN with a single seed);
        ``tied``, the share of ties, in which often neither arrives; ``p`` of `swap_test`;
        ``p_order`` of `order_test`; ``error`` of the log ratio; ``discordant`` pairs. With looks
        both p are of `sequential_test`, for the log ratios of paired times (1 where they lean to
        the other side than the ratio of the means) and for who is first.
    """
    parts = [
        _measure(a[:, start : start + TOGETHER], b[:, start : start + TOGETHER], points, looks)
        for start in range(0, a.shape[1], TOGETHER)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in MEASURES}


def sooner_interval(scores: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Bound the mean of scores between 0 and 1 by Wilson's interval with their own variance.

    With scores of 0 and 1 it is Wilson's interval. Ties (scores of 1/2) make it narrower, by as
    much as they vary less; it never shrinks to a point, not even where all scores are equal.
    Scores have shape (seed, ...), bounds (...).

    Example:
        >>> low, high = sooner_interval(np.ones(10))
        >>> round(float(low), 3), float(high)
        (0.722, 1.0)
    """
    n, total = len(scores), scores.sum(axis=0)
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    squares = ((scores - scores.mean(axis=0)) ** 2).sum(axis=0)
    half = np.sqrt(z2 * (squares + z2 / 4))
    low, high = (total + z2 / 2 - half) / (n + z2), (total + z2 / 2 + half) / (n + z2)
    return np.where(total == 0, 0.0, low), np.where(total == n, 1.0, high)


def log_ratio_error(a: Floats, b: Floats) -> Floats:
    """Estimate the standard error of the log ratio, linearised.

    Returns:
        Shape (contrast,); NaN with a single seed.
    """
    n = len(a)
    if n < 2:
        return np.full(a.shape[1], np.nan)
    return _influence(a, b).std(axis=0, ddof=1) / np.sqrt(n)


def detectable(
    error: float, pairs: int, discordant: float, level: float, censored: float = 0.0
) -> float:
    """Find the smallest ratio above 1 that this spread and so many seeds would likely show.

    That is with 80% power: by a two-sided t-test of the log ratio, corrected by what simulated
    sweeps found missing (`nnrun.statistics.calibration`). With few seeds the error is known
    badly, and an arm that is sooner is censored less, so that its times spread more than was seen.

    Args:
        error: Standard error of the log ratio, as seen between the arms.
        pairs: Of seeds.
        discordant: Pairs whose times differ.
        level: Of the test, corrected for the number of contrasts.
        censored: Share of the times that are censored.

    Returns:
        The ratio; NaN where fewer than ``DISCORDANT`` pairs differ: then the spread says nothing.
    """
    if not discordant >= DISCORDANT or not error > 0:
        return float("nan")
    errors = t_quantile(1 - level / 2, pairs - 1) + t_quantile(0.8, pairs - 1)
    missing = (1 + 0.5 / pairs**0.5) * (1 + 0.7 * censored)
    return float(np.exp(errors * error * missing))


def _measure(a: Floats, b: Floats, points: Floats | None, looks: Looks | None) -> dict[str, Floats]:
    apart = _apart(a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True))
    low, high = _bounds(a, b, apart, looks)
    first = np.sign(b - a)
    if points is not None and points.size:
        steps = np.searchsorted(points, b) - np.searchsorted(points, a)
        first[abs(steps) < 2] = 0.0
    scores = (0.5 + first / 2).mean(axis=2)
    if looks is None:
        p, p_order = swap_test(a, b), order_test(first)
        sooner_low, sooner_high = sooner_interval(scores)
    else:
        p, side = sequential_test(np.log(a / b).mean(axis=2), looks)
        p = np.where(side == np.sign(apart[0][0]), p, 1.0)
        p_order, _ = sequential_test(first.mean(axis=2), looks)
        sooner_low, sooner_high = share_interval(scores.sum(axis=0), len(a))
    return {
        "ratio": np.exp(apart[0][0]),
        "ratio_low": np.exp(low[0]),
        "ratio_high": np.exp(high[0]),
        "difference": apart[1][0],
        "difference_low": low[1],
        "difference_high": high[1],
        "sooner": scores.mean(axis=0),
        "sooner_low": sooner_low,
        "sooner_high": sooner_high,
        "tied": (first == 0).mean(axis=(0, 2)),
        "p": p,
        "p_order": p_order,
        "error": log_ratio_error(a, b),
        "discordant": (a != b).any(axis=2).sum(axis=0).astype(np.float64),
    }


def _bounds(
    a: Floats, b: Floats, apart: tuple[Floats, Floats], looks: Looks | None
) -> tuple[Floats, Floats]:
    """Bound log ratios and differences of means: lower and upper bounds, shape (2, contrast)."""
    n, contrasts, _ = a.shape
    if n < 2:
        nothing = np.full((2, contrasts), np.nan)
        return nothing, nothing
    if looks is None:
        found = [percentile(drawn, n) for drawn in _drawn(a, b)]
        return np.array([f[0] for f in found]), np.array([f[1] for f in found])
    seen, scale = np.concatenate(apart), np.stack([a, b]).mean(axis=(0, 1, 3))
    each = np.stack([_influence(a, b), (a - b).mean(axis=2)])
    squares = ((each - each.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    # as if two more pairs were a factor of 2 apart, either way: no spread seen is not none
    squares += 2 * np.log(2) ** 2 * np.stack([np.ones(contrasts), scale**2])
    away = standard_errors(n, looks) * np.sqrt(squares / (n + 1) / n)
    return seen - away, seen + away


def _influence(a: Floats, b: Floats) -> Floats:
    """How far each seed moves the log ratio of the means, shape (seed, contrast)."""
    return np.asarray((a / a.mean(axis=0) - b / b.mean(axis=0)).mean(axis=2))


def _apart(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Log ratio and difference of means of shape (..., block), averaged over the blocks."""
    return np.log(a / b).mean(axis=-1), (a - b).mean(axis=-1)


def _drawn(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Log ratios and differences of all resamples, shape (resamples, contrast) each."""
    n, contrasts, blocks = a.shape
    ratio, difference = np.zeros((2, fitting(n), contrasts))
    for block in range(blocks):
        x, y = resampled_means(a[:, :, block]), resampled_means(b[:, :, block])
        difference += x - y
        ratio += np.log(np.divide(x, y, out=x))
    return ratio / blocks, difference / blocks
