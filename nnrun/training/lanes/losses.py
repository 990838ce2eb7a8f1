"""Losses in lane form, and which entries of the registry have one.

The common kernel knows the forms of ``loss_value`` and ``loss_gradient``, the general kernel all of
them. To add one: a number, its name in ``forms``, a branch in ``cost`` and one in ``cost_slope``.
"""

from typing import Any

import numpy as np
from numba import njit

from nnrun.network.activations import Array
from nnrun.network.losses import Hinge
from nnrun.training.lanes.activations import highest, size_of, take_back, take_back_any
from nnrun.training.lanes.elementary import exp, log, log1p_exp
from nnrun.training.lanes.forms import OF_LOSSES
from nnrun.training.lanes.vector import Lanes, load, splat, store, where

SQUARED_ERROR, BINARY_CROSSENTROPY, CATEGORICAL_CROSSENTROPY = range(3)
ABSOLUTE, HUBER, HINGE = range(3, 6)

COMMON = tuple(OF_LOSSES)[:3]
"""What the common kernel knows: these, with the usual values of their fields."""

Buffer = Any


def loss_fields(loss: Any) -> Array:
    """Return what the lane forms need of a loss's fields, as numbers, shape (3,).

    They recode targets t to [0] t - [1], which is 2 t - 1 or t itself; [2] is the delta of huber.
    """
    if isinstance(loss, Hinge) or getattr(loss, "targets", "zero_one") == "plus_minus":
        return np.array([2.0, 1.0, getattr(loss, "delta", 0.0)])
    return np.array([1.0, 0.0, getattr(loss, "delta", 0.0)])


@njit(error_model="numpy", inline="always")
def loss_value(
    code: int, z: Buffer, a: Buffer, first: int, t: Buffer, at: int, n: int, fields: Any
) -> Lanes:
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
    code: int, output: int, z: Buffer, a: Buffer, d: Buffer, first: int, t: Buffer, at: int,
    n: int, fields: Any,
) -> None:  # fmt: skip
    """Write dL/dz of the output layer into rows of ``d``; ``output`` is its activation."""
    for j in range(n):
        store(d, first + j, load(a, first + j) - load(t, at + j))
    # a fused loss has its activation's slope cancelled
    if code == SQUARED_ERROR:
        take_back(output, z, a, d, first, first + n)


@njit(error_model="numpy")
def loss_value_any(
    code: int, z: Buffer, a: Buffer, first: int, t: Buffer, at: int, n: int, fields: Buffer
) -> Lanes:
    """The loss of one sample by any rule; ``fields`` as ``loss_fields`` gives them."""
    if code in (BINARY_CROSSENTROPY, CATEGORICAL_CROSSENTROPY):
        return loss_value(code, z, a, first, t, at, n, fields)
    total = splat(0.0)
    for j in range(n):
        total = total + cost(code, load(a, first + j), recoded(t, at + j, fields), fields[2])
    return total


@njit(error_model="numpy")
def loss_gradient_any(
    code: int, output: int, z: Buffer, a: Buffer, d: Buffer, first: int, t: Buffer, at: int,
    n: int, fields: Buffer,
) -> None:  # fmt: skip
    """Write dL/dz of the output layer into rows of ``d``, for any loss and activation."""
    if code in (BINARY_CROSSENTROPY, CATEGORICAL_CROSSENTROPY):
        loss_gradient(code, output, z, a, d, first, t, at, n, fields)
        return
    for j in range(n):
        target = recoded(t, at + j, fields)
        store(d, first + j, cost_slope(code, load(a, first + j), target, fields[2]))
    if code != HINGE:
        take_back_any(output, z, a, d, first, first + n)


@njit(error_model="numpy", inline="always")
def recoded(t: Buffer, row: int, fields: Any) -> Lanes:
    """A target as the loss takes it."""
    return load(t, row) * fields[0] - fields[1]


@njit(error_model="numpy")
def cost(code: int, a: Lanes, t: Lanes, delta: float) -> Lanes:
    """What one output adds to a loss that looks at each output by itself."""
    if code == HINGE:
        margin = 1.0 - t * a
        return where(margin < 0.0, splat(0.0), margin)
    size = size_of(a - t)
    if code == ABSOLUTE:
        return size
    if code == HUBER:
        small = where(size > delta, splat(delta), size)
        return small * (size - small * 0.5)
    return size * size * 0.5


@njit(error_model="numpy")
def cost_slope(code: int, a: Lanes, t: Lanes, delta: float) -> Lanes:
    """The derivative of ``cost`` with respect to the output."""
    if code == HINGE:
        margin = 1.0 - t * a
        # NaN is neither
        return where(margin > 0.0, 0.0 - t, where(margin < 1.0, splat(0.0), margin))
    e = a - t
    if code == ABSOLUTE:
        return where(e > 0.0, splat(1.0), where(e < 0.0, splat(-1.0), e * 0.0))
    if code == HUBER:
        return where(e > delta, splat(delta), where(e < -delta, splat(-delta), e))
    return e
