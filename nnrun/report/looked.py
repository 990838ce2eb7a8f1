"""What a reader is told where results were looked at more than once while seeds were added."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nnrun.records.sweep import Sweep
from nnrun.results.results import Results
from nnrun.statistics.findings import UNDECIDED, settled
from nnrun.statistics.sequences import looks_of
from nnrun.text import listing, percentage, seeds, seeds_range, things

NAMED = 6
"""Most looks that are told one by one."""


def looked(results: Results, table: pd.DataFrame) -> str:
    """Say at how many seeds results were looked at, and what is open; empty of a single look.

    Args:
        results: What the sweep found.
        table: The contrasts that its verdict is made of.
    """
    sweep = results.sweep
    if looks_of(sweep) is None:
        return ""
    hold = "Tests and intervals of comparisons hold at every look."
    if sweep.auto is None:
        wide = "intervals are wider than of a number of seeds that was fixed beforehand"
        return f"Results were looked at {_when(sweep)}. {hold[:-1]}; {wide}."
    block, most = sweep.auto["block"], sweep.auto["most"]
    added = f"Seeds were added {block:,} at a time, {most:,} at most"
    if not _open(table):
        added += ", until every comparison was decided"
    sizes = results.summary["seeds"][results.summary["seeds"] > 0]
    after = f" The settings have {seeds_range(sizes)}." if len(sizes) else ""
    before = ""
    if sweep.auto.get("replanned"):
        before = " Some of them had been looked at before this plan was made."
    return f"{added}.{after}{before}{_open(table)} {hold}"


def _open(table: pd.DataFrame) -> str:
    """Say how much is not decided."""
    n = int((~table.apply(settled, axis=1)).sum()) if len(table) else 0
    if not n:
        return ""
    are = "is" if n == 1 else "are"
    return f" {n:,} of {things(len(table), 'comparison')} {are} not decided."


def ending(row: Mapping[Any, Any], sweep: Sweep) -> str:
    """Say after how many seeds a contrast was settled, where that was left to the results."""
    if sweep.auto is None or row["verdict"] == "incomparable":
        return ""
    most = sweep.auto["most"]
    if row["pairs"] >= most:
        which = "Not decided" if row["verdict"] in UNDECIDED else "Decided"
        return f" {which} with {seeds(most)}, the most that there could be."
    if row["verdict"] in UNDECIDED:
        within = f"the means differ by less than {percentage(row['margin'])}"
        return f" Stopped after {seeds(row['pairs'])}: {within}." if settled(row) else ""
    return f" Stopped after {seeds(row['pairs'])}, as it was decided."


def _when(sweep: Sweep) -> str:
    """List the looks, or how many there were."""
    each = [f"{n:,}" for n in sweep.looks]
    if len(each) <= NAMED:
        return f"with {listing(each, NAMED)} seeds"
    return f"{len(each):,} times, with {each[0]} to {each[-1]} seeds"


def how_seeds_were_added(sweep: Sweep) -> Iterator[str]:
    """Say in the words of a paper who decided on the number of seeds."""
    looks = looks_of(sweep)
    if looks is None:
        return
    if sweep.auto is None:
        yield f"Seeds were added by hand, and results looked at {_when(sweep)}."
    else:
        block, most = sweep.auto["block"], sweep.auto["most"]
        yield (
            "Their number was left to the results: all comparisons were made anew after every "
            f"{block:,} seeds, and a setting was trained on, up to {most:,} seeds, for as long as "
            "one of its comparisons was undecided."
        )


def how_compared(sweep: Sweep) -> str:
    """Say by which tests and intervals arms were compared, in the words of a paper."""
    looks = looks_of(sweep)
    assert looks is not None
    if looks.planned:
        return (
            "tests and intervals that hold at all looks together: a group-sequential test of the "
            f"log ratios of paired times, planned for looks after every {looks.every:,} pairs up "
            f"to {looks.most:,} (Wang and Tsiatis 1987), and repeated 95% confidence intervals "
            "(Jennison and Turnbull 1989)"
        )
    return (
        "tests and intervals that hold however often one looks: a bet, pair by pair, against the "
        "log ratio of paired times being as likely as its negative (an e-process; Ramdas and "
        "others 2023), and 95% confidence sequences (Waudby-Smith and others 2024)"
    )
