"""The one writer of a sweep's MLflow runs, and of their files; runs are found again by tags."""

import getpass
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from urllib.request import url2pathname

from nnrun.tracking.address import page_address, require_own_host, ui_command
from nnrun.tracking.entities import (
    NAME_LENGTH,
    TAG_LENGTH,
    Artifact,
    FoundRun,
    Point,
    SettingRun,
    Status,
    SweepRun,
    TrialRun,
    Version,
    batches,
    clean,
    curve_points,
    cut,
    dataset_inputs,
    line_points,
)
from nnrun.tracking.errors import patiently, refusal, unreachable
from nnrun.tracking.pyfunc import FOLDER, register, registered, write_model
from nnrun.tracking.store import Store, open_store, unusable
from nnrun.tracking.view import VALUE_LENGTH, View, saved_view, version_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo

    from nnrun.model import NeuralNetwork


class Files:
    """Keeps the files of one run: copied where they are in a folder, else by MLflow's client."""

    def __init__(self, client: "MlflowClient", run: str, uri: str) -> None:
        parts = urlsplit(uri)
        local = parts.scheme == "file" and not parts.netloc
        self._root = Path(url2pathname(parts.path)) if local else None
        self._client, self._run = client, run

    def keep(self, artifact: Artifact) -> None:
        """Copy a file or folder; sending it twice does no harm.

        Raises:
            OSError: If it cannot be read, or a local store not be written.
        """
        path, into = artifact
        if self._root:
            target = self._root / into / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
            else:
                shutil.copyfile(path, target)
        elif path.is_dir():
            place = f"{into}/{path.name}" if into else path.name
            patiently(lambda: self._client.log_artifacts(self._run, str(path), place))
        else:
            patiently(lambda: self._client.log_artifact(self._run, str(path), into or None))

    @contextmanager
    def folder(self, into: str = "") -> Iterator[Path]:
        """Yield a folder to write in; what it holds in the end is kept in ``into``."""
        if self._root:
            target = self._root / into
            target.mkdir(parents=True, exist_ok=True)
            yield target
            return
        with TemporaryDirectory(prefix="nnrun-") as place:
            yield Path(place)
            patiently(lambda: self._client.log_artifacts(self._run, place, into or None))


PAGE = 1000
"""Runs a search brings at once."""


def search(store: Store, tags: Mapping[str, str]) -> Iterator[FoundRun]:
    """Find the runs of the store's experiment that have some tags, the newest first.

    Deleted ones are left out. What MLflow, a driver or the system raises passes through.
    """
    ask: Callable[..., Any] = partial(
        store.client.search_runs,
        [store.experiment],
        tag_filter(tags),
        max_results=PAGE,
        order_by=["attributes.start_time DESC"],
    )
    page = None
    while page != "":
        runs = patiently(partial(ask, page_token=page))
        for run in runs:
            yield FoundRun(run.info.run_id, run.info.status, run.data.tags, run.data.metrics)
        page = runs.token or ""


def tag_filter(tags: Mapping[str, str]) -> str:
    """Write the query for runs that have these tags; no value holds both kinds of quotes."""
    return " and ".join(f"tags.`{key}` = {_quoted(value)}" for key, value in tags.items())


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"

WRITTEN = "nnrun.description"
"""Tag of an experiment: what it was described by, to tell it from a user's own words."""

CHARTS = {"compareRunsMode": "CHART", "workflowType": "machine_learning"}
"""Words of an address that has MLflow's page open with charts."""

WHO = ("nnrun.sweep_id", "nnrun.kind", "nnrun.setting", "nnrun.seed")
"""Tags that no two runs of a sweep share."""


class Tracker:
    """Write runs into one experiment of one MLflow store.

    Making one opens the store, creates it where needed (safe beside other processes that do the
    same) and finds or creates the experiment.

    Args:
        uri: Any MLflow tracking URI. A relative ``sqlite:///`` path is taken from the working
            directory of now, wherever the process goes later.
        experiment: The experiment's name.
        artifacts: Folder or URI for a new experiment's files. None is the folder ``mlartifacts``
            beside a SQLite file, and the store's own choice elsewhere.

    Raises:
        InputError: If the store (key ``tracking.uri``) or the experiment (key ``experiment``)
            cannot be used.
        TrackingError: If a server does not answer now.
    """

    def __init__(self, uri: str, experiment: str, artifacts: str | None = None) -> None:
        self._store = open_store(uri, experiment, artifacts)
        self._client = self._store.client
        self._origin, self._own = _origin(), (uri, artifacts)

    def log_setting(self, run: SettingRun) -> str:
        """Write one setting as one ended run, its trials below it first.

        Returns:
            The MLflow run id.

        Raises:
            TrackingError: If the store does not take it; what it took is marked as failed.
        """
        tags = {"nnrun.kind": "setting", "nnrun.setting": run.setting, **run.tags}
        status: Status = "FAILED" if run.failed else "FINISHED"
        with self._run(run.name, tags, status, seconds=run.summary.get("train_seconds")) as info:
            # the figures first: MLflow's tables take them in the order in which they came
            curves = [
                *curve_points(run.bands, run.points, run.quartiles_of),
                *line_points(run.lines, run.points),
            ]
            self._log(info.run_id, [*_figures(run.summary), *curves], run.params)
            if run.datasets:
                inputs = dataset_inputs(run.datasets)
                patiently(lambda: self._client.log_inputs(info.run_id, inputs))
            place = self._files(info)
            self._write(place, run.texts)
            for artifact in run.artifacts:
                place.keep(artifact)
            if run.network is not None:
                with place.folder(FOLDER) as folder:
                    write_model(run.network, folder)
            for trial in run.trials:
                self._log_trial(trial, {**run.tags, PARENT: info.run_id}, run)
        return info.run_id

    def update_setting(
        self,
        run: str,
        name: str,
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
        texts: Mapping[str, str],
    ) -> None:
        """Let the ended run of a setting say more; a name that is empty stays as it is.

        Raises:
            TrackingError: If the store does not take it.
        """
        from mlflow.entities import RunTag

        named = {"mlflow.runName": cut(name, NAME_LENGTH)} if name else {}
        entries = [RunTag(key, value) for key, value in {**_tags(tags), **named}.items()]
        try:
            if self._store.database:
                self._store.database.require()
            points = [points for points, _ in batches(_figures(metrics), {})]
            for some in points or [[]]:  # tags may be all that there is
                patiently(partial(self._client.log_batch, run, metrics=some, tags=entries))
            if texts:
                self._write(self._files(patiently(lambda: self._client.get_run(run).info)), texts)
        except Exception as error:
            raise refusal(f"the figures of the run {run}", error) from error

    def begin_sweep(self, name: str, tags: Mapping[str, str]) -> str:
        """Begin the sweep's run, for others to be logged below it; return its MLflow run id."""
        try:
            return self._begin(name, {"nnrun.kind": "sweep", **tags}).run_id
        except Exception as error:
            raise refusal(f"the run '{name}'", error) from error

    def log_sweep(self, run: SweepRun, into: str = "") -> str:
        """Write the sweep itself as one ended run, into the one of an id if it was begun before.

        Returns:
            The MLflow run id.

        Raises:
            TrackingError: If the store does not take it; what it took is marked as failed.
        """
        tags = {"nnrun.kind": "sweep", **run.tags}
        if run.description:
            tags[NOTE] = run.description
        with self._run(run.name, tags, run.status, into) as info:
            place = self._files(info)
            for artifact in run.artifacts:
                place.keep(artifact)
        return info.run_id

    def abandon(self, run: str) -> None:
        """End the run of a sweep that will not be finished; that is no more than a courtesy."""
        self._end_early(run, "KILLED")

    def registered(self, name: str, run: str, seed: int) -> str:
        """Find the version of a name that is the network of a run's seed; empty if there is none.

        Raises:
            TrackingError: If the store does not answer.
        """
        try:
            return registered(self._client, name, run, seed)
        except Exception as error:
            raise refusal(f"to look up the model '{name}'", error) from error

    def register(self, name: str, run: str, network: "NeuralNetwork", version: Version) -> str:
        """Keep a network among the files of its setting's run, and register it.

        Returns:
            The version, for ``models:/NAME/VERSION``.

        Raises:
            TrackingError: If the store does not do it.
        """
        into = f"registered/seed_{network.seed}"
        try:
            info = patiently(lambda: self._client.get_run(run).info)
            with self._files(info).folder(into) as folder:
                write_model(network, folder)
        except Exception as error:
            raise refusal(f"the model '{name}'", error) from error
        return register(self._client, name, run, f"{info.artifact_uri}/{into}", version)

    def run_page(self, run: str) -> str:
        """Give the page of a run, relative to any server that shows the store."""
        return f"#/experiments/{self._store.experiment}/runs/{run}"

    def find(self, sweep: str) -> list[FoundRun]:
        """List the runs of the sweep of an id, the newest first; deleted ones are left out.

        Raises:
            InputError: If the store does not answer.
        """
        try:
            return list(search(self._store, {"nnrun.sweep_id": sweep}))
        except Exception as error:
            raise unusable(self._store.uri, error) from error

    def delete(self, run: str) -> None:
        """Move a run to MLflow's deleted runs.

        Raises:
            TrackingError: If the store does not do it.
        """
        try:
            patiently(lambda: self._client.delete_run(run))
        except Exception as error:
            raise refusal(f"to delete the run {run}", error) from error

    def ui_command(self) -> str:
        """Give the shell command that opens this store: `nnrun.tracking.address.ui_command`."""
        return ui_command(self._store.uri)

    def charts_url(self, sweep: str) -> str:
        """Give the page that draws the curves of the settings of a sweep's id, in their order.

        For a database it is the one that ``ui_command`` serves it at. Empty for a hosted service
        whose pages are not at its URI.
        """
        return self._page(
            {
                "searchFilter": _settings_of(sweep),
                "orderByKey": "attributes.start_time",
                "orderByAsc": "true",
            }
        )

    def save_view(self, sweep: str, view: View, name: str) -> str:
        """Keep what the page opens with that shows the settings of a sweep's id.

        Returns:
            The page's address; empty where there can be none. It is an extra: a store that does not
            take it is no error.
        """
        if not page_address(self._store.uri):
            return ""
        try:
            version = version_of(self._store.version())
            tags = saved_view(sweep, _settings_of(sweep), view, name, version)
            for tag in tags.items():
                self._client.set_experiment_tag(self._store.experiment, *tag)
        except Exception:
            return ""
        return self._page({"viewStateShareKey": sweep}) if tags else ""

    def describe(self, text: str) -> None:
        """Describe the experiment, as an extra, too: what somebody else has written stays."""
        text, experiment = cut(text, VALUE_LENGTH), self._store.experiment
        with suppress(Exception):
            tags = self._client.get_experiment(experiment).tags
            if not tags.get(NOTE) or tags[NOTE] == tags.get(WRITTEN):
                for key in (NOTE, WRITTEN):
                    self._client.set_experiment_tag(experiment, key, text)

    def close(self) -> None:
        """Leave a SQLite store whole in its one file; call it at the end of a sweep."""
        if self._store.database:
            self._store.database.settle()

    def _page(self, query: Mapping[str, str]) -> str:
        """Write the address of the experiment's charts; empty where there is none."""
        path = f"#/experiments/{self._store.experiment}/runs?{urlencode({**CHARTS, **query})}"
        return f"{page_address(self._store.uri)}/{path}" if page_address(self._store.uri) else ""

    @contextmanager
    def _run(
        self,
        name: str,
        tags: Mapping[str, str],
        status: Status,
        known: str = "",
        seconds: float | None = None,
    ) -> Iterator["RunInfo"]:
        """Begin a run and end it whatever happens: none is left as running.

        MLflow's table has a column with its duration, and whoever compares settings takes that for
        the time of training: ``seconds``, if they are known, rather than those that this took.
        """
        run = known
        try:
            info = self._taken_up(known, tags) if known else self._begin(name, tags)
            run = info.run_id
            yield info
            end = None if seconds is None else int(info.start_time + 1000 * seconds)
            patiently(lambda: self._client.set_terminated(run, status, end))
        except Exception as error:
            if not unreachable(error):
                self._end_early(run, "FAILED")
            raise refusal(f"the run '{name}'", error) from error
        except BaseException:
            self._end_early(run, "KILLED")
            raise

    def _begin(self, name: str, tags: Mapping[str, str]) -> "RunInfo":
        """Create a run, with its tags at once: one that a killed process leaves is known by them.

        Where a server's answer was lost it may be there already: it is not created twice.
        """
        if self._store.database:
            self._store.database.require()
        sent = _tags(tags)

        def create() -> "RunInfo":
            experiment, all_tags = self._store.experiment, self._origin | sent
            title = cut(name, NAME_LENGTH)
            return self._client.create_run(experiment, tags=all_tags, run_name=title).info

        def take_or_create() -> "RunInfo":
            found = self._begun(tags)
            return self._client.get_run(found).info if found else create()

        return patiently(create, again=take_or_create)

    def _begun(self, tags: Mapping[str, str]) -> str:
        """Find the run that a call has created whose answer was lost."""
        who = {key: tags[key] for key in WHO if key in tags}
        if WHO[0] not in who:
            return ""
        return next((run.run for run in search(self._store, who) if run.status == "RUNNING"), "")

    def _taken_up(self, run: str, tags: Mapping[str, str]) -> "RunInfo":
        for key, value in _tags(tags).items():
            patiently(partial(self._client.set_tag, run, key, value))
        return patiently(lambda: self._client.get_run(run).info)

    def _end_early(self, run: str, status: Status) -> None:
        if run:
            with suppress(Exception):  # the error on its way says more
                self._client.set_terminated(run, status)

    def _files(self, info: "RunInfo") -> Files:
        require_own_host(info.artifact_uri, *self._own)
        return Files(self._client, info.run_id, info.artifact_uri)

    def _write(self, place: Files, texts: Mapping[str, str]) -> None:
        with place.folder() as folder:
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8", newline="\n")

    def _log_trial(self, trial: TrialRun, tags: Mapping[str, str], of: SettingRun) -> None:
        about = {"nnrun.kind": "trial", "nnrun.setting": of.setting}
        about |= {"nnrun.seed": str(trial.seed), "nnrun.status": trial.status}
        status: Status = "FAILED" if trial.status == "failed" else "FINISHED"
        with self._run(f"seed {trial.seed}", {**tags, **about}, status) as info:
            points = [*line_points(trial.lines, of.points), *_figures(trial.summary)]
            self._log(info.run_id, points, trial.params)

    def _log(self, run: str, points: Iterable[Point], params: Mapping[str, Any]) -> None:
        for metrics, texts in batches(points, params):
            patiently(partial(self._client.log_batch, run, metrics=metrics, params=texts))


def _figures(values: Mapping[str, float]) -> Iterator[Point]:
    return (Point(key, value) for key, value in values.items())


def _settings_of(sweep: str) -> str:
    return tag_filter({WHO[0]: sweep, "nnrun.kind": "setting"})


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: cut(value, TAG_LENGTH) for key, value in clean(tags).items()}


def _origin() -> dict[str, str]:
    tags = {"mlflow.source.name": "nnrun", "mlflow.source.type": "LOCAL"}
    with suppress(OSError, KeyError, ImportError):  # an account without a name
        tags["mlflow.user"] = getpass.getuser()
    return tags
