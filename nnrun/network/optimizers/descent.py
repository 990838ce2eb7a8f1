"""Gradient descent, plain and with momentum."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Lt

from nnrun.network.activations import Array
from nnrun.network.mlp import Params
from nnrun.network.optimizers.base import OPTIMIZERS, Optimizer
from nnrun.network.params import map_params, zeros_like


@OPTIMIZERS.register("sgd")
@dataclass(frozen=True)
class Sgd(Optimizer):
    """Plain gradient descent: θ ← θ - η g."""

    def init(self, params: Params) -> tuple[()]:
        """Return nothing: there is no state."""
        return ()

    def update(
        self, params: Params, grads: Params, state: tuple[()], learning_rate: Array
    ) -> tuple[Params, tuple[()]]:
        """Step against the gradient."""
        return map_params(lambda p, g: p - learning_rate * g, params, grads), state


@OPTIMIZERS.register("momentum")
@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum: v ← μ v + g, θ ← θ - η v, with v = 0 at first.

    The learning rate is outside of v, as in PyTorch: a schedule acts on the whole step at once.
    At a constant gradient the steps grow to 1 / (1 - μ) times those of plain descent.

    Attributes:
        momentum: The share μ of the step before that goes on.

    References:
        Polyak, Some methods of speeding up the convergence of iteration methods, 1964,
        doi:10.1016/0041-5553(64)90137-5.
    """

    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9

    def init(self, params: Params) -> Params:
        """Start at rest."""
        return zeros_like(params)

    def update(
        self, params: Params, grads: Params, state: Params, learning_rate: Array
    ) -> tuple[Params, Params]:
        """Step along the velocity."""
        v = self._velocity(state, grads)
        return map_params(lambda p, v: p - learning_rate * v, params, v), v

    def _velocity(self, v: Params, grads: Params) -> Params:
        return map_params(lambda v, g: self.momentum * v + g, v, grads)


@OPTIMIZERS.register("nesterov")
@dataclass(frozen=True)
class Nesterov(Momentum):
    """Momentum that looks ahead: v ← μ v + g, θ ← θ - η (g + μ v).

    PyTorch's form: the gradient is taken at the parameters as they are, and the step is the one
    that momentum would take next if that gradient stayed.

    Attributes:
        momentum: The share μ of the step before that goes on.

    References:
        Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum in deep
        learning, 2013, proceedings.mlr.press/v28/sutskever13.
    """

    def update(
        self, params: Params, grads: Params, state: Params, learning_rate: Array
    ) -> tuple[Params, Params]:
        """Step along the gradient and the velocity to come."""
        v = self._velocity(state, grads)
        stepped = map_params(
            lambda p, g, v: p - learning_rate * (g + self.momentum * v), params, grads, v
        )
        return stepped, v
