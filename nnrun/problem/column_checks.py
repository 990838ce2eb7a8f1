"""What keeps a column from being learned from: the broken rule and the likely fix.

Text may rather be something else: a number in another notation, a time, a misspelt value.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnrun.problem.cells import Kind, Rules, Use, kind_of, number_of, numbers, printable

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1e150  # its square is still finite

Flaw = tuple[str, str]
"""The broken rule and the likely fix."""


@dataclass(frozen=True)
class Inspector:
    """Looks for flaws in the columns of one file.

    Attributes:
        raw: Its columns as they stand there, indexed by row number.
        rules: How its cells are read.
        is_text: Whether it is a text file.
    """

    raw: "pd.DataFrame"
    rules: Rules
    is_text: bool

    def flaw_of(self, column: "pd.Series", use: Use) -> Flaw | None:
        """Find what is wrong with a column's values, missing ones aside; None if all is well.

        What is declared to be categories or classes may look like numbers or dates; and inputs
        that are not may hold some different texts, not any number.
        """
        kind = kind_of(column)
        if kind is Kind.NUMBER:
            return self._out_of_range(column.dropna())
        if kind is Kind.TEXT:
            # a column that is stored as categories holds some, whatever they look like
            meant = use in ("categories", "classes") or column.dtype == "category"
            texts = column.dropna().astype(str)
            flaw = None if meant else self._misread(texts) or _alike(texts)
            return flaw or (_too_varied(texts) if use == "input" else None)
        if kind is Kind.NOTHING:
            return f"holds {kind}", ""
        return None if kind is Kind.YES_NO else (f"holds {kind}", "convert to numbers")

    def _out_of_range(self, known: "pd.Series") -> Flaw | None:
        # Python's own integers may be too large for a float, their digits are not
        sizes = known.astype(str).astype(np.float64) if known.dtype == object else known
        wrong = known.index[np.abs(numbers(sizes)) > LARGEST]
        if wrong.empty:
            return None
        where = f"holds {printable(str(self.raw[known.name].loc[wrong[0]]), 20)} in row {wrong[0]}"
        return f"{where}; it must be finite, below {LARGEST:g}", "correct or remove it"

    def _misread(self, texts: "pd.Series") -> Flaw | None:
        """Find text among numbers, and numbers, dates and times in another notation."""
        distinct = texts.drop_duplicates()
        is_number = [self.rules.number(text) is not None for text in distinct]
        usual, unusual = distinct[is_number], distinct[np.logical_not(is_number)]
        # codes in a text file are told from its numbers by their zeros
        codes = self.is_text and len(usual) == len(distinct)
        if not codes and texts.isin(usual).mean() > 0.5:
            wrong = distinct if unusual.empty else unusual
            text, row, look = wrong.iloc[0], wrong.index[0], look_of(wrong.iloc[0])
            rule = f"has text where numbers belong: {_said(text)} in row {row}"
            hint = f"correct it, or data.missing_words=[{_said(text)}] if it means 'missing'"
            hint = self._filled(look.hint) if look else hint
            return rule, "store numbers as such" if unusual.empty else hint
        looks = [(text, row, look) for row, text in unusual.items() if (look := look_of(text))]
        if not looks or 2 * (len(looks) + len(usual)) <= len(distinct):
            return None
        text, row, look = looks[0]
        return f"holds {look.what}, such as {_said(text)} in row {row}", self._filled(look.hint)

    def _filled(self, hint: str) -> str:
        """Write in what to do about decimal commas: no mark is right where both are used."""
        if DECIMAL not in hint:
            return hint
        cells = (cell for name in self.raw for cell in self.raw[name].dropna().unique())
        if any(isinstance(c, str) and "." in c and number_of(c) is not None for c in cells):
            return hint.replace(DECIMAL, "write decimal points, as elsewhere in the file")
        return hint.replace(DECIMAL, "data.decimal=comma")


def _said(text: str) -> str:
    return f"'{printable(text, 40)}'"


def _alike(texts: "pd.Series") -> Flaw | None:
    """Find the first two that differ in case, spaces or leading zeros only."""
    distinct = texts.drop_duplicates()
    plain = distinct.map(folded)
    if not plain.duplicated().any():
        return None
    second = int(plain.duplicated().argmax())
    pair = int((plain == plain.iloc[second]).argmax()), second
    words = [_said(distinct.iloc[i]) for i in pair]
    if len({unicodedata.normalize("NFKC", word) for word in words}) == 1:
        words = [ascii(distinct.iloc[i]) for i in pair]  # else nobody sees the difference
    one, other = (f"{word} in row {distinct.index[i]}" for word, i in zip(words, pair, strict=True))
    return f"has {one} and {other}, which hardly differ", "write them alike if they are the same"


def _too_varied(texts: "pd.Series") -> Flaw | None:
    distinct = texts.nunique()
    # twenty may differ in every row of a short table
    if distinct <= 20 or distinct <= min(50, len(texts) - 1):
        return None
    such = f", such as {_said(texts.iloc[0])}"
    return f"holds {distinct} different texts, too many for categories{such}", "merge some"


NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)*|[.,]\d+)"
DECIMAL = "{decimal}"
"""Stands in a hint for what helps with decimal commas, which depends on the other columns."""
MONEY = "[$€£¥₹₽₩]|(?:USD|EUR|GBP|CHF|JPY)"
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
UNIT = r"[°µμ]?[^\W\d_]{1,10}(?:/[^\W\d_]{1,5})?|°"


class Look(NamedTuple):
    """What texts look like, in the plural, and what to do about it."""

    what: str
    hint: str


LOOKS = {
    re.compile(text, re.IGNORECASE): Look(*said)
    for text, said in {
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
    }.items()
}
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


def folded(text: str) -> str:
    """Take away what hardly makes a difference: case, spaces, leading zeros."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return plain.lstrip("0") if plain.isdecimal() else plain
