"""Products of a problem's inputs, of their sines and cosines, and of numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnrun.errors import shown
from nnrun.problem.problem import Array

WAVES = {"sin": np.sin, "cos": np.cos}

Monomial = tuple[int, ...]
"""Exponent of each input."""


@dataclass(frozen=True)
class Factors:
    """A product: number · pi**pis · inputs**powers · waves.

    Attributes:
        number: Any finite number but 0.
        pis: Power of pi.
        powers: Exponent of each input.
        waves: Sines and cosines of products without waves, in their order, with exponents.
    """

    number: float
    pis: int
    powers: Monomial
    waves: tuple[tuple["Wave", int], ...] = ()

    def __mul__(self, other: "Factors") -> "Factors":
        waves = Counter(dict(self.waves)) + Counter(dict(other.waves))
        in_order = tuple(sorted(waves.items(), key=lambda item: item[0].place))
        powers = tuple(a + b for a, b in zip(self.powers, other.powers, strict=True))
        return Factors(self.number * other.number, self.pis + other.pis, powers, in_order)

    def __pow__(self, power: int) -> "Factors":
        waves = tuple((wave, p * power) for wave, p in self.waves)
        powers = tuple(p * power for p in self.powers)
        return Factors(self.number**power, self.pis * power, powers, waves)

    @property
    def scale(self) -> float:
        """The product of the numbers."""
        return float(self.number * math.pi**self.pis)

    @property
    def varies(self) -> bool:
        """Whether it depends on an input."""
        return any(self.powers) or bool(self.waves)

    def text(self, inputs: Sequence[str]) -> str:
        """Write it in its one spelling: numbers, then inputs in their order, then waves."""
        waves = [(wave.text(inputs), power) for wave, power in self.waves]
        bases = [("pi", self.pis), *zip(inputs, self.powers, strict=True), *waves]
        parts = [base if power == 1 else f"{base}**{power}" for base, power in bases if power]
        if self.number == -1 and parts:
            return "-" + "*".join(parts)
        return "*".join(parts if self.number == 1 and parts else [shown(self.number), *parts])

    def evaluate(self, values: Array, out: Array) -> None:
        """Compute the product for inputs of shape (n, input) into ``out``, shape (n,)."""
        columns = [values[:, i] for i, power in enumerate(self.powers) for _ in range(power)]
        for wave, power in self.waves:
            columns += [wave.evaluate(values)] * power
        if len(columns) > 1:
            np.multiply(columns[0], columns[1], out=out)
        else:
            out[:] = columns[0] if columns else 1.0
        for column in columns[2:]:
            out *= column
        if self.scale != 1:
            out *= self.scale


@dataclass(frozen=True)
class Wave:
    """A sine or cosine.

    Attributes:
        function: ``sin`` or ``cos``.
        argument: Varies, has no wave in it.
    """

    function: str
    argument: Factors

    @property
    def place(self) -> tuple[str, int, float, Monomial]:
        """What puts waves in order: cosines first, then those of the first input."""
        argument = self.argument
        powers = tuple(-power for power in argument.powers)
        return self.function, argument.pis, argument.number, powers

    def text(self, inputs: Sequence[str]) -> str:
        """Write it in its one spelling."""
        return f"{self.function}({self.argument.text(inputs)})"

    def evaluate(self, values: Array) -> Array:
        """Compute it for inputs of shape (n, input); returns shape (n,)."""
        argument = np.empty(len(values))
        self.argument.evaluate(values, out=argument)
        result: Array = WAVES[self.function](argument)
        return result
