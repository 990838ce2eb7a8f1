"""What connects nnrun to Hydra.

- ``folders``: where conf/ and experiments/ are, from a checkout and from a wheel.
- ``loader``: composes as Hydra does, and refuses what Hydra stumbles over; ``options``: what is
  chosen of a group.
- ``planning``, ``grid``, ``draws``, ``ranges``: from the arguments of a sweep to its jobs.
- ``quoting``: values that can only be meant as text.
- ``flags``, ``own_keys``, ``refusals``: Hydra's flags, its own keys, and what it cannot use.
- ``compose``, ``template``, ``resolve``: a job's configuration in a millisecond or two.
- ``jobs``, ``yaml_text``: a job's folder, log and callbacks, as Hydra's launchers leave them.
- ``check``: all jobs of a sweep, before any is trained.
- ``sweep``: a sweep's jobs trained together; ``alone``: one job where Hydra runs it.
- ``ending``: what is finished when Hydra is done.
- ``complaints``: Hydra's composition errors, in nnrun's words.
- ``callback``: checks a configuration before a folder is made for it.
- ``hydra_plugins/nnrun_hydra``: the plugins that Hydra scans for. Hydra takes plugins only from
  the namespace package ``hydra_plugins``: that folder has no ``__init__``, and the folder it lies
  in is put on ``sys.path``.
"""
