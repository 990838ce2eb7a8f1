"""The one writer of a sweep's MLflow runs."""

import getpass
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nnrun.tracking.entities import TAG_LENGTH, Point, batches, clean, curve_points, cut
from nnrun.tracking.errors import patiently, refusal, unreachable
from nnrun.tracking.run import FoundRun, SettingRun, Status, SweepRun
from nnrun.tracking.store import open_store, unusable

PAGE = 1000
"""Runs a search brings at once."""


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
        self._origin = _origin()

    def log_setting(self, run: SettingRun) -> str:
        """Write one setting as one ended run.

        Returns:
            The MLflow run id.

        Raises:
            TrackingError: If the store does not take it; what it took is marked as failed.
        """
        summary = (Point(key, value) for key, value in run.summary.items())
        points = [*curve_points(run.bands, run.points), *summary]
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

    def find(self, sweep: str) -> list[FoundRun]:
        """List the runs of a sweep, the newest first; deleted ones are left out.

        Args:
            sweep: The sweep's id, as in the tag ``nnrun.sweep_id``.

        Raises:
            InputError: If the store does not answer.
        """
        search = partial(
            self._store.client.search_runs,
            [self._store.experiment],
            f"tags.`nnrun.sweep_id` = {_quoted(sweep)}",
            max_results=PAGE,
            order_by=["attributes.start_time DESC"],
        )
        found: list[FoundRun] = []
        page = None
        try:
            while page != "":
                runs = search(page_token=page)
                found += [FoundRun(r.info.run_id, r.info.status, r.data.tags) for r in runs]
                page = runs.token or ""
        except Exception as error:
            raise unusable(self._store.uri, error) from error
        return found

    def delete(self, run: str) -> None:
        """Move a run to MLflow's deleted runs.

        Raises:
            TrackingError: If the store does not do it.
        """
        try:
            patiently(lambda: self._store.client.delete_run(run))
        except Exception as error:
            raise refusal(f"to delete the run {run}", error) from error

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
        wanted = f"tags.`nnrun.sweep` = {_quoted(sweep)} and tags.`nnrun.kind` = 'setting'"
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
        if self._store.database:
            self._store.database.settle()

    @contextmanager
    def _run(self, name: str, tags: Mapping[str, str], status: Status) -> Iterator[str]:
        """Begin a run and end it whatever happens: none is left as running."""
        client, run = self._store.client, ""
        try:
            if self._store.database:
                self._store.database.require()
            sent = {key: cut(value, TAG_LENGTH) for key, value in clean(tags).items()}
            # with its tags at once: a process that is killed leaves no run that nobody knows
            run = patiently(
                lambda: client.create_run(
                    self._store.experiment, tags=self._origin | sent, run_name=name
                )
            ).info.run_id
            yield run
            patiently(lambda: client.set_terminated(run, status))
        except Exception as error:
            if not unreachable(error):
                self._end_early(run, "FAILED")
            raise refusal(f"the run '{name}'", error) from error
        except BaseException:
            self._end_early(run, "KILLED")
            raise

    def _end_early(self, run: str, status: Status) -> None:
        if run:
            with suppress(Exception):  # the error on its way says more
                self._store.client.set_terminated(run, status)

    def _log(self, run: str, points: Iterable[Point], params: Mapping[str, Any]) -> None:
        for metrics, texts in batches(points, params):
            patiently(partial(self._store.client.log_batch, run, metrics=metrics, params=texts))

    def _copy(self, run: str, artifacts: Iterable[Path]) -> None:
        for path in artifacts:
            if path.is_dir():
                self._store.client.log_artifacts(run, str(path), path.name)
            else:
                self._store.client.log_artifact(run, str(path))


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _origin() -> dict[str, str]:
    tags = {"mlflow.source.name": "nnrun", "mlflow.source.type": "LOCAL"}
    with suppress(OSError, KeyError, ImportError):  # an account without a name
        tags["mlflow.user"] = getpass.getuser()
    return tags
