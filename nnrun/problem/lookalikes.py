"""Text that is rather something else: a number in another notation, a time, a misspelt value."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from nnrun.problem.cells import Rules

NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)*|[.,]\d+)"
DECIMAL = "{decimal}"
"""Stands in a hint for what helps with decimal commas, which depends on the other columns."""
MONEY = "[$€£¥₹₽₩]|(?:USD|EUR|GBP|CHF|JPY)"
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
UNIT = r"[°µμ]?[^\W\d_]{1,10}(?:/[^\W\d_]{1,5})?|°"


class Look(NamedTuple):
    """What a text looks like.

    Attributes:
        what: Plural.
        hint: What to do about it.
    """

    what: str
    hint: str


def _looks() -> dict[re.Pattern[str], Look]:
    texts = {
        r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[ap]\.?m\.?)?": (
            "clock times",
            "convert to numbers, such as minutes",
        ),
        r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ].*)?"
        rf"|\d{{1,2}}\.?[ -]?{MONTH}\.?[ -]?(?:\d{{2,4}})?|{MONTH}\.? \d{{1,2}}(?:,? \d{{4}})?": (
            "dates",
            "convert to numbers, such as days",
        ),
        r"[+-]?[1-9]\d{0,2}(?:,\d{3}){2,}(?:\.\d+)?|[+-]?[1-9]\d{0,2}(?:,\d{3})+\.\d+"
        r"|[+-]?[1-9]\d{0,2}(?:['’\s]\d{3})+(?:[.,]\d+)?|[+-]?[1-9]\d{0,2}(?:\.\d{3}){2,}"
        r"|[+-]?[1-9]\d{0,2}(?:\.\d{3})+,\d+|\d+(?:_\d+)+": (
            "numbers with thousands separators",
            "leave these out, with a point as the decimal mark",
        ),
        r"[+-]?[1-9]\d{0,2},\d{3}": (
            "commas that may be decimal or part thousands",
            f"leave them out, or {DECIMAL} if they are decimal",
        ),
        r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?": ("decimal commas", DECIMAL),
        r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?": (
            "decimal points beside data.decimal=comma",
            "write all numbers with the same decimal mark",
        ),
        rf"{NUMBER}\s*[%‰]": ("percentages", "leave the sign out"),
        rf"[+-]?(?:{MONEY})\s*{NUMBER}|{NUMBER}\s*(?:{MONEY})": (
            "amounts of money",
            "leave the currency out",
        ),
        rf"0x[\da-f]+|{NUMBER}[ef]|\({NUMBER}\)|{NUMBER}-|\d+/\d+": (
            "numbers in another notation",
            "write them as in 1234.5",
        ),
        rf"{NUMBER}\s*(?:{UNIT})": ("numbers with units", "leave the units out"),
    }
    return {re.compile(text, re.IGNORECASE): Look(*said) for text, said in texts.items()}


LOOKS = _looks()
"""From the narrowest to the widest; the first that fits a whole text counts."""


def look_of(text: str) -> Look | None:
    """Say what a text looks like; None if it looks like a word.

    Example:
        >>> look_of("12 %").what, look_of("10:30").what, look_of("1.234,5").what
        ('percentages', 'clock times', 'numbers with thousands separators')
        >>> look_of("18-25"), look_of("A4"), look_of("3+")
        (None, None, None)
    """
    return next((look for pattern, look in LOOKS.items() if pattern.fullmatch(text)), None)


def masquerade(texts: Sequence[str], rules: Rules) -> tuple[int, Look] | None:
    """Find the first of a column's distinct texts that is a number or a time in another notation.

    Returns:
        Its place and what it looks like; None unless most of the texts look so.
    """
    looks = [None if rules.number(text) is not None else look_of(text) for text in texts]
    usual = sum(rules.number(text) is not None for text in texts)
    n_looks = sum(look is not None for look in looks)
    if not n_looks or 2 * (n_looks + usual) <= len(texts):
        return None
    return next((i, look) for i, look in enumerate(looks) if look)


def alike(texts: Sequence[str]) -> tuple[int, int] | None:
    """Find the first two distinct texts that differ in case, spaces or leading zeros only."""
    seen: dict[str, int] = {}
    for i, text in enumerate(texts):
        folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
        folded = folded.lstrip("0") if folded.isdecimal() else folded
        if folded in seen:
            return seen[folded], i
        seen[folded] = i
    return None
