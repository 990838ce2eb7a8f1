"""Classes in given shares, from a distribution that has its own."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nnrun.errors import InputError, Issue
from nnrun.problem.noise import CLASSES, beside, state_of
from nnrun.problem.problem import Array, Samples

Draw = Callable[[np.random.Generator, int], Samples]

TOLERANCE = 1e-6
"""By which written shares may miss a sum of 1, as three times 0.333333 does."""

ROUND = 4096
"""Samples drawn at once to choose from. Part of what the data are."""


def shares_of(balance: float | tuple[float, ...], n_classes: int) -> tuple[float, ...]:
    """Read the key ``balance``: the share of class 1 of two, or one share a class.

    Raises:
        InputError: If it does not fit the number of classes, or does not sum to 1.

    Example:
        >>> shares_of(0.25, 2)
        (0.75, 0.25)
    """
    if not isinstance(balance, tuple):
        if n_classes == 2:
            return (1 - balance, balance)
        rule = f"is the share of class 1 of two, and there are {n_classes} classes"
        raise InputError(Issue("balance", balance, rule, "give a list with a share for each"))
    if len(balance) != n_classes:
        rule = f"must have a share for each of the {n_classes} classes"
        raise InputError(Issue("balance", balance, rule))
    if abs(sum(balance) - 1) > TOLERANCE:
        raise InputError(Issue("balance", balance, f"must sum to 1, not to {sum(balance):g}"))
    return balance


def draw_balanced(draw: Draw, shares: Sequence[float], rng: np.random.Generator, n: int) -> Samples:
    """Draw samples whose classes are independent and have the given probabilities.

    Every sample's class is drawn first; then samples are drawn until each has found one of its
    class. What a class looks like does not change.

    Args:
        draw: Draws labelled samples; every class must come up.
        shares: Probability of each class; they sum to 1.
        rng: Where the samples come from.
        n: Number of samples.

    Returns:
        n samples.
    """
    choice = beside(state_of(rng), CLASSES).random(n)
    wanted = np.searchsorted(np.cumsum(shares)[:-1], choice, side="right")
    open_places = [np.flatnonzero(wanted == number) for number in range(len(shares))]
    found = draw(rng, ROUND)
    filled = Samples(*(np.empty((n, part.shape[1])) for part in found))
    while True:
        classes = class_numbers(found.targets)
        for number, places in enumerate(open_places):
            rows = np.flatnonzero(classes == number)[: len(places)]
            for whole, part in zip(filled, found, strict=True):
                whole[places[: len(rows)]] = part[rows]
            open_places[number] = places[len(rows) :]
        if not any(map(len, open_places)):
            return filled
        found = draw(rng, ROUND)


def class_numbers(targets: Array) -> npt.NDArray[np.intp]:
    """Return each sample's class, shape (n,), from targets of shape (n, 1) or one-hot."""
    return targets[:, 0].astype(np.intp) if targets.shape[1] == 1 else targets.argmax(axis=1)
