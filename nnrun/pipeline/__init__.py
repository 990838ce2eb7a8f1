"""One launch, from checked jobs to its report.

- ``claim``: a sweep's folder, its own or that of an unfinished sweep with the same jobs.
- ``launch``: where a launch writes, where it comes from, what it costs and how it ends.
- ``train``: plan, train, write records, track settings as they are done.
- ``finish``: from the records on disk to tables, report and sweep.json.
- ``tabulate``: records to tables, a setting at a time.
- ``track``, ``sums``, ``setting_run``, ``sweep_run``: what MLflow is told of settings and sweeps;
  ``representative``: the trial whose network stands for a setting.
- ``earlier``, ``resend``: going on where MLflow has a part of a sweep.
- ``clock``: seconds by stage.
- ``terminal``: what the user sees.
"""
