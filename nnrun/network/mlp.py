"""The dense network (multi-layer perceptron) of many trials at once.

A layer computes ``a = f(x W + b)``. Every array carries a leading trial axis, so that one call
serves a whole stack of networks. ``np.matmul`` treats each trial's matrices on their own, by a
path that depends on the shape of one trial only: a trial's numbers do not depend on its stack.
"""

from itertools import pairwise
from typing import NamedTuple

from nnrun.network.activations import Activation, Array
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


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass.

    Attributes:
        inputs: Each layer's input, shape (trial, batch, fan_in).
        z: Each layer's pre-activations, shape (trial, batch, fan_out).
        outputs: The last layer's outputs, shape (trial, batch, output).
    """

    inputs: tuple[Array, ...]
    z: tuple[Array, ...]
    outputs: Array


def forward(params: Params, x: Array, activations: tuple[Activation, ...]) -> Pass:
    """Run the networks forward.

    Args:
        params: One entry a layer, input side first.
        x: Inputs, shape (trial, batch, input), or (1, batch, input) to share them.
        activations: One a layer.

    Returns:
        Every layer's input and pre-activations, and the outputs.
    """
    inputs, pre = [], []
    for layer, activation in zip(params, activations, strict=True):
        inputs.append(x)
        z = x @ layer.weights
        z += layer.bias
        pre.append(z)
        x = activation.forward(z)
    return Pass(tuple(inputs), tuple(pre), x)


def backward(
    params: Params, run: Pass, targets: Array, activations: tuple[Activation, ...], loss: Loss
) -> Params:
    """Back-propagate: the exact gradient of the batch's mean loss.

    Args:
        params: The parameters that ``run`` was made with.
        run: The forward pass.
        targets: Shape (trial, batch, output).
        activations: One a layer.
        loss: The loss of a sample.

    Returns:
        Gradients, shaped like ``params``.

    References:
        Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, 1986,
        doi:10.1038/323533a0.
    """
    grads: list[Layer] = []
    delta = loss.gradient(run.z[-1], run.outputs, targets, activations[-1])
    batch = delta.shape[1]
    if batch > 1:
        delta = delta * (1.0 / batch)
    for i in range(len(params) - 1, -1, -1):
        x = run.inputs[i]
        bias = delta if batch == 1 else delta.sum(axis=1, keepdims=True)
        grads.append(Layer(x.swapaxes(1, 2) @ delta, bias))
        if i:
            # x is the output of the layer below, as its activation's backward form wants it
            below = delta @ params[i].weights.swapaxes(1, 2)
            delta = activations[i - 1].backward(below, run.z[i - 1], x)
    return tuple(reversed(grads))


def count_parameters(n_inputs: int, sizes: tuple[int, ...]) -> int:
    """Count weights and biases of a dense network.

    Example:
        >>> count_parameters(3, (2, 1, 1))  # the seed project's 3-[2,1]-1
        13
    """
    return sum((a + 1) * b for a, b in pairwise((n_inputs, *sizes)))
