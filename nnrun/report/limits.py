"""What a reader must know before leaning on the numbers."""

import numpy as np

from nnrun.statistics.findings import Findings
from nnrun.statistics.survival import trained
from nnrun.words import count, number, share


def reading_limits(findings: Findings) -> list[str]:
    """Say how much was censored, whether budgets differ, and how fine the times are.

    Returns:
        A paragraph a limit; none if no trial was trained.
    """
    ran = trained(findings.trials)
    n, status = len(ran), ran["status"].value_counts()
    if not n:
        return []
    late, lost = int(status.get("exhausted", 0)), int(status.get("diverged", 0))
    limits = [
        f"Censoring: {late + lost:,} of {n:,} trained seeds ({share((late + lost) / n)}) "
        f"did not reach the target; in {late:,} the budget ended first "
        f"({int(ran['plateaued'].eq(True).sum()):,} of them on a plateau), {lost:,} diverged."
    ]
    if ran["budget"].min() < ran["budget"].max():
        limits.append(
            "Budgets differ: success rates are taken at each setting's own budget, the figure and "
            f"the restricted mean at the smallest, {count(ran['budget'].min())} samples."
        )
    grids = [bands.samples for bands in findings.bands.values()]
    grid = np.unique(np.concatenate([*grids, []])).astype(np.float64)
    steps = grid[1:] / grid[:-1] if (grid > 0).all() else np.array([])
    if steps.size:
        limits.append(
            "Resolution: a time to target is known to the evaluation grid, without interpolation; "
            f"an evaluation has {number(float(np.median(steps)))} times the samples of "
            "the one before it (median)."
        )
    return limits
