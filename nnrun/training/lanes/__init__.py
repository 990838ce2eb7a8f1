"""The compiled engine: small networks at the speed of the processor, 32 of them side by side.

- ``vector``, ``elementary``: a number for each lane, and functions of it.
- ``activations``, ``losses``, ``optimizers``: the entries of the registries in lane form.
- ``forms``: which entries have one; it loads no compiler.
- ``kernel``, ``common``, ``general``: what is compiled; ``compiled``: when, and where it is kept.
- ``engine``: all of it behind the interface that engines share.
"""
