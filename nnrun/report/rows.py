"""Which rows of the summary the page's table has room for."""

from collections.abc import Collection
from typing import Any, NamedTuple

import pandas as pd

from nnrun.text import count

MOST = 200  # settings up to which the table holds them all
BEST, WORST = 50, 10  # of more, how many of the fastest and of the slowest

RANKING = ["rmst", "final_test_loss_median"]  # the loss tells apart what never reached the target


class Group(NamedTuple):
    """Rows under a heading of their own.

    Attributes:
        title: The heading; empty where the group is the whole table.
        rows: Rows of the summary by column.
    """

    title: str
    rows: list[dict[str, Any]]


def row_groups(summary: pd.DataFrame, drawn: Collection[str]) -> list[Group]:
    """Choose the rows of the page's table.

    Args:
        summary: As `nnrun.statistics.summary.summarise` returns it, the baseline first.
        drawn: Settings that the figures show; they are never left out.

    Returns:
        All settings in the order of the sweep if they are few; else the baseline, then those that
        trained from the soonest to the latest by ``rmst``, the middle left out.
    """
    if len(summary) <= MOST:
        return [Group("", _rows(summary))] if len(summary) else []
    first, others = summary.iloc[:1], summary.iloc[1:]
    baseline = first[first["seeds"] > 0]
    ranked = others[others["seeds"] > 0].sort_values(RANKING, kind="stable")
    edge = max(BEST, len(ranked) - WORST)
    best, between, worst = ranked.iloc[:BEST], ranked.iloc[BEST:edge], ranked.iloc[edge:]
    between = between[between["setting"].isin(list(drawn))]
    groups = [
        Group("Baseline", _rows(baseline)),
        Group(f"The {len(best)} soonest, by restricted mean", _rows(best)),
        Group("Of the others, drawn in the figures", _rows(between)),
        Group(f"The {len(worst)} latest, by restricted mean", _rows(worst)),
    ]
    return [group for group in groups if group.rows]


def left_out(summary: pd.DataFrame, groups: Collection[Group]) -> str:
    """Say how many settings the table leaves out, and where they are; empty if none."""
    n = len(summary) - sum(len(group.rows) for group in groups)
    if not n:
        return ""
    untrained = int((summary["seeds"] == 0).sum())
    without = f" ({count(untrained)} of them without a trained seed)" if untrained else ""
    return (
        f"{count(n)} of {count(len(summary))} settings are not listed here{without}; all are in "
        f"summary.csv beside this page."
    )


def _rows(summary: pd.DataFrame) -> list[dict[str, Any]]:
    return summary.to_dict("records")  # type: ignore[return-value]
