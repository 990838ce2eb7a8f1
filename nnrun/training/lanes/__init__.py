"""The compiled engine: small networks at the speed of the processor.

- ``vector``: a number for each lane, the type that the kernels compute with.
- ``elementary``: exp, log, tanh, sin and the like in lane form.
- ``activations``, ``losses``, ``optimizers``: the components in lane form.
- ``kernel``: training and evaluating 32 networks at once, as two kernels share it: ``common`` for
  the plain and frequent networks, ``general`` for all others.
- ``engine``: the engine behind the interface that all engines share.
- ``compiled``: compiling it once, and keeping the result.
"""
