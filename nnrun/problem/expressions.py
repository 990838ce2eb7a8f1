"""Terms of a problem's inputs, such as ``x*y``, ``sin(2*x)`` or ``1``, read from text.

The text is parsed, never evaluated: what is not a product of inputs, of their sines and cosines,
and of numbers is refused.
"""

import ast
import keyword
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean, shown
from nnrun.problem.cells import number_of
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


HIGHEST_POWER = 16
LONGEST_TERM = 200
TOKENS = re.compile(r"(?:\s|[*^()+-]|[^\W\d]\w*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))*")
"""Names, numbers and signs: no text, so that nothing in it can make the parser warn."""

NO_NUMBER = "must not have a factor that is 0 or infinite"
NOISE = re.compile(r"noise([2-9]|[1-9]\d)?")


@dataclass(frozen=True)
class Term:
    """One input of a network.

    Attributes:
        name: Its one spelling.
        factors: What it is made of; of no account for noise.
        noise: Which independent standard normal it is, from 1; 0 if it is none.
    """

    name: str
    factors: Factors
    noise: int = 0


def parse(text: str, inputs: Sequence[str]) -> Term:
    """Read a term; it is parsed, never evaluated.

    Args:
        text: An input's name as it is; or a product of numbers, ``pi``, names and ``sin(...)`` or
            ``cos(...)`` of such a product, with whole powers (``^`` is read as ``**``); or
            ``noise``, ``noise2`` and so on, alone.
        inputs: Known names; they go before any other meaning.

    Raises:
        InputError: If the text is anything else, with the key ``terms``.

    Example:
        >>> parse("y * x^2", ["x", "y"]).name
        'x**2*y'
    """
    one = Factors(1.0, 0, (0,) * len(inputs))
    if text in inputs:
        return Term(text, _input(text, inputs))
    noise = NOISE.fullmatch(text.strip())
    if noise and text.strip() not in inputs:
        return Term(text.strip(), one, noise=int(noise[1] or 1))
    factors = _Reader(text, inputs).read()
    return Term(factors.text(inputs), factors)


def _input(name: str, inputs: Sequence[str]) -> Factors:
    return Factors(1.0, 0, tuple(int(known == name) for known in inputs))


class _Reader:
    """Reads one term.

    Args:
        text: The term.
        inputs: Known names.
    """

    def __init__(self, text: str, inputs: Sequence[str]) -> None:
        self._text = text
        self._inputs = inputs

    def read(self) -> Factors:
        """Return the product that the text stands for."""
        text = self._text.strip().replace("^", "**")
        if len(text) > LONGEST_TERM:
            raise self._error(f"must have at most {LONGEST_TERM} characters")
        if not TOKENS.fullmatch(text):
            raise self._not_a_term()
        try:
            return self._bounded(self._product(ast.parse(text, mode="eval").body))
        except SyntaxError:
            raise self._not_a_term() from None
        except OverflowError:  # from a power of a number
            raise self._error(NO_NUMBER) from None

    def _bounded(self, factors: Factors) -> Factors:
        """Check the exponents, which keep the scale and the work in bounds, then the scale."""
        exponents = (*factors.powers, *(power for _, power in factors.waves), factors.pis)
        if max(exponents) > HIGHEST_POWER:
            raise self._error(f"must not have a power above {HIGHEST_POWER}")
        if not math.isfinite(factors.scale) or factors.scale == 0:
            raise self._error(NO_NUMBER)
        return factors

    def _product(self, node: ast.expr) -> Factors:
        match node:
            case ast.Name(id=name):
                return self._named(name)
            case ast.Constant(value=int() | float() as number) if type(number) is not bool:
                return self._number(number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._product(ast.Constant(-1)) * self._product(operand)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._product(left) * self._product(right)
            case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=int(power))) if (
                1 <= power <= HIGHEST_POWER
            ):
                return self._product(base) ** power
            case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if (
                function in WAVES
            ):
                return self._wave(function, self._product(argument))
        raise self._not_a_term()

    def _number(self, number: float) -> Factors:
        names = [name for name in self._inputs if number_of(name) == number]
        if names:
            rule = f"has {number:g} as a factor, which is the name of an input, too"
            hint = f"'{names[0]}' can only stand alone; features=polynomial multiplies any inputs"
            raise self._error(rule, hint)
        return Factors(float(number), 0, (0,) * len(self._inputs))

    def _named(self, name: str) -> Factors:
        if name in self._inputs:
            return _input(name, self._inputs)
        if name == "pi":
            return Factors(1.0, 1, (0,) * len(self._inputs))
        if NOISE.fullmatch(name):
            raise self._error(f"must not have {name} as a factor", f"{name} alone is a term")
        hint = did_you_mean(name, self._inputs)
        if not hint.startswith("did"):
            hint += "; features=raw takes them as they are"
        raise self._error(f"'{name}' is not an input of the data", hint)

    def _wave(self, function: str, argument: Factors) -> Factors:
        if not argument.varies or argument.waves:
            rule = f"{function}(...) must hold a product of inputs, with numbers and whole powers"
            raise self._error(rule, f"for instance {function}(2*{self._inputs[0]})")
        none = (0,) * len(self._inputs)
        return Factors(1.0, 0, none, ((Wave(function, self._bounded(argument)), 1),))

    def _error(self, rule: str, hint: str = "") -> InputError:
        return InputError(Issue("terms", self._text, rule, hint))

    def _not_a_term(self) -> InputError:
        rule = "must be a product of inputs, sin(...), cos(...) and numbers, with whole powers"
        names = [name for name in self._inputs if can_be_written(name)]
        odd = [name for name in self._inputs if name not in names and name in self._text]
        if odd:
            hint = f"'{odd[0]}' can only stand alone; features=polynomial multiplies any inputs"
        else:
            a, b = (names or ["x"])[0], (names or ["x"])[-1]
            hint = f"for instance {a}*{b}, {a}**2 or sin({a})"
        return self._error(f"{rule} from 1 to {HIGHEST_POWER}", hint)


def can_be_written(name: str) -> bool:
    """Say whether a term of several factors can have this name in it."""
    return name.isidentifier() and not keyword.iskeyword(name)
