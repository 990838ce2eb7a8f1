"""What is added to the loss's gradient, and what bounds it, before the optimizer's step."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt

from nnrun.errors import InputError, Issue
from nnrun.network.activations import Array
from nnrun.network.mlp import Params, map_params

Rate = Annotated[float, Ge(0)]
Bound = Annotated[float, Gt(0)] | None

SMALL = 2.0**-600
"""A factor on numbers whose square is too large; the rounding stays the same."""


@dataclass(frozen=True)
class Penalties:
    """Penalties on the weights; biases are free. Losses are reported without them.

    Float fields may hold arrays of shape (trial, 1, 1), for trials of different rates.

    Attributes:
        l1: Adds l1 Σ|w| to what is minimised; the slope at 0 is taken as 0.
        l2: Adds l2/2 Σw².
        weight_decay: Decoupled decay: each step first multiplies weights by 1 - η weight_decay,
            with η the step's learning rate.

    References:
        Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101.
    """

    l1: Rate = 0.0
    l2: Rate = 0.0
    weight_decay: Rate = 0.0

    @property
    def none(self) -> bool:
        """Whether there is none in any trial."""
        return not (np.any(self.l1) or np.any(self.l2) or np.any(self.weight_decay))

    def gradient(self, weights: Array, grads: Array) -> Array:
        """Add the slopes of l1 and l2 to a layer's gradients, shape of its weights."""
        return grads + self.l1 * np.sign(weights) + self.l2 * weights

    def decayed(self, weights: Array, learning_rate: Array) -> Array:
        """Return a layer's decayed weights; ``learning_rate`` has shape (trial, 1, 1)."""
        return weights * (1.0 - learning_rate * self.weight_decay)


@dataclass(frozen=True)
class Clipping:
    """Bounds on the gradients of a step, penalties included.

    Attributes:
        value: Largest size of each gradient; null for no bound.
        norm: Largest Euclidean length of all gradients of a network; null for no bound.

    References:
        Pascanu, Mikolov & Bengio, On the difficulty of training recurrent neural networks, 2012,
        arXiv:1211.5063: the norm.
    """

    value: Bound = None
    norm: Bound = None

    def __post_init__(self) -> None:
        if self.value is not None and self.norm is not None:
            rule = f"cannot be combined with value={self.value}"
            raise InputError(Issue("norm", self.norm, rule, "give one of them"))

    @property
    def none(self) -> bool:
        """Whether there is no bound."""
        return self.value is None and self.norm is None

    def clip(self, grads: Params) -> Params:
        """Return bounded gradients, shaped like ``grads``."""
        if self.value is not None:
            bound = self.value
            return map_params(lambda g: np.clip(g, -bound, bound), grads)
        if self.norm is None:
            return grads
        squares = small = _squares(grads)
        if np.isinf(squares).any():
            small = _squares(map_params(lambda g: g * SMALL, grads))
        factor = self.factor(squares, small)[:, None, None]
        return map_params(lambda g: g * factor, grads)

    def factor(self, squares: Any, small: Any) -> Any:
        """Return what brings gradients to the norm.

        Args:
            squares: The squared length of each network's gradients, shape (trial,).
            small: That of the gradients times ``SMALL``, which counts where the other overflows.

        Returns:
            Shape (trial,); 1 where the length is no number, or not above the norm.
        """
        assert self.norm is not None
        over = squares == np.inf
        length = np.sqrt(np.where(over, small, squares))
        norm = np.where(over, self.norm * SMALL, self.norm)
        return np.where(length > norm, norm / length, 1.0)


def _squares(grads: Params) -> Array:
    """Return the squared length of each network's gradients, shape (trial,)."""
    parts = (part for layer in grads for part in layer)
    return sum((np.square(p).reshape(len(p), -1).sum(axis=1) for p in parts), np.zeros(1))
