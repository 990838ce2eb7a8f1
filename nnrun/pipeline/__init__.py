"""One launch, from checked jobs to its report.

- ``launch``: train, write records, track settings as they are done.
- ``finish``: from the records on disk to tables, report and sweep.json.
- ``track``: what MLflow is told of settings and sweeps.
- ``clock``: seconds by stage.
- ``terminal``: what the user sees.
"""
