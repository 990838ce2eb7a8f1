"""Losses: a value a sample, and the gradient handed to the output layer's pre-activations."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt

from nnrun.network.activations import Activation, Array
from nnrun.registry import Component, Registry


class Loss(Component):
    """What training minimises: the mean of ``value`` over a batch.

    Attributes:
        output: The output activation that the loss is made for; None if it takes any. Such a loss
            is computed from pre-activations, which stays exact where the outputs saturate, and
            takes classes alone, coded as 0 and 1: regression is refused.
        needs_classes: Whether any other takes them alone, too.
        boundary: A single output at or above it says class 1.
        usual_output: The output activation for classes if none is asked for: else ``output``.
        surrogate: Whether ``gradient`` is meant to be another than the derivative.
    """

    surrogate: ClassVar[bool] = False
    output: ClassVar[str | None] = None

    @property
    def needs_classes(self) -> bool:
        return False

    @property
    def boundary(self) -> float:
        return 0.5

    @property
    def usual_output(self) -> str:
        return self.output or "sigmoid"

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        """Return the loss of each sample, shape (trial, batch).

        Args:
            z: Output pre-activations, shape (trial, batch, output).
            outputs: Network outputs, same shape.
            targets: Targets, broadcastable to that shape.
        """
        raise NotImplementedError

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        """Return dvalue/dz of each sample, shape (trial, batch, output); not yet averaged."""
        raise NotImplementedError


LOSSES: Registry[Loss] = Registry("loss", Loss)


@dataclass(frozen=True, kw_only=True)
class Deviation(Loss):
    """What losses of the difference between output and target share: any output activation.

    Attributes:
        targets: Which outputs classes call for: ``zero_one``, or ``plus_minus`` for -1 and 1,
            which suits tanh. Quantities take only the first and stay as they are.
    """

    output: ClassVar[str | None] = None
    targets: Literal["zero_one", "plus_minus"] = "zero_one"

    @property
    def needs_classes(self) -> bool:  # recoded targets make sense of classes only
        return self.targets == "plus_minus"

    @property
    def boundary(self) -> float:  # the middle between the two
        return 0.0 if self.targets == "plus_minus" else 0.5

    @property
    def usual_output(self) -> str:
        return "tanh" if self.targets == "plus_minus" else "sigmoid"

    def error(self, outputs: Array, targets: Array) -> Array:
        """Return output - target."""
        if self.targets == "plus_minus":
            return outputs - (2.0 * targets - 1.0)
        return outputs - targets


class SquaredError(Deviation, name="squared_error"):
    """Half the squared error, summed over the outputs: ½ Σ (output - target)²."""

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        return 0.5 * np.square(self.error(outputs, targets)).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        return activation.backward(self.error(outputs, targets), z, outputs)


class Absolute(Deviation, name="absolute"):
    """The absolute error, summed over the outputs: Σ |output - target|; its slope at 0 is 0."""

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        return np.abs(self.error(outputs, targets)).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        return activation.backward(np.sign(self.error(outputs, targets)), z, outputs)


class Huber(Deviation, name="huber"):
    """Half the squared error of small errors, the absolute error of large ones: Σ h(e).

    h(e) = ½ e² where |e| ≤ δ, else δ (|e| - ½ δ).

    Attributes:
        delta: δ, the error from which the slope no longer grows.

    References:
        Huber, Robust estimation of a location parameter, 1964, doi:10.1214/aoms/1177703732.
    """

    delta: Annotated[float, Gt(0)] = 1.0

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        size = np.abs(self.error(outputs, targets))
        small = np.minimum(size, self.delta)
        return (small * (size - 0.5 * small)).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        error = self.error(outputs, targets)
        cut = np.minimum(np.maximum(error, -self.delta), self.delta)
        return activation.backward(cut, z, outputs)


class BinaryCrossEntropy(Loss, name="binary_crossentropy"):
    """Cross-entropy of independent yes-or-no outputs, fused with sigmoid, in nats.

    Σ log(1 + exp(z)) - target z; the sigmoid's slope cancels.
    """

    output: ClassVar[str | None] = "sigmoid"

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        return (np.logaddexp(0.0, z) - targets * z).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        return outputs - targets


class CategoricalCrossEntropy(Loss, name="categorical_crossentropy"):
    """Cross-entropy of one class among several, fused with softmax, in nats.

    log Σ exp(z) - Σ target z, for targets that sum to 1; the softmax's Jacobian cancels.
    """

    output: ClassVar[str | None] = "softmax"

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        top = z.max(axis=-1)
        log_sum = top + np.log(np.exp(z - top[..., None]).sum(axis=-1))
        return log_sum - (targets * z).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        return outputs - targets


class Hinge(Loss, name="hinge"):
    """What linear outputs lack of a margin of 1: Σ max(0, 1 - s output), s = 2 target - 1.

    Several classes are each held against the rest. The slope at a margin of exactly 1 is 0.

    References:
        Cortes & Vapnik, Support-vector networks, 1995, doi:10.1007/BF00994018.
    """

    output: ClassVar[str | None] = "linear"
    boundary: ClassVar[float] = 0.0

    def value(self, z: Array, outputs: Array, targets: Array) -> Array:
        return np.maximum(1.0 - (2.0 * targets - 1.0) * z, 0.0).sum(axis=-1)

    def gradient(self, z: Array, outputs: Array, targets: Array, activation: Activation) -> Array:
        side = 2.0 * targets - 1.0
        # 1 above 0, 0 at and below it, NaN of NaN
        return -side * np.heaviside(1.0 - side * z, 0.0)
