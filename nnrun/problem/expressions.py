"""Terms of a problem's inputs, such as ``x*y``, ``sin(2*x)`` or ``1``, read from text.

The text is parsed, never evaluated: what is not a product of the factors below is refused.
"""

import ast
import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.problem.cells import number_of
from nnrun.problem.products import WAVES, Factors, Wave

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
