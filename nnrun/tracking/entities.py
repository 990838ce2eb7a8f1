"""What MLflow is given of a run: curves, configurations and data within its limits."""

import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import DatasetInput, Metric, Param

    from nnrun.model import NeuralNetwork

CURVE_POINTS, FEWEST_POINTS = 100, 12
"""Most points a curve keeps, and in the largest sweeps."""

SHARED_POINTS = 6000
"""Points a curve, over all settings of a sweep: a point costs MLflow about 60 µs of Python."""

METRICS_PER_CALL, PARAMS_PER_CALL = 1000, 100
KEY_LENGTH, PARAM_LENGTH, TAG_LENGTH, SOURCE_LENGTH = 250, 6000, 8000, 65_000
NAME_LENGTH, DATASET_LENGTH, SCHEMA_LENGTH = 250, 500, 1_000_000

SO_FAR = "success/so_far"
"""Curve of the share of seeds that have reached the target."""

UNTIL = {"accuracy": "until_accuracy", "test_loss": "until_test_loss"}
"""Sections of MLflow's page, which it sorts by name: these come after the curves."""

Status = Literal["FINISHED", "FAILED", "KILLED"]


class Artifact(NamedTuple):
    """A file or folder to be copied into the store.

    Attributes:
        path: Where it is; a folder is copied under its own name.
        into: Folder among the run's artifacts; empty for their root.
    """

    path: Path
    into: str = ""


class Line(NamedTuple):
    """One curve.

    Attributes:
        samples: Training samples seen, shape (n_evals,), increasing.
        values: Shape (n_evals,); those that are not finite are left out.
    """

    samples: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


class Dataset(NamedTuple):
    """Data that a setting used, for training or as a test."""

    name: str
    role: str
    digest: str  # at most 36 characters
    source: Mapping[str, Any]
    columns: Mapping[str, Sequence[str]]
    samples: int | None  # None for an endless stream


@dataclass(frozen=True)
class TrialRun:
    """What MLflow keeps of one trial, below its setting's run; its params are what varies."""

    seed: int
    params: Mapping[str, Any]
    lines: Mapping[str, Line]
    summary: Mapping[str, float]
    status: str


@dataclass(frozen=True)
class SettingRun:
    """What MLflow keeps of one setting.

    Attributes:
        name: The setting's label, for instance ``lr=0.1``.
        params: The flat configuration by dotted key, varying keys first.
        bands: A row a metric and evaluation: ``metric``, ``samples`` (training samples seen) and
            ``q25``, ``median``, ``q75`` over the seeds. Values that are not finite are left out.
        summary: Final figures by name; those that are not finite are left out.
        tags: What ties the run to its sweep: ``nnrun.sweep``, ``mlflow.source.git.commit``; and
            ``mlflow.runColor`` (``#rrggbb``), else MLflow may give two settings one colour.
        lines: Curves besides the bands, by name.
        texts: Content of small files by name.
        trials: To be logged below this run.
        network: To be kept as the model ``runs:/RUN/model``; None for none.
        points: Most points of a curve, see `curve_length`.
        quartiles_of: The metric that alone keeps its quartiles; None for all.
    """

    setting: str
    name: str
    params: Mapping[str, Any]
    bands: "pd.DataFrame"
    summary: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    datasets: Sequence[Dataset] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()
    trials: Sequence[TrialRun] = ()
    network: "NeuralNetwork | None" = None
    failed: bool = False
    points: int = CURVE_POINTS
    quartiles_of: str | None = None


class Update(NamedTuple):
    """What a setting's run is to say in the end, besides what its records alone tell."""

    name: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class SweepRun:
    """What MLflow keeps of a whole sweep: its verdict, in Markdown, its report and its tables."""

    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()
    status: Status = "FINISHED"


class Version(NamedTuple):
    """What the model registry is told of a network: Markdown, and tags."""

    description: str
    tags: Mapping[str, str]


class FoundRun(NamedTuple):
    """A run that the store holds, with all its tags and the last value of each metric."""

    run: str
    status: str  # RUNNING where a process was killed in mid-run
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def curve_length(settings: int) -> int:
    """Choose how many points a curve keeps in a sweep of so many settings.

    MLflow's pages draw ten runs at first; the tables and the report keep every evaluation.

    Example:
        >>> [curve_length(settings) for settings in (1, 100, 300, 1000)]
        [100, 60, 20, 12]
    """
    return max(FEWEST_POINTS, min(CURVE_POINTS, SHARED_POINTS // max(settings, 1)))


def cut(text: str, limit: int) -> str:
    """Shorten a text to ``limit`` characters, ending in dots where something was lost."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def literal(text: str) -> str:
    r"""Write a sentence so that Markdown makes nothing of names in it.

    Example:
        >>> print(literal("Yes: features=x*y <- x*x"))
        Yes: features=x\*y \<- x\*x
    """
    return re.sub(r"([*`<\\])", r"\\\1", text)


class Point(NamedTuple):
    """One value of one metric; ``samples`` are the training samples seen, MLflow's step."""

    key: str
    value: float
    samples: int = 0


def curve_points(
    bands: "pd.DataFrame", most: int = CURVE_POINTS, quartiles_of: str | None = None
) -> Iterator[Point]:
    """Yield the points of every curve of one setting, named ``METRIC/QUANTILE``.

    Args:
        bands: A row a metric and evaluation: ``metric``, ``samples``, ``q25``, ``median``, ``q75``.
        most: Most points a curve.
        quartiles_of: The metric that alone keeps its quartiles; None for all.

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
        for quantile in ("median", "q25", "q75") if quartiles_of in (None, metric) else ("median",):
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
