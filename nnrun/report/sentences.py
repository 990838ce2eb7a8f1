"""What a contrast came to, in sentences: one in plain words, and the exact one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nnrun.statistics.findings import LEVEL, least_pairs
from nnrun.statistics.pairs import RARELY
from nnrun.statistics.survival import wilson_interval
from nnrun.text import (
    OWN,
    Words,
    count,
    listing,
    p_value,
    percentage,
    ratio,
    seeds,
    share,
    things,
)

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

MANY = 10_000  # seeds from which on more are not counted
NEAR = 0.95  # ratios this near to 1 are called slight


def mark(kind: str, margin: float) -> str:
    """Mark a kind of finding.

    Example:
        >>> mark("sooner", 0.1), mark("same", 0.1)
        ('sooner', 'the same within 10%')
    """
    return f"{CLAIMED[kind]} within {percentage(margin)}" if kind == "same" else CLAIMED[kind]


def levels_of(row: Row, table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Take the rows of the levels that disagree about a contrast, from the table of contrasts."""
    if row["verdict"] != "depends":
        return []
    same = (table[["key", "a", "b"]] == [row["key"], row["a"], row["b"]]).all(axis=1)
    on = table["within"].str.startswith(f"{row['depends_on']}=")
    return table[(table["family"] == "within") & same & on].to_dict("records")


def arm(row: Row, which: str = "a") -> str:
    """Name an arm, with the level of the other factor that it is compared at, or can be at all."""
    name, at = str(row[f"name_{which}"]), row["within"] or row["confined"]
    return f"{name} at {at}" if at and which == "a" else name


def plainly(row: Row, levels: Sequence[Row] = (), said: Words = OWN) -> str:
    """Say in plain words what a contrast came to; empty where nothing was compared."""
    perhaps = _perhaps(row)
    return _plainly(row, levels, said) + (f" {perhaps}." if perhaps else "")


def _plainly(row: Row, levels: Sequence[Row], said: Words) -> str:
    kind, a, b = row["verdict"], arm(row), row["name_b"]
    if kind in ("sooner", "later"):
        return _by_time(row, a, b, said)
    if kind in ("usually sooner", "usually later"):
        return _by_order(row, a, b, said)
    if kind in ("arrives", "fails"):
        return f"{_tries(row, a, b, said)}."
    if kind == "depends":
        return f"It depends on {row['depends_on']}: {a}, against {b}, {at_levels(levels)}."
    if kind == "unsure":
        return _unsure(row, a, b, said)
    if kind == "same":
        within = percentage(row["margin"])
        took = f"the {said.subject} took the same {said.effort}"
        return f"With {a} and with {b} {took}, to within {within}."
    return f"Too few tries to tell {a} from {b}." if kind == "few" else ""


def at_levels(levels: Sequence[Row]) -> str:
    """Say what was found at each level, those alike together: ``is sooner at lr=0.1 and ...``."""
    kinds: dict[str, list[str]] = {}
    known = [level for level in levels if level["verdict"] != "incomparable"] or levels
    for level in known:
        how = " (by seeds that arrive)" if by_arrivals(level) else ""
        kinds.setdefault(IT_IS[level["verdict"]] + how, []).append(str(level["within"]))
    *parts, last = [f"{kind} at {listing(where)}" for kind, where in kinds.items()]
    return f"{', '.join(parts)}, and {last}" if parts else last


def by_arrivals(row: Row) -> bool:
    """Tell whether an arm is ahead by how many of its seeds arrive, and not by how soon."""
    ahead = {"sooner": -1, "later": 1}.get(row["verdict"], 0)
    more = missed(row, "a") - missed(row, "b")
    times = row["ratio_both_low"] > 1 if ahead < 0 else row["ratio_both_high"] < 1
    times = times or row["ratio_both_low"] <= 1 <= row["ratio_both_high"]
    return bool(ahead and more * ahead > 0 and times)


def _by_time(row: Row, a: str, b: str, said: Words) -> str:
    slow = "a" if row["verdict"] == "later" else "b"
    if rarely := row[f"rarely_{slow}"]:
        blocks = f"{rarely:,} of {row['blocks']:,} combinations of the other keys"
        who = a if slow == "a" else b
        verb = f"{said.arrived} {row['verdict']} than with {b}"
        hardly = f"in {blocks} it hardly ever {said.arrived} with {who}"
        return f"With {a} the {said.subject} {verb}; {hardly}."
    if not missed(row, "a") + missed(row, "b"):
        verb = "needed" if row["ratio"] > 1 else f"{said.arrived} in"
        took = f"{verb} {_amount_of(row['ratio'], b, said)}{_in_pairs(row)}"
        return f"With {a} the {said.subject} {took}."
    return f"{_tries(row, a, b, said)}{_where_both(row, said)}."


def _tries(row: Row, a: str, b: str, said: Words) -> str:
    """Say in how many tries either arm arrives."""
    some, others = _some(row, "a"), _some(row, "b")
    left = row["blocks_left_out"]
    where = (
        f" (of {things(left, 'more combination')} of the other keys neither did)" if left else ""
    )
    if some == others:
        return f"With {a} as with {b} the {said.subject} {said.arrived} in {some}{where}"
    return f"With {a} the {said.subject} {said.arrived} in {some}, with {b} in {others}{where}"


def missed(row: Row, which: str) -> int:
    """Count the trials of an arm that did not arrive."""
    return int(row[f"n_{which}"] - row[f"reached_{which}"])


def _in_pairs(row: Row) -> str:
    """Say in how many tries it was so, where all of both arms arrive."""
    side, half = row["verdict"], row["tied"] / 2
    part = (row["sooner"] if side == "sooner" else 1 - row["sooner"]) - half
    if row["blocks"] > 1:
        return f": {side} in {share(part)} of the tries"
    ties = round(row["tied"] * row["pairs"])
    also = f", as soon in {ties:,}" if ties else ""
    return f": {side} in {round(part * row['pairs']):,} of {row['pairs']:,} tries{also}"


def _by_order(row: Row, a: str, b: str, said: Words) -> str:
    """Say that an arm usually is ahead, and whose tries, that did not arrive, hide it."""
    ahead = row["verdict"].partition(" ")[2]
    first, then = ("a", "b") if ahead == "sooner" else ("b", "a")
    names = {"a": a, "b": b}
    return (
        f"With {a} the {said.subject} mostly {said.arrived} {ahead} than with {b}"
        f"{_where_both(row, said)}; but "
        f"with {names[first]} {missed(row, first):,} of {row[f'n_{first}']:,} tries did not get "
        f"there within the budget (with {names[then]} {missed(row, then):,} of "
        f"{row[f'n_{then}']:,})."
    )


def _unsure(row: Row, a: str, b: str, said: Words) -> str:
    """Say that nothing is known, and what it may hang on."""
    reached, n = row["reached_a"] + row["reached_b"], row["n_a"] + row["n_b"]
    if reached <= RARELY * n:
        rate = ", another rate" if said.own else ""
        return (
            f"Hardly any {said.subject} {said.arrived}, with {a} or with {b} ({reached:,} of {n:,} "
            f"tries): a larger budget{rate} or an easier target would tell more."
        )
    plain = f"These tries do not tell whether {a} or {b} {said.arrives} sooner{_more(row)}."
    if 1 + row["margin"] > row["ratio"] > 1 / (1 + row["margin"]):
        plain = f"{a} and {b} are too close to call{_more(row)}."
    if reached == n:
        return plain
    return f"{plain} {_tries(row, a, b, said)}{_where_both(row, said)}."


_PARTS = {
    1 / 15: "a fifteenth of",
    1 / 12: "a twelfth of",
    1 / 10: "a tenth of",
    1 / 8: "an eighth of",
    1 / 6: "a sixth of",
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
    11 / 10: "a tenth more",
    5 / 4: "a quarter more",
    4 / 3: "a third more",
    3 / 2: "one and a half times",
    2: "twice",
    5 / 2: "two and a half times",
}


def amount(times: float, said: Words = OWN) -> str:
    """Say a ratio of training in words.

    Example:
        >>> amount(0.47), amount(1.9), amount(7.2)
        ('about half the training', 'about twice the training', 'about 7 times the training')
    """
    if times < 1 / 20:
        return f"less than a twentieth of the {said.effort}"
    if NEAR < times < 1 / NEAR:
        return f"slightly {said.less if times < 1 else 'more'} {said.effort}"
    if times > 2.75:
        whole = float(f"{times:.1g}") if times >= 10 else round(times)
        return f"about {whole:,.0f} times the {said.effort}"
    nearest = min(_PARTS, key=lambda part: abs(math.log(part / times)))
    more = _PARTS[nearest].endswith(" more")
    return f"about {_PARTS[nearest]} {said.effort if more else f'the {said.effort}'}"


def _amount_of(times: float, b: str, of: Words) -> str:
    """Say it against another arm: half the training of that, or slightly less than that."""
    said = amount(times, of)
    return f"{said} {'of' if said.endswith(f'the {of.effort}') else 'than'} {b}"


def _some(row: Row, which: str) -> str:
    reached, n = row[f"reached_{which}"], row[f"n_{which}"]
    return f"{'none' if not reached else f'{reached:,}'} of {n:,} tries"


def _where_both(row: Row, said: Words) -> str:
    """Say how the times compare of the tries in which both arms arrive."""
    low, high = row["ratio_both_low"], row["ratio_both_high"]
    if low != low:  # of no pair, or too few for an interval
        return ""
    if low <= 1 <= high:
        return f"; where both {said.arrived}, no difference is shown"
    verb = "needed" if row["ratio_both"] > 1 else "took"
    return f"; where both {said.arrived}, it {verb} {amount(row['ratio_both'], said)}"


def _more(row: Row) -> str:
    """Say how many seeds would settle it."""
    return (
        f"; {_rounded(row['needed'])} seeds each would tell" if math.isfinite(row["needed"]) else ""
    )


def _rounded(n: float) -> str:
    return f"more than {MANY:,}" if n > MANY else f"about {float(f'{n:.2g}'):,.0f}"


def compared(row: Row, horizon: float, levels: Sequence[Row] = (), said: Words = OWN) -> str:
    """Say exactly how one arm compares with another, from its row of the contrasts."""
    kind = row["verdict"]
    if kind == "incomparable":
        return f"Not compared with {row['name_b']}: {row['why']}."
    if kind == "few":
        takes = least_pairs(row["sequential"])
        return (
            f"No verdict against {row['name_b']}: {seeds(row['pairs'])} {said.shared}, and it "
            f"takes {takes}. Observed: {ratio(row['ratio'])} times its {said.unit}{_blocks(row)}."
        )
    if kind in ("arrives", "fails"):
        a, b = (_rate(row, which) for which in "ab")
        who = "Converges" if kind == "arrives" else "Does not converge within the budget"
        return f"{who}: {a} arrive, of {row['name_b']} {b}; {p_value(row['p_holm'])}."
    if kind == "depends":
        found = "; ".join(
            f"at {level['within']} {AT_A_LEVEL[level['verdict']]} ({_interval(level, said)})"
            for level in levels
        )
        return (
            f"Depends on {row['depends_on']} ({p_value(row['p_depends_holm'])}), so it is not "
            f"pooled: {found}; means restricted to {said.amount(horizon)}."
        )
    measured, more = _measured(row, horizon, said), _not_alike(row, said)
    both = _both(row, said) if missed(row, "a") + missed(row, "b") else ""
    if kind in ("sooner", "later"):
        return f"Converges {kind}: {measured}{_never(row) or both}{_wider(row)}{more}"
    if kind == "same":
        return f"The same within {percentage(row['margin'])}: {measured}{more}"
    if kind.startswith("usually"):
        return (
            f"{kind.capitalize()}: {_ordered(row, said)} The means by themselves: {measured}{more}"
        )
    return f"Not sure yet: {measured}{both}{_why_not(row)}{more}"


def _perhaps(row: Row) -> str:
    """Say that what was pooled may not be alike at the levels of another factor."""
    if row["verdict"] in ("depends", "few") or not row["p_depends"] < LEVEL:
        return ""
    if not row["p_depends_holm"] < LEVEL:
        return f"It may depend on {row['depends_on']}"
    side = row["verdict"].removeprefix("usually ")
    how = f"How much {side}" if side in ("sooner", "later") else "The difference"
    return f"{how} depends on {row['depends_on']}"


def _not_alike(row: Row, words: Words) -> str:
    """Say it with its test, and where the levels are told apart."""
    said, on = _perhaps(row), row["depends_on"]
    p = p_value(row["p_depends_holm"])
    how = f"report.within={on}" if words.own else f"within={on}"
    return f" {said} ({p}): {how} compares at each of its levels." if said else ""


def _wider(row: Row) -> str:
    """Say why an interval that holds at every look may hold 1 beside a claim."""
    if not (row["sequential"] and row["ratio_low"] <= 1 <= row["ratio_high"]):
        return ""
    return " The claim is the test's, which needs fewer seeds than the interval to leave 1 out."


def _measured(row: Row, horizon: float, said: Words) -> str:
    tied = f" ({share(row['tied'])} tie, which counts one half)" if row["tied"] else ""
    looks = " at every look" if row["sequential"] else ""
    return (
        f"{ratio(row['ratio'])} times the {said.unit} of {row['name_b']} (95% interval{looks} "
        f"{ratio(row['ratio_low'])} to {ratio(row['ratio_high'])}; means restricted to "
        f"{said.amount(horizon)}{_blocks(row)}), first in {share(row['sooner'])} of "
        f"{_of_pairs(row, said)}{tied}; {p_value(row['p_holm'])}."
    )


def _of_pairs(row: Row, said: Words) -> str:
    """Say what pairs there are: of seeds, or of any trial of one arm with any of the other."""
    return f"{count(row['pairs'])} pairs of seeds" if said.paired else "all pairs of trials"


def _interval(row: Row, said: Words) -> str:
    """Write what a level's finding rests on, with its p; there may be no ratio."""
    if row["verdict"] in ("arrives", "fails"):
        arms = (f"{row[f'reached_{which}']:,} of {row[f'n_{which}']:,}" for which in "ab")
        return f"{' against '.join(arms)} seeds, {p_value(row['p_holm'])}"
    if row["verdict"].startswith("usually"):
        p = p_value(row["p_order_holm"])
        of = seeds(row["pairs"]) if said.paired else _of_pairs(row, said)
        return f"first in {share(row['sooner'])} of {of}, {said.order_test} {p}"
    if row["ratio"] != row["ratio"]:
        return str(row["why"])
    low, high = ratio(row["ratio_low"]), ratio(row["ratio_high"])
    p = p_value(row["p_holm"])
    return f"{ratio(row['ratio'])} times, 95% interval {low} to {high}, {p}"


def _ordered(row: Row, said: Words) -> str:
    """Say what the order of arrivals shows where the means do not, and why they differ."""
    low, high = share(row["sooner_low"]), share(row["sooner_high"])
    stuck = [f"{missed(row, i):,} of {row[f'n_{i}']:,}" for i in "ab"]
    return (
        f"first in {share(row['sooner'])} of {_of_pairs(row, said)} (95% interval {low} to {high}; "
        f"{said.order_test} {p_value(row['p_order_holm'])}).{_both(row, said)} But {stuck[0]} "
        f"do not arrive within the budget (of {row['name_b']} {stuck[1]}), and each weighs on the "
        "means with all of it: so the tests of order and of means disagree."
    )


def _both(row: Row, said: Words) -> str:
    """Describe the times of the pairs in which both arms arrive, or of the trials that do."""
    if row["ratio_both_low"] != row["ratio_both_low"]:
        return ""
    where = f"Where both arrive ({seeds(int(row['pairs_both']))})"
    if not said.paired:
        where = f"Of those that arrive ({row['reached_a']:,} and {row['reached_b']:,} trials)"
    return (
        f" {where} it takes "
        f"{ratio(row['ratio_both'])} times the {said.unit} (95% interval "
        f"{ratio(row['ratio_both_low'])} to {ratio(row['ratio_both_high'])})."
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
    if row["p_holm"] < LEVEL and row["sequential"]:
        found.append("At some look the test said otherwise, but the means of now do not.")
    elif row["p_holm"] < LEVEL:
        found.append("The test alone says otherwise, but the interval holds 1: a claim needs both.")
    elif not row["ratio_low"] <= 1 <= row["ratio_high"]:
        found.append("The interval leaves 1 out, but p, corrected for all that is asked, does not.")
    elif math.isfinite(row["detectable"]):
        least = ratio(row["detectable"])
        found.append(
            f"A ratio of {least}, or one in {least}, would have been shown four times in five."
        )
    if math.isfinite(row["needed"]):
        many = _rounded(row["needed"])
        found.append(f"To settle it would take {many} seeds.")
    return "".join(f" {text}" for text in found)
