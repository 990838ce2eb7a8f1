"""Training and evaluating 32 networks at once, compiled.

Buffers are flat; a row is one number a lane (see ``vector``). A network of sizes s0, s1, ... has
its weights and biases in ``p``, layer by layer: s_l x s_(l+1) rows of weights, an input's row by
row, then s_(l+1) rows of biases. ``z``, ``a`` and ``d`` hold pre-activations, outputs and
gradients, s0 rows for the inputs first, then those of each layer.
"""

from typing import Any

import numpy as np
from numba import njit

from nnrun.training.lanes.rules import (
    Buffer,
    activate,
    loss_gradient,
    loss_value,
    take_back,
    update,
)
from nnrun.training.lanes.vector import LANES, load, splat, store, where

PIECE = 32
"""Samples laid out for the lanes at once: few enough to stay in the first-level cache."""


@njit(error_model="numpy", inline="always")
def forward(sizes: Any, codes: Any, p: Buffer, z: Buffer, a: Buffer) -> None:
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
    sizes: Any, codes: Any, p: Buffer, z: Buffer, a: Buffer, d: Buffer, g: Buffer, fresh: bool
) -> None:
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
def lay_out(source: Any, which: Any, first: int, n: int, rows: Buffer) -> None:
    """Copy samples of each lane's stream into rows: ``source`` is (stream, sample, column)."""
    columns = source.shape[2]
    numbers = source.reshape(source.size)
    for lane in range(LANES):
        start = np.uint64((which[lane] * source.shape[1] + first) * columns)
        # unsigned, because an index that might be negative is checked at every use
        for k in range(np.uint64(n * columns)):
            rows[k * np.uint64(LANES) + np.uint64(lane)] = numbers[start + k]


@njit(
    "void(int64[::1], int64[::1], int64, int64, int64, float64[::1], float64[::1],"
    "float64[:,:,::1], float64[:,:,::1], int64[::1], float64[::1], float64[::1], float64[::1],"
    "float64[::1], float64[::1])",
    nogil=True, cache=True, error_model="numpy",
)  # fmt: skip
def train(
    sizes: Any, codes: Any, loss: int, optimizer: int, batch: int, rates: Buffer, factors: Any,
    inputs: Any, targets: Any, which: Any, p: Buffer, hyper: Buffer, state: Buffer,
    losses: Buffer, work: Buffer,
) -> None:  # fmt: skip
    """Take one step for each batch of every lane's stream.

    Args:
        sizes: Inputs, then units of each layer.
        codes: Number of each layer's activation.
        loss: Number of the loss.
        optimizer: Number of the update rule.
        batch: Samples an update.
        rates: Learning rate of each lane: one row.
        factors: The schedule's factor for each step, shape (step,).
        inputs: Shape (stream, sample, input), a whole number of batches.
        targets: Shape (stream, sample, output).
        which: The stream of each lane.
        p: Parameters; changed in place.
        hyper: The optimizer's hyperparameters, a row each.
        state: The optimizer's state; changed in place.
        losses: One row; each lane's loss, summed over the samples, is added to it.
        work: Scratch, of ``work_rows`` rows.
    """
    n_inputs, n_outputs = sizes[0], sizes[-1]
    n_rows, n_units = len(p) // LANES, sizes.sum()
    first_output = n_units - n_outputs
    z = work[: n_units * LANES]
    a = work[n_units * LANES : 2 * n_units * LANES]
    d = work[2 * n_units * LANES : 3 * n_units * LANES]
    g = work[3 * n_units * LANES : (3 * n_units + n_rows) * LANES]
    x = work[(3 * n_units + n_rows) * LANES :]
    t = x[PIECE * n_inputs * LANES :]
    rate, total = load(rates, 0), load(losses, 0)
    for start in range(0, inputs.shape[1], PIECE):
        n = min(PIECE, inputs.shape[1] - start)
        lay_out(inputs, which, start, n, x)
        lay_out(targets, which, start, n, t)
        for s in range(n):
            for i in range(n_inputs):
                store(a, i, load(x, s * n_inputs + i))
            forward(sizes, codes, p, z, a)
            total = total + loss_value(loss, z, a, first_output, t, s * n_outputs, n_outputs)
            loss_gradient(loss, codes[-1], z, a, d, first_output, t, s * n_outputs, n_outputs)
            place = (start + s) % batch
            backward(sizes, codes, p, z, a, d, g, place == 0)
            if place == batch - 1:
                factor = factors[(start + s) // batch]
                update(optimizer, p, g, n_rows, rate * factor, 1.0 / batch, hyper, state)
    store(losses, 0, total)


@njit(
    "void(int64[::1], int64[::1], int64, float64[:,::1], float64[:,::1], float64[::1],"
    "float64[::1], float64[::1])",
    nogil=True, cache=True, error_model="numpy",
)  # fmt: skip
def evaluate(
    sizes: Any, codes: Any, loss: int, inputs: Any, targets: Any, p: Buffer, work: Buffer,
    result: Buffer,
) -> None:  # fmt: skip
    """Measure every lane on the same held-out samples.

    Args:
        sizes: Inputs, then units of each layer.
        codes: Number of each layer's activation.
        loss: Number of the loss.
        inputs: Shape (sample, input).
        targets: Shape (sample, output): 0 or 1 for one output, one-hot for several.
        p: Parameters.
        work: Scratch, of ``work_rows`` rows.
        result: Two rows, written: mean loss, and share of samples classified right.
    """
    n_inputs, n_outputs = sizes[0], sizes[-1]
    n_units = sizes.sum()
    first_output = n_units - n_outputs
    z = work[: n_units * LANES]
    a = work[n_units * LANES : 2 * n_units * LANES]
    t = work[2 * n_units * LANES :]
    total, right = splat(0.0), splat(0.0)
    for s in range(len(inputs)):
        for i in range(n_inputs):
            store(a, i, splat(inputs[s, i]))
        for j in range(n_outputs):
            store(t, j, splat(targets[s, j]))
        forward(sizes, codes, p, z, a)
        total = total + loss_value(loss, z, a, first_output, t, 0, n_outputs)
        # one output decides by a half; of several the first that is largest is chosen
        best, hit = splat(0.5), splat(1.0 - targets[s, 0])
        if n_outputs > 1:
            best, hit = load(a, first_output), splat(targets[s, 0])
            for j in range(1, n_outputs):
                x = load(a, first_output + j)
                hit = where(x > best, splat(targets[s, j]), hit)
                best = where(x > best, x, best)
        else:
            hit = where(load(a, first_output) >= best, splat(targets[s, 0]), hit)
        right = right + hit
    store(result, 0, total / float(len(inputs)))
    store(result, 1, right / float(len(inputs)))


def work_rows(sizes: tuple[int, ...], n_params: int) -> int:
    """Count the rows of scratch that training or evaluating needs."""
    return 3 * sum(sizes) + n_params + PIECE * (sizes[0] + sizes[-1])
