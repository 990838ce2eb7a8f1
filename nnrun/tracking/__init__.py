"""MLflow runs of a sweep: the only package that imports mlflow, once a ``Tracker`` is made."""

from nnrun.tracking.errors import TrackingError
from nnrun.tracking.run import FoundRun, SettingRun, Status, SweepRun
from nnrun.tracking.tracker import Tracker
from nnrun.tracking.writer import Writer

__all__ = [
    "FoundRun",
    "SettingRun",
    "Status",
    "SweepRun",
    "Tracker",
    "TrackingError",
    "Writer",
]
