"""Two arms whose seeds have nothing to do with each other: groups of independent trials.

All that is said of pairs is said of groups here, with the same names: the ratio of restricted means
with its interval and test, who is first more often, the log-rank test, and whether a difference
depends on another factor. Blocks of other factors are averaged over, as they are of pairs.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnrun.statistics.hypothesis_tests import LogRank
from nnrun.statistics.pairs import NOBODY, Clock, Pairs, Question, counts, untrained
from nnrun.statistics.resampling import (
    fitting,
    resampled_means,
    t_quantile,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LARGE = 1_000
"""Trials of two settings beyond which their means over their errors are Student's t."""

_STREAM = 2013


class Block(NamedTuple):
    """The trials of two settings.

    Attributes:
        a: Times to target or the common budget, shape (n_a,).
        b: Likewise, of the baseline's setting, shape (n_b,).
        there_a: Whether the target was reached, shape (n_a,).
        there_b: Likewise.
        columns: Of the two settings on the clock.
    """

    a: Floats
    b: Floats
    there_a: Bools
    there_b: Bools
    columns: tuple[int, int]


class Groups(NamedTuple):
    """The trials of two arms.

    Attributes:
        blocks: Where there is something to compare.
        least: Trials of the arm, and block, that has fewest.
        trials: As `nnrun.statistics.pairs.Pairs` has them, and the others below.
        reached: Likewise.
        rarely: Likewise.
        used: Likewise.
        left_out: Likewise.
        why: Likewise.
    """

    blocks: Sequence[Block]
    least: int
    trials: tuple[int, int]
    reached: tuple[int, int]
    rarely: tuple[int, int]
    used: Sequence[int]
    left_out: int
    why: str


def groups(question: Question, on: Clock) -> Groups:
    """Take the trials of two arms, block by block."""
    places = [i for i, block in enumerate(question.blocks) if all(map(on.has, block))]
    every = [_block(question.blocks[i], on) for i in places]
    some = [bool(one.there_a.any() or one.there_b.any()) for one in every]
    used = [place for place, arrived in zip(places, some, strict=True) if arrived]
    blocks = [one for one, arrived in zip(every, some, strict=True) if arrived]
    why = "" if blocks else NOBODY if places else untrained(question, on)
    held = [question.blocks[i] for i in used]
    if not used:
        held = list(question.blocks) if question.family == "setting" else []
    least = min((min(len(one.a), len(one.b)) for one in blocks or every), default=0)
    left_out = len(question.blocks) - len(used)
    return Groups(blocks, least, **counts(on, held), used=used, left_out=left_out, why=why)


def lined_up(on: Clock) -> Clock:
    """Put the trials of each setting, in their order, beside those of the others.

    Pairs of trials that have nothing to do with each other are as good as any: where the arms are
    alike, the difference of two is as likely as its negative. Tests that hold at every look are
    made of pairs, and so take groups as such; what the larger one has more is left out.
    """
    trained = ~np.isnan(on.times)
    order = np.argsort(~trained, axis=0, kind="stable")
    times = np.take_along_axis(on.times, order, axis=0)
    return on._replace(times=times, arrived=np.take_along_axis(on.arrived, order, axis=0))


class Drawn(NamedTuple):
    """What resamples of a setting's trials come to.

    Attributes:
        means: Their mean times, shape (resamples,).
        errors2: The squared standard errors of these, likewise.
    """

    means: Floats
    errors2: Floats


def drawn_means(on: Clock) -> Mapping[int, Drawn]:
    """Resample the trials of every setting, each for itself; by column."""
    sizes = (~np.isnan(on.times)).sum(axis=0)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_STREAM, len(sizes)])))
    found: dict[int, Drawn] = {}
    for n in np.unique(sizes[sizes > 1]):
        columns = np.flatnonzero(sizes == n)
        values = np.stack([_times(on, int(i)) for i in columns], axis=1)
        centres = values.mean(axis=0)
        means, squares = resampled_means(values), resampled_means((values - centres) ** 2)
        errors2 = np.maximum(squares - (means - centres) ** 2, 0.0) / (n - 1)
        for place, column in enumerate(columns.tolist()):
            order = rng.permutation(len(means))
            found[column] = Drawn(means[order, place], errors2[order, place])
    return found


def measured(one: Groups, points: Floats, drawn: Mapping[int, Drawn]) -> dict[str, float]:
    """Compare two arms.

    Args:
        one: The arms, with something to compare.
        points: Evaluations of which neighbours tie where it is asked who is first; empty for none.
        drawn: As of `drawn_means`.

    Returns:
        What `nnrun.statistics.measures.measure` returns of pairs. The interval is a symmetric
        bootstrap-t of independent resamples, no narrower than Welch's: times are skewed, and where
        the arms have unequal spreads, too, percentiles hold the truth in 90% to 93% instead of 95%,
        this in 94% to 96%. ``p`` is that of a permutation test of the log ratio
        over its standard error, which holds where the arms have unequal spreads, too (Student's t
        with Welch's degrees of freedom beyond `LARGE` trials). ``sooner`` is the
        chance that a trial of the one arm arrives before one of the other, with the test and the
        standard error of Brunner and Munzel, and Wilson's interval for so many trials as have that
        error.

    References:
        P. Hall: On symmetric bootstrap confidence intervals, 1988,
        doi:10.1111/j.2517-6161.1988.tb01706.x. E. Chung, J. P. Romano: Exact and asymptotically
        robust permutation tests, 2013, doi:10.1214/13-AOS1090. E. Brunner, U. Munzel: The
        nonparametric Behrens-Fisher problem, 2000,
        doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U. B. L. Welch: The
        generalization of 'Student's' problem, 1947, doi:10.1093/biomet/34.1-2.28.
    """
    blocks, n = one.blocks, len(one.blocks)
    logs = np.array([math.log(block.a.mean() / block.b.mean()) for block in blocks])
    found = {
        "ratio": math.exp(logs.mean()),
        "difference": float(np.mean([block.a.mean() - block.b.mean() for block in blocks])),
        **_first(blocks, points),
    }
    low = high = apart = error = p = math.nan
    if one.least > 1:
        error = math.sqrt(sum(_error2(block)[0] for block in blocks)) / n
        half, apart = _halves(blocks, drawn)
        low, high = (logs.mean() - half, logs.mean() + half)
        p = _permuted(blocks, logs.mean(), error)
    found |= {"ratio_low": math.exp(low), "ratio_high": math.exp(high)}
    found |= {"difference_low": found["difference"] - apart}
    found |= {"difference_high": found["difference"] + apart}
    return {**found, "p": p, "error": error, "discordant": (1 - found["tied"]) * one.least}


def where_both(one: Groups) -> dict[str, float]:
    """Compare the times of those that arrive: a description, as of pairs."""
    found = dict.fromkeys(("ratio_both", "ratio_both_low", "ratio_both_high"), math.nan)
    parts = [(np.log(x.a[x.there_a]), np.log(x.b[x.there_b])) for x in one.blocks]
    n = min((min(len(a), len(b)) for a, b in parts), default=0)
    if n:
        centre = float(np.mean([a.mean() - b.mean() for a, b in parts]))
        half = math.nan
        if n > 2:
            arms = [(v.var(ddof=1) / len(v), len(v) - 1) for pair in parts for v in pair]
            squared, degrees = _satterthwaite(arms)
            half = t_quantile(0.975, degrees) * math.sqrt(squared) / len(parts)
        values = (math.exp(centre), math.exp(centre - half), math.exp(centre + half))
        found = dict(zip(found, values, strict=True))
    return {**found, "pairs_both": float(n)}


def median_ratio(one: Groups) -> float:
    """Divide the medians, where all trials of both arms arrive; NaN else."""
    if not one.blocks or not all(x.there_a.all() and x.there_b.all() for x in one.blocks):
        return math.nan
    return math.exp(np.mean([math.log(np.median(x.a) / np.median(x.b)) for x in one.blocks]))


def logrank(block: Block) -> LogRank:
    """Test whether two groups have the same distribution of times to target.

    Example:
        >>> there, few = np.ones(3, bool), np.array([6.0, 7.0, 10.0])
        >>> found = logrank(Block(few, 2 * few, there, there, (0, 1)))
        >>> round(found.statistic, 4), round(found.p, 4)
        (5.0517, 0.0246)

    References:
        N. Mantel: Evaluation of survival data and two new rank order statistics arising in its
        consideration, 1966.
    """
    times = np.concatenate([block.a, block.b])
    when = np.unique(times[np.concatenate([block.there_a, block.there_b])])
    at_risk, events = (
        [_count(x, seen, when)[i] for x, seen in zip(block[:2], block[2:4], strict=True)]
        for i in (0, 1)
    )
    n, d = at_risk[0] + at_risk[1], events[0] + events[1]
    excess = float((events[0] - d * at_risk[0] / n).sum())
    more = np.maximum(n - 1, 1)
    variance = float((d * at_risk[0] / n * at_risk[1] / n * (n - d) / more).sum())
    statistic = excess**2 / variance if variance > 0 else 0.0
    return LogRank(statistic, math.erfc(math.sqrt(statistic / 2)))


def interaction(question: Question, one: Groups) -> tuple[str, float]:
    """Find the other factor that a contrast depends on most, and how surely.

    Returns:
        Its name, and the p of Welch's analysis of variance of the log ratios at its levels, times
        the number of factors tried; an empty name and NaN where there is none to compare.

    References:
        B. L. Welch: On the comparison of several mean values: an alternative approach, 1951,
        doi:10.1093/biomet/38.3-4.330.
    """
    if one.why or one.least < 2:
        return "", math.nan
    logs = np.array([math.log(block.a.mean() / block.b.mean()) for block in one.blocks])
    errors = [_error2(block) for block in one.blocks]
    found = []
    for name, levels in question.others.items():
        at = np.array([levels[i] for i in one.used])
        several = np.unique(at)
        if len(several) < 2:
            continue
        means, parts = [], []
        for level in several:
            mine = np.flatnonzero(at == level)
            squared, degrees = _satterthwaite([arm for i in mine for arm in errors[i][1]])
            means.append(logs[mine].mean())
            parts.append((squared / len(mine) ** 2, degrees))
        found.append((welch_anova(np.array(means), parts), name))
    found = [(p, name) for p, name in found if not math.isnan(p)]
    if not found:
        return "", math.nan
    p, name = min(found)
    return name, min(1.0, p * len(found))


def welch_anova(means: Floats, errors: Sequence[tuple[float, int]]) -> float:
    """Test whether means with standard errors of their own are all the same.

    Args:
        means: Shape (k,), k >= 2.
        errors: Of each the squared standard error, and its degrees of freedom.

    Returns:
        p; NaN where an error is 0.
    """
    from scipy.special import fdtrc  # only here: it takes a while to load

    squared, degrees = (np.array(x, dtype=np.float64) for x in zip(*errors, strict=True))
    if not (squared > 0).all():
        return math.nan
    k, weight = len(means), 1 / squared
    centre = (weight * means).sum() / weight.sum()
    spread = float(((1 - weight / weight.sum()) ** 2 / degrees).sum())
    between = float((weight * (means - centre) ** 2).sum()) / (k - 1)
    f = between / (1 + 2 * (k - 2) / (k**2 - 1) * spread)
    return float(fdtrc(k - 1, (k**2 - 1) / (3 * spread), f))


def _block(settings: tuple[str, str], on: Clock) -> Block:
    columns = on.column[settings[0]], on.column[settings[1]]
    there = [on.arrived[~np.isnan(on.times[:, i]), i] for i in columns]
    return Block(_times(on, columns[0]), _times(on, columns[1]), there[0], there[1], columns)


def _times(on: Clock, column: int) -> Floats:
    times = on.times[:, column]
    return times[~np.isnan(times)]


def _error2(block: Block) -> tuple[float, list[tuple[float, int]]]:
    """Square the standard error of a block's log ratio, linearised; and of each of its arms."""
    arms = [(float(x.var(ddof=1)) / len(x) / float(x.mean()) ** 2, len(x) - 1) for x in block[:2]]
    return sum(squared for squared, _ in arms), arms


def _satterthwaite(arms: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """Add squared errors, and find the degrees of freedom of their sum."""
    total = sum(squared for squared, _ in arms)
    below = sum(squared**2 / degrees for squared, degrees in arms)
    least = min(degrees for _, degrees in arms)
    return total, max(1, math.floor(total**2 / below)) if below > 0 else least


def _halves(blocks: Sequence[Block], drawn: Mapping[int, Drawn]) -> tuple[float, float]:
    """Return half the width of the intervals of the log ratio and of the difference."""
    arms = [
        (x, drawn[column])
        for block in blocks
        for x, column in zip(block[:2], block.columns, strict=True)
    ]
    rows, signs = min(len(d.means) for _, d in arms), (1, -1) * len(blocks)
    found = []
    for log in (True, False):
        errors2, moved, spread2 = [], np.zeros(rows), np.zeros(rows)
        for sign, (x, d) in zip(signs, arms, strict=True):
            means, mean = d.means[:rows], float(x.mean())
            own = float(x.var(ddof=1)) / len(x)
            errors2.append((own / mean**2 if log else own, len(x) - 1))
            moved += sign * (np.log(means / mean) if log else means - mean)
            spread2 += d.errors2[:rows] / means**2 if log else d.errors2[:rows]
        squared, degrees = _satterthwaite(errors2)
        told = spread2 > 1e-9 * squared  # where all resampled trials are alike there is no error
        far = np.sort(np.abs(moved[told]) / np.sqrt(spread2[told]))
        most = t_quantile(0.975, degrees)
        if len(far):
            most = max(most, float(far[math.ceil(0.95 * len(far)) - 1]))
        found.append(most * math.sqrt(squared) / len(blocks))
    return found[0], found[1]


def _permuted(blocks: Sequence[Block], seen: float, error: float) -> float:
    """Test by giving trials to the arms at random whether the log ratio is a matter of chance."""
    if not error > 0:
        return 1.0 if seen == 0 else 0.0 if blocks else math.nan
    if max(len(x.a) + len(x.b) for x in blocks) > LARGE:
        from scipy.special import stdtr  # only here: it takes a while to load

        _, degrees = _satterthwaite([arm for block in blocks for arm in _error2(block)[1]])
        return float(2 * stdtr(degrees, -abs(seen) / error))
    log: Any = 0.0
    squared: Any = 0.0
    rows = min(fitting(len(x.a) + len(x.b)) for x in blocks)
    for place, block in enumerate(blocks):
        n, m = len(block.a), len(block.b)
        order = np.random.default_rng([_STREAM, place, n, m]).permutation(fitting(n + m))[:rows]
        pooled = np.concatenate([block.a, block.b])
        sums = (_chosen(n, m) @ np.stack([pooled, pooled**2], axis=1))[order]
        mine, rest = sums / n, (np.array([pooled.sum(), (pooled**2).sum()]) - sums) / m
        log = log + np.log(mine[:, 0] / rest[:, 0])
        for part in (mine, rest):
            size = n if part is mine else m
            variance = np.maximum(part[:, 1] - part[:, 0] ** 2, 0.0) / (size - 1)
            squared = squared + variance / part[:, 0] ** 2
    distance = np.abs(log) / np.sqrt(np.where(squared > 0, squared, np.inf))
    distance[(squared <= 0) & (log != 0)] = np.inf
    # seen and error are means over blocks, log and squared are sums: their quotients are alike
    hits = int((distance >= abs(seen) / error * (1 - 1e-9)).sum())
    return (1 + hits) / (1 + rows)


@lru_cache(maxsize=2)
def _chosen(n: int, m: int) -> Floats:
    """Choose n of n + m trials at random, many times: 1 for each that is, shape (rows, n + m)."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_STREAM, n, m])))
    chosen = np.zeros((fitting(n + m), n + m))
    chosen[:, :n] = 1.0
    step = max(1, 2_000_000 // (n + m))
    for start in range(0, len(chosen), step):
        rng.permuted(chosen[start : start + step], axis=1, out=chosen[start : start + step])
    chosen.flags.writeable = False
    return chosen


def _first(blocks: Sequence[Block], points: Floats) -> dict[str, float]:
    """Say how often one arm is first, with interval and test."""
    from scipy.special import stdtr  # only here: it takes a while to load

    n, shares, ties, arms = len(blocks), [], [], []
    for block in blocks:
        a, b, near = block.a, block.b, 1
        if points.size:
            a, b = (np.searchsorted(points, x).astype(np.float64) for x in (a, b))
            near = 2
        placed, tied_a = _placed(a, b, near)
        placed_b, _ = _placed(b, a, near)
        shares.append(float(placed.mean()))
        ties.append(float(tied_a.mean()))
        arms += [
            (float(x.var(ddof=1)) / len(x) if len(x) > 1 else math.nan, max(len(x) - 1, 1))
            for x in (placed, placed_b)
        ]
    sooner, tied = float(np.mean(shares)), float(np.mean(ties))
    least = min(min(len(x.a), len(x.b)) for x in blocks)
    squared, degrees = _satterthwaite(arms) if least > 1 else (math.nan, 1)
    squared /= n**2
    if squared > 0:
        p = float(2 * stdtr(degrees, -abs(sooner - 0.5) / math.sqrt(squared)))
    else:  # all of one arm before all of the other, or all tied
        chance = sum(math.log(2) - _choices(len(x.a), len(x.b)) for x in blocks)
        p = 1.0 if sooner == 0.5 else math.exp(max(chance, -700.0))
    as_many = sooner * (1 - sooner) / squared if squared > 0 else float(least)
    low, high = _wilson(sooner, max(as_many, 1.0), t_quantile(0.975, degrees))
    bounds = (low, high) if least > 1 else (math.nan, math.nan)
    names = ("sooner", "sooner_low", "sooner_high", "tied", "p_order")
    return dict(zip(names, (sooner, *bounds, tied, p), strict=True))


def _placed(a: Any, b: Any, near: int) -> tuple[Floats, Floats]:
    """Say of each trial of ``a`` which share of ``b`` it is before, ties half; and which ties."""
    order = np.sort(b)
    if near == 1:
        upto, after = np.searchsorted(order, a), np.searchsorted(order, a, side="right")
    else:
        upto = np.searchsorted(order, a - near, side="right")
        after = np.searchsorted(order, a + near)
    tied = (after - upto) / len(b)
    return (len(b) - after) / len(b) + tied / 2, tied


def _choices(n: int, m: int) -> float:
    """The logarithm of the number of ways to choose n of n + m."""
    return math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    centre, half = share * n + z**2 / 2, z * math.sqrt(n * share * (1 - share) + z**2 / 4)
    return max(0.0, (centre - half) / (n + z**2)), min(1.0, (centre + half) / (n + z**2))


def _count(times: Floats, seen: Bools, when: Floats) -> tuple[Floats, Floats]:
    """Count trials at risk and events at each of some times."""
    at_risk = len(times) - np.searchsorted(np.sort(times), when)
    events = np.bincount(np.searchsorted(when, times[seen]), minlength=len(when))
    return at_risk.astype(np.float64), events.astype(np.float64)


def as_pairs(one: Groups) -> Pairs:
    """Say of groups what facts of pairs say, without pairs."""
    empty = np.empty((one.least, 0))
    return Pairs(
        empty, empty, empty.astype(np.bool_), one.trials, one.reached, one.rarely, one.used,
        one.left_out, one.why,
    )  # fmt: skip
