"""MLflow as a mirror of sweeps: the only package that imports mlflow, once a ``Tracker`` is made.

- ``address``, ``store``: where a store is, and opening it; ``errors``: what it says instead.
- ``entities``: what MLflow is given of a run, within its limits.
- ``run_contents``: what a setting's run and a sweep's say, from records and tables.
- ``client``: writing and finding runs and their files; ``pyfunc``: their networks as models.
- ``registry``: which network is registered, and what is said of it there.
- ``log_queue``: the thread that logs beside training.
- ``mirror``: sending what a store lacks, beside training, at the end, and by ``nnrun.sync``.
- ``process``: a mirror in a process of its own, beside training and drawing.
- ``view``: what a sweep's page opens with; ``server``: MLflow's own pages, for ``nnrun.ui``.
- ``read``: results read back, from a folder or from a store.
- ``histories``: metric histories of other programs' runs, for ``nnrun.judge``.
"""
