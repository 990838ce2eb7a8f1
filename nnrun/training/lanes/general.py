"""The general kernel: every activation, loss and optimizer, and what a plain network has not.

That is shortcut connections from the inputs, networks without biases, dropout, penalties on the
weights, clipped gradients and raw errors (see ``Architecture`` and ``Penalty``). What each layer
gets is kept behind the rows of ``z``, layer by layer: the outputs of the layer below, masked, then
the network's inputs if there are shortcuts.
"""

import sys
from enum import IntEnum
from typing import Any

from numba import njit

from nnrun.network.penalties import SMALL
from nnrun.training.lanes.activations import activate_any, take_back_any
from nnrun.training.lanes.kernel import EVALUATE, TRAIN, Buffer, Option, evaluate_with, train_with
from nnrun.training.lanes.losses import loss_gradient_any, loss_value_any
from nnrun.training.lanes.optimizers import update_any
from nnrun.training.lanes.vector import Lanes, load, splat, sqrt, store, where

LARGEST = sys.float_info.max
"""The largest number of all: above it is only infinity."""


class Penalty(IntEnum):
    """Rows of ``penalty``: rates, and the bounds of clipping, inf for none."""

    L1 = 0
    L2 = 1
    DECAY = 2
    CLIP_VALUE = 3
    CLIP_NORM = 4


@njit(error_model="numpy")
def forward(
    sizes: Any, options: Any, codes: Any, p: Buffer, z: Buffer, a: Buffer, m: Buffer, at: int
) -> None:
    """Run the networks forward, from the inputs in the first rows of ``a``."""
    n_inputs, last = sizes[0], len(sizes) - 2
    extra = n_inputs * options[Option.SHORTCUT]
    here, weights, seen, fan_in = n_inputs, 0, sizes.sum(), n_inputs
    for i in range(n_inputs):
        store(z, seen + i, load(a, i))
    for layer in range(last + 1):
        fan_out = sizes[layer + 1]
        bias = weights + fan_in * fan_out
        for j in range(fan_out):
            total = load(p, bias + j)
            for i in range(fan_in):
                total = total + load(z, seen + i) * load(p, weights + i * fan_out + j)
            store(z, here + j, total)
        activate_any(codes[layer], z, a, here, here + fan_out)
        seen += fan_in
        if layer < last:
            for j in range(fan_out):
                output = load(a, here + j)
                if options[Option.MASKED]:
                    output = output * load(m, at + here - n_inputs + j)
                store(z, seen + j, output)
            for i in range(extra):
                store(z, seen + fan_out + i, load(a, i))
        here, weights, fan_in = here + fan_out, bias + fan_out, fan_out + extra


@njit(error_model="numpy")
def backward(
    sizes: Any, options: Any, codes: Any, p: Buffer, z: Buffer, a: Buffer, d: Buffer, g: Buffer,
    m: Buffer, at: int, fresh: bool,
) -> None:  # fmt: skip
    """Add this sample's gradients to ``g``, or begin it anew, from what the loss left in ``d``."""
    n_inputs, last = sizes[0], len(sizes) - 2
    extra, raw = n_inputs * options[Option.SHORTCUT], options[Option.RAW]
    # behind the last layer; then backwards
    here = seen = sizes.sum()
    weights = 0
    for layer in range(last + 1):
        fan_in = sizes[layer] + (extra if layer else 0)
        seen += fan_in
        weights += (fan_in + 1) * sizes[layer + 1]
    for layer in range(last, -1, -1):
        fan_out = sizes[layer + 1]
        fan_in = sizes[layer] + (extra if layer else 0)
        bias = weights - fan_out
        weights, here, seen = bias - fan_in * fan_out, here - fan_out, seen - fan_in
        if layer:
            hand_down(sizes[layer], fan_out, options, p, weights, d, here, m, at - n_inputs)
        if raw and not (layer == last and options[Option.FUSED]):
            take_back_any(codes[layer], z, a, d, here, here + fan_out)
        for j in range(fan_out):
            change = load(d, here + j) if options[Option.BIAS] else splat(0.0)
            store(g, bias + j, change if fresh else load(g, bias + j) + change)
        for i in range(fan_in):
            x = load(z, seen + i)
            row = weights + i * fan_out
            for j in range(fan_out):
                change = x * load(d, here + j)
                store(g, row + j, change if fresh else load(g, row + j) + change)
        if layer and not raw:
            take_back_any(codes[layer - 1], z, a, d, here - sizes[layer], here)


@njit(error_model="numpy")
def hand_down(
    n_below: int, fan_out: int, options: Any, p: Buffer, weights: int, d: Buffer, here: int,
    m: Buffer, at: int,
) -> None:  # fmt: skip
    """Write the errors of the layer below, whose units end at row ``here``."""
    below = here - n_below
    for i in range(n_below):
        total = splat(0.0)
        row = weights + i * fan_out
        for j in range(fan_out):
            total = total + load(d, here + j) * load(p, row + j)
        if options[Option.MASKED]:
            total = total * load(m, at + below + i)
        store(d, below + i, total)


@njit(error_model="numpy")
def move(
    sizes: Any, options: Any, optimizer: int, p: Buffer, g: Buffer, n_rows: int, rate: Lanes,
    share: float, penalty: Buffer, hyper: Buffer, state: Buffer,
) -> None:  # fmt: skip
    """Update all parameters by their gradients ``g``, summed over a batch of 1 / ``share``."""
    for row in range(n_rows):
        store(g, row, load(g, row) * share)
    extra, row, fan_in = sizes[0] * options[Option.SHORTCUT], 0, sizes[0]
    l1, l2 = load(penalty, Penalty.L1), load(penalty, Penalty.L2)
    kept = 1.0 - rate * load(penalty, Penalty.DECAY)
    for layer in range(len(sizes) - 1):
        fan_out = sizes[layer + 1]
        for weight in range(row, row + fan_in * fan_out):
            w = load(p, weight)
            sign = where(w > 0.0, splat(1.0), where(w < 0.0, splat(-1.0), w * 0.0))
            store(g, weight, load(g, weight) + l1 * sign + l2 * w)
            store(p, weight, w * kept)
        row, fan_in = row + (fan_in + 1) * fan_out, fan_out + extra
    clip(g, n_rows, load(penalty, Penalty.CLIP_VALUE), load(penalty, Penalty.CLIP_NORM))
    update_any(optimizer, p, g, n_rows, rate, hyper, state)


@njit(error_model="numpy")
def clip(g: Buffer, n_rows: int, value: Lanes, norm: Lanes) -> None:
    """Bound every gradient by ``value``, then their common length by ``norm``."""
    squares, of_small = splat(0.0), splat(0.0)
    for row in range(n_rows):
        x = load(g, row)
        # from NaN neither holds
        x = where(x > value, value, where(x < 0.0 - value, 0.0 - value, x))
        store(g, row, x)
        squares = squares + x * x
        small = x * SMALL
        of_small = of_small + small * small
    over = squares > LARGEST
    length = sqrt(where(over, of_small, squares))
    bound = norm * where(over, splat(SMALL), splat(1.0))
    factor = where(length > bound, bound / length, splat(1.0))
    for row in range(n_rows):
        store(g, row, load(g, row) * factor)


@njit(TRAIN, nogil=True, cache=True, error_model="numpy")
def train(
    sizes: Any, options: Any, codes: Any, loss: int, fields: Any, optimizer: int, batch: int,
    rates: Buffer, factors: Any, inputs: Any, targets: Any, masks: Any, which: Any, p: Buffer,
    penalty: Buffer, hyper: Buffer, state: Buffer, losses: Buffer, work: Buffer,
) -> None:  # fmt: skip
    """Take one step for each batch, as ``kernel.train_with`` describes."""
    train_with(
        forward, backward, loss_value_any, loss_gradient_any, move, sizes, options, codes, loss,
        fields, optimizer, batch, rates, factors, inputs, targets, masks, which, p, penalty, hyper,
        state, losses, work,
    )  # fmt: skip


@njit(EVALUATE, nogil=True, cache=True, error_model="numpy")
def evaluate(
    sizes: Any, options: Any, codes: Any, loss: int, fields: Any, boundary: float, inputs: Any,
    targets: Any, p: Buffer, work: Buffer, result: Buffer,
) -> None:  # fmt: skip
    """Measure every lane on held-out samples, as ``kernel.evaluate_with`` describes."""
    evaluate_with(
        forward, loss_value_any, sizes, options, codes, loss, fields, boundary, inputs, targets,
        p, work, result,
    )  # fmt: skip
