"""From settings and seeds to curves and outcomes.

- ``stack``: trials of equal shape, and shards cut from them.
- ``sources``: training samples of each trial: drawn one by one, a finite set, or handed over.
- ``engine``: what every engine offers, and the reference engine; ``compiled``: the compiled one.
- ``trainer``: a shard trained from its first sample to its budget, measured on the way.
- ``blas``: BLAS in one thread meanwhile.
- ``convergence``: when each trial reached its target, or why it did not.
"""
