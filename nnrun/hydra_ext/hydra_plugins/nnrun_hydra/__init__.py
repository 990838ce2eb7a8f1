"""Hydra's view of nnrun: a launcher, a sweeper and the place of the studies.

These modules are imported at every start, ``--help`` included, so they import only Hydra.
"""
