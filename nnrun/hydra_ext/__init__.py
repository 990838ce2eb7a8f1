"""What connects nnrun to Hydra, in the order in which a sweep meets it.

- ``python``: runs and sweeps from Python; ``session``: the process that they borrow, put back.
- ``keywords``: what they ask for, in the words of the command line.
- ``invoke``: from these words to a finished sweep, for the command as for Python.
- ``arguments``: the command line before Hydra reads it.
- ``loader``: composes as Hydra does, and refuses what Hydra stumbles over; ``complaints``: its
  errors in nnrun's words.
- ``callback``: checks a configuration before a folder is made for it; ``folders``: where plugins
  and a user's modules are found, and where a sweep writes.
- ``planning``, ``grid``: from the arguments of a sweep to its jobs.
- ``compose``, ``shared_composition``: a job's configuration in a millisecond or two.
- ``check``: all jobs of a sweep, and Hydra's own keys, before any is trained.
- ``tuning``: what is chosen for each job first.
- ``launch``: a sweep's jobs trained together.
- ``other_launchers``: handed to a launcher of another; ``single``: one job where Hydra runs it.
- ``jobs``: a job's folder, log and callbacks, as Hydra's launchers leave them.
- ``hydra_plugins/nnrun_hydra``: the plugins that Hydra scans for. Hydra 1.3 takes plugins only from
  the namespace package ``hydra_plugins``: that folder has no ``__init__``, and the folder it lies
  in is put on ``sys.path``.
- ``plugins``: the same for Hydra 1.4, which is told of them by entry points.
"""
