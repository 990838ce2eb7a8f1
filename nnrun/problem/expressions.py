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
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from nnrun.errors import InputError, Issue, as_typed, did_you_mean
from nnrun.problem.cells import number_of
from nnrun.problem.problem import Array

WAVES = {"sin": np.sin, "cos": np.cos}


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
    powers: tuple[int, ...]
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
        return "*".join(parts if self.number == 1 and parts else [as_typed(self.number), *parts])

    def evaluate(self, values: Array) -> Array:
        """Compute the product for inputs of shape (n, input); returns shape (n,)."""
        columns = [values[:, i] for i, power in enumerate(self.powers) for _ in range(power)]
        for wave, power in self.waves:
            columns += [WAVES[wave.function](wave.argument.evaluate(values))] * power
        product = reduce(np.multiply, columns) if columns else np.ones(len(values))
        return product if self.scale == 1 else product * self.scale


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
    def place(self) -> tuple[str, int, float, tuple[int, ...]]:
        """What puts waves in order: cosines first, then those of the first input."""
        powers = tuple(-power for power in self.argument.powers)
        return self.function, self.argument.pis, self.argument.number, powers

    def text(self, inputs: Sequence[str]) -> str:
        """Write it in its one spelling."""
        return f"{self.function}({self.argument.text(inputs)})"


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
    reader = _Reader(text, inputs)
    if text in inputs:
        return Term(text, reader.input(text))
    noise = NOISE.fullmatch(text.strip())
    if noise and text.strip() not in inputs:
        return Term(text.strip(), reader.one, noise=int(noise[1] or 1))
    factors = reader.read()
    return Term(factors.text(inputs), factors)


class _Reader:
    """Reads one term with names of inputs in it."""

    def __init__(self, text: str, inputs: Sequence[str]) -> None:
        self._text, self._inputs = text, inputs
        self.one = Factors(1.0, 0, (0,) * len(inputs))

    def input(self, name: str) -> Factors:
        """Return an input by itself."""
        return replace(self.one, powers=tuple(int(known == name) for known in self._inputs))

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
        return replace(self.one, number=float(number))

    def _named(self, name: str) -> Factors:
        if name in self._inputs:
            return self.input(name)
        if name == "pi":
            return replace(self.one, pis=1)
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
        return replace(self.one, waves=((Wave(function, self._bounded(argument)), 1),))

    def _error(self, rule: str, hint: str = "") -> InputError:
        return InputError(Issue("terms", self._text, rule, hint))

    def _not_a_term(self) -> InputError:
        rule = "must be a product of inputs, sin(...), cos(...) and numbers, with whole powers"
        names = [n for n in self._inputs if n.isidentifier() and not keyword.iskeyword(n)]
        odd = [name for name in self._inputs if name not in names and name in self._text]
        if odd:
            hint = f"'{odd[0]}' can only stand alone; features=polynomial multiplies any inputs"
        else:
            a, b = (names or ["x"])[0], (names or ["x"])[-1]
            hint = f"for instance {a}*{b}, {a}**2 or sin({a})"
        return self._error(f"{rule} from 1 to {HIGHEST_POWER}", hint)
