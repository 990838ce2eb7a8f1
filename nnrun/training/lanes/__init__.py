"""The compiled engine: small networks at the speed of the processor.

- ``vector``: a number for each lane, the type that the kernels compute with.
- ``elementary``: exp, log, sigmoid and tanh in lane form.
- ``rules``: activations, losses and optimizers in lane form.
- ``kernel``: training and evaluating 32 networks at once.
- ``engine``: the engine behind the interface that all engines share.
- ``compiled``: compiling it once, and keeping the result.
"""
