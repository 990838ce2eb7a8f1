"""One launch, from checked jobs to its report.

- ``claim``: a sweep's folder, its own or that of an unfinished sweep with the same jobs.
- ``launch``: where a launch writes, where it comes from, what it costs and how it ends.
- ``train``: plan, train, write records, track settings as they are done.
- ``finish``: from the records on disk to tables, report and sweep.json.
- ``tabulate``: records to tables, a setting at a time.
- ``track``, ``setting_run``: what MLflow is told of settings and sweeps.
- ``clock``: seconds by stage.
- ``terminal``: what the user sees.
"""
