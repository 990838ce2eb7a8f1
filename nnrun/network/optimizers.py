"""Update rules. State in, state out; parameters are never changed in place."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

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
