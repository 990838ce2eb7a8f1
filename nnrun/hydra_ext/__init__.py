"""What connects nnrun to Hydra.

- ``folders``: where conf/ and experiments/ are, from a checkout and from a wheel.
- ``launch``: a batch of Hydra jobs, as one nnrun sweep.
- ``complaints``: Hydra's composition errors, in nnrun's words.
- ``callback``: checks a configuration before a folder is made for it.
- ``hydra_plugins/nnrun_hydra``: the plugins that Hydra scans for. Hydra takes plugins only from
  the namespace package ``hydra_plugins``: that folder has no ``__init__``, and the folder it lies
  in is put on ``sys.path``.
"""
