"""Quickprop: a parabola through the last two gradients, weight by weight."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

from nnrun.network.activations import Array
from nnrun.network.mlp import Params
from nnrun.network.optimizers.base import OPTIMIZERS, Optimizer
from nnrun.network.params import map_params, zeros_like


class Secant(NamedTuple):
    """Quickprop's state.

    Attributes:
        slope: The gradient at the last step, decay included, shaped like the parameters.
        step: The last step, likewise.
    """

    slope: Params
    step: Params


@OPTIMIZERS.register("quickprop")
@dataclass(frozen=True)
class Quickprop(Optimizer):
    """Each parameter jumps to the minimum of the parabola through its last two slopes.

    The variant of Fahlman's own program. With slope s = g + decay θ, the slope p and the step d of
    the step before:

    - The jump is d s / (p - s). Where s still points the same way and is not below μ / (1 + μ) of
      p, the parabola's minimum is further off than μ d, or behind: then the jump is μ d.
    - Gradient descent, -η s, is added where s still points the same way, and alone is the step
      where d = 0, as at first.

    What else the report describes belongs to the network and not to the rule, and is left out: 0.1
    added to the sigmoid's slope, errors passed through artanh, η divided by the fan-in. It sums
    gradients over the training set where nnrun takes the mean: its η is ours times the set's size.

    Attributes:
        max_growth: The most μ that a step may be, as a multiple of the step before.
        weight_decay: Added to the slope, times the parameter; the report has 0.0001, for a summed
            gradient.

    References:
        Fahlman, An Empirical Study of Learning Speed in Back-Propagation Networks, 1988,
        CMU-CS-88-162.
    """

    full_batch: ClassVar[bool] = True
    max_growth: Annotated[float, Gt(0)] = 1.75
    weight_decay: Annotated[float, Ge(0)] = 0.0

    def init(self, params: Params) -> Secant:
        """Start without a step before."""
        zeros = zeros_like(params)
        return Secant(zeros, zeros)

    def update(
        self, params: Params, grads: Params, state: Secant, learning_rate: Array
    ) -> tuple[Params, Secant]:
        """Jump, and descend."""
        slope = map_params(lambda p, g: g + self.weight_decay * p, params, grads)
        near = self.max_growth / (1.0 + self.max_growth)

        def renewed(slope: Array, before: Array, step: Array) -> Array:
            ahead = -np.sign(step) * slope  # positive where the step led, and still leads, downhill
            steep = ahead >= near * (-np.sign(step) * before)
            gap = before - slope  # zero only where the step was zero or where it is not used
            parabola = step * slope / np.where(gap == 0, 1.0, gap)
            jump = np.where(steep, self.max_growth * step, parabola)
            descends = (ahead > 0) | (step == 0)
            return np.where(descends, jump - learning_rate * slope, jump)

        step = map_params(renewed, slope, state.slope, state.step)
        return map_params(np.add, params, step), Secant(slope, step)
