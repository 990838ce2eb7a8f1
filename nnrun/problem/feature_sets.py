"""Features that are listed term by term, or made of every input of the data alike."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from nnrun.errors import InputError, Issue
from nnrun.problem.expressions import HIGHEST_POWER, Factors, Term, Wave, parse
from nnrun.problem.features import FeatureSet, NewRng
from nnrun.problem.problem import Array


class Terms(FeatureSet, name="terms"):
    """A list of terms of the data's inputs.

    Attributes:
        terms: Products of inputs, sines, cosines and numbers, as ``x*y``, ``x**2``, ``sin(2*x)``
            or ``1``, and ``noise``, ``noise2`` ... for standard normal values that have nothing to
            do with anything (a placebo). null for the data's own inputs as they are.
        standardise: Whether each is shifted and scaled to mean 0 and standard deviation 1.
    """

    terms: tuple[str | float, ...] | None = None
    standardise: bool = False

    def names(self, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Return the terms, each in its one spelling.

        Raises:
            InputError: If there is none, or one is no term of the inputs or listed twice.
        """
        if self.terms is None:
            return inputs
        if not self.terms:
            raise InputError(Issue("terms", self.terms, "needs at least one term", "such as [x,y]"))
        names = tuple(term.name for term in parsed(self.terms, inputs))
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise InputError(
                *(Issue("terms", self.terms, f"lists {name} more than once") for name in twice)
            )
        return names

    def compute(self, values: Array, inputs: tuple[str, ...], new_rng: NewRng) -> Array:
        if self.terms is None or self.terms == inputs:
            return values
        terms = parsed(self.terms, inputs)
        most = max(term.noise for term in terms)
        # each noise from a generator of its own: the same, whichever others are listed
        rngs = new_rng().spawn(most) if most else []
        n = len(values)
        return np.column_stack([
            rngs[t.noise - 1].standard_normal(n) if t.noise else t.factors.evaluate(values)
            for t in terms
        ])  # fmt: skip

    def resolved(self, inputs: tuple[str, ...], spelt_out: bool) -> "Terms":
        """Return the one spelling of these features.

        Args:
            inputs: Names of the data's inputs.
            spelt_out: Whether the data's own inputs as they are go by their names; else null.
        """
        names = self.names(inputs)
        return replace(self, terms=names if spelt_out or names != inputs else None)


@cache
def parsed(terms: tuple[str | float, ...], inputs: tuple[str, ...]) -> tuple[Term, ...]:
    """Read terms.

    Raises:
        InputError: With every term that cannot be read; what is wrong in several, once.
    """
    found: list[Term] = []
    issues: dict[str, Issue] = {}
    for term in terms:
        try:
            found.append(parse(str(term), inputs))
        except InputError as error:
            issues.setdefault(error.issues[0].rule, error.issues[0])
    if issues:
        raise InputError(*issues.values())
    return tuple(found)


MOST_FEATURES = 10_000


class Alike(FeatureSet):
    """Products that are made of every input of the data alike; not of its names, so kept once."""

    degree: int

    def count(self, n_inputs: int) -> int:
        """Say how many there are."""
        raise NotImplementedError

    def products(self, n_inputs: int) -> Iterator[Factors]:
        """Yield them in their order."""
        raise NotImplementedError

    def names(self, inputs: tuple[str, ...]) -> tuple[str, ...]:
        n, count = len(inputs), self.count(len(inputs))
        if count > MOST_FEATURES:
            rule = f"makes {count:,} features of {n} inputs; at most {MOST_FEATURES:,}"
            raise InputError(Issue("degree", self.degree, rule, "use a lower degree"))
        return tuple(product.text(inputs) for product in _products(self, n))

    def compute(self, values: Array, inputs: tuple[str, ...], new_rng: NewRng) -> Array:
        products = _products(self, len(inputs))
        return np.column_stack([product.evaluate(values) for product in products])


@cache
def _products(features: Alike, n_inputs: int) -> tuple[Factors, ...]:
    return tuple(features.products(n_inputs))


class Polynomial(Alike, name="polynomial"):
    """All products of the data's inputs up to a degree, lower degrees first: x, y, x**2, x*y, y**2.

    Attributes:
        degree: Highest sum of powers.
        interactions: Whether there are products of different inputs, or their powers only.
        standardise: Whether each is shifted and scaled to mean 0 and standard deviation 1.
    """

    degree: Annotated[int, Ge(1), Le(HIGHEST_POWER)] = 2
    interactions: bool = True
    standardise: bool = False

    def count(self, n_inputs: int) -> int:
        n, d = n_inputs, self.degree
        return math.comb(n + d, d) - 1 if self.interactions else n * d

    def products(self, n_inputs: int) -> Iterator[Factors]:
        for total in range(1, self.degree + 1):
            mixed = combinations_with_replacement(range(n_inputs), total)
            alone = ((i,) * total for i in range(n_inputs))
            for which in mixed if self.interactions else alone:
                yield Factors(1.0, 0, tuple(which.count(i) for i in range(n_inputs)))


class Fourier(Alike, name="fourier"):
    """Sines and cosines of each of the data's inputs, in its place: sin(k w x), cos(k w x).

    Here w = 2 pi / period, and k = 1, 2 ... up to the degree.

    Attributes:
        degree: Highest k.
        period: Distance in which the slowest of them repeat, in the inputs' unit.
        standardise: Whether each is shifted and scaled to mean 0 and standard deviation 1.

    References:
        Tancik et al., Fourier features let networks learn high frequency functions in low
        dimensional domains, 2020, arXiv:2006.10739.
    """

    degree: Annotated[int, Ge(1), Le(1000)] = 1
    period: Annotated[float, Ge(1e-6)] = 2 * math.pi
    standardise: bool = False

    def count(self, n_inputs: int) -> int:
        return 2 * n_inputs * self.degree

    def products(self, n_inputs: int) -> Iterator[Factors]:
        # so that a period of 2 pi gives sin(x), a period of 1 sin(2*pi*x)
        number, pis = (1.0, 0) if self.period == 2 * math.pi else (2 / self.period, 1)
        for i in range(n_inputs):
            for k in range(1, self.degree + 1):
                powers = tuple(int(i == j) for j in range(n_inputs))
                for function in ("sin", "cos"):
                    wave = Wave(function, Factors(k * number, pis, powers))
                    yield Factors(1.0, 0, (0,) * n_inputs, ((wave, 1),))
