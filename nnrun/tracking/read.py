"""Results read back, from a folder or from an MLflow store."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.layout import CURVES, LADDER, STORE, SUMMARY, TRIALS
from nnrun.masking import masked
from nnrun.records.sweep import SWEEP
from nnrun.results import results
from nnrun.tracking.address import require_own_host
from nnrun.tracking.errors import first_line
from nnrun.tracking.store import READING, connect, unusable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MLFLOW = "mlflow:"
TABLES = (TRIALS, CURVES, SUMMARY, LADDER, SWEEP)

SEARCHED = 1000
"""Newest sweeps of an experiment that are looked through."""


@contextmanager
def downloaded(named: str, uri: str = "") -> Iterator[Path]:
    """Fetch the tables of a sweep into a folder that lasts as long as the ``with`` block.

    Args:
        named: The name of an experiment, for its newest sweep; or that, a slash, and the sweep's
            name or id, as in the tags ``nnrun.sweep`` and ``nnrun.sweep_id``.
        uri: Of the store; empty for that of MLFLOW_TRACKING_URI, else outputs/mlflow.db.

    Raises:
        InputError: If the store or the sweep cannot be had.
    """
    uri = uri or os.environ.get(STORE, "") or Tracking().uri
    with TemporaryDirectory(prefix="nnrun-") as folder:
        client = connect(uri, Path(folder))
        try:
            run = _found(client, uri, named)
            require_own_host(run.info.artifact_uri, uri)
            for name in TABLES:
                client.download_artifacts(run.info.run_id, name, folder)
        except InputError:
            raise
        except OSError as error:
            rule = f"has no tables of this sweep within reach: {first_line(error)}"
            raise InputError(Issue("store", masked(uri), rule)) from error
        except Exception as error:
            raise unusable(uri, error, READING) from error
        yield Path(folder)


def _found(client: "MlflowClient", uri: str, named: str) -> "Run":
    """Find a sweep's own run; the name of an experiment may have slashes."""
    experiment, sweep = named, ""
    place = client.get_experiment_by_name(experiment)
    if place is None and "/" in named:
        experiment, _, sweep = named.rpartition("/")
        place = client.get_experiment_by_name(experiment)
    if place is None:
        names = [known.name for known in client.search_experiments()]
        rule = f"is no experiment of {masked(uri)}"
        hints = [did_you_mean(text, names) for text in (named, experiment)]
        # where nothing is near, both list what is known
        near = [hint for hint in hints if hint.startswith("did")]
        raise InputError(Issue("experiment", named, rule, [*near, hints[0]][0]))
    runs = client.search_runs(
        [place.experiment_id],
        "tags.`nnrun.kind` = 'sweep'",
        max_results=SEARCHED,
        order_by=["attributes.start_time DESC"],
    )
    ended = [run for run in runs if run.info.status != "RUNNING"]
    if not ended:
        rule = f"has no finished sweep in {masked(uri)}"
        raise InputError(Issue("experiment", experiment, rule))
    return _named(ended, sweep, experiment) if sweep else ended[0]


def _named(runs: "Sequence[Run]", sweep: str, experiment: str) -> "Run":
    """Choose a sweep's own run by its name, or by its id where several sweeps have that name."""
    tags = [run.data.tags for run in runs]
    ids = [tag.get("nnrun.sweep_id", "") for tag in tags]
    found = [i for i, tag in enumerate(tags) if sweep in (tag.get("nnrun.sweep"), ids[i])]
    if not found:
        rule = f"is no sweep of the experiment '{experiment}'"
        hint = f"its newest: {', '.join(tag.get('nnrun.sweep', '') for tag in tags[:5])}"
        raise InputError(Issue("sweep", sweep, rule, hint))
    which = list(dict.fromkeys(ids[i] for i in found))
    if len(which) > 1:
        rule = f"is the name of {len(which)} sweeps of the experiment '{experiment}'"
        hint = f"take one's id, the newest first: {', '.join(which[:5])}"
        raise InputError(Issue("sweep", sweep, rule, hint))
    return runs[found[0]]


def load(path: str | Path) -> results.Results:
    """Read a sweep's or a run's tables.

    Args:
        path: A folder under outputs/sweeps or outputs/runs; or ``mlflow:EXPERIMENT`` for the newest
            sweep of an MLflow experiment, ``mlflow:EXPERIMENT/SWEEP`` for the one of that name,
            wherever it was run. The store is that of the variable MLFLOW_TRACKING_URI, else
            outputs/mlflow.db.

    Returns:
        Its trials, curves, summary and provenance.

    Raises:
        InputError: If there is no such finished sweep, or the store cannot be read.
    """
    if not str(path).startswith(MLFLOW):
        return results.load(path)
    with downloaded(str(path).removeprefix(MLFLOW)) as folder:
        found = results.load(folder)
        # the folder lasts no longer
        return replace(found, folder=None, known={**found.known, "curves": found.curves})
