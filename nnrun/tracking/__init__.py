"""MLflow runs of a sweep: the only package that imports mlflow, once a ``Tracker`` is made."""

from nnrun.tracking.store import TrackingError
from nnrun.tracking.tracker import SettingRun, Status, SweepRun, Tracker

__all__ = ["SettingRun", "Status", "SweepRun", "Tracker", "TrackingError"]
