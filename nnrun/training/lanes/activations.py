"""Activations in lane form, and which entries of the registry have one.

A lane form is known to the kernels by a number and does what its entry in ``nnrun.network`` says,
for one sample of 32 trials: rows of a buffer stand where the entry has its last axis. The common
kernel knows the forms of ``activate`` and ``take_back``; the general kernel all of them. To add
one: a number, its name in ``forms``, a branch in ``curve`` and one in ``slope``.
"""

from typing import Any

from numba import njit

from nnrun.network.activations import (
    GELU_BOUND,
    GELU_CUBIC,
    GELU_SCALE,
    TWO_OVER_PI,
    LeakyRelu,
)  # fmt: skip
from nnrun.training.lanes.elementary import arctan, cos, exp, expm1, log1p_exp, sigmoid, sin, tanh
from nnrun.training.lanes.forms import OF_ACTIVATIONS
from nnrun.training.lanes.vector import Lanes, load, splat, store, where

SIGMOID, TANH, RELU, LINEAR, SOFTMAX = range(5)
LEAKY_RELU, ELU, GELU, SILU, SOFTPLUS, SOFTSIGN, ARCTAN, SINE = range(5, 13)

COMMON = tuple(OF_ACTIVATIONS)[:5]
"""What the common kernel knows."""

LEAK = LeakyRelu().slope

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


@njit(error_model="numpy")
def activate_any(code: int, z: Buffer, a: Buffer, first: int, last: int) -> None:
    """Compute the outputs of a layer by any activation."""
    if code <= SOFTMAX:
        activate(code, z, a, first, last)
    else:
        for row in range(first, last):
            store(a, row, curve(code, load(z, row)))


@njit(error_model="numpy")
def take_back_any(code: int, z: Buffer, a: Buffer, d: Buffer, first: int, last: int) -> None:
    """Turn dL/da, in rows of ``d``, into dL/dz in place, for any activation."""
    if code <= SOFTMAX:
        take_back(code, z, a, d, first, last)
    else:
        for row in range(first, last):
            store(d, row, load(d, row) * slope(code, load(z, row)))


@njit(error_model="numpy")
def curve(code: int, x: Lanes) -> Lanes:
    """The value at x of an activation that the common kernel has not."""
    if code == LEAKY_RELU:
        return where(x > 0.0, x, x * LEAK)
    if code == ELU:
        return where(x > 0.0, x, expm1(not_above(x, 0.0)))
    if code == GELU:
        return x * 0.5 * (tanh(gelu_inner(bounded(x))) + 1.0)
    if code == SILU:
        return x * sigmoid(x)
    if code == SOFTPLUS:
        return log1p_exp(x)
    if code == SOFTSIGN:
        return x / (size_of(x) + 1.0)
    if code == ARCTAN:
        return arctan(x) * TWO_OVER_PI
    return sin(x)


@njit(error_model="numpy")
def slope(code: int, x: Lanes) -> Lanes:
    """The derivative at x of an activation that the common kernel has not."""
    if code == LEAKY_RELU:
        return where(x > 0.0, splat(1.0), splat(LEAK))
    if code == ELU:
        return where(x > 0.0, splat(1.0), exp(not_above(x, 0.0)))
    if code == GELU:
        c = bounded(x)
        t = tanh(gelu_inner(c))
        inner = (c * c * (3.0 * GELU_CUBIC) + 1.0) * GELU_SCALE
        return (t + 1.0) * 0.5 + c * 0.5 * (1.0 - t * t) * inner
    if code == SILU:
        s = sigmoid(x)
        return s * (x * (1.0 - s) + 1.0)
    if code == SOFTPLUS:
        return sigmoid(x)
    if code == SOFTSIGN:
        size = size_of(x) + 1.0
        return 1.0 / (size * size)
    if code == ARCTAN:
        return TWO_OVER_PI / (x * x + 1.0)
    return cos(x)


@njit(error_model="numpy", inline="always")
def size_of(x: Lanes) -> Lanes:
    """The absolute value."""
    return where(x < 0.0, 0.0 - x, x)


@njit(error_model="numpy", inline="always")
def not_above(x: Lanes, most: float) -> Lanes:
    """The smaller of both; NaN passes through."""
    return where(x > most, splat(most), x)


@njit(error_model="numpy", inline="always")
def bounded(x: Lanes) -> Lanes:
    """What gelu sees of x, which no longer matters beyond."""
    return where(x < -GELU_BOUND, splat(-GELU_BOUND), not_above(x, GELU_BOUND))


@njit(error_model="numpy", inline="always")
def gelu_inner(x: Lanes) -> Lanes:
    """What gelu takes the tanh of."""
    return (x + x * x * x * GELU_CUBIC) * GELU_SCALE
