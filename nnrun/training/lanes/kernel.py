"""Training and evaluating 32 networks at once: what the compiled kernels share.

Buffers are flat; a row is one number a lane (see ``vector``). A network of sizes s0, s1, ... has
its weights and biases in ``p``, layer by layer: a row a weight, an input's weights after another's,
then the biases. ``z``, ``a`` and ``d`` hold pre-activations, outputs and gradients, s0 rows for the
inputs first, then those of each layer.

A kernel is these loops with its own forms of ``forward``, ``backward``, ``loss_value``,
``loss_gradient`` and ``move``, which are handed over as arguments and compiled in.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numba import njit

from nnrun.training.lanes.forms import LANES
from nnrun.training.lanes.vector import load, splat, store, where

PIECE = 32
"""Samples laid out for the lanes at once: few enough to stay in the first-level cache."""

Buffer = Any

TRAIN = (
    "void(int64[::1], int64[::1], int64[::1], int64, float64[::1], int64, int64, float64[::1],"
    "float64[::1], float64[:,:,::1], float64[:,:,::1], float64[:,:,::1], int64[::1], float64[::1],"
    "float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])"
)
EVALUATE = (
    "void(int64[::1], int64[::1], int64[::1], int64, float64[::1], float64, float64[:,::1],"
    "float64[:,::1], float64[::1], float64[::1], float64[::1])"
)


class Option(IntEnum):
    """Places in ``options``.

    Attributes:
        TOP: Number of the activation that the loss's gradient is taken back through.
        SHORTCUT: 1 if every layer gets the network's inputs, too.
        BIAS: 1 if biases are trained; else they stay 0.
        RAW: 1 if errors are handed down without the slopes of the layers above.
        FUSED: 1 if the loss has the slope of the output activation cancelled.
        MASKED: 1 if hidden outputs are multiplied by masks (dropout).
    """

    TOP = 0
    SHORTCUT = 1
    BIAS = 2
    RAW = 3
    FUSED = 4
    MASKED = 5


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


@njit(error_model="numpy", inline="always")
def train_with(
    forward: Any, backward: Any, loss_value: Any, loss_gradient: Any, move: Any, sizes: Any,
    options: Any, codes: Any, loss: int, fields: Any, optimizer: int, batch: int, rates: Buffer,
    factors: Any, inputs: Any, targets: Any, masks: Any, which: Any, p: Buffer, penalty: Buffer,
    hyper: Buffer, state: Buffer, losses: Buffer, work: Buffer,
) -> None:  # fmt: skip
    """Take one step for each batch of every lane's stream.

    Args:
        forward: And the four after it: the kernel's own forms.
        backward: See ``forward``.
        loss_value: See ``forward``.
        loss_gradient: See ``forward``.
        move: See ``forward``.
        sizes: Inputs, then units of each layer.
        options: Numbers at the places of ``Option``.
        codes: Number of each layer's activation.
        loss: Number of the loss.
        fields: What the loss's form needs of its fields.
        optimizer: Number of the update rule.
        batch: Samples an update.
        rates: Learning rate of each lane: one row.
        factors: The schedule's factor for each step, shape (step,).
        inputs: Shape (stream, sample, input), a whole number of batches.
        targets: Shape (stream, sample, output).
        masks: Factors on hidden outputs, shape (stream, sample, hidden unit); no columns without
            dropout.
        which: The stream of each lane.
        p: Parameters; changed in place.
        penalty: The rates of ``Penalty``, a row each.
        hyper: The optimizer's hyperparameters, a row each.
        state: The optimizer's state; changed in place.
        losses: One row; each lane's loss, summed over the samples, is added to it.
        work: Scratch, of ``work_rows`` rows.
    """
    n_inputs, n_outputs, n_masks = sizes[0], sizes[-1], masks.shape[2]
    n_rows, n_units = len(p) // LANES, sizes.sum()
    first_output = n_units - n_outputs
    a = work[: n_units * LANES]
    d = work[n_units * LANES : 2 * n_units * LANES]
    g = work[2 * n_units * LANES : (2 * n_units + n_rows) * LANES]
    x = work[(2 * n_units + n_rows) * LANES :]
    t = x[PIECE * n_inputs * LANES :]
    m = t[PIECE * n_outputs * LANES :]
    z = m[PIECE * n_masks * LANES :]
    rate, total = load(rates, 0), load(losses, 0)
    for start in range(0, inputs.shape[1], PIECE):
        n = min(PIECE, inputs.shape[1] - start)
        lay_out(inputs, which, start, n, x)
        lay_out(targets, which, start, n, t)
        lay_out(masks, which, start, n, m)
        for s in range(n):
            for i in range(n_inputs):
                store(a, i, load(x, s * n_inputs + i))
            forward(sizes, options, codes, p, z, a, m, s * n_masks)
            at = s * n_outputs
            total = total + loss_value(loss, z, a, first_output, t, at, n_outputs, fields)
            top = options[Option.TOP]
            loss_gradient(loss, top, z, a, d, first_output, t, at, n_outputs, fields)
            place = (start + s) % batch
            backward(sizes, options, codes, p, z, a, d, g, m, s * n_masks, place == 0)
            if place == batch - 1:
                now = rate * factors[(start + s) // batch]
                share = 1.0 / batch
                move(sizes, options, optimizer, p, g, n_rows, now, share, penalty, hyper, state)
    store(losses, 0, total)


@njit(error_model="numpy", inline="always")
def evaluate_with(
    forward: Any, loss_value: Any, sizes: Any, options: Any, codes: Any, loss: int, fields: Any,
    boundary: float, inputs: Any, targets: Any, p: Buffer, work: Buffer, result: Buffer,
) -> None:  # fmt: skip
    """Measure every lane on the same held-out samples; arguments are those of ``train_with``.

    Into two rows of ``result``: mean loss, and share of samples classified right. A single output
    means class 1 from ``boundary`` on. Samples are shared, shape (sample, column).
    """
    n_inputs, n_outputs = sizes[0], sizes[-1]
    n_units = sizes.sum()
    first_output = n_units - n_outputs
    a = work[: n_units * LANES]
    t = work[n_units * LANES :]
    z = t[n_outputs * LANES :]
    total, right = splat(0.0), splat(0.0)
    for s in range(len(inputs)):
        for i in range(n_inputs):
            store(a, i, splat(inputs[s, i]))
        for j in range(n_outputs):
            store(t, j, splat(targets[s, j]))
        forward(sizes, options, codes, p, z, a, t, 0)
        total = total + loss_value(loss, z, a, first_output, t, 0, n_outputs, fields)
        # one output decides by its boundary; of several the first that is largest is chosen
        best, hit = splat(boundary), splat(1.0 - targets[s, 0])
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
    n_units, n_masks = sum(sizes), sum(sizes[1:-1])
    n_seen = n_units + len(sizes) * sizes[0]  # what the layers get, with shortcuts
    return 3 * n_units + n_seen + n_params + PIECE * (sizes[0] + sizes[-1] + n_masks)
