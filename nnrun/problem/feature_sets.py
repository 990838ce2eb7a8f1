"""Features that are listed term by term, or made of every input of the data alike."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations_with_replacement
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le

from nnrun.errors import InputError, Issue
from nnrun.problem.expressions import HIGHEST_POWER, Factors, Monomial, Term, Wave, parse
from nnrun.problem.features import FEATURES, FeatureSet, NewRng
from nnrun.problem.problem import Array


@FEATURES.register("terms")
@dataclass(frozen=True)
class Terms(FeatureSet):
    """A list of terms of the data's inputs.

    Attributes:
        terms: Products of inputs, sines, cosines and numbers, as ``x*y``, ``x**2``, ``sin(2*x)``
            or ``1``, and ``noise``, ``noise2`` ... for standard normal values that have nothing to
            do with anything (a placebo). null for the data's own inputs as they are.
        standardise: Whether each is shifted and scaled to mean 0 and standard deviation 1.
    """

    name: ClassVar[str]

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
        issues = [
            Issue("terms", self.terms, f"lists {name} more than once")
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        ]
        if issues:
            raise InputError(*issues)
        return names

    def compute(self, values: Array, inputs: tuple[str, ...], new_rng: NewRng) -> Array:
        """Compute the terms, shape (n, term)."""
        if self.terms is None or self.terms == inputs:
            return values
        terms = parsed(self.terms, inputs)
        computed = np.empty((len(values), len(terms)))
        for column, term in zip(computed.T, terms, strict=True):
            if not term.noise:
                term.factors.evaluate(values, out=column)
        if most := max(term.noise for term in terms):
            # each from a generator of its own: the same, whichever others are listed
            rngs = new_rng().spawn(most)
            for column, term in zip(computed.T, terms, strict=True):
                if term.noise:
                    column[:] = rngs[term.noise - 1].standard_normal(len(values))
        return computed

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


@FEATURES.register("polynomial")
@dataclass(frozen=True)
class Polynomial(FeatureSet):
    """All products of the data's inputs up to a degree, lower degrees first.

    Attributes:
        degree: Highest sum of powers.
        interactions: Whether there are products of different inputs, or their powers only.
        standardise: Whether each is shifted and scaled to mean 0 and standard deviation 1.
    """

    name: ClassVar[str]

    degree: Annotated[int, Ge(1), Le(HIGHEST_POWER)] = 2
    interactions: bool = True
    standardise: bool = False

    def names(self, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Return x, y, x**2, x*y, y**2 and so on.

        Raises:
            InputError: If there are too many.
        """
        n, d = len(inputs), self.degree
        _check(math.comb(n + d, d) - 1 if self.interactions else n * d, n, d)
        return tuple(product.text(inputs) for product in self._products(n))

    def compute(self, values: Array, inputs: tuple[str, ...], new_rng: NewRng) -> Array:
        """Compute the products, shape (n, product)."""
        return _computed(self._products(len(inputs)), values)

    def _products(self, n_inputs: int) -> tuple[Factors, ...]:
        return _products(n_inputs, self.degree, self.interactions)


@FEATURES.register("fourier")
@dataclass(frozen=True)
class Fourier(FeatureSet):
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

    name: ClassVar[str]

    degree: Annotated[int, Ge(1), Le(1000)] = 1
    period: Annotated[float, Ge(1e-6)] = 2 * math.pi
    standardise: bool = False

    def names(self, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Return sin(x), cos(x), sin(2*x), cos(2*x) and so on, input by input.

        Raises:
            InputError: If there are too many.
        """
        _check(2 * len(inputs) * self.degree, len(inputs), self.degree)
        return tuple(wave.text(inputs) for wave in self._waves(len(inputs)))

    def compute(self, values: Array, inputs: tuple[str, ...], new_rng: NewRng) -> Array:
        """Compute the waves, shape (n, wave)."""
        return _computed(self._waves(len(inputs)), values)

    def _waves(self, n_inputs: int) -> tuple[Factors, ...]:
        return _waves(n_inputs, self.degree, self.period)


def _check(n_features: int, n_inputs: int, degree: int) -> None:
    if n_features > MOST_FEATURES:
        rule = f"makes {n_features:,} features of {n_inputs} inputs; at most {MOST_FEATURES:,}"
        raise InputError(Issue("degree", degree, rule, "use a lower degree"))


def _computed(products: tuple[Factors, ...], values: Array) -> Array:
    computed = np.empty((len(values), len(products)))
    for column, product in zip(computed.T, products, strict=True):
        product.evaluate(values, out=column)
    return computed


@cache
def _products(n_inputs: int, degree: int, interactions: bool) -> tuple[Factors, ...]:
    return tuple(Factors(1.0, 0, powers) for powers in _monomials(n_inputs, degree, interactions))


def _monomials(n_inputs: int, degree: int, interactions: bool) -> Iterator[Monomial]:
    for total in range(1, degree + 1):
        mixed = combinations_with_replacement(range(n_inputs), total)
        alone = ((i,) * total for i in range(n_inputs))
        for which in mixed if interactions else alone:
            yield tuple(which.count(i) for i in range(n_inputs))


@cache
def _waves(n_inputs: int, degree: int, period: float) -> tuple[Factors, ...]:
    none = (0,) * n_inputs
    # so that a period of 2 pi gives sin(x), a period of 1 sin(2*pi*x)
    number, pis = (1.0, 0) if period == 2 * math.pi else (2 / period, 1)
    arguments = (
        Factors(k * number, pis, tuple(int(i == j) for j in range(n_inputs)))
        for i in range(n_inputs)
        for k in range(1, degree + 1)
    )
    return tuple(
        Factors(1.0, 0, none, ((Wave(function, argument), 1),))
        for argument in arguments
        for function in ("sin", "cos")
    )
