"""An optimizer's state as a flat list of arrays, and back: to be saved and continued."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nnrun.network.activations import Array


def flattened(state: Any, n_trials: int) -> Iterator[Array]:
    """Yield the arrays of a state in order, each with the trials as its first axis.

    Args:
        state: Tuples, named or not, of arrays with the trials first, and of numbers that all
            trials share; None for nothing.
        n_trials: How many.

    Raises:
        TypeError: If there is anything else in it.
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
