"""Operations on all parameters of a network at once."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params


def map_params(function: Callable[..., Array], *params: Params) -> Params:
    """Apply a function to every array of a network's parameters.

    Args:
        function: Takes one array of each of ``params``, returns an array of the same shape.
        params: Parameters, or anything shaped like them: gradients, an optimizer's state.

    Returns:
        The results, shaped like ``params``.

    Example:
        >>> layer = Layer(np.array([[[2.0]]]), np.array([[[3.0]]]))
        >>> map_params(np.multiply, (layer,), (layer,))
        (Layer(weights=array([[[4.]]]), bias=array([[[9.]]])),)
    """
    return tuple([Layer(*map(function, *layers)) for layers in zip(*params, strict=True)])


def joined(parts: Sequence[Params]) -> Params:
    """Join parameters of several trials along the trial axis."""
    return map_params(lambda *arrays: np.concatenate(arrays), *parts)


def taken(params: Params, which: slice | npt.NDArray[np.intp]) -> Params:
    """Return the parameters of some trials."""
    return map_params(lambda array: array[which], params)


def zeros_like(params: Params) -> Params:
    """Return zeros shaped like ``params``."""
    return map_params(np.zeros_like, params)
