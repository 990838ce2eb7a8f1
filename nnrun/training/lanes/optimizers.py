"""Update rules in lane form, and which entries of the registry have one.

All take the parameters ``p`` and their gradients ``g``, ``n`` rows each, the learning rate of the
step, the hyperparameters, a row each, and the state ``m``, first all of slot 0, then all of slot 1,
then the running products (see ``Slotted``).

The common kernel knows the forms of ``update``, the general kernel all of them. To add one: a
number, its name in ``forms``, a function and a branch in ``update_any``.
"""

from dataclasses import fields
from typing import Any

from numba import njit

from nnrun.training.lanes.forms import OF_OPTIMIZERS
from nnrun.training.lanes.vector import Lanes, load, splat, sqrt, store, where

SGD, ADAM = range(2)
MOMENTUM, NESTEROV, RMSPROP, ADAGRAD, ADADELTA, ADAMW, NADAM, LION, RPROP, QUICKPROP = range(2, 12)

COMMON = tuple(OF_OPTIMIZERS)[:2]
"""What the common kernel knows."""


def hyper_names(optimizer: Any) -> tuple[str, ...]:
    """Name what the lane form of a rule needs, a row each: its fields, and nadam's decay a step."""
    names = (field.name for field in fields(optimizer))
    return tuple("cooling" if name == "momentum_decay" else name for name in names)


Buffer = Any


@njit(error_model="numpy", inline="always")
def update(
    code: int, p: Buffer, g: Buffer, n_rows: int, rate: Lanes, share: float, hyper: Buffer,
    m: Buffer,
) -> None:  # fmt: skip
    """Move the parameters by their gradients, summed over a batch of 1 / ``share``."""
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


@njit(error_model="numpy", inline="always")
def sign_of(x: Lanes) -> Lanes:
    """-1, 0 or 1; NaN passes through."""
    return where(x > 0.0, splat(1.0), where(x < 0.0, splat(-1.0), x))


@njit(error_model="numpy")
def momentum(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the velocity."""
    mu = load(hyper, 0)
    for row in range(n):
        v = mu * load(m, row) + load(g, row)
        store(m, row, v)
        store(p, row, load(p, row) - rate * v)


@njit(error_model="numpy")
def nesterov(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the velocity."""
    mu = load(hyper, 0)
    for row in range(n):
        slope = load(g, row)
        v = mu * load(m, row) + slope
        store(m, row, v)
        store(p, row, load(p, row) - rate * (slope + mu * v))


@njit(error_model="numpy")
def rmsprop(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the mean squared gradient."""
    rho, epsilon = load(hyper, 0), load(hyper, 1)
    for row in range(n):
        slope = load(g, row)
        v = rho * load(m, row) + (1.0 - rho) * (slope * slope)
        store(m, row, v)
        store(p, row, load(p, row) - rate * slope / (sqrt(v) + epsilon))


@njit(error_model="numpy")
def adagrad(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the sum of the squared gradients."""
    initial, epsilon = load(hyper, 0), load(hyper, 1)
    for row in range(n):
        slope = load(g, row)
        total = load(m, row) + slope * slope
        store(m, row, total)
        store(p, row, load(p, row) - rate * slope / (sqrt(initial + total) + epsilon))


@njit(error_model="numpy")
def adadelta(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the mean squared gradient, slot 1 the mean squared step."""
    rho, epsilon = load(hyper, 0), load(hyper, 1)
    for row in range(n):
        slope, u = load(g, row), load(m, n + row)
        v = rho * load(m, row) + (1.0 - rho) * (slope * slope)
        step = sqrt(u + epsilon) / sqrt(v + epsilon) * slope
        store(m, row, v)
        store(m, n + row, rho * u + (1.0 - rho) * (step * step))
        store(p, row, load(p, row) - rate * step)


@njit(error_model="numpy")
def adam(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slots 0 and 1 are the moments, with the powers of beta1 and beta2 behind them."""
    beta1, beta2, epsilon, corrected = (
        load(hyper, 0), load(hyper, 1), load(hyper, 2), load(hyper, 3)
    )  # fmt: skip
    power1, power2 = load(m, 2 * n) * beta1, load(m, 2 * n + 1) * beta2
    store(m, 2 * n, power1)
    store(m, 2 * n + 1, power2)
    seen1, seen2 = 1.0 - corrected * power1, 1.0 - corrected * power2
    for row in range(n):
        slope = load(g, row)
        first = beta1 * load(m, row) + (1.0 - beta1) * slope
        second = beta2 * load(m, n + row) + (1.0 - beta2) * (slope * slope)
        store(m, row, first)
        store(m, n + row, second)
        step = rate * (first / seen1) / (sqrt(second / seen2) + epsilon)
        store(p, row, load(p, row) - step)


@njit(error_model="numpy")
def adamw(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """As ``adam``, after the decay."""
    kept = 1.0 - rate * load(hyper, 4)
    for row in range(n):
        store(p, row, load(p, row) * kept)
    adam(p, g, n, rate, hyper, m)


@njit(error_model="numpy")
def nadam(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slots 0 and 1 are the moments; behind them the powers of beta2 and cooling, the product."""
    beta1, beta2, epsilon, cooling = load(hyper, 0), load(hyper, 1), load(hyper, 2), load(hyper, 3)
    power2, warmth = load(m, 2 * n) * beta2, load(m, 2 * n + 1) * cooling
    now = beta1 * (1.0 - 0.5 * warmth)
    then = beta1 * (1.0 - 0.5 * (warmth * cooling))
    product = load(m, 2 * n + 2) * now
    store(m, 2 * n, power2)
    store(m, 2 * n + 1, warmth)
    store(m, 2 * n + 2, product)
    of_mean = rate * (then / (1.0 - product * then))
    of_slope = rate * ((1.0 - now) / (1.0 - product))
    seen2 = 1.0 - power2
    for row in range(n):
        slope = load(g, row)
        first = beta1 * load(m, row) + (1.0 - beta1) * slope
        second = beta2 * load(m, n + row) + (1.0 - beta2) * (slope * slope)
        store(m, row, first)
        store(m, n + row, second)
        step = (of_mean * first + of_slope * slope) / (sqrt(second / seen2) + epsilon)
        store(p, row, load(p, row) - step)


@njit(error_model="numpy")
def lion(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the mean gradient."""
    beta1, beta2, decay = load(hyper, 0), load(hyper, 1), load(hyper, 2)
    for row in range(n):
        slope, mean, w = load(g, row), load(m, row), load(p, row)
        direction = sign_of(beta1 * mean + (1.0 - beta1) * slope)
        store(m, row, beta2 * mean + (1.0 - beta2) * slope)
        store(p, row, w - rate * (direction + decay * w))


@njit(error_model="numpy")
def rprop(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the gradient's sign at the last step, slot 1 the step size, 0 at first."""
    shrink, grow, least, most = load(hyper, 0), load(hyper, 1), load(hyper, 2), load(hyper, 3)
    for row in range(n):
        sign, size = sign_of(load(g, row)), load(m, n + row)
        turn = sign * load(m, row)
        size = where(size == 0.0, rate, size)
        size = size * where(turn > 0.0, grow, where(turn < 0.0, shrink, splat(1.0)))
        size = where(size < least, least, where(size > most, most, size))
        sign = where(turn < 0.0, splat(0.0), sign)
        store(m, row, sign)
        store(m, n + row, size)
        store(p, row, load(p, row) - sign * size)


@njit(error_model="numpy")
def quickprop(p: Buffer, g: Buffer, n: int, rate: Lanes, hyper: Buffer, m: Buffer) -> None:
    """Slot 0 is the slope at the last step, slot 1 the last step."""
    growth, decay = load(hyper, 0), load(hyper, 1)
    near = growth / (1.0 + growth)
    for row in range(n):
        w, before, step = load(p, row), load(m, row), load(m, n + row)
        slope = load(g, row) + decay * w
        downhill = 0.0 - sign_of(step)
        ahead, gap = downhill * slope, before - slope
        parabola = step * slope / where(gap == 0.0, splat(1.0), gap)
        jump = where(ahead >= near * (downhill * before), growth * step, parabola)
        further = jump - rate * slope
        jump = where(ahead > 0.0, further, where(step == 0.0, further, jump))
        store(m, row, slope)
        store(m, n + row, jump)
        store(p, row, w + jump)


@njit(error_model="numpy")
def update_any(
    code: int, p: Buffer, g: Buffer, n_rows: int, rate: Lanes, hyper: Buffer, m: Buffer
) -> None:
    """Move the parameters by any rule; ``g`` is the batch's mean, with penalties and clipped."""
    if code == MOMENTUM:
        momentum(p, g, n_rows, rate, hyper, m)
    elif code == NESTEROV:
        nesterov(p, g, n_rows, rate, hyper, m)
    elif code == RMSPROP:
        rmsprop(p, g, n_rows, rate, hyper, m)
    elif code == ADAGRAD:
        adagrad(p, g, n_rows, rate, hyper, m)
    elif code == ADADELTA:
        adadelta(p, g, n_rows, rate, hyper, m)
    elif code == ADAM:
        adam(p, g, n_rows, rate, hyper, m)
    elif code == ADAMW:
        adamw(p, g, n_rows, rate, hyper, m)
    elif code == NADAM:
        nadam(p, g, n_rows, rate, hyper, m)
    elif code == LION:
        lion(p, g, n_rows, rate, hyper, m)
    elif code == RPROP:
        rprop(p, g, n_rows, rate, hyper, m)
    elif code == QUICKPROP:
        quickprop(p, g, n_rows, rate, hyper, m)
    else:
        update(code, p, g, n_rows, rate, 1.0, hyper, m)
