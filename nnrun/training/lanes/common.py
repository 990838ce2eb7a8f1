"""The common kernel: plain dense networks of the usual activations, losses and optimizers.

It is kept apart from the general one for speed: each further branch costs registers, and with all
of them a seed network takes a third longer. What it takes and ignores is the general kernel's.
"""

from typing import Any

from numba import njit

from nnrun.training.lanes.activations import activate, take_back
from nnrun.training.lanes.kernel import EVALUATE, TRAIN, Buffer, evaluate_with, train_with
from nnrun.training.lanes.losses import loss_gradient, loss_value
from nnrun.training.lanes.optimizers import update
from nnrun.training.lanes.vector import Lanes, load, splat, store


@njit(error_model="numpy", inline="always")
def forward(
    sizes: Any, options: Any, codes: Any, p: Buffer, z: Buffer, a: Buffer, m: Buffer, at: int
) -> None:
    """Run the networks forward, from the inputs in the first rows of ``a``."""
    below, here, weights = 0, sizes[0], 0
    for layer in range(len(sizes) - 1):
        fan_in, fan_out = sizes[layer], sizes[layer + 1]
        bias = weights + fan_in * fan_out
        for j in range(fan_out):
            total = load(p, bias + j)
            for i in range(fan_in):
                total = total + load(a, below + i) * load(p, weights + i * fan_out + j)
            store(z, here + j, total)
        activate(codes[layer], z, a, here, here + fan_out)
        below, here, weights = here, here + fan_out, bias + fan_out


@njit(error_model="numpy", inline="always")
def backward(
    sizes: Any, options: Any, codes: Any, p: Buffer, z: Buffer, a: Buffer, d: Buffer, g: Buffer,
    m: Buffer, at: int, fresh: bool,
) -> None:  # fmt: skip
    """Add this sample's gradients to ``g``, or begin it anew, from dL/dz of the last layer."""
    here, weights = 0, 0
    for layer in range(len(sizes) - 1):
        here += sizes[layer]
        weights += (sizes[layer] + 1) * sizes[layer + 1]
    for layer in range(len(sizes) - 2, -1, -1):
        fan_in, fan_out = sizes[layer], sizes[layer + 1]
        bias = weights - fan_out
        weights = bias - fan_in * fan_out
        below = here - fan_in
        for j in range(fan_out):
            delta = load(d, here + j)
            store(g, bias + j, delta if fresh else load(g, bias + j) + delta)
        for i in range(fan_in):
            x = load(a, below + i)
            row = weights + i * fan_out
            for j in range(fan_out):
                change = x * load(d, here + j)
                store(g, row + j, change if fresh else load(g, row + j) + change)
        if layer:
            for i in range(fan_in):
                total = splat(0.0)
                row = weights + i * fan_out
                for j in range(fan_out):
                    total = total + load(d, here + j) * load(p, row + j)
                store(d, below + i, total)
            take_back(codes[layer - 1], z, a, d, below, here)
        here = below


@njit(error_model="numpy", inline="always")
def move(
    sizes: Any, options: Any, optimizer: int, p: Buffer, g: Buffer, n_rows: int, rate: Lanes,
    share: float, penalty: Buffer, hyper: Buffer, state: Buffer,
) -> None:  # fmt: skip
    """Update all parameters by their gradients ``g``, summed over a batch of 1 / ``share``."""
    update(optimizer, p, g, n_rows, rate, share, hyper, state)


@njit(TRAIN, nogil=True, cache=True, error_model="numpy")
def train(
    sizes: Any, options: Any, codes: Any, loss: int, fields: Any, optimizer: int, batch: int,
    rates: Buffer, factors: Any, inputs: Any, targets: Any, masks: Any, which: Any, p: Buffer,
    penalty: Buffer, hyper: Buffer, state: Buffer, losses: Buffer, work: Buffer,
) -> None:  # fmt: skip
    """Take one step for each batch, as ``kernel.train_with`` describes."""
    train_with(
        forward, backward, loss_value, loss_gradient, move, sizes, options, codes, loss, fields,
        optimizer, batch, rates, factors, inputs, targets, masks, which, p, penalty, hyper, state,
        losses, work,
    )  # fmt: skip


@njit(EVALUATE, nogil=True, cache=True, error_model="numpy")
def evaluate(
    sizes: Any, options: Any, codes: Any, loss: int, fields: Any, boundary: float, inputs: Any,
    targets: Any, p: Buffer, work: Buffer, result: Buffer,
) -> None:  # fmt: skip
    """Measure every lane on held-out samples, as ``kernel.evaluate_with`` describes."""
    evaluate_with(
        forward, loss_value, sizes, options, codes, loss, fields, boundary, inputs, targets, p,
        work, result,
    )  # fmt: skip
