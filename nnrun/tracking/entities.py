"""Curves, configurations and data as what MLflow takes: thinned, renamed, cut to its limits."""

import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.tracking.limits import (
    CURVE_POINTS,
    DATASET_LENGTH,
    KEY_LENGTH,
    METRICS_PER_CALL,
    PARAM_LENGTH,
    PARAMS_PER_CALL,
    SCHEMA_LENGTH,
    SOURCE_LENGTH,
    cut,
)
from nnrun.tracking.run import Dataset, Line

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import DatasetInput, Metric, Param


class Point(NamedTuple):
    """One value of one metric; ``samples`` are the training samples seen, MLflow's step."""

    key: str
    value: float
    samples: int = 0


def curve_points(bands: "pd.DataFrame", most: int = CURVE_POINTS) -> Iterator[Point]:
    """Yield the points of every curve of one setting, named ``METRIC/QUANTILE``.

    Args:
        bands: A row a metric and evaluation: ``metric``, ``samples``, ``q25``, ``median``, ``q75``.
        most: Most points a curve.

    Yields:
        Points in ascending samples within a curve, evenly spread on a log axis, the first and the
        last evaluation among them.
    """
    metrics = bands["metric"].to_numpy(dtype=object)
    seen = bands["samples"].to_numpy(dtype=np.int64)
    for metric in dict.fromkeys(metrics):
        rows = np.flatnonzero(metrics == metric)
        rows = rows[np.argsort(seen[rows], kind="stable")]
        rows = rows[_spread(seen[rows].astype(np.float64), most)]
        samples = seen[rows].tolist()
        for quantile in ("median", "q25", "q75"):
            values = bands[quantile].to_numpy(dtype=np.float64)[rows].tolist()
            for value, at in zip(values, samples, strict=True):
                yield Point(f"{metric}/{quantile}", value, at)


def line_points(lines: Mapping[str, Line], most: int = CURVE_POINTS) -> Iterator[Point]:
    """Yield the points of single curves, thinned as ``curve_points`` does."""
    for key, (samples, values) in lines.items():
        for i in _spread(samples.astype(np.float64), most):
            yield Point(key, float(values[i]), int(samples[i]))


def _spread(samples: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.intp]:
    """Choose at most ``most`` positions of ascending ``samples``, shape (n_evals,)."""
    if len(samples) <= most:
        return np.arange(len(samples))
    axis = np.log1p(samples)
    wanted = np.linspace(axis[0], axis[-1], most)
    right = np.searchsorted(axis, wanted).clip(1, len(axis) - 1)
    left = right - 1
    return np.unique(np.where(wanted - axis[left] < axis[right] - wanted, left, right))


def batches(
    points: Iterable[Point], params: Mapping[str, Any]
) -> Iterator[tuple[list["Metric"], list["Param"]]]:
    """Cut points and parameters into what one ``log_batch`` takes.

    Args:
        points: Values to be logged; those that are not finite are left out, as MLflow stores
            inf as a huge number and NaN as zero.
        params: Flat configuration; values are shown by ``str``.

    Yields:
        Metrics and parameters of one call.
    """
    from mlflow.entities import Metric, Param

    finite = [point for point in points if math.isfinite(point.value)]
    allowed = {key: name for name, key in clean({p.key: p.key for p in finite}).items()}
    now = int(time.time() * 1000)
    metrics = [Metric(allowed[p.key], float(p.value), now, int(p.samples)) for p in finite]
    texts = [Param(key, cut(str(v), PARAM_LENGTH)) for key, v in clean(params).items()]
    while metrics or texts:
        yield metrics[:METRICS_PER_CALL], texts[:PARAMS_PER_CALL]
        del metrics[:METRICS_PER_CALL], texts[:PARAMS_PER_CALL]


def clean(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Replace what MLflow refuses in keys; keys that become the same by it get a number.

    Example:
        >>> clean({"x*y": 1, "x_y": 2, "a//b": 3})
        {'x_y': 1, 'x_y_2': 2, 'a/b': 3}
    """
    cleaned: dict[str, Any] = {}
    for key, value in entries.items():
        base = name = _allowed(key)
        number = 2
        while name in cleaned:
            name, number = f"{base}_{number}", number + 1
        cleaned[name] = value
    return cleaned


def _allowed(key: str) -> str:
    # A colon is refused on Windows only, so it goes everywhere: stores are shared.
    parts = re.sub(r"[^\w.\- /]", "_", key).split("/")
    return "/".join(part for part in parts if part.strip("."))[: KEY_LENGTH - 5].rstrip("/") or "_"


def dataset_inputs(datasets: Iterable[Dataset]) -> list["DatasetInput"]:
    """Make datasets what ``log_inputs`` takes.

    A run has each dataset once: where the training set is the test set, in both roles.
    """
    once: dict[tuple[str, str], Dataset] = {}
    for dataset in datasets:
        before = once.get(key := (dataset.name, dataset.digest))
        once[key] = before._replace(role=f"{before.role}, {dataset.role}") if before else dataset
    return [_dataset_input(dataset) for dataset in once.values()]


def _dataset_input(dataset: Dataset) -> "DatasetInput":
    """Say a dataset in MLflow's words; its pages read schema and profile.

    A schema of more columns than a store takes is left out.
    """
    import mlflow.entities as entities

    columns = {
        "mlflow_colspec": [
            {"type": "double", "name": name, "required": True}
            for names in dataset.columns.values()
            for name in names
        ]
    }
    schema = json.dumps(columns)
    profile = {"num_rows": dataset.samples} if dataset.samples else {"stream": "endless"}
    return entities.DatasetInput(
        entities.Dataset(
            name=cut(dataset.name, DATASET_LENGTH),
            digest=dataset.digest,
            source_type="nnrun",
            source=cut(json.dumps(dataset.source), SOURCE_LENGTH),
            schema=schema if len(schema) <= SCHEMA_LENGTH else None,
            profile=json.dumps(profile),
        ),
        tags=[entities.InputTag("mlflow.data.context", dataset.role)],
    )
