"""Learning-rate schedules, each after a linear warm-up if one is asked for.

- ``base``: what a schedule is, the registry, and the warm-up.
- ``decays``: constant, inverse_time, step, exponential, polynomial.
- ``cycles``: triangular, cosine with restarts, one_cycle.
"""

from nnrun.network.schedules.base import SCHEDULES, Schedule, Warmed
from nnrun.network.schedules.cycles import Cosine, OneCycle, Triangular
from nnrun.network.schedules.decays import Constant, Exponential, InverseTime, Polynomial, Step

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "OneCycle",
    "Polynomial",
    "Schedule",
    "Step",
    "Triangular",
    "Warmed",
]
