"""Contrasts: each setting against the first, and each level of a factor against the baseline's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nnrun.records.sweep import Sweep
from nnrun.statistics.hypothesis_tests import LogRank, holm, logrank
from nnrun.statistics.pairs import (
    MEASURES,
    Clock,
    Pairs,
    Question,
    clock,
    detectable,
    measure,
    pairs,
    questions,
)
from nnrun.statistics.survival import judged_on, not_comparable
from nnrun.text import seeds

ENOUGH = 20  # pairs of seeds that a claim needs
LEVEL = 0.05  # share of families of contrasts without any difference in which a claim may be made

COLUMNS = (
    *("family", "key", "a", "b", "name_a", "name_b", "blocks", "blocks_left_out", "pairs"),
    *("n_a", "n_b", "reached_a", "reached_b"),
    *("ratio", "ratio_low", "ratio_high", "difference", "difference_low", "difference_high"),
    *("sooner", "sooner_low", "sooner_high", "tied", "logrank", "p_logrank", "p_logrank_holm"),
    *("p", "p_holm", "median_ratio", "error", "discordant", "apart", "detectable"),
    *("verdict", "why"),
)


def contrasts(trials: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """Compare what a sweep varied, paired by seed.

    Times are restricted to the common budget of all settings: a trial that had not arrived by then
    counts with that budget, diverged or not. Settings whose evaluations differ are judged at the
    points that they share (see `common_grid`), and intervals are wider on both sides
    by how far apart what counts as one point may lie. A claim needs 20 pairs, an interval of the
    ratio without 1, and a swap test with p below 5% after Holm's correction within its family, in
    which those count that can make a claim at all.

    Args:
        trials: As `nnrun.Results.trials`; trials stopped by an error are left out.
        sweep: The content of sweep.json; its first setting is the baseline.

    Returns:
        A row a contrast of ``a`` with ``b``: ``family`` (``setting`` or ``factor``), ``key`` (of
        the factor), ``a`` and ``b`` (setting ids or levels), ``name_a``, ``name_b``, ``blocks``
        (1 for settings), ``blocks_left_out`` (neither arm ever arrived, or one was not trained),
        ``pairs`` (seeds that all blocks have in both arms), ``n_a``, ``n_b`` (trained trials),
        ``reached_a``, ``reached_b`` (by the common budget), the measures of
        `nnrun.statistics.pairs.measure`, ``logrank``, ``p_logrank`` (settings only, over all
        trials of both), ``median_ratio`` (of the paired times; NaN where any is censored),
        ``p_holm``, ``p_logrank_holm`` (NaN where no claim can be made), ``detectable`` (the
        smallest ratio, either way, that this spread would have shown with 80% power beside the
        others of its family), ``verdict``
        (``sooner``, ``later``, ``none``, ``few``,
        ``incomparable``) and ``why`` (for the last two). NaN where there is nothing to compare.
    """
    common = judged_on(sweep)
    apart = 0.0 if common is None else common.apart
    on, why = clock(trials, sweep), not_comparable(sweep)
    return judged(compared(questions(sweep), on, why, apart))


def compared(
    asked: Sequence[Question], on: Clock, why: str = "", apart: float = 0.0
) -> pd.DataFrame:
    """Measure contrasts, before they are judged."""
    found = [pairs(question, on) for question in asked]
    if why:
        found = [one._replace(why=why) for one in found]
    table = pd.DataFrame(
        [_facts(question, one, on) for question, one in zip(asked, found, strict=True)],
        columns=[name for name in COLUMNS if name not in _LATER],
    )
    table = table.assign(**_measures(found), apart=apart)
    return table if not apart else _widened(table, found)


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Correct p within each family, and say what every contrast came to."""
    table = table.copy()
    if "verdict" in table:
        table.loc[table["verdict"] == "few", "why"] = ""
    # a comparison that can make no claim cannot make a false one
    able = (table["why"] == "") & (table["pairs"] >= ENOUGH)
    for name in ("p", "p_logrank"):
        corrected = table[name].where(able).groupby(table["family"], sort=False).transform(holm)
        table[f"{name}_holm"] = corrected.astype(np.float64)
    table["verdict"] = _verdicts(table)
    table["detectable"] = _detectable(table)
    few = table["verdict"] == "few"
    table.loc[few, "why"] = [
        f"{seeds(n)} in common, and a verdict takes {ENOUGH}" for n in table.loc[few, "pairs"]
    ]
    return table[list(COLUMNS)]


def _verdicts(table: pd.DataFrame) -> list[str]:
    """Say what is claimed: where interval and corrected test agree, and nowhere else."""
    apart = (table["ratio_high"] < 1) | (table["ratio_low"] > 1)
    claim = apart & (table["p_holm"] < LEVEL)
    cases = [table["why"] != "", table["pairs"] < ENOUGH, ~claim, table["ratio"] < 1]
    return list(np.select(cases, ["incomparable", "few", "none", "sooner"], "later"))


_LATER = (*MEASURES, "apart", "p_holm", "p_logrank_holm", "detectable", "verdict")


def _facts(question: Question, one: Pairs, on: Clock) -> dict[str, Any]:
    """What is known of a contrast without resampling."""
    single = question.family == "setting"
    nothing = LogRank(np.nan, np.nan)
    rank = _logrank(question, on) if single and not one.why else nothing
    ratio = np.exp(np.median(np.log(one.a / one.b))) if one.complete and not one.why else np.nan
    return {
        **question._asdict(),
        "blocks": 1 if single else len(question.blocks) - one.left_out,
        "blocks_left_out": 0 if single else one.left_out,
        "pairs": len(one.a),
        "n_a": one.trials[0],
        "n_b": one.trials[1],
        "reached_a": one.reached[0],
        "reached_b": one.reached[1],
        "logrank": rank.statistic,
        "p_logrank": rank.p,
        "median_ratio": ratio,
        "why": one.why,
    }


def _logrank(question: Question, on: Clock) -> LogRank:
    """Test all trials of two settings, paired or not."""
    arms = []
    for setting in (question.a, question.b):
        times, arrived = (values[:, on.column[setting]] for values in (on.times, on.arrived))
        there = ~np.isnan(times)
        arms += [times[there], arrived[there]]
    return logrank(*arms)


def _measures(found: Sequence[Pairs]) -> dict[str, Any]:
    """Measure all contrasts, those of equal shape together; NaN where not comparable."""
    shapes: dict[tuple[int, ...], list[int]] = {}
    for i, one in enumerate(found):
        if not one.why:
            shapes.setdefault(one.a.shape, []).append(i)
    out = {name: np.full(len(found), np.nan) for name in MEASURES}
    for places in shapes.values():
        a, b = (np.stack([getattr(found[i], arm) for i in places], axis=1) for arm in ("a", "b"))
        for name, values in measure(a, b).items():
            out[name][places] = values
    return out


def _widened(table: pd.DataFrame, found: Sequence[Pairs]) -> pd.DataFrame:
    """Widen intervals by how far apart evaluations may lie that count as one."""
    apart = table["apart"]
    times = [0.0 if one.why else max(one.a.mean(), one.b.mean()) for one in found]
    away = apart * np.array(times)
    return table.assign(
        ratio_low=table["ratio_low"] / (1 + apart),
        ratio_high=table["ratio_high"] * (1 + apart),
        difference_low=table["difference_low"] - away,
        difference_high=table["difference_high"] + away,
    )


def _detectable(table: pd.DataFrame) -> list[float]:
    """How small a ratio each contrast would have shown beside the others of its family."""
    tested = table["verdict"].isin(["sooner", "later", "none"])
    together = tested.groupby(table["family"], sort=False).transform("sum")
    trials = (table["n_a"] + table["n_b"]).clip(lower=1)
    censored = 1 - (table["reached_a"] + table["reached_b"]) / trials
    columns = (table[name] for name in ("error", "pairs", "discordant", "apart"))
    several = zip(*columns, LEVEL / together.clip(lower=1), censored, tested, strict=True)
    return [
        detectable(error, pairs, discordant, level, lost) * (1 + apart) if one else np.nan
        for error, pairs, discordant, apart, level, lost, one in several
    ]
