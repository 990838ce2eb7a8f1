"""Update rules in lane form, and which entries of the registry have one.

The common kernel knows the forms of ``update``, the general kernel all of them. To add one: a
number, lines in ``CODES`` and ``MEMORY``, a function in ``rules`` and a branch in ``update_any``.
"""

from typing import Any, NamedTuple

from numba import njit

from nnrun.network.optimizers import (
    Adadelta,
    Adagrad,
    Adam,
    Adamw,
    Lion,
    Momentum,
    Nadam,
    Nesterov,
    Quickprop,
    Rmsprop,
    Rprop,
    Sgd,
)
from nnrun.training.lanes import rules
from nnrun.training.lanes.vector import Lanes, load, sqrt, store

SGD, ADAM = range(2)
MOMENTUM, NESTEROV, RMSPROP, ADAGRAD, ADADELTA, ADAMW, NADAM, LION, RPROP, QUICKPROP = range(2, 12)

CODES: dict[type, int] = {
    Sgd: SGD,
    Adam: ADAM,
    Momentum: MOMENTUM,
    Nesterov: NESTEROV,
    Rmsprop: RMSPROP,
    Adagrad: ADAGRAD,
    Adadelta: ADADELTA,
    Adamw: ADAMW,
    Nadam: NADAM,
    Lion: LION,
    Rprop: RPROP,
    Quickprop: QUICKPROP,
}
"""The number of each entry that has a lane form; by class, so that no namesake is taken for it."""

COMMON = (Sgd, Adam)
"""What the common kernel knows."""


class Memory(NamedTuple):
    """What an optimizer's lane form keeps for each lane.

    Attributes:
        fields: Hyperparameters, a row each, by their names in the entry.
        slots: Rows of state a parameter, first all of slot 0, then all of slot 1; zeros at first.
        powers: Rows of state behind them, which hold running products; ones at first.
    """

    fields: tuple[str, ...] = ()
    slots: int = 0
    powers: int = 0


_ADAM = ("beta1", "beta2", "epsilon", "bias_correction")

MEMORY: dict[type, Memory] = {
    Momentum: Memory(("momentum",), slots=1),
    Nesterov: Memory(("momentum",), slots=1),
    Rmsprop: Memory(("rho", "epsilon"), slots=1),
    Adagrad: Memory(("initial", "epsilon"), slots=1),
    Adadelta: Memory(("rho", "epsilon"), slots=2),
    Adam: Memory(_ADAM, slots=2, powers=2),
    Adamw: Memory((*_ADAM, "weight_decay"), slots=2, powers=2),
    Nadam: Memory(("beta2", "cooling", "beta1", "epsilon"), slots=2, powers=3),
    Lion: Memory(("beta1", "beta2", "weight_decay"), slots=1),
    Rprop: Memory(("shrink", "grow", "min_step", "max_step"), slots=2),
    Quickprop: Memory(("max_growth", "weight_decay"), slots=2),
}
"""What each optimizer keeps; those not listed keep nothing."""

Buffer = Any


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


@njit(error_model="numpy")
def update_any(
    code: int, p: Buffer, g: Buffer, n_rows: int, rate: Lanes, hyper: Buffer, m: Buffer
) -> None:
    """Move the parameters, all rows of ``p``, by their final gradients, by any rule.

    Args:
        code: Number of the rule.
        p: Parameters.
        g: Gradients of the step: the mean over the batch, with penalties and clipped.
        n_rows: Rows of both.
        rate: Learning rate of this step.
        hyper: Hyperparameters, a row each.
        m: State, laid out as ``Memory`` says.
    """
    if code == MOMENTUM:
        rules.momentum(p, g, n_rows, rate, hyper, m)
    elif code == NESTEROV:
        rules.nesterov(p, g, n_rows, rate, hyper, m)
    elif code == RMSPROP:
        rules.rmsprop(p, g, n_rows, rate, hyper, m)
    elif code == ADAGRAD:
        rules.adagrad(p, g, n_rows, rate, hyper, m)
    elif code == ADADELTA:
        rules.adadelta(p, g, n_rows, rate, hyper, m)
    elif code == ADAM:
        rules.adam(p, g, n_rows, rate, hyper, m)
    elif code == ADAMW:
        rules.adamw(p, g, n_rows, rate, hyper, m)
    elif code == NADAM:
        rules.nadam(p, g, n_rows, rate, hyper, m)
    elif code == LION:
        rules.lion(p, g, n_rows, rate, hyper, m)
    elif code == RPROP:
        rules.rprop(p, g, n_rows, rate, hyper, m)
    elif code == QUICKPROP:
        rules.quickprop(p, g, n_rows, rate, hyper, m)
    else:
        update(code, p, g, n_rows, rate, 1.0, hyper, m)
