"""The dense network (multi-layer perceptron) of many trials at once.

A layer computes ``a = f(x W + b)``. Every array carries a leading trial axis, so that one call
serves a whole stack of networks. With shortcuts every layer but the first gets the network's
inputs, too, behind the outputs of the layer below. ``np.matmul`` treats each trial's matrices on
their own, by a path that depends on the shape of one trial only: a trial's numbers do not depend on
its stack.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.network.activations import ACTIVATIONS, Activation, Array
from nnrun.network.losses import Loss


class Layer(NamedTuple):
    """Parameters of one dense layer, or their gradients.

    Attributes:
        weights: Shape (trial, fan_in, fan_out).
        bias: Shape (trial, 1, fan_out); the middle axis broadcasts over the batch.
    """

    weights: Array
    bias: Array


Params = tuple[Layer, ...]


@dataclass(frozen=True)
class Architecture:
    """What a network computes, besides its parameters, and how it is trained through.

    Attributes:
        activations: One a layer, output last.
        shortcut: Whether every layer gets the network's inputs, too.
        bias: Whether biases are trained; else they stay as they are, at 0.
        raw_error: Whether errors are handed down as W·error, without the slopes of the layers
            above, which is not the gradient (see ``backward``).
    """

    activations: tuple[Activation, ...]
    shortcut: bool = False
    bias: bool = True
    raw_error: bool = False


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass.

    Attributes:
        inputs: Each layer's input, shape (trial, batch, fan_in).
        z: Each layer's pre-activations, shape (trial, batch, fan_out).
        a: Each layer's activations, same shape; before dropout.
    """

    inputs: tuple[Array, ...]
    z: tuple[Array, ...]
    a: tuple[Array, ...]

    @property
    def outputs(self) -> Array:
        """The last layer's outputs, shape (trial, batch, output)."""
        return self.a[-1]


def forward(
    params: Params, x: Array, net: Architecture, masks: Sequence[Array] | None = None
) -> Pass:
    """Run the networks forward.

    Args:
        params: One entry a layer, input side first.
        x: Inputs, shape (trial, batch, input), or (1, batch, input) to share them.
        net: What they compute.
        masks: Factors on the outputs of each hidden layer, shape (trial, batch, unit): dropout.

    Returns:
        Every layer's input, pre-activations and activations.
    """
    first, inputs, pre, after = x, [], [], []
    for i, (layer, activation) in enumerate(zip(params, net.activations, strict=True)):
        if i and net.shortcut:
            shared = np.broadcast_to(first, (*x.shape[:-1], first.shape[-1]))
            x = np.concatenate([x, shared], axis=-1)
        inputs.append(x)
        z = x @ layer.weights
        z += layer.bias
        x = activation.forward(z)
        pre.append(z)
        after.append(x)
        if masks is not None and i < len(masks):
            x = x * masks[i]
    return Pass(tuple(inputs), tuple(pre), tuple(after))


def backward(
    params: Params,
    run: Pass,
    targets: Array,
    net: Architecture,
    loss: Loss,
    masks: Sequence[Array] | None = None,
) -> Params:
    """Back-propagate: the exact gradient of the batch's mean loss.

    With ``net.raw_error`` it is the seed project's rule instead: a layer hands W·error down, where
    the error of the output layer is the loss's slope at the outputs (or, for a loss that is fused
    with its activation, at the pre-activations), and the slopes of the activations are applied to
    each layer's own update alone.

    Args:
        params: The parameters that ``run`` was made with.
        run: The forward pass.
        targets: Shape (trial, batch, output).
        net: What the networks compute.
        loss: The loss of a sample.
        masks: As in ``forward``.

    Returns:
        Gradients, shaped like ``params``; zeros for biases that are not trained.

    References:
        Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, 1986,
        doi:10.1038/323533a0.
    """
    grads: list[Layer] = []
    last = len(params) - 1
    top = ACTIVATIONS["linear"]() if net.raw_error else net.activations[-1]
    error = loss.gradient(run.z[-1], run.outputs, targets, top)
    batch = error.shape[1]
    if batch > 1:
        error = error * (1.0 / batch)
    for i in range(last, -1, -1):
        delta = error
        if net.raw_error and not (i == last and loss.output is not None):
            delta = net.activations[i].backward(error, run.z[i], run.a[i])
        bias = delta if batch == 1 else delta.sum(axis=1, keepdims=True)
        if not net.bias:
            bias = np.zeros_like(bias)
        grads.append(Layer(run.inputs[i].swapaxes(1, 2) @ delta, bias))
        if i:
            weights = params[i].weights
            if net.shortcut:
                weights = weights[:, : run.a[i - 1].shape[-1]]
            error = error @ weights.swapaxes(1, 2)
            if masks is not None:
                error = error * masks[i - 1]
            if not net.raw_error:
                error = net.activations[i - 1].backward(error, run.z[i - 1], run.a[i - 1])
    return tuple(reversed(grads))


def fans(
    n_inputs: int, sizes: tuple[int, ...], shortcut: bool = False
) -> tuple[tuple[int, int], ...]:
    """Return the inputs and units of each layer.

    Example:
        >>> fans(2, (3, 1), shortcut=True)
        ((2, 3), (5, 1))
    """
    extra = n_inputs if shortcut else 0
    below = (n_inputs, *(size + extra for size in sizes[:-1]))
    return tuple(zip(below, sizes, strict=True))


def count_parameters(
    n_inputs: int, sizes: tuple[int, ...], shortcut: bool = False, bias: bool = True
) -> int:
    """Count the weights and biases of a dense network that are trained.

    Example:
        >>> count_parameters(3, (2, 1, 1))  # the seed project's 3-[2,1]-1
        13
    """
    return sum((a + bias) * b for a, b in fans(n_inputs, sizes, shortcut))


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


def on_weights(function: Callable[..., Array], params: Params, *others: Params) -> Params:
    """Apply a function to the weights of each layer; the biases are those of the last given."""
    layers = zip(params, *others, strict=True)
    return tuple(Layer(function(*(p.weights for p in ps)), ps[-1].bias) for ps in layers)


def joined(parts: Sequence[Params]) -> Params:
    """Join parameters of several trials along the trial axis."""
    return map_params(lambda *arrays: np.concatenate(arrays), *parts)


def taken(params: Params, which: slice | npt.NDArray[np.intp]) -> Params:
    """Return the parameters of some trials."""
    return map_params(lambda array: array[which], params)


def zeros_like(params: Params) -> Params:
    """Return zeros shaped like ``params``."""
    return map_params(np.zeros_like, params)
