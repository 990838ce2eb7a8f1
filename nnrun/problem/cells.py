"""What the cells of a table's columns mean: numbers, true or false, text, or a missing value.

In columns of numbers and of true or false the words of ``MISSING`` stand for no value. In columns
of text they may be anybody's categories (a country NA, a material None): there only an empty cell
is missing. Words that are named as such are missing in every column.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.errors import as_typed
from nnrun.problem.problem import Array

if TYPE_CHECKING:
    import pandas as pd

Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


class Kind(StrEnum):
    """What a column holds; missing values do not count."""

    NUMBER = "numbers"
    YES_NO = "true or false"
    TEXT = "text"
    DATE = "dates or times"
    NOTHING = "no value"
    OTHER = "values of an unknown kind"


_INFERRED = {
    Kind.NUMBER: ("integer", "floating", "mixed-integer-float", "decimal"),
    Kind.YES_NO: ("boolean",),
    Kind.TEXT: ("string", "categorical"),
    Kind.DATE: ("datetime64", "datetime", "date", "time", "timedelta64", "timedelta", "period"),
}


def kind_of(column: "pd.Series") -> Kind:
    """Tell what a column holds by its values: dtypes differ between releases of pandas."""
    import pandas as pd

    if not column.notna().any():
        return Kind.NOTHING
    found = pd.api.types.infer_dtype(column, skipna=True)
    return next((kind for kind, words in _INFERRED.items() if found in words), Kind.OTHER)


def numbers(column: "pd.Series") -> Array:
    """Return a column as float64, shape (n,): true is 1, false is 0, missing is NaN."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def categories(column: "pd.Series", in_order: bool = True) -> tuple[Codes, tuple[str, ...]]:
    """List a column's distinct values and say which one each row has.

    They are sorted, numbers by size, or else come as they appear, which takes any mixture.

    Returns:
        The place of each row's value in the list, shape (n,), -1 where missing; and the values'
        names, whole numbers without a decimal point.
    """
    import pandas as pd

    codes, values = pd.factorize(column.astype(object), sort=in_order)
    names = (number_name(v) if isinstance(v, float) else str(v) for v in values)
    return codes, tuple(names)


def number_name(number: float) -> str:
    """Name a category by its number: a whole one without a decimal point.

    Example:
        >>> number_name(7.0), number_name(0.5)
        ('7', '0.5')
    """
    return f"{number:.0f}" if number.is_integer() else str(float(number))


def moments(part: Array) -> tuple[float, float]:
    """Return what standardises values, shape (n,): their mean, their standard deviation or else 1.

    They are between -1e150 and 1e150, so that no square overflows.
    """
    # a rounded mean would leave a constant a tiny deviation
    if part.min() == part.max():
        return float(part[0]), 1.0
    return float(part.mean()), float(part.std()) or 1.0


WHITE = "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
WHITE += "".join(map(chr, [*range(9, 14), *range(28, 33), *range(0x2000, 0x2010)]))
"""White space of any script, and signs of no width."""

MISSING = ("na", "n/a", "#n/a", "nan", "null", "none", "?", "-", ".")
"""What programs write for a missing number, in whatever case."""

PLAIN = frozenset("0123456789.+-eE")
"""What most numbers are made of: if a text is, float says quickly whether it is a number."""

NUMBERS = {
    mark: re.compile(
        rf"[+-]?(?:(?:\d+{sign}?\d*|{sign}\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.IGNORECASE
    )
    for mark, sign in (("point", r"\."), ("comma", ","))
}
CODE = re.compile(r"0\d+")
"""Digits that are more than a number: 007 is not 7."""

Decimal = Literal["point", "comma"]


def clean(text: str) -> str:
    """Take white space away from both ends."""
    return text.strip(WHITE)


def printable(text: str, most: int | None = None) -> str:
    """Write what a file holds so that it cannot break a line, or the terminal."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if most is None or len(plain) <= most else f"{plain[:most]}..."


@dataclass(frozen=True)
class Rules:
    """How cells are read, in training and whenever new rows come.

    Attributes:
        missing_words: Words, or numbers as text, that mean 'missing' in every column.
        decimal: The decimal mark.
    """

    missing_words: tuple[str, ...] = ()
    decimal: Decimal = "point"

    @cached_property
    def missing_numbers(self) -> tuple[float, ...]:
        """Those words that are numbers, such as -999."""
        found = (number_of(word) for word in self.missing_words)
        return tuple(number for number in found if number is not None)

    def number(self, text: str) -> float | None:
        """Read a number; None if the text is none."""
        return number_of(text, self.decimal)

    def is_missing(self, text: str, usual: bool) -> bool:
        """Say whether a clean cell has no value; among numbers the usual words count, too."""
        if not text or text in self.missing_words or (usual and text.lower() in MISSING):
            return True
        return bool(self.missing_numbers) and self.number(text) in self.missing_numbers


USUAL = Rules()


def number_of(text: str, decimal: Decimal = "point") -> float | None:
    """Read a number, in digits of any script; None if the text is anything else.

    Example:
        >>> number_of("-1.5e3"), number_of("1,5"), number_of("1,5", "comma"), number_of("1_000")
        (-1500.0, None, 1.5, None)
    """
    if decimal == "point" and PLAIN.issuperset(text):
        try:
            return float(text)
        except ValueError:
            return None
    text = text.replace("\u2212", "-")  # the minus sign
    if not NUMBERS[decimal].fullmatch(text):
        return None
    return float(text.replace(",", "."))


def truth_of(text: str) -> bool | None:
    """Read true or false, in any case; None if the text is neither."""
    return {"true": True, "false": False}.get(text.lower())


Use = Literal["input", "categories", "label", "classes", "quantity"]
"""What a column is for; categories, classes and a quantity are declared to be such."""


class Cells(NamedTuple):
    """A column that was understood.

    Attributes:
        values: Numbers, booleans or text, NaN where missing; with the column's name and index.
        missing: How often each word that stands for no value is there; an empty cell is ``""``.
        use: What it is for.
    """

    values: "pd.Series"
    missing: Mapping[str, int]
    use: Use


def read_cells(column: "pd.Series", rules: Rules, use: Use, is_text: bool) -> Cells:
    """Say what the cells of a column mean.

    Args:
        column: Text without white space around it, NaN where empty; or of any type.
        rules: How they are read.
        use: What for.
        is_text: Whether the column is from a text file. What a Parquet file holds as text is text.
    """
    import pandas as pd

    if rules.missing_numbers and column.dtype.kind in "iuf":
        column = column.astype(np.float64).mask(column.isin(rules.missing_numbers))
    n_empty = int(column.isna().sum())
    missing = {"": n_empty} if n_empty else {}
    if column.dtype == "category" or kind_of(column) is not Kind.TEXT:
        return Cells(column, missing, use)
    codes, distinct = pd.factorize(column)
    texts = [clean(str(text)) for text in distinct.tolist()]
    values = _meanings(texts, rules, use, is_text)
    kind = np.float64 if all(isinstance(value, float) for value in values) else object
    cells = np.array([*values, np.nan], dtype=kind)[codes]
    for text, value, n in zip(texts, values, np.bincount(codes[codes >= 0]), strict=True):
        if value is np.nan:
            missing[text] = missing.get(text, 0) + int(n)
    return Cells(pd.Series(cells, column.index, kind, column.name), missing, use)


def _meanings(texts: list[str], rules: Rules, use: Use, is_text: bool) -> list[Any]:
    """Say what each of a column's distinct texts means: a number, a boolean, itself, or NaN."""
    pairs = [(text, rules.number(text)) for text in texts]
    look = rules.missing_words or "" in texts
    given = {t for t in texts if rules.is_missing(t, usual=False)} if look else set()
    words = {t for t, number in pairs if number is None and rules.is_missing(t, usual=True)}
    words -= given
    if is_text and not (words and use == "categories"):
        gone = given | words
        known = [(t, number) for t, number in pairs if t not in gone]
        if all(truth_of(t) is not None for t, _ in known):  # also where no value is left
            return [np.nan if t in gone else truth_of(t) for t in texts]
        if all(number is not None for _, number in known) and not _are_codes(known, use):
            return [np.nan if t in gone else number for t, number in pairs]
    return [np.nan if t in given else t for t in texts]


def _are_codes(known: list[tuple[str, float | None]], use: Use) -> bool:
    """Say whether numbers are rather names: with leading zeros, or too long to be told apart."""
    whole = [(text, number) for text, number in known if text.isdecimal()]
    if use == "quantity" or not whole:
        return False
    if len(whole) == len(known) and any(CODE.fullmatch(text) for text, _ in whole):
        return True
    # as numbers, 9007199254740993 and ...992 would be one
    return use != "input" and len({number for _, number in whole}) < len(whole)


def words_of(values: tuple[Any, ...]) -> tuple[str, ...]:
    """Write what the command line takes for numbers or null as the words that they stand for."""
    return tuple(clean(value if isinstance(value, str) else as_typed(value)) for value in values)
