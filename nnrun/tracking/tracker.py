"""The one writer of a sweep's MLflow runs."""

import getpass
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from nnrun.tracking.entities import TAG_LENGTH, Point, batches, clean, curve_points, cut
from nnrun.tracking.store import TrackingError, first_line, open_store

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
    """

    setting: str
    name: str
    params: Mapping[str, Any]
    bands: "pd.DataFrame"
    summary: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Path] = ()
    failed: bool = False


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


class Tracker:
    """Write runs into one experiment of one MLflow store.

    Making one opens the store, creates it where needed (safe beside other processes that do the
    same) and finds or creates the experiment, so that a bad store is known before training.

    Args:
        uri: Any MLflow tracking URI. A relative ``sqlite:///`` path is taken from the working
            directory of now, wherever the process goes later.
        experiment: The experiment's name.
        artifacts: Folder or URI for a new experiment's files. None is the folder ``mlartifacts``
            beside a SQLite file, and the store's own choice elsewhere.

    Raises:
        InputError: If the store (key ``tracking.uri``) or the experiment (key ``experiment``)
            cannot be used.
    """

    def __init__(self, uri: str, experiment: str, artifacts: str | None = None) -> None:
        self._store = open_store(uri, experiment, artifacts)

    def log_setting(self, run: SettingRun) -> str:
        """Write one setting as one ended run.

        Returns:
            The MLflow run id.

        Raises:
            TrackingError: If the store does not take it; what it took is marked as failed.
        """
        summary = (Point(key, value) for key, value in run.summary.items())
        points = [*curve_points(run.bands), *summary]
        tags = {"nnrun.kind": "setting", "nnrun.setting": run.setting, **run.tags}
        with self._run(run.name, tags, "FAILED" if run.failed else "FINISHED") as identity:
            self._log(identity, points, run.params)
            self._copy(identity, run.artifacts)
        return identity

    def log_sweep(self, run: SweepRun) -> str:
        """Write the sweep itself as one ended run.

        Returns:
            The MLflow run id.

        Raises:
            TrackingError: If the store does not take it; what it took is marked as failed.
        """
        tags = {"nnrun.kind": "sweep", **run.tags}
        if run.description:
            tags["mlflow.note.content"] = run.description
        with self._run(run.name, tags, run.status) as identity:
            self._log(identity, (Point(key, value) for key, value in run.metrics.items()), {})
            self._copy(identity, run.artifacts)
        return identity

    def ui_command(self) -> str:
        """Give the shell command that opens this store, for the directory of the start.

        Returns:
            The command, quoted for the shell, a password in it as ``***``; empty for a tracking
            server, which needs none.
        """
        return self._store.ui_command

    def charts_url(self, sweep: str) -> str:
        """Give the page that draws the curves of a sweep's settings, in their order.

        Args:
            sweep: The sweep's id, as in the tag ``nnrun.sweep``.

        Returns:
            The page's address; for a database, the one that ``ui_command`` serves it at. Empty
            for a hosted service whose pages are not at its URI.
        """
        wanted = f"tags.`nnrun.sweep` = '{sweep}' and tags.`nnrun.kind` = 'setting'"
        query = {
            "compareRunsMode": "CHART",
            "workflowType": "machine_learning",
            "searchFilter": wanted,
            "orderByKey": "attributes.start_time",
            "orderByAsc": "true",
        }
        path = f"#/experiments/{self._store.experiment}/runs?{urlencode(query)}"
        return f"{self._store.address}/{path}" if self._store.address else ""

    def close(self) -> None:
        """Leave a SQLite store whole in its one file; call it at the end of a sweep."""
        self._store.settle()

    @contextmanager
    def _run(self, name: str, tags: Mapping[str, str], status: Status) -> Iterator[str]:
        """Begin a run and end it whatever happens: none is left as running."""
        client, run = self._store.client, ""
        try:
            sent = _origin() | {key: cut(value, TAG_LENGTH) for key, value in clean(tags).items()}
            run = client.create_run(self._store.experiment, tags=sent, run_name=name).info.run_id
            yield run
            client.set_terminated(run, status)
        except Exception as error:
            self._end_early(run, "FAILED")
            raise TrackingError(f"MLflow refused the run '{name}': {first_line(error)}") from error
        except BaseException:
            self._end_early(run, "KILLED")
            raise

    def _end_early(self, run: str, status: Status) -> None:
        if run:
            with suppress(Exception):  # the error on its way says more
                self._store.client.set_terminated(run, status)

    def _log(self, run: str, points: Iterable[Point], params: Mapping[str, Any]) -> None:
        for metrics, texts in batches(points, params):
            self._store.client.log_batch(run, metrics=metrics, params=texts)

    def _copy(self, run: str, artifacts: Iterable[Path]) -> None:
        for path in artifacts:
            if path.is_dir():
                self._store.client.log_artifacts(run, str(path), path.name)
            else:
                self._store.client.log_artifact(run, str(path))


def _origin() -> dict[str, str]:
    tags = {"mlflow.source.name": "nnrun", "mlflow.source.type": "LOCAL"}
    with suppress(OSError, KeyError, ImportError):  # an account without a name
        tags["mlflow.user"] = getpass.getuser()
    return tags
