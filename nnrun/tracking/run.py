"""What MLflow is given of a run, and what it says of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nnrun.tracking.limits import CURVE_POINTS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from nnrun.model import Model

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

    samples: "npt.NDArray[np.int64]"
    values: "npt.NDArray[np.float64]"


class Dataset(NamedTuple):
    """Data that a setting used.

    Attributes:
        name: Of the data, for instance ``xor``.
        role: ``training`` or ``test``.
        digest: At most 36 characters; other data, other digest.
        source: Where they come from, plain values by name.
        columns: Names of the inputs and of the outputs.
        samples: How many; None for an endless stream.
    """

    name: str
    role: str
    digest: str
    source: Mapping[str, Any]
    columns: Mapping[str, Sequence[str]]
    samples: int | None


@dataclass(frozen=True)
class TrialRun:
    """What MLflow keeps of one trial, below its setting's run.

    Attributes:
        seed: Of the trial.
        params: The keys that vary, and the seed.
        lines: Its curves by metric.
        summary: Final figures by name; those that are not finite are left out.
        status: How it ended.
    """

    seed: int
    params: Mapping[str, Any]
    lines: Mapping[str, Line]
    summary: Mapping[str, float]
    status: str


@dataclass(frozen=True)
class SettingRun:
    """What MLflow keeps of one setting.

    Attributes:
        setting: The setting's id.
        name: The run's name, the setting's label, for instance ``lr=0.1``.
        params: The flat configuration by dotted key, varying keys first.
        bands: A row a metric and evaluation: ``metric``, ``samples`` (training samples seen) and
            ``q25``, ``median``, ``q75`` over the seeds. Values that are not finite are left out.
        summary: Final figures by name; those that are not finite are left out.
        tags: What ties the run to its sweep: ``nnrun.sweep``, ``mlflow.source.git.commit``; and
            ``mlflow.runColor`` (``#rrggbb``), else MLflow may give two settings one colour.
        lines: Curves besides the bands, by name.
        description: In Markdown, shown on the run's page.
        datasets: What it was trained and tested on.
        texts: Content of small files by name.
        artifacts: Files and folders to be copied into the store.
        trials: Runs of single trials, to be logged below this one.
        network: To be kept as the model ``runs:/RUN/model``; None for none.
        failed: Whether the setting ended in an error.
        points: Most points of a curve, see ``nnrun.tracking.entities.curve_length``.
    """

    setting: str
    name: str
    params: Mapping[str, Any]
    bands: "pd.DataFrame"
    summary: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    description: str = ""
    datasets: Sequence[Dataset] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()
    trials: Sequence[TrialRun] = ()
    network: "Model | None" = None
    failed: bool = False
    points: int = CURVE_POINTS


@dataclass(frozen=True)
class SweepRun:
    """What MLflow keeps of a whole sweep.

    Attributes:
        name: The run's name.
        description: The verdict in Markdown, shown on the run's page.
        metrics: Figures of the sweep by name; those that are not finite are left out.
        tags: What ties the run to its settings, as in ``SettingRun``.
        artifacts: The report and the tables.
        status: How the sweep ended.
    """

    name: str
    description: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()
    status: Status = "FINISHED"


class FoundRun(NamedTuple):
    """A run of a sweep that the store holds.

    Attributes:
        run: The MLflow run id.
        status: As the store has it: RUNNING where a process was killed in mid-run.
        tags: All of the run's tags.
    """

    run: str
    status: str
    tags: Mapping[str, str]
