"""Network inputs as terms of a problem's coordinates, such as x, y and x*y."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.problem.problem import Array, Problem, Samples


@dataclass(frozen=True)
class Features:
    """Which terms of the coordinates the network gets.

    Attributes:
        terms: Products and powers of coordinates, as ``x*y`` or ``x**2``; None for the problem's
            own columns as they are.
    """

    terms: tuple[str, ...] | None = None


@cache
def make_problem(data: Any, features: Features) -> Problem:
    """Make the problem of a data entry with features; equal entries share one problem.

    Raises:
        InputError: With keys relative to the data section, or ``terms``.
    """
    return apply(data.problem(), features)


Monomial = tuple[int, ...]
"""Exponent of each coordinate."""


def apply(problem: Problem, features: Features) -> Problem:
    """Return the problem with its inputs replaced by the terms.

    Raises:
        InputError: If a term is not a product of the problem's coordinates.
    """
    if features.terms is None:
        return problem
    monomials = [parse(term, problem.inputs) for term in features.terms]
    draw = problem.draw

    def transform(samples: Samples) -> Samples:
        return Samples(evaluate(monomials, samples.inputs), samples.targets)

    return replace(
        problem,
        inputs=features.terms,
        held_out=transform(problem.held_out),
        pool=None if problem.pool is None else transform(problem.pool),
        draw=None if draw is None else lambda rng, n: transform(draw(rng, n)),
    )


def evaluate(monomials: Sequence[Monomial], inputs: Array) -> Array:
    """Compute monomials of the columns of ``inputs``.

    Args:
        monomials: Exponents of each column, one tuple a term.
        inputs: Shape (n, coordinate).

    Returns:
        Shape (n, term).
    """
    terms = np.empty((len(inputs), len(monomials)))
    for column, exponents in zip(terms.T, monomials, strict=True):
        factors = [inputs[:, i] for i, power in enumerate(exponents) for _ in range(power)]
        column[:] = factors[0]
        for factor in factors[1:]:
            column *= factor
    return terms


def parse(term: str, coordinates: Sequence[str]) -> Monomial:
    """Read a term as the exponents of its coordinates; it is parsed, never evaluated.

    Args:
        term: Text such as ``x``, ``x*y`` or ``x**2*y`` (``^`` is read as ``**``).
        coordinates: Known names.

    Raises:
        InputError: If the text is anything else than a product of powers of coordinates.

    Example:
        >>> parse("x**2*y", ("x", "y"))
        (2, 1)
    """
    try:
        tree = ast.parse(term.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError):
        raise _not_a_term(term, coordinates) from None
    powers = dict.fromkeys(coordinates, 0)
    for name, power in _factors(tree, term, coordinates):
        powers[name] += power
    return tuple(powers.values())


def _factors(node: ast.expr, term: str, coordinates: Sequence[str]) -> list[tuple[str, int]]:
    match node:
        case ast.Name(id=name) if name in coordinates:
            return [(name, 1)]
        case ast.Name(id=name):
            hint = did_you_mean(name, coordinates)
            raise InputError(Issue("terms", term, f"'{name}' is not a coordinate", hint))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _factors(left, term, coordinates) + _factors(right, term, coordinates)
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=int(power))) if (
            1 <= power <= 16
        ):
            return [(name, p * power) for name, p in _factors(base, term, coordinates)]
    raise _not_a_term(term, coordinates)


def _not_a_term(term: str, coordinates: Sequence[str]) -> InputError:
    rule = f"must be a product of powers (1 to 16) of {listed(list(coordinates))}"
    return InputError(Issue("terms", term, rule, "for instance x*y or x**2"))
