"""Losses: a value a sample, and the gradient handed to the output layer's pre-activations."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from nnrun.network.activations import Activation, Array
from nnrun.registry import Registry


class Loss(Protocol):
    """What training minimises: the mean of ``value`` over a batch.

    Attributes:
        output: The output activation that the loss is fused with; None if it takes any. A fused
            loss is computed from pre-activations, which stays exact where the outputs saturate.
    """

    name: ClassVar[str]
    output: ClassVar[str | None]

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        """Return the loss of each sample, shape (trial, batch).

        Args:
            z: Output pre-activations, shape (trial, batch, output).
            outputs: Network outputs, same shape.
            targets: Targets, broadcastable to that shape.
        """
        ...

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        """Return dvalue/dz of each sample, shape (trial, batch, output); not yet averaged."""
        ...


LOSSES: Registry[Loss] = Registry("loss")


@LOSSES.register("squared_error")
@dataclass(frozen=True)
class SquaredError:
    """Half the squared error, summed over the outputs: ½ Σ (output - target)²."""

    output: ClassVar[str | None] = None

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        """Return ½ Σ (output - target)²."""
        return 0.5 * np.square(outputs - targets).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        """Return the error taken back through the output activation."""
        return activation.backward(outputs - targets, z, outputs)


@LOSSES.register("binary_crossentropy")
@dataclass(frozen=True)
class BinaryCrossEntropy:
    """Cross-entropy of independent yes-or-no outputs, fused with sigmoid, in nats."""

    output: ClassVar[str | None] = "sigmoid"

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        """Return Σ log(1 + exp(z)) - target z, the cross-entropy of sigmoid(z)."""
        return (np.logaddexp(0.0, z) - targets * z).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        """Return output - target: the sigmoid's slope cancels."""
        return outputs - targets


@LOSSES.register("categorical_crossentropy")
@dataclass(frozen=True)
class CategoricalCrossEntropy:
    """Cross-entropy of one class among several, fused with softmax, in nats."""

    output: ClassVar[str | None] = "softmax"

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        """Return log Σ exp(z) - Σ target z, for targets that sum to 1."""
        top = z.max(axis=-1)
        log_sum = top + np.log(np.exp(z - top[..., None]).sum(axis=-1))
        return log_sum - (targets * z).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        """Return output - target: the softmax's Jacobian cancels."""
        return outputs - targets
