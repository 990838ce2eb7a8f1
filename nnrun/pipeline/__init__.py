"""What MLflow is told of a launch.

- ``tuning``: values chosen for each job first.
- ``track``, ``sums``, ``setting_run``, ``sweep_run``: what MLflow is told of settings and sweeps;
- ``earlier``, ``resend``: going on where MLflow has a part of a sweep.
"""
