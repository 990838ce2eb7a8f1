"""From settings and seeds to curves and outcomes.

- ``stack``: which trials are trained together; ``cost``: cut into shards of a few seconds.
- ``streams``: each trial's training samples, from its own seed.
- ``engine``: what an engine offers; ``reference``: the NumPy one; ``lanes``: the compiled one.
- ``trainer``: training between the evaluations of a shard.
- ``convergence``: from curves to outcomes: reached, exhausted, diverged.
"""
