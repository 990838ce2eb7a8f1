"""From settings and seeds to curves and outcomes.

- ``stack``: trials of equal shape, and shards cut from them.
- ``streams``: training samples of each trial, in the order its own seed gives.
- ``engine``: what every engine offers, and the reference engine; ``lanes``: the compiled one.
- ``trainer``: a shard trained from its first sample to its budget, measured on the way.
- ``convergence``: when each trial reached its target, or why it did not.
"""
