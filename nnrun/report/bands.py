"""Learning curves of each setting as median and quartiles over its seeds."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.report.quantiles import row_quantiles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOSSES = ("train_loss", "test_loss")
METRICS = (*LOSSES, "accuracy")


def bands(curves: pd.DataFrame) -> pd.DataFrame:
    """Summarise the curves of each setting by median and quartiles over its seeds.

    A diverged trial stays in: from its divergence on its loss counts as inf and its accuracy
    as 0, and so does an evaluation that one seed lacks. No point shows survivors only.

    Args:
        curves: A row an evaluation: ``setting``, ``seed``, ``samples``, ``train_loss``,
            ``test_loss``, ``accuracy``; NaN from the divergence on.

    Returns:
        A row a metric, setting and evaluation: ``setting``, ``samples``, ``metric``, ``q25``,
        ``median``, ``q75`` (inf where diverged trials reach so far), ``n`` (trials). A metric that
        is NaN throughout (accuracy in regression) is left out.
    """
    setting, settings = pd.factorize(curves["setting"])
    trial, per_setting = _seed_positions(setting, curves["seed"], len(settings))
    grid, samples = pd.factorize(curves["samples"], sort=True)
    cells, row = np.unique(setting * max(len(samples), 1) + grid, return_inverse=True)
    owner, point = np.divmod(cells, max(len(samples), 1))
    counts = per_setting[owner]
    present = np.arange(per_setting.max(initial=0)) < counts[:, None]
    tables = []
    for metric in METRICS:
        values = curves[metric].to_numpy(dtype=np.float64, na_value=np.nan)
        known = _has_metric(metric, values, curves, setting, len(settings))[owner]
        if not known.any():
            continue
        failure = np.inf if metric in LOSSES else 0.0
        matrix = np.where(present, failure, np.inf)
        matrix[row, trial] = np.where(np.isnan(values), failure, values)
        matrix = np.sort(matrix[known], axis=1)
        table = {"setting": settings[owner[known]], "samples": samples[point[known]]}
        quantiles = {
            name: row_quantiles(matrix, counts[known], q)
            for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))
        }
        tables.append(pd.DataFrame({**table, "metric": metric, **quantiles, "n": counts[known]}))
    columns = ["setting", "samples", "metric", "q25", "median", "q75", "n"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _seed_positions(setting: NDArray[np.intp], seeds: pd.Series, n: int) -> tuple[Ints, Ints]:
    """Number each row's trial within its setting; also the trials of each setting."""
    seed, names = pd.factorize(seeds)
    trials, trial = np.unique(setting * max(len(names), 1) + seed, return_inverse=True)
    per_setting = np.bincount(trials // max(len(names), 1), minlength=n).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(per_setting)[:-1]])
    return (trial - first[setting]).astype(np.int64), per_setting


def _has_metric(
    metric: str, values: Floats, curves: pd.DataFrame, setting: NDArray[np.intp], n: int
) -> NDArray[np.bool_]:
    """Whether each setting has the metric at all; a wholly diverged setting has it."""
    if np.isnan(values).all():
        return np.zeros(n, dtype=bool)
    known = np.bincount(setting, weights=~np.isnan(values), minlength=n) > 0
    trains = np.bincount(setting, weights=curves["test_loss"].notna(), minlength=n) > 0
    return known | ~trains
