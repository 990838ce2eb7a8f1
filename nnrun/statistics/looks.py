"""Looks: what every contrast came to each time that results were looked at while seeds were added.

A look is judged as the report would have judged it: from the first seeds alone, with the looks up
to then. A decision falls where a contrast comes to a finding that it did not have before, other
than that more seeds are needed, or where its means come so near that none are asked for.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from nnrun.records.sweep import Sweep
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.findings import settled

MOST = 32  # looks that are judged anew, besides those at which a contrast has its last pairs
SAME = ("family", "key", "a", "b", "within")
"""Columns by which a contrast is known from look to look."""

COLUMNS = (
    *(*SAME, "arm", "name_a", "name_b", "seeds", "pairs"),
    *("ratio", "ratio_low", "ratio_high", "margin", "verdict", "fell"),
)


def history(trials: pd.DataFrame, sweep: Sweep, now: pd.DataFrame | None = None) -> pd.DataFrame:
    """Say what every contrast came to at each look.

    Args:
        trials: As `nnrun.Results.trials`.
        sweep: The content of sweep.json, with its ``looks``.
        now: Its contrasts, if they are known.

    Returns:
        A row a contrast and look, from the look on at which it has a ratio to the one at which it
        got its last pairs: the columns that say which contrast it is, ``arm`` (the name of the
        first, with the level that it is compared at), ``seeds`` (of the look), ``pairs``,
        ``ratio``, ``ratio_low`` and ``ratio_high`` (95%), ``margin``, ``verdict``, and ``fell``,
        whether a decision fell. Of many looks `MOST` are judged, and those at which a contrast got
        its last pairs. No rows of a sweep that was looked at once.
    """
    if len(sweep.looks) < 2:
        return pd.DataFrame(columns=list(COLUMNS))
    last = contrasts(trials, sweep) if now is None else now
    parts = [*_looked(trials, sweep, last), last.assign(seeds=sweep.looks[-1])]
    table = pd.concat(parts, ignore_index=True)
    table = table[table["ratio"].notna()]
    arm = table["name_a"] + (" at " + table["within"]).where(table["within"] != "", "")
    decided = table.apply(settled, axis=1) & (table["verdict"] != "incomparable")
    told = table["verdict"].where(decided, "")  # means may come near without another finding
    table = table.assign(arm=arm, told=told)
    before = table.groupby(list(SAME), sort=False)[["pairs", "verdict", "told"]].shift()
    anew = (table["verdict"] != before["verdict"]) | (told != before["told"])
    table = table.assign(fell=anew & decided)[(table["pairs"] != before["pairs"]) | anew]
    return table[list(COLUMNS)].reset_index(drop=True)


def _looked(trials: pd.DataFrame, sweep: Sweep, last: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Judge the looks before the last, each by the seeds that there were."""
    earlier = list(sweep.looks[:-1])
    some = np.unique(np.linspace(0, len(earlier) - 1, min(MOST, len(earlier))).round())
    ends = set(last["pairs"])
    order = trials["seed"].rank(method="dense")
    if sweep.unpaired:  # the first so many of each setting, whatever they are called
        order = trials.groupby("setting")["seed"].rank(method="dense")
    for place, seeds in enumerate(earlier):
        if place in some or seeds in ends:
            then = replace(sweep, looks=earlier[: place + 1])
            yield contrasts(trials[order <= seeds], then).assign(seeds=seeds)
