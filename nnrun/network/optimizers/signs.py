"""Steps by the sign of a gradient, whatever its size, and jumps to the minimum of a parabola."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.errors import InputError, Issue, as_typed
from nnrun.network.activations import Array
from nnrun.network.mlp import Params, map_params
from nnrun.network.optimizers.adaptive import mixed
from nnrun.network.optimizers.base import OPTIMIZERS, Slotted, Step


@OPTIMIZERS.register("lion")
@dataclass(frozen=True)
class Lion(Slotted):
    """Every parameter moves by the learning rate, up or down, as its momentum says.

    c = β1 m + (1 - β1) g, θ ← θ - η (sign c + λ θ), m ← β2 m + (1 - β2) g, with m = 0 at first.
    Learning rates are 3 to 10 times smaller than Adam's.

    Attributes:
        beta1: Weight of the mean against the gradient in the step.
        beta2: Decay of the mean gradient, a step.
        weight_decay: Share λ of a parameter that it loses a step, times the learning rate.

    References:
        Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675.
    """

    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.99
    weight_decay: Annotated[float, Ge(0)] = 0.0

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step by the sign of the mean, then renew the mean."""
        direction = mixed(state[0], grads, self.beta1)
        stepped = map_params(
            lambda p, c: p - learning_rate * (np.sign(c) + self.weight_decay * p),
            params, direction,
        )  # fmt: skip
        return stepped, (mixed(state[0], grads, self.beta2),)


@OPTIMIZERS.register("rprop")
@dataclass(frozen=True)
class Rprop(Slotted):
    """Each parameter has a step size of its own, which grows until its gradient turns.

    Where the gradient keeps its sign, the size is multiplied by ``grow``; where it has turned, by
    ``shrink``, and the parameter rests for that step (the variant without backtracking, iRprop-,
    as in PyTorch). The learning rate is the first step size; a schedule acts on no later one.

    Attributes:
        shrink: Factor on the size where the gradient has turned.
        grow: Factor on the size where it has not.
        min_step: Least size.
        max_step: Largest size.

    References:
        Riedmiller & Braun, A direct adaptive method for faster backpropagation learning: the RPROP
        algorithm, 1993, doi:10.1109/ICNN.1993.298623; Igel & Hüsken, Improving the Rprop Learning
        Algorithm, 2000.
    """

    full_batch: ClassVar[bool] = True
    # the gradient's sign at the last step, 0 where it had turned; the step size, 0 before the first
    slots: ClassVar[int] = 2
    shrink: Annotated[float, Gt(0), Lt(1)] = 0.5
    grow: Annotated[float, Gt(1)] = 1.2
    min_step: Annotated[float, Gt(0)] = 1e-6
    max_step: Annotated[float, Gt(0)] = 50.0

    def __post_init__(self) -> None:
        if np.any(np.greater(self.min_step, self.max_step)):
            rule = f"must not be above max_step={as_typed(self.max_step)}"
            raise InputError(Issue("min_step", self.min_step, rule))

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Renew the sizes, then step by them."""
        sign = map_params(np.sign, grads)
        turn = map_params(np.multiply, sign, state[0])

        def renewed(size: Array, turn: Array) -> Array:
            factor = np.where(turn > 0, self.grow, np.where(turn < 0, self.shrink, 1.0))
            size = np.where(size == 0, learning_rate, size)
            return np.clip(size * factor, self.min_step, self.max_step)

        size = map_params(renewed, state[1], turn)
        moving = map_params(lambda s, turn: np.where(turn < 0, 0.0, s), sign, turn)
        stepped = map_params(lambda p, s, size: p - s * size, params, moving, size)
        return stepped, (moving, size)


@OPTIMIZERS.register("quickprop")
@dataclass(frozen=True)
class Quickprop(Slotted):
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
    slots: ClassVar[int] = 2  # the slope at the last step, and that step
    max_growth: Annotated[float, Gt(0)] = 1.75
    weight_decay: Annotated[float, Ge(0)] = 0.0

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
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

        step = map_params(renewed, slope, *state)
        return map_params(np.add, params, step), (slope, step)
