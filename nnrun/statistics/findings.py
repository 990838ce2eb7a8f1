"""What kind of finding a contrast is: said before any ratio is spoken of.

A ratio of mean times is the right word for two arms that both arrive. It is the wrong one where an
arm never does, where a few seeds that get stuck weigh more than all others, where the levels of
another factor disagree, and where nothing is known yet. Each is a kind of its own.

Up to three questions are asked of a contrast: do the means differ, does one arm arrive first more
often (where seeds got stuck), does it depend on another factor (where there are blocks). The first
has four fifths of the 5% of false claims that are let pass, the others share a fifth; a question
that is not asked costs nothing. Each is corrected for the number of contrasts (Holm).
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.statistics.hypothesis_tests import holm, interaction_test
from nnrun.statistics.measures import DISCORDANT
from nnrun.statistics.pairs import Pairs, Question
from nnrun.statistics.resampling import t_quantile
from nnrun.statistics.sequences import Looks, sequential_test

Floats = NDArray[np.float64]

ENOUGH = 20  # pairs of seeds that a claim needs
LEVEL = 0.05  # share of families of contrasts without any difference in which a claim may be made
MOSTLY = 0.8  # share of the seeds of both arms that must arrive for times to be called the same
OTHERS = 0.2  # part of LEVEL for the questions besides that of the means

DIRECTION = {
    "arrives": -1,
    "sooner": -1,
    "usually sooner": -1,
    "same": 0,
    "usually later": 1,
    "later": 1,
    "fails": 1,
}
"""Findings that say something, by where the first arm stands: -1 ahead, 1 behind."""

CLAIMS = [kind for kind, side in DIRECTION.items() if side]
DIFFERENCES = [*CLAIMS, "depends"]
"""Findings that something makes a difference, whichever way."""

TESTED = [*DIRECTION, "depends", "unsure"]
"""Findings that a test was made for; the others are ``few`` and ``incomparable``."""

UNDECIDED = ("unsure", "few")
"""Findings that ask for more seeds."""


def least_pairs(sequential: bool) -> int:
    """Return how many pairs of seeds a verdict takes: what holds at every look asks for two."""
    return 2 if sequential else ENOUGH


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Correct each p for the other questions of its contrast and for the others of its family.

    NaN where no claim can be made: such a comparison cannot make a false one. ``level`` is what p
    of the means is held against at Holm's first step. Where results are looked at more than once, p
    is the least of all looks, one over the largest stake where they are not planned. That is a p
    whenever one stops, and Holm's correction asks for no more: contrasts may share a baseline, and
    stop at looks of their own.
    """
    able = (table["why"] == "") & (table["pairs"] >= np.where(table["sequential"], 2, ENOUGH))
    stuck = (table["n_a"] + table["n_b"] > table["reached_a"] + table["reached_b"]) & able
    nested = table["p_depends"].notna() & able
    others = stuck.astype(int) + nested.astype(int)
    means = pd.Series(np.where(others > 0, 1 - OTHERS, 1.0), table.index)
    each = OTHERS / others.clip(lower=1)
    parts = {
        "p": (able, means),
        "p_order": (stuck, each),
        "p_depends": (nested, each),
        "p_logrank": (able, pd.Series(1.0, table.index)),
    }
    families = pd.factorize(table["family"])[0]
    found = {
        f"{name}_holm": holm((table[name] / part).where(asked), families)
        for name, (asked, part) in parts.items()
    }
    together = able.groupby(table["family"], sort=False).transform("sum").clip(lower=1)
    return table.assign(**found, level=LEVEL * means / together)


def finding(row: Mapping[Any, Any]) -> str:
    """Say what kind of finding a contrast of two arms is, from its row with corrected p-values.

    Returns:
        ``incomparable`` or ``few`` (under 20 pairs), where nothing is tested. ``arrives``: the
        first arm converges, and the other in no more than a tenth of its seeds; ``fails``: the
        reverse. ``sooner``, ``later``: interval and test of the means agree. ``usually sooner``,
        ``usually later``: one arm arrives first in so many pairs that it is no chance, and the
        means, which the seeds that got stuck weigh on, do not say so. ``same``: no difference is
        shown, the interval of the ratio lies between 1/(1 + ``margin``) and 1 + ``margin``, and
        most seeds of both arrive.
        ``unsure``: none of these.
    """
    if row["why"]:
        return "incomparable"
    if row["pairs"] < least_pairs(row["sequential"]):
        return "few"
    apart = row["ratio_high"] < 1 or row["ratio_low"] > 1
    if row["sequential"]:  # the test holds at every look: the means must not gainsay it at this one
        apart = abs(math.log(row["ratio"])) > t_quantile(0.975, row["pairs"] - 1) * row["error"]
    means = np.sign(np.log(row["ratio"])) if apart and row["p_holm"] < LEVEL else 0
    if means and row["rarely_b" if means < 0 else "rarely_a"] == row["blocks"]:
        return "arrives" if means < 0 else "fails"
    ordered = row["sequential"] or row["sooner_low"] > 0.5 or row["sooner_high"] < 0.5
    first = np.sign(0.5 - row["sooner"]) if ordered and row["p_order_holm"] < LEVEL else 0
    if first and first != means:
        return "usually sooner" if first < 0 else "usually later"
    if not means:
        return "same" if _same(row) else "unsure"
    return "sooner" if means < 0 else "later"


def settled(row: Mapping[Any, Any]) -> bool:
    """Tell whether more seeds are not asked for.

    That is so of any finding, and where the means differ by less than the margin, though too few
    seeds arrive to call the arms the same.
    """
    return row["verdict"] not in UNDECIDED or _near(row)


def _near(row: Mapping[Any, Any]) -> bool:
    most = 1 + row["margin"]
    return bool(row["ratio_low"] > 1 / most and row["ratio_high"] < most)


def _same(row: Mapping[Any, Any]) -> bool:
    arms = ((row["reached_a"], row["n_a"]), (row["reached_b"], row["n_b"]))
    return _near(row) and all(reached >= MOSTLY * n for reached, n in arms)


def interaction(question: Question, one: Pairs, looks: Looks | None = None) -> tuple[str, float]:
    """Find the other factor that a contrast depends on most, and how surely.

    Returns:
        Its name, and the p of `interaction_test` times the number of factors that were tried; an
        empty name and NaN where no other factor has two levels that can be compared. With looks it
        is that of `sequential_test` for the two levels that differ most, times their pairs.
    """
    if one.why:
        return "", math.nan
    apart = np.log(one.a / one.b)
    found = []
    for name, levels in question.others.items():
        at = np.array([levels[i] for i in one.used])
        if len(several := np.unique(at)) > 1:
            means = np.stack([apart[:, at == level].mean(axis=1) for level in several], axis=1)
            found.append((_depends(means, looks), name))
    if not found:
        return "", math.nan
    p, name = min(found)
    return name, min(1.0, p * len(found))


def _depends(means: Floats, looks: Looks | None) -> float:
    if looks is None:
        return interaction_test(means)
    one, other = np.triu_indices(means.shape[1], 1)
    p, _ = sequential_test(means[:, one] - means[:, other], looks)
    return float(min(1.0, p.min() * len(p)))


def disagree(levels: pd.DataFrame) -> bool:
    """Tell whether what a contrast comes to at some levels of a factor is not so at the others.

    That is: claims in both directions, a claim at one level and none at another, or an arm that
    never arrives at one level and does at another.
    """
    kinds = set(levels["verdict"]) - {"incomparable"}
    if kinds & {"arrives", "fails"}:
        return len(kinds) > 1
    sides = {DIRECTION.get(kind, 0) for kind in kinds}
    return len(sides) > 1


def where_both(one: Pairs) -> dict[str, float]:
    """Compare the times of the pairs in which both arms arrive: a description, for it selects.

    Returns:
        ``ratio_both``, the geometric mean of the ratios of paired times (averaged over a seed's
        blocks), ``ratio_both_low`` and ``ratio_both_high`` (95%, Student's t of the logarithms),
        ``pairs_both``, the seeds with such a pair. NaN without one, bounds below three.
    """
    found = dict.fromkeys(("ratio_both", "ratio_both_low", "ratio_both_high"), math.nan)
    some = one.both.any(axis=1) if one.both.size else np.zeros(0, dtype=np.bool_)
    n = int(some.sum())
    if n:
        both = one.both[some]
        apart = np.log(one.a[some] / one.b[some], where=both, out=np.zeros(both.shape))
        logs = apart.sum(axis=1) / both.sum(axis=1)
        half = math.nan
        if n > 2:
            half = t_quantile(0.975, n - 1) * float(logs.std(ddof=1)) / math.sqrt(n)
        centre = float(logs.mean())
        values = (math.exp(centre), math.exp(centre - half), math.exp(centre + half))
        found = dict(zip(found, values, strict=True))
    return {**found, "pairs_both": float(n)}


def needed(row: Mapping[Any, Any]) -> float:
    """Estimate how many pairs of seeds would settle what is not sure yet, four times in five.

    Settled is a ratio as observed that is shown, or times that are shown to be the same to within
    the margin, by what holds at every look: more seeds for the same settings are another one.

    Returns:
        Pairs, more than there are; NaN where too few pairs differ for their spread to say.
    """
    error, pairs, apart = row["error"], row["pairs"], abs(math.log(row["ratio"]))
    if not row["discordant"] >= DISCORDANT or not error > 0:
        return math.nan
    trials = max(1, row["n_a"] + row["n_b"])
    censored = 1 - (row["reached_a"] + row["reached_b"]) / trials
    normal, spread = NormalDist(), error * math.sqrt(pairs)
    power = normal.inv_cdf(0.8)
    shown = _bound(row["level"]) + power
    fewest = math.inf
    if apart > 0:
        fewest = (shown * spread * (1 + 0.7 * censored) / apart) ** 2
    room = math.log(1 + row["margin"]) - apart
    if room > 0 and censored < 1 - MOSTLY:
        fewest = min(fewest, ((_bound(LEVEL) + power) * spread / room) ** 2)
    return float(max(fewest, pairs + 1))


def _bound(level: float) -> float:
    """Say how many standard errors the next look asks for, at some hundred pairs."""
    return math.sqrt(2.5 - 2 * math.log(level))
