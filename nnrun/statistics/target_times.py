"""Time to target against the target: how soon accuracies from easy to hard are reached and held."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nnrun.statistics.bands import curves_by_setting
from nnrun.statistics.quantiles import quantile_with_failures
from nnrun.training.convergence import first_time, held

QUARTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}


def target_times(curves: pd.DataFrame, accuracies: Sequence[float], hold: int) -> pd.DataFrame:
    """Find when the seeds of each setting reach each of some accuracies, and hold it.

    Args:
        curves: A row an evaluation, as `nnrun.results.Results.curves`.
        accuracies: Shares of held-out points classified right.
        hold: Evaluations in a row that must stay there.

    Returns:
        A row a setting and accuracy: ``setting``, ``accuracy``, ``q25``, ``median``, ``q75``
        (samples over seeds; inf where that share of seeds does not arrive).
    """
    rows = []
    for one in curves_by_setting(curves):
        for accuracy in accuracies:
            met = held(one.metrics["accuracy"] >= accuracy, hold)
            times = first_time(met, one.samples)
            found = {name: quantile_with_failures(times, q) for name, q in QUARTILES.items()}
            rows.append({"setting": one.setting, "accuracy": accuracy, **found})
    return pd.DataFrame(rows, columns=["setting", "accuracy", *QUARTILES]).astype(
        {"accuracy": np.float64}
    )
