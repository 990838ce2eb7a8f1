"""What MLflow is given of a run, and what it says of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nnrun.tracking.entities import CURVE_POINTS

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["FINISHED", "FAILED", "KILLED"]


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
        artifacts: Files and folders to be copied into the store.
        failed: Whether the setting ended in an error.
        points: Most points of a curve, see ``nnrun.tracking.entities.curve_length``.
    """

    setting: str
    name: str
    params: Mapping[str, Any]
    bands: "pd.DataFrame"
    summary: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Path] = ()
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
        artifacts: The report and the tables; a folder is copied under its own name.
        status: How the sweep ended.
    """

    name: str
    description: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Path] = ()
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
