"""What an update rule is, and the registry of those that go by a name."""

from typing import Any, ClassVar, Protocol

from nnrun.network.activations import Array
from nnrun.network.mlp import Params
from nnrun.registry import Registry


class Optimizer(Protocol):
    """Turns gradients into updated parameters.

    Float fields of an entry may hold arrays of shape (trial, 1, 1), so that one stack can hold
    trials with different hyperparameters. A trial must come out the same to the last bit in every
    stack: rules add, multiply, divide, compare and take square roots, whose rounding IEEE 754
    fixes; NumPy's powers differ between a float and an array. For the same reason powers of a
    field are kept as running products.

    Attributes:
        full_batch: Whether the rule compares gradients of successive steps and so only works if
            all of them are taken over the same samples.
    """

    name: ClassVar[str]
    full_batch: ClassVar[bool] = False

    def init(self, params: Params) -> Any:
        """Return the state before the first step: tuples of arrays and floats, however nested."""
        ...

    def update(
        self, params: Params, grads: Params, state: Any, learning_rate: Array
    ) -> tuple[Params, Any]:
        """Return parameters and state after one step; nothing is changed in place.

        Args:
            params: Before the step.
            grads: Gradients at ``params``.
            state: As returned by ``init`` or the step before.
            learning_rate: Of this step, shape (trial, 1, 1).
        """
        ...


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")
