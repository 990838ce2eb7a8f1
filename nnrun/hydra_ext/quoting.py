"""Values that Hydra's grammar does not read as they are typed, such as names of any script."""

import re
from collections.abc import Sequence
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

ASSIGNMENT = re.compile(r"(\+{0,2}[^\W\d][\w./@-]*)=(.+)", re.DOTALL)
USUAL = re.compile(r"[\w /+.$%*@?|:\\-]*", re.ASCII)
"""A value that Hydra reads whatever it is."""

GRAMMAR = re.compile(r"[\[\](){},'\"]|\$\{")
"""Signs that are more than text."""

CALL = re.compile(r"\b(?:choice|range|interval|tag|glob|sort|shuffle|int|float|str|bool)\(")
"""What is no name, however wrong it is written."""


def quoted(arguments: Sequence[str]) -> list[str]:
    """Quote the values that Hydra cannot read and that can only be meant as text.

    Args:
        arguments: As given; those that are no overrides stay as they are.

    Example:
        >>> quoted(["data.path=größe.csv", "lr=0.1", "data.path=~/d.csv"])
        ['data.path="größe.csv"', 'lr=0.1', 'data.path="~/d.csv"']
    """
    return [_quoted(argument) for argument in arguments]


def readable(override: str) -> str | None:
    """Quote what Hydra cannot read in an override; None if that does not help.

    Example:
        >>> readable("data.drop=[größe,b]"), readable("data.path=data (1).csv")
        ('data.drop=["größe",b]', 'data.path="data (1).csv"')
    """
    parts = ASSIGNMENT.fullmatch(override)
    if not parts:
        return None
    key, value = parts.groups()
    if CALL.search(value) or set(value) & set('"{}'):
        return None
    pieces = re.split(r"([\[\],])", value)
    # a bracket that opens in one piece and closes in another is no part of a text
    whole = all(piece.count("(") == piece.count(")") for piece in pieces)
    guesses = ["".join(map(_as_text, pieces))] if whole else []
    guesses += [] if set(value) & set("[]") else [_as_text(value)]
    return next((f"{key}={guess}" for guess in guesses if _reads(f"{key}={guess}")), None)


def as_list(override: str) -> str | None:
    """Write a value as Hydra's list that is one in another notation; None if it is none.

    Example:
        >>> as_list("network.hidden=(4,4)"), as_list("lr=0.1,0.2,"), as_list("lr=0.1")
        ('network.hidden=[4,4]', 'lr=0.1,0.2', None)
    """
    round_brackets = re.fullmatch(r"([\w.]+=)\(([^()]+)\)", override)
    guess = f"{round_brackets[1]}[{round_brackets[2].rstrip(' ,')}]" if round_brackets else ""
    if override.endswith(","):
        guess = override.rstrip(" ,")
    return guess if guess and _reads(guess) else None


def _quoted(argument: str) -> str:
    parts = ASSIGNMENT.fullmatch(argument)
    if not parts or USUAL.fullmatch(parts[2]) or GRAMMAR.search(parts[2]) or _reads(argument):
        return argument
    return readable(argument) or argument


def _as_text(piece: str) -> str:
    """Quote a piece of a value, unless it is read as it is or has no text."""
    text = piece.strip()
    if not text or text in "[]," or _reads(f"key={text}"):
        return piece
    return f'"{text}"'


def _reads(override: str) -> bool:
    try:
        _parser().parse_overrides([override])[0].value()
    except HydraException:
        return False
    return True


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
