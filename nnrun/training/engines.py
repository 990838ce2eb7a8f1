"""Which engine trains a stack."""

from nnrun.training.engine import Engine
from nnrun.training.reference import Reference
from nnrun.training.stack import Stack

SMALL_NETWORK, SMALL_BATCH = 512, 8192
"""Up to so many parameters, or parameters x samples a batch, ``auto`` takes the lanes.

Lanes spend about as long on each parameter and sample whatever the batch; BLAS gets faster with
both. Measured on two cores with AVX-512, reference time over lanes time, 20 trials: 52 for 13
parameters one by one, 1.3 for 161 in batches of 32, 1.1 for 9,610 one by one, 0.5 for 1,217 in
batches of 10, 0.2 for 9,610 in batches of 32.
"""


def choose_engine(stack: Stack) -> Engine:
    """Return a new engine: the one the setting asks for, or by shape if it says auto.

    A stack with a component that has no lane form goes to the reference engine even if its
    setting asks for the lanes; the record says which engine it was.
    """
    setting = stack.setting
    n_params = setting.n_params
    small = n_params <= SMALL_NETWORK or n_params * setting.batch_size <= SMALL_BATCH
    if setting.engine == "lanes" or (setting.engine == "auto" and small):
        from nnrun.training.lanes.compiled import lanes_engine

        engine = lanes_engine()
        if engine.supports(stack):
            return engine
    return Reference()
