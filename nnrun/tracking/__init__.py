"""MLflow runs of a sweep: the only package that imports mlflow, once a ``Tracker`` is made.

- ``address``, ``store``: where a store is, and opening it; ``errors``: what it says instead.
- ``entities``: what MLflow is given of a run, within its limits.
- ``tracker``: writing and finding runs and their files; ``pyfunc``: their networks as models.
- ``view``: what a sweep's page opens with; ``server``: MLflow's own pages.
- ``writer``: a thread for all of it.
- ``read``: a sweep's tables back from a store.
"""
