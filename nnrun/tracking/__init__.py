"""MLflow runs of a sweep: the only package that imports mlflow, once a ``Tracker`` is made.

- ``run``: what MLflow is given; ``entities``, ``limits``: as what it takes it.
- ``address``, ``store``, ``sqlite``: opening a store; ``errors``: what it says instead.
- ``tracker``, ``bulk``: writing runs; ``query``: finding them; ``artifacts``: their files;
  ``models``, ``pyfunc``: their networks; ``view``: what their pages open with.
- ``writer``: a thread for all of it.
- ``read``: a sweep's tables back from a store.
"""

from nnrun.tracking.errors import TrackingError
from nnrun.tracking.run import (
    Artifact,
    Dataset,
    FoundRun,
    Line,
    SettingRun,
    Status,
    SweepRun,
    TrialRun,
)
from nnrun.tracking.tracker import Tracker
from nnrun.tracking.view import View
from nnrun.tracking.writer import Writer

__all__ = [
    "Artifact",
    "Dataset",
    "FoundRun",
    "Line",
    "SettingRun",
    "Status",
    "SweepRun",
    "Tracker",
    "TrackingError",
    "TrialRun",
    "View",
    "Writer",
]
