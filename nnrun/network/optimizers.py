"""Update rules. State in, state out; parameters are never changed in place."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params
from nnrun.registry import Registry


class Optimizer(Protocol):
    """Turns gradients into updated parameters.

    Float fields of an entry may hold arrays of shape (trial, 1, 1), so that one stack can hold
    trials with different hyperparameters.
    """

    name: ClassVar[str]

    def init(self, params: Params) -> Any:
        """Return the state before the first step."""
        ...

    def update(
        self, params: Params, grads: Params, state: Any, learning_rate: Array
    ) -> tuple[Params, Any]:
        """Return parameters and state after one step.

        Args:
            params: Before the step.
            grads: Gradients at ``params``.
            state: As returned by ``init`` or the step before.
            learning_rate: Shape (trial, 1, 1).
        """
        ...


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")


@OPTIMIZERS.register("sgd")
@dataclass(frozen=True)
class Sgd:
    """Plain gradient descent: θ ← θ - η g."""

    def init(self, params: Params) -> None:
        """Return None: there is no state."""

    def update(
        self, params: Params, grads: Params, state: None, learning_rate: Array
    ) -> tuple[Params, None]:
        """Step against the gradient."""
        stepped = tuple(
            Layer(p.weights - learning_rate * g.weights, p.bias - learning_rate * g.bias)
            for p, g in zip(params, grads, strict=True)
        )
        return stepped, state


class Moments(NamedTuple):
    """Adam's state.

    Attributes:
        m: Decaying mean of the gradients, shaped like the parameters.
        v: Decaying mean of the squared gradients, likewise.
        power1: beta1 to the number of steps made. A running product: NumPy's power of a float and
            of an array can differ in the last bit, and a trial must not depend on its stack.
        power2: beta2 to the same, likewise.
    """

    m: Params
    v: Params
    power1: float
    power2: float


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam:
    """Steps scaled by the moments of the gradients, with bias correction.

    Attributes:
        beta1: Decay of the mean gradient, a step.
        beta2: Decay of the mean squared gradient, a step.
        epsilon: Added to the root of the second moment.

    References:
        Kingma & Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980.
    """

    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8

    def init(self, params: Params) -> Moments:
        """Start both moments at zero."""
        zeros = tuple(Layer(np.zeros_like(p.weights), np.zeros_like(p.bias)) for p in params)
        return Moments(zeros, zeros, 1.0, 1.0)

    def update(
        self, params: Params, grads: Params, state: Moments, learning_rate: Array
    ) -> tuple[Params, Moments]:
        """Step by the corrected mean over the root of the corrected mean square."""
        power1, power2 = state.power1 * self.beta1, state.power2 * self.beta2
        m = _mixed(state.m, grads, self.beta1)
        v = _mixed(state.v, tuple(Layer(g.weights**2, g.bias**2) for g in grads), self.beta2)
        seen1, seen2 = 1.0 - power1, 1.0 - power2
        stepped = tuple(
            Layer(
                *(
                    p - learning_rate * (a / seen1) / (np.sqrt(b / seen2) + self.epsilon)
                    for p, a, b in zip(*parts, strict=True)
                )
            )
            for parts in zip(params, m, v, strict=True)
        )
        return stepped, Moments(m, v, power1, power2)


def _mixed(old: Params, new: Params, keep: float) -> Params:
    """Decaying means: keep * old + (1 - keep) * new."""
    return tuple(
        Layer(*(keep * a + (1.0 - keep) * b for a, b in zip(x, y, strict=True)))
        for x, y in zip(old, new, strict=True)
    )
