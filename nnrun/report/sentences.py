"""What a contrast came to, in sentences: one in plain words, and the exact one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nnrun.statistics.findings import ENOUGH, LEVEL, MARGIN
from nnrun.statistics.survival import wilson_interval
from nnrun.text import count, listing, p_value, ratio, seeds, share

Row = Mapping[Any, Any]

CLAIMED = {
    "arrives": "converges; the other does not",
    "sooner": "sooner",
    "usually sooner": "usually sooner",
    "same": "the same",
    "depends": "depends",
    "unsure": "not sure yet",
    "usually later": "usually later",
    "later": "later",
    "fails": "does not converge; the other does",
    "few": "no verdict",
    "incomparable": "not compared",
}
"""The marks of the kinds of finding."""

AT_A_LEVEL = {
    **CLAIMED,
    "arrives": "it alone converges",
    "fails": "it does not converge",
    "few": "too few seeds",
}
"""The same, of an arm at one level of another factor."""

IT_IS = {
    "arrives": "alone converges",
    "sooner": "is sooner",
    "usually sooner": "is usually sooner",
    "same": "is as soon",
    "unsure": "is not shown to differ",
    "usually later": "is usually later",
    "later": "is later",
    "fails": "alone does not converge",
    "few": "has too few seeds",
    "incomparable": "is not compared",
}
"""The same, as a sentence goes on."""

WITHIN = f"{100 * (MARGIN - 1):.0f}%"
MANY = 10_000  # seeds from which on more are not counted


def levels_of(row: Row, table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Take the rows of the levels that disagree about a contrast, from the table of contrasts."""
    if row["verdict"] != "depends":
        return []
    same = (table[["key", "a", "b"]] == [row["key"], row["a"], row["b"]]).all(axis=1)
    on = table["within"].str.startswith(f"{row['depends_on']}=")
    return table[(table["family"] == "within") & same & on].to_dict("records")


def arm(row: Row, which: str = "a") -> str:
    """Name an arm, with the level of the other factor that it is confined to."""
    name = str(row[f"name_{which}"])
    return f"{name} at {row['within']}" if row["within"] and which == "a" else name


def plainly(row: Row, levels: Sequence[Row] = ()) -> str:
    """Say in plain words what a contrast came to; empty where nothing was compared."""
    return _plainly(row, levels) + (f" {_perhaps(row)}." if _perhaps(row) else "")


def _plainly(row: Row, levels: Sequence[Row]) -> str:
    kind, a, b = row["verdict"], arm(row), row["name_b"]
    if kind in ("sooner", "later"):
        return _by_time(row, a, b)
    missed_a, missed_b = row["n_a"] - row["reached_a"], row["n_b"] - row["reached_b"]
    if kind in ("usually sooner", "usually later"):
        side = kind.partition(" ")[2]
        return (
            f"With {a} the network mostly learned {side} than with {b}"
            f"{_where_both(row)}, but {missed_a:,} of {row['n_a']:,} tries did not learn at all "
            f"({b}: {missed_b:,} of {row['n_b']:,})."
        )
    found = {
        "arrives": f"With {a} the network learned in {_some(row, 'a')}, with {b} in "
        f"{_some(row, 'b')}.",
        "fails": f"With {a} the network learned in {_some(row, 'a')}, with {b} in "
        f"{_some(row, 'b')}.",
        "same": f"With {a} and with {b} the network took the same training, to within {WITHIN}.",
        "depends": f"It depends on {row['depends_on']}: {a}, against {b}, {at_levels(levels)}.",
        "unsure": f"These tries do not tell whether {a} or {b} learns sooner{_more(row)}.",
        "few": f"Too few tries to tell {a} from {b}.",
    }
    return found.get(kind, "")


def at_levels(levels: Sequence[Row]) -> str:
    """Say what was found at each level, those alike together: ``is sooner at lr=0.1 and ...``."""
    kinds: dict[str, list[str]] = {}
    for level in levels:
        kinds.setdefault(IT_IS[level["verdict"]], []).append(str(level["within"]))
    parts = [f"{kind} at {listing(where)}" for kind, where in kinds.items()]
    return ", and ".join(parts)


def _by_time(row: Row, a: str, b: str) -> str:
    slow = "a" if row["verdict"] == "later" else "b"
    if rarely := row[f"rarely_{slow}"]:
        blocks = f"{rarely:,} of {row['blocks']:,} combinations of the other keys"
        who = a if slow == "a" else b
        verb = f"learned {row['verdict']} than with {b}"
        return f"With {a} the network {verb}; in {blocks} it hardly ever learned with {who}."
    every = row["reached_a"] == row["n_a"] and row["reached_b"] == row["n_b"]
    of = "" if row["n_a"] == row["n_b"] else f" of {row['n_b']:,}"
    tries = f"in {row['reached_a']:,} of {row['n_a']:,} tries against {row['reached_b']:,}{of}"
    tries = "in every try" if every else tries
    verb = "needed" if row["ratio"] > 1 else "learned in"
    return f"With {a} the network {verb} {amount(row['ratio'])} of {b}, {tries}."


_PARTS = {
    1 / 15: "a fifteenth of",
    1 / 10: "a tenth of",
    1 / 5: "a fifth of",
    1 / 4: "a quarter of",
    1 / 3: "a third of",
    2 / 5: "two fifths of",
    1 / 2: "half",
    3 / 5: "three fifths of",
    2 / 3: "two thirds of",
    3 / 4: "three quarters of",
    4 / 5: "four fifths of",
    9 / 10: "nine tenths of",
    11 / 10: "a tenth more than",
    5 / 4: "a quarter more than",
    4 / 3: "a third more than",
    3 / 2: "one and a half times",
    2: "twice",
    5 / 2: "two and a half times",
}


def amount(times: float) -> str:
    """Say a ratio of training in words.

    Example:
        >>> amount(0.47), amount(1.9), amount(7.2)
        ('about half the training', 'about twice the training', 'about 7 times the training')
    """
    if times < 1 / 20:
        return "less than a twentieth of the training"
    if 0.95 < times < 1.05:
        return f"slightly {'less' if times < 1 else 'more'} than the training"
    if times > 2.75:
        whole = float(f"{times:.1g}") if times >= 10 else round(times)
        return f"about {whole:,.0f} times the training"
    nearest = min(_PARTS, key=lambda part: abs(math.log(part / times)))
    return f"about {_PARTS[nearest]} the training"


def _some(row: Row, which: str) -> str:
    reached, n = row[f"reached_{which}"], row[f"n_{which}"]
    return f"{'none' if not reached else f'{reached:,}'} of {n:,} tries"


def _where_both(row: Row) -> str:
    known = row["ratio_both"] == row["ratio_both"]
    return f", in {amount(row['ratio_both'])} where both learned" if known else ""


def _more(row: Row) -> str:
    """Say how many seeds would settle it."""
    return f"; {_rounded(row['needed'])} seeds would" if math.isfinite(row["needed"]) else ""


def _rounded(n: float) -> str:
    return f"more than {MANY:,}" if n > MANY else f"about {float(f'{n:.2g}'):,.0f}"


def compared(row: Row, horizon: float, levels: Sequence[Row] = ()) -> str:
    """Say exactly how one arm compares with another, from its row of the contrasts."""
    kind = row["verdict"]
    if kind == "incomparable":
        return f"Not compared with {row['name_b']}: {row['why']}."
    if kind == "few":
        return (
            f"No verdict against {row['name_b']}: {seeds(row['pairs'])} in common, and it takes "
            f"{ENOUGH}. Observed: {ratio(row['ratio'])} times its samples{_blocks(row)}."
        )
    if kind in ("arrives", "fails"):
        a, b = (_rate(row, which) for which in "ab")
        who = "Converges" if kind == "arrives" else "Does not converge within the budget"
        return f"{who}: {a} arrive, of {row['name_b']} {b}; {p_value(row['p_holm'])}."
    if kind == "depends":
        found = "; ".join(
            f"at {level['within']} {AT_A_LEVEL[level['verdict']]} ({_interval(level)}, "
            f"{p_value(level['p_holm'])})"
            for level in levels
        )
        return (
            f"Depends on {row['depends_on']} ({p_value(row['p_depends_holm'])}), so it is not "
            f"pooled: {found}; means restricted to {count(horizon)} samples."
        )
    measured, more = _measured(row, horizon), _not_alike(row)
    if kind in ("sooner", "later"):
        return f"Converges {kind}: {measured}{_never(row)}{more}"
    if kind == "same":
        return f"The same to within {WITHIN}: {measured}{more}"
    if kind.startswith("usually"):
        return f"{kind.capitalize()}: {_ordered(row)} The means by themselves: {measured}{more}"
    return f"Not sure yet: {measured}{_why_not(row)}{more}"


def _perhaps(row: Row) -> str:
    """Say that what was pooled may not be alike at the levels of another factor."""
    if row["verdict"] == "depends" or not row["p_depends"] < LEVEL:
        return ""
    sure = row["p_depends_holm"] < LEVEL
    return f"{'How large it is depends' if sure else 'It may depend'} on {row['depends_on']}"


def _not_alike(row: Row) -> str:
    """Say it with its test, and where the levels are told apart."""
    said, on = _perhaps(row), row["depends_on"]
    p = p_value(row["p_depends_holm"])
    return f" {said} ({p}): report.within={on} compares at each of its levels." if said else ""


def _measured(row: Row, horizon: float) -> str:
    tied = f" ({share(row['tied'])} tie, which counts one half)" if row["tied"] else ""
    return (
        f"{ratio(row['ratio'])} times the samples of {row['name_b']} (95% interval "
        f"{ratio(row['ratio_low'])} to {ratio(row['ratio_high'])}; means restricted to "
        f"{count(horizon)} samples{_blocks(row)}), first in {share(row['sooner'])} of "
        f"{count(row['pairs'])} pairs of seeds{tied}; {p_value(row['p_holm'])}."
    )


def _interval(row: Row) -> str:
    """Write a level's ratio, or how many arrive where that is the finding; there may be none."""
    if row["verdict"] in ("arrives", "fails"):
        arms = (f"{row[f'reached_{which}']:,} of {row[f'n_{which}']:,}" for which in "ab")
        return f"{' against '.join(arms)} seeds"
    if row["ratio"] != row["ratio"]:
        return str(row["why"])
    low, high = ratio(row["ratio_low"]), ratio(row["ratio_high"])
    return f"{ratio(row['ratio'])} times, 95% interval {low} to {high}"


def _ordered(row: Row) -> str:
    """Say what the order of arrivals shows where the means do not, and why they differ."""
    low, high = share(row["sooner_low"]), share(row["sooner_high"])
    both = ""
    if row["ratio_both_low"] == row["ratio_both_low"]:
        both = (
            f" Where both arrive ({seeds(int(row['pairs_both']))}) it takes "
            f"{ratio(row['ratio_both'])} times the samples (95% interval "
            f"{ratio(row['ratio_both_low'])} to {ratio(row['ratio_both_high'])})."
        )
    stuck = [f"{row[f'n_{i}'] - row[f'reached_{i}']:,} of {row[f'n_{i}']:,}" for i in "ab"]
    return (
        f"first in {share(row['sooner'])} of {count(row['pairs'])} pairs of seeds (95% interval "
        f"{low} to {high}; sign test {p_value(row['p_order_holm'])}).{both} But {stuck[0]} do not "
        f"arrive within the budget (of {row['name_b']} {stuck[1]}), and each weighs on the means "
        "with all of it: so the tests of order and of means disagree."
    )


def _rate(row: Row, which: str) -> str:
    """Say how many arrive; trials of several blocks share their seeds, so there is no interval."""
    reached, n = row[f"reached_{which}"], row[f"n_{which}"]
    if row["blocks"] > 1:
        return f"{reached:,} of {n:,} trials ({share(reached / n)})"
    low, high = wilson_interval(reached, n)
    return f"{reached:,} of {n:,} seeds (95% interval {share(low)} to {share(high)})"


def _blocks(row: Row) -> str:
    """Say in which blocks of the other factors two levels were compared."""
    used, left = row["blocks"], row["blocks_left_out"]
    if used <= 1 and not left:
        return ""
    where = "in one block" if used == 1 else f"in {used:,} blocks"
    rest = f", not in {left:,} with nothing to compare" if left else ""
    return f", {where} of the other factors{rest}"


def _never(row: Row) -> str:
    """Warn of a ratio that stands, in some blocks, for a time that one arm does not have."""
    slow = "a" if row["verdict"] == "later" else "b"
    rarely = row[f"rarely_{slow}"]
    if not rarely:
        return ""
    return (
        f" In {rarely:,} of {row['blocks']:,} blocks (almost) no seed of {row[f'name_{slow}']} "
        "arrives: it has no time there, and the ratio goes by the budget."
    )


def _why_not(row: Row) -> str:
    """Say why nothing is claimed, and what would settle it."""
    found = []
    if row["p_logrank_holm"] < LEVEL:
        found.append(
            f"The log-rank test, for which every arrival counts alike, says otherwise "
            f"({p_value(row['p_logrank_holm'])}); a claim goes by the means."
        )
    if row["p_holm"] < LEVEL:
        found.append("The test alone says otherwise, but the interval holds 1: a claim needs both.")
    elif not row["ratio_low"] <= 1 <= row["ratio_high"]:
        found.append(
            "The interval leaves 1 out, but not so that it outlasts the correction for many."
        )
    elif math.isfinite(row["detectable"]):
        least = ratio(row["detectable"])
        found.append(
            f"A ratio of {least}, or one in {least}, would have been shown four times in five."
        )
    if math.isfinite(row["needed"]):
        many = _rounded(row["needed"])
        found.append(f"To settle it would take {many} seeds.")
    return "".join(f" {text}" for text in found)
