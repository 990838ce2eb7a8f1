"""What a network gets as inputs, made from a problem's own: what any set of features must do."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from nnrun.errors import InputError, Issue
from nnrun.problem.generator_base import INPUTS, beside
from nnrun.problem.problem import Array, Draw, Problem, Samples, checked
from nnrun.registry import Component, Registry
from nnrun.rows.trace import Row

NewRng = Callable[[], np.random.Generator]

HELD_OUT, POOL, MEASURED = range(3)
"""What is drawn once for all trials: noise beside fixed samples, and samples to measure by."""


class FeatureSet(Component):
    """A features entry of the configuration: frozen and hashable.

    If it has a field ``standardise`` and that is true, what it computes is standardised: shifted
    and scaled to mean 0 and standard deviation 1 over the fixed training samples, or over 10,000
    draws of the generator. An input that does not vary is left as it is.
    """

    def names(self, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Name the network's inputs; a trial's first weights go by them.

        Args:
            inputs: Names of the problem's inputs.

        Raises:
            InputError: If it cannot be made from these inputs, with keys relative to the features
                section.
        """
        raise NotImplementedError

    def compute(self, values: Array, inputs: tuple[str, ...], new_rng: NewRng) -> Array:
        """Compute the network's inputs.

        Args:
            values: The problem's inputs, shape (n, input); not to be changed.
            inputs: Their names.
            new_rng: Makes a generator for noise, always at its start and independent of what the
                samples were drawn from. Do not draw from anything else.

        Returns:
            Shape (n, name), in the order of ``names``; ``values`` itself is fine.
        """
        raise NotImplementedError


FEATURES: Registry[FeatureSet] = Registry("feature set", FeatureSet)


@cache
def bare_problem(data: Any) -> Problem:
    """Make the problem of a data entry and check it; equal entries share one problem.

    Raises:
        InputError: With keys relative to the data section.
    """
    return checked(data.problem(), data)


@cache
def make_problem(data: Any, features: FeatureSet) -> Problem:
    """Make the problem of a data entry with features; equal entries share one problem."""
    return _applied(bare_problem(data), input_map(data, features))


@dataclass(frozen=True)
class InputMap:
    """From a problem's inputs to a network's.

    Attributes:
        features: What computes them.
        inputs: Names of the problem's inputs.
        names: Names of the network's inputs.
        shift: Subtracted from each, shape (name,).
        scale: Divides each afterwards, shape (name,). None if they are not standardised.
    """

    features: FeatureSet
    inputs: tuple[str, ...]
    names: tuple[str, ...]
    shift: Array | None = None
    scale: Array | None = None

    def __call__(self, values: Array, new_rng: NewRng | None = None) -> Array:
        """Compute the network's inputs, shape (n, name), from values of shape (n, input).

        Noise is that beside the held-out samples, unless ``new_rng`` says otherwise.
        """
        new_rng = new_rng or (lambda: _fixed(HELD_OUT))
        made = self.features.compute(values, self.inputs, new_rng)
        computed: Any = made
        if not isinstance(computed, Row):
            computed = np.asarray(computed, np.float64)
        if self.shift is None or self.scale is None:
            return computed
        return (computed - self.shift) / self.scale


@cache
def input_map(data: Any, features: FeatureSet) -> InputMap:
    """Say how a network's inputs come from those of a data entry; InputError if they do not fit."""
    problem = bare_problem(data)
    bare = InputMap(features, problem.inputs, features.names(problem.inputs))
    _check(bare, problem.held_out.inputs)
    if not getattr(features, "standardise", False):
        return bare
    purpose = _pool_noise(problem)
    if problem.pool is not None:
        values = problem.pool.inputs
    else:
        assert problem.draw is not None
        values = problem.draw(_fixed(MEASURED), 10_000).inputs
    shift, scale = standard(bare(values, lambda: _fixed(purpose)))
    return replace(bare, shift=shift, scale=scale)


def _check(bare: InputMap, values: Array) -> None:
    """Check names and values of what may be anybody's features."""
    twice = [name for name, times in Counter(bare.names).items() if times > 1]
    with np.errstate(over="ignore", invalid="ignore"):
        computed = bare(values)
    shape = (len(values), len(bare.names))
    if twice:
        rule = f"makes two inputs called '{twice[0]}'"
    elif computed.shape != shape:
        rule = f"computes values of shape {computed.shape}; by its names they must have {shape}"
    elif not np.isfinite(computed).all():
        which = bare.names[np.isfinite(computed).all(axis=0).argmin()]
        rule = f"makes '{which}' infinite or undefined for some samples"
    elif not np.array_equal(computed, bare(values)):
        rule = "computes other values each time; noise must come from new_rng()"
    elif not np.array_equal(computed[:1], bare(values[:1])):
        rule = "computes other values of a sample alone; a row must not depend on other rows"
    else:
        return
    raise InputError(Issue("name", bare.features.name, rule))


def _pool_noise(problem: Problem) -> int:
    """Say which noise is beside the fixed training samples: they may be the test set itself."""
    pool = problem.pool
    same = pool is not None and np.array_equal(pool.inputs, problem.held_out.inputs)
    return HELD_OUT if same else POOL


def standard(values: Array) -> tuple[Array, Array]:
    """Find what brings each column of values, shape (n, column), to mean 0 and deviation 1.

    Returns:
        What to subtract and what to divide by, shapes (column,): 0 and 1 for a constant column.
    """
    deviation = values.std(axis=0)
    # a rounded mean would leave a constant column a tiny deviation
    varies = (values.min(axis=0) < values.max(axis=0)) & (deviation > 0)
    return np.where(varies, values.mean(axis=0), 0.0), np.where(varies, deviation, 1.0)


def _applied(problem: Problem, mapped: InputMap) -> Problem:
    """Return the problem with the network's inputs."""
    draw, pool = problem.draw, problem.pool

    def fixed(samples: Samples, purpose: int) -> Samples:
        return Samples(mapped(samples.inputs, lambda: _fixed(purpose)), samples.targets)

    return replace(
        problem,
        inputs=mapped.names,
        held_out=fixed(problem.held_out, HELD_OUT),
        pool=None if pool is None else fixed(pool, _pool_noise(problem)),
        draw=None if draw is None else _Mapped(draw, mapped),
    )


@dataclass(frozen=True, eq=False)
class _Mapped:
    """A draw of a problem's inputs that draws a network's; no closure, as it is sent to workers."""

    draw: Draw
    mapped: InputMap

    def __call__(self, rng: np.random.Generator, n: int) -> Samples:
        inputs, targets = self.draw(rng, n)
        # noise beside samples follows from where their generator stands, and does not advance it
        return Samples(self.mapped(inputs, lambda: beside(rng, INPUTS)), targets)


def _fixed(purpose: int) -> np.random.Generator:
    sequence = np.random.SeedSequence(20260101, spawn_key=(purpose,))
    return np.random.Generator(np.random.PCG64(sequence))
