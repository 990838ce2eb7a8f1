"""A sweep's tables back from a store, for whoever does not have its folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nnrun.config import Tracking
from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.results import CURVES, LADDER, SUMMARY, SWEEP, TRIALS
from nnrun.tracking.address import STORE
from nnrun.tracking.errors import first_line
from nnrun.tracking.store import connect, unusable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

TABLES = (TRIALS, CURVES, SUMMARY, LADDER, SWEEP)

SEARCHED = 1000
"""Newest sweeps of an experiment that are looked through."""


@contextmanager
def downloaded(named: str, uri: str = "") -> Iterator[Path]:
    """Fetch the tables of a sweep into a folder that lasts as long as the ``with`` block.

    Args:
        named: The name of an experiment, for its newest sweep; or that, a slash, and the sweep's
            name, as in the tag ``nnrun.sweep``.
        uri: Of the store; empty for that of MLFLOW_TRACKING_URI, else outputs/mlflow.db.

    Raises:
        InputError: If the store or the sweep cannot be had.
    """
    uri = uri or os.environ.get(STORE, "") or Tracking().uri
    with TemporaryDirectory(prefix="nnrun-") as folder:
        client = connect(uri)
        try:
            run = _found(client, uri, named)
            for name in TABLES:
                client.download_artifacts(run.info.run_id, name, folder)
        except InputError:
            raise
        except OSError as error:
            rule = f"has no tables of this sweep within reach: {first_line(error)}"
            raise InputError(Issue("store", uri, rule)) from error
        except Exception as error:
            raise unusable(uri, error) from error
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
        rule = f"is no experiment of {uri}"
        hint = did_you_mean(named, names) or did_you_mean(experiment, names)
        raise InputError(Issue("experiment", named, rule, hint))
    runs = client.search_runs(
        [place.experiment_id],
        "tags.`nnrun.kind` = 'sweep'",
        max_results=SEARCHED,
        order_by=["attributes.start_time DESC"],
    )
    ended = [run for run in runs if run.info.status != "RUNNING"]
    if not ended:
        rule = f"has no finished sweep in {uri}"
        raise InputError(Issue("experiment", experiment, rule))
    names = [run.data.tags.get("nnrun.sweep", "") for run in ended]
    if sweep and sweep not in names:
        rule = f"is no sweep of the experiment '{experiment}'"
        hint = f"its newest: {', '.join(names[:5])}"
        raise InputError(Issue("sweep", sweep, rule, hint))
    return ended[names.index(sweep) if sweep else 0]
