"""Learning curves of each setting as median and quartiles over its seeds; times to accuracies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nnrun.config.evaluation_grid import CommonGrid, as_grid
from nnrun.records.trials import METRICS
from nnrun.statistics.quantiles import quantile_with_failures, sorted_quantiles
from nnrun.training.convergence import first_time, held

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FAILURE = {"train_loss": np.inf, "test_loss": np.inf, "accuracy": 0.0}
"""What a metric counts as from a trial's divergence on."""

QUARTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}
TRACES = 20  # most trials of a setting whose own curves are kept to be drawn


class SettingBands(NamedTuple):
    """The learning curves of one setting, over its seeds.

    Attributes:
        samples: Training samples seen at the evaluations, shape (n_evals,), increasing.
        quartiles: Shape (metric, quartile, n_evals), in the order of ``METRICS`` and
            ``QUARTILES``; inf (accuracy: 0) where diverged trials reach so far; never NaN.
        n: Trials.
        measured: Whether any trial has a value of the metric at all, by metric.
        traces: The curves of the first ``TRACES`` trials, shape (metric, trial, n_evals); NaN from
            a trial's divergence on, or throughout where the metric has no meaning.
    """

    samples: Ints
    quartiles: Floats
    n: int
    measured: tuple[bool, ...]
    traces: Floats


class SettingCurves(NamedTuple):
    """The curves of one setting's trials, as matrices.

    Attributes:
        setting: Its id.
        seeds: Shape (trial,), increasing.
        samples: Training samples seen at the evaluations, shape (n_evals,), increasing.
        metrics: By name (all of ``METRICS``) values of shape (trial, n_evals); NaN where missing.
    """

    setting: str
    seeds: Ints
    samples: Ints
    metrics: dict[str, Floats]

    def at(self, common: CommonGrid) -> Self:
        """Take what was measured at common points, and nothing else."""
        places = common.places(self.samples)
        metrics = {name: values[:, places] for name, values in self.metrics.items()}
        return self._replace(samples=common.samples, metrics=metrics)


def setting_bands(
    samples: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    failure: Mapping[str, float] = FAILURE,
) -> SettingBands:
    """Summarise the curves of one setting by median and quartiles over its seeds.

    A diverged trial stays in: from its divergence on its loss counts as inf and its accuracy as
    0. No point shows survivors only.

    Args:
        samples: Training samples seen at the evaluations, shape (n_evals,), increasing.
        metrics: By name (all of ``METRICS``) values of shape (trial, n_evals), at least one trial;
            NaN from the divergence on, or throughout where the metric has no meaning. The trials
            in the order of their seeds: the first are kept as traces.
        failure: What each metric counts as from a divergence on.

    Example:
        >>> found = setting_bands([10], dict.fromkeys(METRICS, [[1.0], [3.0], [np.nan]]))
        >>> found.quartiles[1, :, 0], found.quartiles[2, :, 0]
        (array([ 2.,  3., inf]), array([0.5, 1. , 2. ]))
    """
    quartiles, measured, traces = [], [], []
    for name in METRICS:  # one at a time: of 100,000 trials each takes a hundred megabytes
        values = np.asarray(metrics[name], dtype=np.float64)
        traces.append(values[:TRACES].copy())
        runs = np.array(values.T, order="C")
        lost = np.isnan(runs)
        measured.append(bool((~lost).any()))
        runs[lost] = failure[name]
        runs.sort(axis=1)
        n_evals, n = runs.shape
        first, counts = np.arange(0, runs.size, n), np.full(n_evals, n)
        flat = runs.ravel()
        quartiles.append([sorted_quantiles(flat, first, counts, q) for q in QUARTILES.values()])
    return SettingBands(
        samples=as_grid(samples),
        quartiles=np.array(quartiles),
        n=n,
        measured=tuple(measured),
        traces=np.array(traces),
    )


def bands_table(found: Mapping[str, SettingBands]) -> pd.DataFrame:
    """Lay the bands of settings out as a table.

    Returns:
        A row a metric, setting and evaluation: ``setting``, ``samples``, ``metric``, ``q25``,
        ``median``, ``q75`` (inf where diverged trials reach so far), ``n`` (trials). A metric that
        a setting lacks (accuracy in regression) is left out; one in which all trials diverged at
        once has accuracy if any other setting has it.
    """
    parts = [
        (index, setting)
        for index in range(len(METRICS))
        if any(bands.measured[index] for bands in found.values())
        for setting, bands in found.items()
        if bands.measured[index] or not bands.measured[METRICS.index("test_loss")]
    ]
    if not parts:
        return pd.DataFrame(columns=["setting", "samples", "metric", *QUARTILES, "n"])
    lengths = [len(found[setting].samples) for _, setting in parts]
    quartiles = np.concatenate([found[setting].quartiles[i] for i, setting in parts], axis=1)
    return pd.DataFrame(
        {
            "setting": np.repeat([setting for _, setting in parts], lengths),
            "samples": np.concatenate([found[setting].samples for _, setting in parts]),
            "metric": np.repeat([METRICS[i] for i, _ in parts], lengths),
            **dict(zip(QUARTILES, quartiles, strict=True)),
            "n": np.repeat([found[setting].n for _, setting in parts], lengths),
        }
    )


def bands_of_curves(curves: pd.DataFrame) -> dict[str, SettingBands]:
    """Summarise the curves of every setting, in order of first appearance.

    An evaluation that one seed of a setting lacks counts as its divergence does.
    """
    return {
        one.setting: setting_bands(one.samples, one.metrics) for one in curves_by_setting(curves)
    }


def curves_by_setting(curves: pd.DataFrame) -> Iterator[SettingCurves]:
    """Cut a table of curves into settings, in order of first appearance."""
    setting, settings = pd.factorize(curves["setting"])
    seeds, samples = (curves[key].to_numpy() for key in ("seed", "samples"))
    values = {m: curves[m].to_numpy(dtype=np.float64, na_value=np.nan) for m in METRICS}
    order = np.argsort(setting, kind="stable")
    ends = np.cumsum(np.bincount(setting))
    for name, rows in zip(settings, np.split(order, ends[:-1]), strict=False):
        trials, trial = np.unique(seeds[rows], return_inverse=True)
        grid, point = np.unique(samples[rows], return_inverse=True)
        metrics = {}
        for metric, value in values.items():
            metrics[metric] = np.full((len(trials), len(grid)), np.nan)
            metrics[metric][trial, point] = value[rows]
        yield SettingCurves(str(name), trials, grid, metrics)


def target_times(
    curves: pd.DataFrame, accuracies: Sequence[float], hold: int, common: CommonGrid | None = None
) -> pd.DataFrame:
    """Find when the seeds of each setting reach each of some accuracies, and hold it.

    Args:
        curves: As `nnrun.Results.curves`.
        accuracies: To be reached.
        hold: Evaluations in a row, as declared.
        common: The points at which settings are judged, if not each at all of its own.

    Returns:
        A row a setting and accuracy: ``setting``, ``accuracy``, ``q25``, ``median``, ``q75``
        (samples over seeds; inf where that share of seeds does not arrive).
    """
    rows = []
    hold = hold if common is None else common.hold(hold)
    for one in curves_by_setting(curves):
        one = one if common is None else one.at(common)
        for accuracy in accuracies:
            met = held(one.metrics["accuracy"] >= accuracy, hold)
            times = first_time(met, one.samples)
            found = {name: quantile_with_failures(times, q) for name, q in QUARTILES.items()}
            rows.append({"setting": one.setting, "accuracy": accuracy, **found})
    return pd.DataFrame(rows, columns=["setting", "accuracy", *QUARTILES]).astype(
        {"accuracy": np.float64}
    )
