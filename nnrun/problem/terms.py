"""Features that are listed term by term."""

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import numpy as np

from nnrun.errors import InputError, Issue
from nnrun.problem.expressions import Term, parse
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
