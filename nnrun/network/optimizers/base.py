"""What an update rule is, its state as arrays, and the plain rules with and without momentum."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from annotated_types import Ge, Lt

from nnrun.network.activations import Array
from nnrun.network.mlp import Params, map_params, zeros_like
from nnrun.registry import Registry

Step = tuple[Params, Any]
"""Parameters and state after a step."""


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

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Return parameters and state after one step; nothing is changed in place.

        Args:
            params: Before the step.
            grads: Gradients at ``params``.
            state: As returned by ``init`` or the step before.
            learning_rate: Of this step, shape (trial, 1, 1).
        """
        ...


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")


class Slotted(Optimizer):
    """An update rule whose state is slots, shaped like the parameters, and running products.

    Attributes:
        slots: Numbers kept beside each parameter, 0 at first.
        powers: Running products of hyperparameters that follow them, 1 at first.
        derived: Properties that a number a trial follows from alone, as fields are, computed ahead.
    """

    slots: ClassVar[int] = 1
    powers: ClassVar[int] = 0
    derived: ClassVar[tuple[str, ...]] = ()

    def init(self, params: Params) -> tuple[Any, ...]:
        """Return all slots, then the products."""
        return (zeros_like(params),) * self.slots + (1.0,) * self.powers


def flattened(state: Any, n_trials: int) -> Iterator[Array]:
    """Yield the arrays of a state in order, each with the trials as its first axis.

    A state is made of tuples, named or not, of arrays with the trials first, and of numbers that
    all trials share; None is nothing. TypeError if there is anything else in it.
    """
    if state is None:
        return
    if isinstance(state, tuple):
        for part in state:
            yield from flattened(part, n_trials)
    elif isinstance(state, np.ndarray) and state.ndim and len(state) == n_trials:
        yield state
    elif isinstance(state, bool | int | float | np.number):
        yield np.full((n_trials, 1, 1), float(state))
    else:
        kind = type(state).__name__
        raise TypeError(
            f"an optimizer's state of type {kind} cannot be kept; use tuples of arrays and numbers"
        )


def restored(template: Any, leaves: Sequence[Array]) -> Any:
    """Return a state of a template's form with other values.

    Args:
        template: The state of the same trials before the first step.
        leaves: As ``flattened`` gives them; what was a number comes back as one, unless trials
            of different hyperparameters have different ones.

    Raises:
        ValueError: If there are too many or too few.
    """
    left = list(reversed(leaves))

    def rebuilt(part: Any) -> Any:
        if part is None:
            return None
        if not isinstance(part, tuple):
            leaf = left.pop()
            if isinstance(part, np.ndarray) and leaf.shape != part.shape:
                wanted = f"in the optimizer's state, where {part.shape} must be"
                raise ValueError(f"a saved array has the shape {leaf.shape} {wanted}")
            shared = not isinstance(part, np.ndarray) and (leaf == leaf.flat[0]).all()
            return type(part)(leaf.flat[0]) if shared else leaf
        parts = [rebuilt(p) for p in part]
        return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)

    try:
        state = rebuilt(template)
    except IndexError:
        left.append(np.empty(0))
        state = None
    if left:
        raise ValueError(f"{len(leaves)} saved arrays do not make up the optimizer's state")
    return state


@OPTIMIZERS.register("sgd")
@dataclass(frozen=True)
class Sgd(Slotted):
    """Plain gradient descent: θ ← θ - η g."""

    slots: ClassVar[int] = 0

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step against the gradient."""
        return map_params(lambda p, g: p - learning_rate * g, params, grads), state


@OPTIMIZERS.register("momentum")
@dataclass(frozen=True)
class Momentum(Slotted):
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

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step along the velocity."""
        v = map_params(lambda v, g: self.momentum * v + g, state[0], grads)
        return map_params(lambda p, v: p - learning_rate * v, params, v), (v,)


@OPTIMIZERS.register("nesterov")
@dataclass(frozen=True)
class Nesterov(Momentum):
    """Momentum that looks ahead: v ← μ v + g, θ ← θ - η (g + μ v).

    PyTorch's form: the gradient is taken at the parameters as they are, and the step is the one
    that momentum would take next if that gradient stayed.

    References:
        Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum in deep
        learning, 2013, proceedings.mlr.press/v28/sutskever13.
    """

    def update(self, params: Params, grads: Params, state: Any, learning_rate: Array) -> Step:
        """Step along the gradient and the velocity to come."""
        v = map_params(lambda v, g: self.momentum * v + g, state[0], grads)
        stepped = map_params(
            lambda p, g, v: p - learning_rate * (g + self.momentum * v), params, grads, v
        )
        return stepped, (v,)
