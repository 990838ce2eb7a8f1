"""From settings and seeds to curves and outcomes.

- ``stack``: which trials are trained together; ``cost``: cut into shards of a few seconds.
- ``streams``: each trial's training samples, from its own seed.
- ``reference``: the NumPy engine.
- ``trainer``: training between the evaluations of a shard.
- ``convergence``: from curves to outcomes: reached, exhausted, diverged.
"""
