"""Contrasts: each setting against the first, and each level of a factor against the baseline's."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.sweep import MARGIN, Sweep
from nnrun.statistics import unpaired
from nnrun.statistics.factors import names
from nnrun.statistics.findings import (
    LEVEL,
    corrected,
    disagree,
    finding,
    interaction,
    least_pairs,
    needed,
    where_both,
)
from nnrun.statistics.hypothesis_tests import LogRank, logrank
from nnrun.statistics.measures import MEASURES, detectable, measure
from nnrun.statistics.pairs import Clock, Pairs, Question, clock, pairs, questions
from nnrun.statistics.sequences import Looks, looks_of
from nnrun.statistics.survival import judged_on, not_comparable
from nnrun.statistics.unpaired import as_pairs, drawn_means, groups, lined_up, measured
from nnrun.text import seeds

COLUMNS = (
    *("family", "key", "a", "b", "name_a", "name_b", "within", "confined"),
    *("blocks", "blocks_left_out", "pairs"),
    *("n_a", "n_b", "reached_a", "reached_b", "rarely_a", "rarely_b"),
    *("ratio", "ratio_low", "ratio_high", "difference", "difference_low", "difference_high"),
    *("sooner", "sooner_low", "sooner_high", "tied", "logrank", "p_logrank", "p_logrank_holm"),
    *("p", "p_holm", "p_order", "p_order_holm", "depends_on", "p_depends", "p_depends_holm"),
    *("median_ratio", "ratio_both", "ratio_both_low", "ratio_both_high", "pairs_both"),
    *("error", "discordant", "apart", "sequential", "detectable", "needed", "margin"),
    *("verdict", "why"),
)


class Rules(NamedTuple):
    """How contrasts are made.

    Attributes:
        why: Why nothing can be compared; empty if it can.
        apart: How far apart evaluations may lie that count as one, as a share.
        margin: Share by which times may differ that count as the same.
        looks: At which tests and intervals must hold; None where there is one.
        unpaired: Whether the same seed in two settings means nothing.
    """

    why: str = ""
    apart: float = 0.0
    margin: float = MARGIN
    looks: Looks | None = None
    unpaired: bool = False


ALIKE = Rules()


def contrasts(trials: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """Compare what a sweep varied, paired by seed, and say what kind of finding each contrast is.

    Times are restricted to the common budget of all settings: a trial that had not arrived by then
    counts with that budget, diverged or not. Settings whose evaluations differ are judged at the
    points that they share (see `common_grid`), and intervals are wider on both sides
    by how far apart what counts as one point may lie; who arrives at neighbouring points ties. A
    claim needs 20 pairs, an interval of the
    ratio without 1, and a swap test with p below 5%, corrected as `nnrun.statistics.findings` says.
    Where results are looked at more than once, tests and intervals are those of
    `nnrun.statistics.sequences`, which hold at every look, and no number of pairs is asked for.
    Where the levels of another factor disagree the contrast is followed by a row for each of them,
    as it is for the factor that is asked for (``within`` or ``facet`` of the sweep).

    Args:
        trials: As `nnrun.Results.trials`; trials stopped by an error are left out.
        sweep: The content of sweep.json; its first setting is the baseline.

    Returns:
        A row a contrast of ``a`` with ``b``: ``family`` (``setting``, ``factor``, or ``within``, a
        level of a factor at one level of another), ``key`` (of the factor), ``a`` and ``b``
        (setting ids or levels), ``name_a``, ``name_b``, ``within`` (the level of the other factor,
        as ``lr=0.1``), ``confined`` (likewise, where there was something to compare at that level
        alone), ``blocks`` (1 for settings), ``blocks_left_out`` (neither arm ever arrived,
        or one was not trained), ``pairs`` (seeds that all blocks have in both arms), ``n_a``,
        ``n_b`` (trained trials), ``reached_a``, ``reached_b`` (by the common budget), ``rarely_a``,
        ``rarely_b`` (blocks in which no more than a tenth arrive), the measures of
        `nnrun.statistics.measures.measure`, those of `nnrun.statistics.findings.where_both`,
        ``logrank``, ``p_logrank`` (of two settings, paired by seed), ``median_ratio`` (of
        the paired times; NaN where any is censored), ``depends_on`` and ``p_depends`` (the factor
        on which it depends most, and its test), ``p_holm``, ``p_order_holm``, ``p_depends_holm``,
        ``p_logrank_holm`` (corrected; NaN where no claim can be made), ``detectable`` (the smallest
        ratio, either way, that this spread would have shown with 80% power beside the others of its
        family; NaN where results are looked at more than once), ``sequential`` (whether p and
        intervals hold at every look), ``needed`` (seeds that would settle what is not sure),
        ``margin`` (of the sweep: up to which times count as the same), ``verdict`` (as of
        `nnrun.statistics.findings.finding`, or ``depends``) and ``why`` (for ``few`` and
        ``incomparable``). NaN where there is nothing to compare.
    """
    common = judged_on(sweep)
    apart = 0.0 if common is None else common.apart
    wanted = names(sweep).get(sweep.within or sweep.facet or "", "")
    rules = Rules(not_comparable(sweep), apart, sweep.margin, looks_of(sweep), sweep.unpaired)
    found = answered(questions(sweep), clock(trials, sweep), rules, wanted)
    if sweep.unpaired:
        found["why"] = found["why"].str.replace(" in common,", " each,")
    return found


def answered(
    asked: Sequence[Question],
    on: Clock,
    rules: Rules = ALIKE,
    wanted: str = "",
    families: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure and judge contrasts, and those at the levels of what they depend on.

    Args:
        asked: What is compared.
        on: The times.
        rules: How it is.
        wanted: The name of the factor within whose levels all is compared.
        families: Of which Holm's correction is made; None for those of the questions.
    """
    table = compared(asked, on, rules)
    table = judged(table if families is None else table.assign(family=families))
    nested = [_levels(table, i, asked[i], wanted) for i in range(len(asked))]
    several = [question for questions in nested for question in questions]
    if rules.why or not several:
        return table
    return _with_levels(table, nested, compared(several, on, rules), wanted)


def _levels(table: pd.DataFrame, i: int, question: Question, wanted: str) -> list[Question]:
    """Ask a contrast within each level of the factor that it depends on, and of the one wanted."""
    depends = table["p_depends_holm"].iloc[i] < LEVEL
    keys = [table["depends_on"].iloc[i]] if depends else []
    keys += [wanted] if wanted in question.others and wanted not in keys else []
    return [
        question.at(key, level) for key in keys for level in dict.fromkeys(question.others[key])
    ]


def _with_levels(
    table: pd.DataFrame, nested: Sequence[Sequence[Question]], levels: pd.DataFrame, wanted: str
) -> pd.DataFrame:
    """Put the rows of levels that disagree, or are wanted, below their contrast."""
    # the levels of one contrast are a family
    families = [
        f"{i} {question.within.partition('=')[0]}"
        for i, questions in enumerate(nested)
        for question in questions
    ]
    levels = judged(levels.assign(family=families)).assign(family="within")
    of = {str(family): rows for family, rows in levels.groupby(pd.Series(families), sort=False)}
    parts = []
    for i, on in enumerate(table["depends_on"]):
        row, own = table.iloc[[i]], of.get(f"{i} {on}")
        disputed = own is not None and bool(row["p_depends_holm"].iloc[0] < LEVEL) and disagree(own)
        if disputed:
            row = row.assign(verdict="depends", needed=np.nan)
        shown = dict.fromkeys([*([on] if disputed else []), wanted])
        parts += [row, *(of[f"{i} {key}"] for key in shown if f"{i} {key}" in of)]
    return pd.concat(parts, ignore_index=True)


def compared(asked: Sequence[Question], on: Clock, rules: Rules = ALIKE) -> pd.DataFrame:
    """Measure contrasts, before they are judged."""
    if rules.unpaired and rules.looks is None:
        return _of_groups(asked, on, rules)
    if rules.unpaired:
        on = lined_up(on)
    found = [pairs(question, on) for question in asked]
    if rules.why:
        found = [one._replace(why=rules.why) for one in found]
    table = pd.DataFrame(
        [
            _facts(question, one, _logrank(question, one, on))
            for question, one in zip(asked, found, strict=True)
        ],
        columns=[name for name in COLUMNS if name not in _LATER],
    )
    table = table.assign(
        **_measures(found, on.points, rules.looks),
        apart=rules.apart,
        margin=rules.margin,
        sequential=rules.looks is not None,
        **_nested(asked, found, rules.looks),
    )
    times = [0.0 if one.why else max(one.a.mean(), one.b.mean()) for one in found]
    return table if not rules.apart else _widened(table, times)


def _of_groups(asked: Sequence[Question], on: Clock, rules: Rules) -> pd.DataFrame:
    """Measure contrasts of groups of trials, before they are judged."""
    found = [groups(question, on) for question in asked]
    if rules.why:
        found = [one._replace(why=rules.why) for one in found]
    drawn = {} if rules.why else drawn_means(on)
    rows = []
    for question, one in zip(asked, found, strict=True):
        known = dict.fromkeys(MEASURES, np.nan) if one.why else measured(one, on.points, drawn)
        rank = LogRank(np.nan, np.nan)
        if question.family == "setting" and not one.why:
            rank = unpaired.logrank(one.blocks[0])
        depends_on, p_depends = unpaired.interaction(question, one)
        rows.append(
            {
                **_facts(question, as_pairs(one), rank),
                **(unpaired.where_both(one) if not one.why else {}),
                "median_ratio": np.nan if one.why else unpaired.median_ratio(one),
                **known,
                "depends_on": depends_on,
                "p_depends": p_depends,
            }
        )
    known_now = {*MEASURES, "depends_on", "p_depends"}
    columns = [name for name in COLUMNS if name not in _LATER or name in known_now]
    table = pd.DataFrame(rows, columns=columns).assign(
        apart=rules.apart, margin=rules.margin, sequential=False
    )
    times = [max((max(x.a.mean(), x.b.mean()) for x in one.blocks), default=0.0) for one in found]
    return table if not rules.apart else _widened(table, times)


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Correct p within each family, and say what every contrast came to."""
    table = table.copy()
    if "verdict" in table:
        table.loc[table["verdict"] == "few", "why"] = ""
    table = corrected(table)
    rows = table.to_dict("records")
    table["verdict"] = [finding(row) for row in rows]
    table["detectable"] = _detectable(table)
    unsure = table["verdict"] == "unsure"
    table["needed"] = [
        needed(row) if own else np.nan for row, own in zip(rows, unsure, strict=True)
    ]
    few = table["verdict"] == "few"
    table.loc[few, "why"] = [
        f"{seeds(row['pairs'])} in common, and a verdict takes {least_pairs(row['sequential'])}"
        for row, own in zip(rows, few, strict=True)
        if own
    ]
    return table[list(COLUMNS)]


_LATER = (
    *(*MEASURES, "apart", "margin", "sequential", "depends_on", "p_depends", "detectable"),
    *("needed", "p_holm", "p_order_holm", "p_logrank_holm", "p_depends_holm", "verdict"),
)


def _nested(
    asked: Sequence[Question], found: Sequence[Pairs], looks: Looks | None
) -> dict[str, Any]:
    """Test whether contrasts depend on another factor."""
    both = zip(asked, found, strict=True)
    depends = [interaction(question, one, looks) for question, one in both]
    return {
        "depends_on": [name for name, _ in depends],
        "p_depends": np.array([p for _, p in depends], dtype=np.float64),
    }


def _facts(question: Question, one: Pairs, rank: LogRank) -> dict[str, Any]:
    """What is known of a contrast without resampling."""
    single = question.family == "setting"
    ratio = np.exp(np.median(np.log(one.a / one.b))) if one.complete and not one.why else np.nan
    about = question._asdict()
    del about["others"]
    return {
        **about,
        "confined": "" if single else question.confined(one.used),
        "blocks": 1 if single else len(question.blocks) - one.left_out,
        "blocks_left_out": 0 if single else one.left_out,
        "pairs": len(one.a),
        "n_a": one.trials[0],
        "n_b": one.trials[1],
        "reached_a": one.reached[0],
        "reached_b": one.reached[1],
        "rarely_a": one.rarely[0],
        "rarely_b": one.rarely[1],
        **where_both(one),
        "logrank": rank.statistic,
        "p_logrank": rank.p,
        "median_ratio": ratio,
        "why": one.why,
    }


def _logrank(question: Question, one: Pairs, on: Clock) -> LogRank:
    """Test two settings, over the seeds that both have."""
    if question.family != "setting" or one.why:
        return LogRank(np.nan, np.nan)
    arms = [on.column[setting] for setting in (question.a, question.b)]
    shared = ~np.isnan(on.times[:, arms]).any(axis=1)
    return logrank(on.times[shared][:, arms], on.arrived[shared][:, arms])


def _measures(
    found: Sequence[Pairs], points: NDArray[np.float64], looks: Looks | None
) -> dict[str, Any]:
    """Measure all contrasts, those of equal shape together; NaN where not comparable."""
    shapes: dict[tuple[int, ...], list[int]] = {}
    for i, one in enumerate(found):
        if not one.why:
            shapes.setdefault(one.a.shape, []).append(i)
    out = {name: np.full(len(found), np.nan) for name in MEASURES}
    for places in shapes.values():
        a, b = (np.stack([getattr(found[i], arm) for i in places], axis=1) for arm in ("a", "b"))
        for name, values in measure(a, b, points, looks).items():
            out[name][places] = values
    return out


def _widened(table: pd.DataFrame, times: Sequence[float]) -> pd.DataFrame:
    """Widen intervals by how far apart evaluations may lie that count as one."""
    apart = table["apart"]
    away = apart * np.array(times)
    return table.assign(
        ratio_low=table["ratio_low"] / (1 + apart),
        ratio_high=table["ratio_high"] * (1 + apart),
        difference_low=table["difference_low"] - away,
        difference_high=table["difference_high"] + away,
    )


def _detectable(table: pd.DataFrame) -> list[float]:
    """How small a ratio each contrast would have shown beside the others of its family."""
    tested = ~(table["verdict"].isin(["few", "incomparable"]) | table["sequential"])
    trials = (table["n_a"] + table["n_b"]).clip(lower=1)
    censored = 1 - (table["reached_a"] + table["reached_b"]) / trials
    columns = (table[name] for name in ("error", "pairs", "discordant", "level", "apart"))
    several = zip(*columns, censored, tested, strict=True)
    return [
        detectable(error, pairs, discordant, level, lost) * (1 + apart) if one else np.nan
        for error, pairs, discordant, level, apart, lost, one in several
    ]
