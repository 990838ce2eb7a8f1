"""Noise on drawn samples, which leaves the generator that drew them where it is."""

from typing import Any

import numpy as np

from nnrun.network.randomness import Role
from nnrun.problem.problem import Array

MOVES, LABELS, CLASSES, INPUTS = range(4)
"""What a generator beside another is for. Part of what the data are: never reorder."""


State = tuple[int, int]
"""Where a generator on PCG64 stands."""


def state_of(rng: np.random.Generator) -> State:
    """Tell where a generator stands; it must be on PCG64, as all of ours are."""
    state: Any = rng.bit_generator.state["state"]
    return state["state"], state["inc"]


def beside(state: State, purpose: int) -> np.random.Generator:
    """Return a generator that follows from where another one stood, without advancing that one.

    Two settings that differ in noise alone therefore see the same points, and where both have
    noise, the same points moved into the same directions.

    Args:
        state: From ``state_of``.
        purpose: Generators for several purposes are independent of each other.

    Example:
        >>> state = state_of(np.random.default_rng(0))
        >>> beside(state, MOVES).random() == beside(state, MOVES).random()
        True
        >>> beside(state, MOVES).random() == beside(state, LABELS).random()
        False
    """
    sequence = np.random.SeedSequence(state, spawn_key=(Role.NOISE, purpose))
    return np.random.Generator(np.random.PCG64(sequence))


def moved(values: Array, spread: float, rng: np.random.Generator) -> Array:
    """Add normal noise of standard deviation ``spread`` to every entry, any shape."""
    return values + spread * rng.standard_normal(values.shape)


def relabelled(targets: Array, share: float, rng: np.random.Generator) -> Array:
    """Replace a share of the labels, each by another class, all others being equally likely.

    Args:
        targets: Shape (n, 1) with 0 or 1, or one-hot with shape (n, class).
        share: Probability that a label is replaced. The labels that a smaller share replaces are
            among those that a larger one replaces.
        rng: Where the choice comes from.

    Returns:
        Of the same shape.
    """
    n, n_outputs = targets.shape
    choice, way = rng.random((n, 2)).T
    wrong = choice < share
    if n_outputs == 1:
        return np.where(wrong[:, None], 1 - targets, targets)
    shift = wrong * (1 + (way * (n_outputs - 1)).astype(np.intp))
    return np.eye(n_outputs)[(targets.argmax(axis=1) + shift) % n_outputs]
