"""Activations, losses and optimizers in lane form, and which entries of the registries have one.

A lane form is known to the kernel by a number. Each does what its entry in ``nnrun.network`` says,
for one sample of 32 trials: rows of a buffer stand where the entry has its last axis.
"""

from typing import Any, NamedTuple

from numba import njit

from nnrun.network.activations import Linear, Relu, Sigmoid, Softmax, Tanh
from nnrun.network.losses import BinaryCrossEntropy, CategoricalCrossEntropy, SquaredError
from nnrun.network.optimizers import Adam, Sgd
from nnrun.training.lanes.elementary import exp, log, log1p_exp, sigmoid, tanh
from nnrun.training.lanes.vector import Lanes, load, splat, sqrt, store, where

SIGMOID, TANH, RELU, LINEAR, SOFTMAX = range(5)
SQUARED_ERROR, BINARY_CROSSENTROPY, CATEGORICAL_CROSSENTROPY = range(3)
SGD, ADAM = range(2)

CODES: dict[type, int] = {
    Sigmoid: SIGMOID,
    Tanh: TANH,
    Relu: RELU,
    Linear: LINEAR,
    Softmax: SOFTMAX,
    SquaredError: SQUARED_ERROR,
    BinaryCrossEntropy: BINARY_CROSSENTROPY,
    CategoricalCrossEntropy: CATEGORICAL_CROSSENTROPY,
    Sgd: SGD,
    Adam: ADAM,
}
"""The number of each entry that has a lane form; by class, so that no namesake is taken for it."""


class Memory(NamedTuple):
    """What an optimizer's lane form keeps for each lane.

    Attributes:
        fields: Hyperparameters, a row each, by their names in the entry.
        slots: Rows of state a parameter, first all of slot 0, then all of slot 1; zeros at first.
        powers: Rows of state behind them, each the running power of the field of its index; ones
            at first.
    """

    fields: tuple[str, ...] = ()
    slots: int = 0
    powers: int = 0


MEMORY: dict[type, Memory] = {Adam: Memory(("beta1", "beta2", "epsilon"), slots=2, powers=2)}
"""What each optimizer keeps; those not listed keep nothing."""

Buffer = Any


@njit(error_model="numpy", inline="always")
def activate(code: int, z: Buffer, a: Buffer, first: int, last: int) -> None:
    """Compute the outputs of a layer, rows first to last - 1 of ``a``, from the same of ``z``."""
    if code == SIGMOID:
        for row in range(first, last):
            store(a, row, sigmoid(load(z, row)))
    elif code == TANH:
        for row in range(first, last):
            store(a, row, tanh(load(z, row)))
    elif code == RELU:
        for row in range(first, last):
            x = load(z, row)
            # written so that NaN passes through
            store(a, row, where(x < 0.0, splat(0.0), x))
    elif code == LINEAR:
        for row in range(first, last):
            store(a, row, load(z, row))
    else:
        softmax(z, a, first, last)


@njit(error_model="numpy", inline="always")
def softmax(z: Buffer, a: Buffer, first: int, last: int) -> None:
    """Exponentials normalised to sum 1 over the rows, shifted by the largest."""
    top = highest(z, first, last)
    total = splat(0.0)
    for row in range(first, last):
        e = exp(load(z, row) - top)
        total = total + e
        store(a, row, e)
    for row in range(first, last):
        store(a, row, load(a, row) / total)


@njit(error_model="numpy", inline="always")
def highest(z: Buffer, first: int, last: int) -> Lanes:
    """The largest of the rows, lane by lane."""
    top = load(z, first)
    for row in range(first + 1, last):
        x = load(z, row)
        top = where(x > top, x, top)
    return top


@njit(error_model="numpy", inline="always")
def take_back(code: int, z: Buffer, a: Buffer, d: Buffer, first: int, last: int) -> None:
    """Turn dL/da, in rows of ``d``, into dL/dz in place."""
    if code == SIGMOID:
        for row in range(first, last):
            x = load(a, row)
            store(d, row, load(d, row) * (x * (1.0 - x)))
    elif code == TANH:
        for row in range(first, last):
            x = load(a, row)
            store(d, row, load(d, row) * (1.0 - x * x))
    elif code == RELU:
        for row in range(first, last):
            # times 0 rather than 0, so that inf and NaN show
            g = load(d, row)
            store(d, row, where(load(z, row) > 0.0, g, g * 0.0))
    elif code == SOFTMAX:
        shared = splat(0.0)
        for row in range(first, last):
            shared = shared + load(d, row) * load(a, row)
        for row in range(first, last):
            store(d, row, load(a, row) * (load(d, row) - shared))


@njit(error_model="numpy", inline="always")
def loss_value(code: int, z: Buffer, a: Buffer, first: int, t: Buffer, at: int, n: int) -> Lanes:
    """The loss of one sample: outputs from row ``first``, its n targets from row ``at`` of t."""
    total = splat(0.0)
    if code == SQUARED_ERROR:
        for j in range(n):
            e = load(a, first + j) - load(t, at + j)
            total = total + e * e
        total = total * 0.5
    elif code == BINARY_CROSSENTROPY:
        for j in range(n):
            x = load(z, first + j)
            total = total + (log1p_exp(x) - load(t, at + j) * x)
    else:
        top = highest(z, first, first + n)
        for j in range(n):
            total = total + exp(load(z, first + j) - top)
        total = log(total) + top
        for j in range(n):
            total = total - load(t, at + j) * load(z, first + j)
    return total


@njit(error_model="numpy", inline="always")
def loss_gradient(
    code: int, output: int, z: Buffer, a: Buffer, d: Buffer, first: int, t: Buffer, at: int, n: int
) -> None:
    """Write dL/dz of the output layer into rows of ``d``; ``output`` is its activation."""
    for j in range(n):
        store(d, first + j, load(a, first + j) - load(t, at + j))
    # a fused loss has its activation's slope cancelled
    if code == SQUARED_ERROR:
        take_back(output, z, a, d, first, first + n)


@njit(error_model="numpy", inline="always")
def update(
    code: int,
    p: Buffer,
    g: Buffer,
    n_rows: int,
    rate: Lanes,
    share: float,
    hyper: Buffer,
    m: Buffer,
) -> None:
    """Move the parameters, all rows of ``p``, by their gradients.

    Args:
        code: Number of the rule.
        p: Parameters.
        g: Gradients, summed over the batch.
        n_rows: Rows of both.
        rate: Learning rate of this step.
        share: 1 / batch size, which turns the sum into the mean.
        hyper: Hyperparameters, a row each.
        m: State, laid out as ``Memory`` says.
    """
    if code == SGD:
        step = rate * share
        for row in range(n_rows):
            store(p, row, load(p, row) - step * load(g, row))
    elif code == ADAM:
        beta1, beta2, epsilon = load(hyper, 0), load(hyper, 1), load(hyper, 2)
        power1, power2 = load(m, 2 * n_rows) * beta1, load(m, 2 * n_rows + 1) * beta2
        store(m, 2 * n_rows, power1)
        store(m, 2 * n_rows + 1, power2)
        seen1, seen2 = 1.0 - power1, 1.0 - power2
        for row in range(n_rows):
            slope = load(g, row) * share
            first = beta1 * load(m, row) + (1.0 - beta1) * slope
            second = beta2 * load(m, n_rows + row) + (1.0 - beta2) * (slope * slope)
            store(m, row, first)
            store(m, n_rows + row, second)
            step = rate * (first / seen1) / (sqrt(second / seen2) + epsilon)
            store(p, row, load(p, row) - step)
