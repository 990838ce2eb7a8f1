"""Rows of a test matrix in which every pair of values of any two factors meets at least once.

A full matrix grows with the product of its factors, this one about with the product of the two
largest; what one component does to another shows in pairs of them.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields
from itertools import combinations, product
from typing import Any

from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import LOSSES
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.registry import Registry

Row = dict[str, Any]
Pair = frozenset[tuple[str, Hashable]]


def every(registry: Registry[Any], changed: Mapping[str, Mapping[str, Any]] = {}) -> list[Any]:
    """Return an instance of each entry, some of them with other values than the defaults."""
    return [registry[name](**changed.get(name, {})) for name in sorted(registry)]


def every_optimizer() -> list[Any]:
    """Return an instance of each optimizer, held back where rounding would decide a step.

    An unbounded step of rprop saturates a softmax, whose gradient is then the sign of a rounding
    error; quickprop's steps hang on the sign of the one before, which may be next to nothing.
    """
    return every(OPTIMIZERS, {"rprop": {"max_step": 0.02}, "quickprop": {"max_growth": 0.1}})


def calm_rate(optimizer: Any) -> float:
    """Return a rate at which no activation makes training chaotic within some hundred steps.

    At ten times the rate a sine turns the last bit into percents.
    """
    rates = {"adadelta": 0.5, "sgd": 0.01, "momentum": 0.0002, "nesterov": 0.0002}
    return rates.get(optimizer.name, 0.002)


def every_loss() -> list[Any]:
    """Return an instance of each loss, and one of each that takes targets of -1 and 1."""
    usual = every(LOSSES)
    recoding = [loss for loss in usual if "targets" in {f.name for f in fields(loss)}]
    return usual + [type(loss)(targets="plus_minus") for loss in recoding]


def network_factors() -> dict[str, list[Any]]:
    """Return the factors that make a network: depth, hidden activation, output activation."""
    names = sorted(ACTIVATIONS)
    return {"hidden": [(), (5,), (4, 3)], "activation": [*names, None], "output": names}


def label(row: Row) -> str:
    """Return a test's name: the values that differ from a component's defaults in full."""
    return " ".join(_word(value) for value in row.values())


def fits(row: Row) -> bool:
    """Say whether a loss gets its output activation, and hidden layers alone an activation."""
    needed = row["loss"].output if "loss" in row else None
    if needed is not None and row.get("output", needed) != needed:
        return False
    if {"hidden", "activation"} <= row.keys():
        return (row["hidden"] == ()) == (row["activation"] is None)
    return True


def all_pairs(
    factors: Mapping[str, Sequence[Hashable]], allowed: Callable[[Row], bool] = lambda row: True
) -> list[Row]:
    """Choose rows greedily, the same ones every time.

    Args:
        factors: The values of each factor.
        allowed: Says whether a row, or a part of one, makes sense; a part that does must be
            part of a whole row that does.

    Returns:
        Rows with a value for each factor; each allowed pair of values is in one of them.
    """
    missing = dict.fromkeys(
        frozenset(pair)
        for one, other in combinations(factors, 2)
        for pair in product(((one, v) for v in factors[one]), ((other, v) for v in factors[other]))
        if allowed(dict(pair))
    )
    rows, used = [], Counter[Any]()
    while missing:
        row = dict(sorted(next(iter(missing)), key=lambda item: list(factors).index(item[0])))
        for name in factors:
            if name not in row:
                row[name] = _best(name, factors[name], row, missing, allowed, used)
        used.update(row.items())
        rows.append({name: row[name] for name in factors})
        for pair in combinations(row.items(), 2):
            missing.pop(frozenset(pair), None)
    return rows


def _best(
    name: str,
    values: Sequence[Hashable],
    row: Row,
    missing: Mapping[Pair, None],
    allowed: Callable[[Row], bool],
    used: Counter[Any],
) -> Hashable:
    """Return the value that makes most missing pairs with the row; of equals the least used."""

    def gain(value: Hashable) -> tuple[int, int]:
        new = sum(frozenset([(name, value), item]) in missing for item in row.items())
        return new, -used[name, value]

    return max((v for v in values if allowed({**row, name: v})), key=gain)


def _word(value: Any) -> str:
    plain = hasattr(value, "name") and value == type(value)()
    return value.name if plain else str(value).replace(" ", "")
