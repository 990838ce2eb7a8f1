"""Results read back, from a folder or from an MLflow store."""

from dataclasses import replace
from pathlib import Path

from nnrun.results import results

MLFLOW = "mlflow:"


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
    from nnrun.tracking.read import downloaded

    with downloaded(str(path).removeprefix(MLFLOW)) as folder:
        found = results.load(folder)
        # the folder lasts no longer
        return replace(found, folder=None, known={**found.known, "curves": found.curves})
