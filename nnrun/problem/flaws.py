"""What keeps a column from being learned from: the broken rule and the likely fix."""

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnrun.problem.cells import Rules, number_of, printable
from nnrun.problem.columns import Kind, kind_of, numbers
from nnrun.problem.lookalikes import DECIMAL, alike, look_of, masquerade

if TYPE_CHECKING:
    import pandas as pd

MOST_TEXTS = 50
FEW_TEXTS = 20  # that many may differ in every row of a short table
LARGEST = 1e150  # its square is still finite

Flaw = tuple[str, str]


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

    def flaw_of(self, column: "pd.Series", as_text: bool, free: bool) -> Flaw | None:
        """Find what is wrong with a column's values, missing ones aside.

        Args:
            column: As it was understood, named and indexed as in the file.
            as_text: Whether text that looks like numbers or dates is meant as text.
            free: Whether it may hold any number of different texts.

        Returns:
            The broken rule and the likely fix; None if all is well.
        """
        kind = kind_of(column)
        if kind is Kind.NUMBER:
            return self._out_of_range(column.dropna())
        if kind is Kind.TEXT:
            # a column that is stored as categories holds some, whatever they look like
            as_text = as_text or column.dtype == "category"
            texts = column.dropna().astype(str)
            flaw = None if as_text else self._misread(texts) or _alike(texts)
            return flaw or (None if free else _too_varied(texts))
        if kind is Kind.NOTHING:
            return f"holds {kind}", ""
        return None if kind is Kind.YES_NO else (f"holds {kind}", "convert to numbers")

    def decimal_hint(self) -> str:
        """Say what to do about decimal commas: no mark is right where both are used."""
        cells = (cell for name in self.raw for cell in self.raw[name].dropna().unique())
        if any(isinstance(c, str) and "." in c and number_of(c) is not None for c in cells):
            return "write decimal points, as elsewhere in the file"
        return "data.decimal=comma"

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
        usual = distinct[[self.rules.number(text) is not None for text in distinct]]
        # codes in a text file are told from its numbers by their zeros
        codes = self.is_text and len(usual) == len(distinct)
        if not codes and texts.isin(usual).mean() > 0.5:
            rest = distinct[~distinct.isin(usual)]
            wrong = distinct if rest.empty else rest
            text, row, look = wrong.iloc[0], wrong.index[0], look_of(wrong.iloc[0])
            rule = f"has text where numbers belong: {_said(text)} in row {row}"
            hint = f"correct it, or data.missing_words=[{_said(text)}] if it means 'missing'"
            hint = self._filled(look.hint) if look else hint
            return rule, "store numbers as such" if rest.empty else hint
        found = masquerade(list(distinct), self.rules)
        if found is None:
            return None
        place, look = found
        where = f"such as {_said(distinct.iloc[place])} in row {distinct.index[place]}"
        return f"holds {look.what}, {where}", self._filled(look.hint)

    def _filled(self, hint: str) -> str:
        return hint.replace(DECIMAL, self.decimal_hint()) if DECIMAL in hint else hint


def _said(text: str) -> str:
    return f"'{printable(text, 40)}'"


def _alike(texts: "pd.Series") -> Flaw | None:
    distinct = texts.drop_duplicates()
    pair = alike(list(distinct))
    if pair is None:
        return None
    words = [_said(distinct.iloc[i]) for i in pair]
    if len({unicodedata.normalize("NFKC", word) for word in words}) == 1:
        words = [ascii(distinct.iloc[i]) for i in pair]  # else nobody sees the difference
    one, other = (f"{word} in row {distinct.index[i]}" for word, i in zip(words, pair, strict=True))
    return f"has {one} and {other}, which hardly differ", "write them alike if they are the same"


def _too_varied(texts: "pd.Series") -> Flaw | None:
    distinct = texts.nunique()
    if distinct <= FEW_TEXTS or distinct <= min(MOST_TEXTS, len(texts) - 1):
        return None
    such = f", such as {_said(texts.iloc[0])}"
    return f"holds {distinct} different texts, too many for categories{such}", "merge some"
