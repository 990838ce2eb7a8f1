"""Trying a user's component on a few numbers before anything trains."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from nnrun.custom.component import naming, refused
from nnrun.errors import InputError, Issue
from nnrun.network.activations import ACTIVATIONS, Activation
from nnrun.network.activations.base import Array
from nnrun.network.initializers import Initializer
from nnrun.network.losses import Loss
from nnrun.network.memory import flattened, restored
from nnrun.network.mlp import Layer, Params
from nnrun.network.optimizers import Optimizer
from nnrun.network.schedules import Schedule

SHAPE = (2, 4, 3)
STEP = 1e-6
"""Of the finite differences that slopes are compared with."""

Checks = Iterator[tuple[str, Any, tuple[int, ...]]]
"""What was called, what it returned, and the shape that this must have."""


@cache
def tried(kind: str, entry: Any) -> None:
    """Try a component on a few numbers, once: many jobs of a sweep have equal ones.

    Raises:
        InputError: With the key ``_target_``, if it raises an error, returns anything but numbers
            in the right shape, returns others each time, or has slopes that are not those of its
            values and does not say so.
    """
    attempt = TRIALS.get(kind)
    if attempt is None:
        return
    with np.errstate(all="ignore"), naming(entry):
        for (what, got, shape), (_, again, _) in zip(attempt(entry), attempt(entry), strict=True):
            flaw = _flaw(np.asarray(got), shape)
            if flaw:
                raise refused(entry.name, f"{what} returns {flaw}")
            if not np.array_equal(got, again, equal_nan=True):
                hint = "draw from the generator that it is given, not from np.random"
                raise refused(entry.name, f"{what} returns other numbers each time", hint)
        _compare_slopes(entry)


def require_flat_state(optimizer: Optimizer) -> None:
    """Check that an optimizer's state can be kept and restored.

    Raises:
        InputError: With the key ``keep_state``.
    """
    state = optimizer.init(_few_params())
    try:
        restored(state, list(flattened(state, SHAPE[0])))
    except (TypeError, ValueError) as error:
        raise InputError(Issue("keep_state", True, f"cannot be: {error}")) from error


def _flaw(got: Any, shape: tuple[int, ...]) -> str:
    """Say what is wrong with an array; nothing if nothing is."""
    if got.dtype.kind not in "biuf":
        return f"values of type {got.dtype}; they must be numbers"
    if got.shape != shape:
        return f"an array of shape {got.shape}; it must have {shape}"
    return ""


def _compare_slopes(entry: Any) -> None:
    """Compare the slopes of an activation or a loss with finite differences."""
    if Activation in type(entry).__mro__:
        got, wanted = _activation_slopes(entry)
        what = "backward is not the derivative of forward"
    elif Loss in type(entry).__mro__:
        got, wanted = _loss_slopes(entry)
        what = "gradient is not the derivative of value"
    else:
        return
    off = ~np.isclose(got, wanted, rtol=1e-3, atol=1e-5) & np.isfinite(wanted)
    if off.any() and not entry.surrogate:
        place = np.unravel_index(off.argmax(), off.shape)
        rule = f"has a wrong slope: {what} ({got[place]:.4g} instead of {wanted[place]:.4g})"
        raise refused(
            entry.name, rule, "if that is meant, give it surrogate: ClassVar[bool] = True"
        )


def _activation_slopes(entry: Activation) -> tuple[Array, Array]:
    """Return slopes along a direction, and the same by finite differences, shape (2, 4)."""
    z, weights, along = _numbers(), _numbers()[::-1] + 3.0, np.cos(7.0 * _numbers())
    got = (entry.backward(weights, z, entry.forward(z)) * along).sum(axis=-1)
    ends = [weights * entry.forward(z + sign * STEP * along) for sign in (1, -1)]
    return got, (ends[0] - ends[1]).sum(axis=-1) / (2 * STEP)


def _loss_slopes(entry: Loss) -> tuple[Array, Array]:
    """The same for a loss, with the output activation that it is made for."""
    output = ACTIVATIONS[entry.output or "linear"]()
    z, along = _numbers(), np.cos(7.0 * _numbers())
    got = (entry.gradient(z, output.forward(z), _targets(), output) * along).sum(axis=-1)
    moved = [z + sign * STEP * along for sign in (1, -1)]
    ends = [entry.value(at, output.forward(at), _targets()) for at in moved]
    return got, (ends[0] - ends[1]) / (2 * STEP)


def _numbers() -> Array:
    return np.linspace(-2.0, 2.0, 24).reshape(SHAPE)


def _targets() -> Array:
    """One of three classes each: what every loss takes."""
    return np.tile(np.eye(3)[[0, 1, 2, 1]], (2, 1, 1))


def _few_params() -> Params:
    return (Layer(_numbers(), np.ones((2, 1, 3))),)


def _try_activation(entry: Activation) -> Checks:
    z = _numbers()
    a = entry.forward(z)
    yield "forward", a, SHAPE
    yield "backward", entry.backward(np.ones(SHAPE), z, a), SHAPE


def _try_loss(entry: Loss) -> Checks:
    output = ACTIVATIONS[entry.output or "linear"]()
    z = _numbers()
    outputs = output.forward(z)
    yield "value", entry.value(z, outputs, _targets()), SHAPE[:2]
    yield "gradient", entry.gradient(z, outputs, _targets(), output), SHAPE


def _try_optimizer(entry: Optimizer) -> Checks:
    params = _few_params()
    state, rate = entry.init(params), np.full((2, 1, 1), 0.1)
    for _ in range(2):
        updated = entry.update(params, params, state, rate)
        if not isinstance(updated, tuple) or len(updated) != 2:
            raise refused(entry.name, "must return parameters and state from update")
        (layer,), state = updated
        yield "update (weights)", layer.weights, SHAPE
        yield "update (biases)", layer.bias, (2, 1, 3)


def _try_schedule(entry: Schedule) -> Checks:
    for first, last in ((0, 4), (3, 10)):
        factors = entry.factor(np.arange(first, last), 10)
        yield "factor", factors, (last - first,)
        if not (np.isfinite(factors) & (np.asarray(factors) >= 0)).all():
            raise refused(entry.name, "returns a negative or undefined factor")


def _try_init(entry: Initializer) -> Checks:
    def rng() -> np.random.Generator:
        return np.random.default_rng(0)

    yield "weights", entry.weights(rng(), 2, 3), (3,)
    yield "biases", entry.biases(rng(), 2, 3), (3,)
    yield "finish", entry.finish(np.ones((2, 3))), (2, 3)


TRIALS: dict[str, Callable[[Any], Checks]] = {
    "activation": _try_activation,
    "loss": _try_loss,
    "optimizer": _try_optimizer,
    "schedule": _try_schedule,
    "init": _try_init,
}
"""How each kind is tried; data and features are, when their problem is made."""
