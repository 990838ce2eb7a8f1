"""One launch, from checked jobs to its report.

- ``claim``: a sweep's folder, its own or that of an unfinished sweep with the same jobs.
- ``launch``: where a launch writes, where it comes from, what it costs and how it ends.
- ``plan``, ``tuning``: what is said before training; values chosen for each job first.
- ``train``: plan, train, write records, track settings as they are done.
- ``finish``: from the records on disk to tables, report and sweep.json.
- ``track``, ``sums``, ``setting_run``, ``sweep_run``: what MLflow is told of settings and sweeps;
  ``representative``: the trial whose network stands for a setting.
- ``earlier``, ``resend``: going on where MLflow has a part of a sweep.
- ``animations``: how each setting's first seed learned.
- ``clock``: seconds by stage.
- ``terminal``: what the user sees.
"""
