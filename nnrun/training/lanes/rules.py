"""Activations, losses and optimizers in lane form, and which entries of the registries have one.

A lane form is known to the kernel by a number. Each does what its entry in ``nnrun.network`` says,
for one sample of 32 trials: rows of a buffer stand where the entry has its last axis.
"""

from typing import Any

from numba import njit

from nnrun.network.activations import Linear, Relu, Sigmoid, Softmax, Tanh
from nnrun.network.losses import BinaryCrossEntropy, CategoricalCrossEntropy, SquaredError
from nnrun.network.optimizers import Sgd
from nnrun.training.lanes.elementary import exp, log, log1p_exp, sigmoid, tanh
from nnrun.training.lanes.vector import Lanes, load, splat, store, where

SIGMOID, TANH, RELU, LINEAR, SOFTMAX = range(5)
SQUARED_ERROR, BINARY_CROSSENTROPY, CATEGORICAL_CROSSENTROPY = range(3)
SGD = 0

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
}
"""The number of each entry that has a lane form; by class, so that no namesake is taken for it."""

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
def update(code: int, p: Buffer, g: Buffer, n_rows: int, rate: Lanes) -> None:
    """Move the parameters, all rows of ``p``, by their gradients in ``g``."""
    if code == SGD:
        for row in range(n_rows):
            store(p, row, load(p, row) - rate * load(g, row))
