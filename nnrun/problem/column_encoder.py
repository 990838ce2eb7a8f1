"""How the columns of a table become a network's inputs: fitted once, applied to any rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.problem.cells import (
    CODE,
    MISSING,
    USUAL,
    Kind,
    Mask,
    Rules,
    categories,
    clean,
    kind_of,
    moments,
    number_name,
    numbers,
    printable,
    truth_of,
)
from nnrun.problem.column_checks import folded
from nnrun.problem.problem import Array

if TYPE_CHECKING:
    import pandas as pd

IMPUTE = "data.missing=impute trains networks that take such rows"
MOST_KNOWN = 12  # categories that are named where one is not known


@dataclass(frozen=True)
class Column:
    """How one column becomes inputs: categories one-hot, anything else shifted and scaled.

    Attributes:
        name: Of the column.
        values: Its categories by name, an input each; empty for numbers, and for true or false.
        fill: What stands for a missing value, a number or a category's name; None to refuse it.
        mean: Subtracted from numbers.
        spread: Divides them afterwards.
        yes_no: Whether it holds true or false, which become 1 and 0.
    """

    name: str
    values: tuple[str, ...] = ()
    fill: float | str | None = None
    mean: float = 0.0
    spread: float = 1.0
    yes_no: bool = False

    @classmethod
    def of(cls, name: str, column: "pd.Series", train: Mask, chosen: bool, impute: bool) -> Self:
        """Fit to a column by its training part, which decides all but the categories.

        Args:
            name: Of the column.
            column: Its values, n rows.
            train: Shape (n,), True for the training part.
            chosen: Whether it is to be taken as categories whatever it holds.
            impute: Whether missing values are filled; InputError if none is known in training.
        """
        kind = kind_of(column)
        if chosen or kind is Kind.TEXT:
            codes, names = categories(column)
            fill = _fill(name, np.where(codes < 0, np.nan, codes), train) if impute else None
            return cls(name, names, None if fill is None else names[int(fill)])
        values, is_number = numbers(column), kind is Kind.NUMBER
        fill = _fill(name, values, train, by_median=is_number) if impute else None
        if not is_number:
            return cls(name, fill=fill, yes_no=True)
        known = values if fill is None else np.where(np.isnan(values), fill, values)
        return cls(name, (), fill, *moments(known[train]))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs: ``column=value`` for categories."""
        return tuple(f"{self.name}={value}" for value in self.values) or (self.name,)

    def encode(self, column: "pd.Series", rules: Rules) -> list[Array]:
        """Compute the inputs, each of shape (n,), from values, of which text is read by the rules.

        Raises:
            InputError: If a value is missing and not to be filled, unknown, or no finite number.
        """
        values = self._codes(column, rules) if self.values else self._numbers(column, rules)
        missing = np.isnan(values)
        if missing.any():
            if self.fill is None:
                rule = f"has no value in row {column.index[missing][0]}"
                raise self._error(rule, self._words_lost() or IMPUTE)
            fill = self.values.index(str(self.fill)) if self.values else float(self.fill)
            values = np.where(missing, fill, values)
        if np.isinf(values).any():
            raise self._error(f"is infinite in row {column.index[np.isinf(values)][0]}")
        if not self.values:
            return [(values - self.mean) / self.spread]
        return [(values == i) * 1.0 for i in range(len(self.values))]

    def _codes(self, column: "pd.Series", rules: Rules) -> Array:
        """Return each row's category by its place, shape (n,), NaN where missing."""
        try:
            found, names = categories(column, in_order=False)
        except TypeError:
            raise self._error("holds lists or the like, which are no categories") from None
        known: dict[str, float] = {value: i for i, value in enumerate(self.values)}
        places: list[float] = []
        unknown: dict[int, str] = {}
        for code, name in enumerate(map(clean, names)):
            place = np.nan if rules.is_missing(name, usual=False) else known.get(name)
            number = None if CODE.fullmatch(name) else rules.number(name)
            if place is None and number is not None:
                place = known.get(number_name(number))  # 7.0 is the category 7, and 07 is not
            if place is None:
                unknown[code] = name
            places.append(np.nan if place is None else place)
        if unknown:
            row = column.index[found == next(iter(unknown))][0]
            raise self._not_known(list(unknown.values()), row, rules)
        return np.array([*places, np.nan])[found]

    def _not_known(self, unknown: Sequence[str], row: Any, rules: Rules) -> InputError:
        """Say which category is new, in which row first, how many more are, and what is known."""
        name, *others = (printable(text, 40) for text in unknown)
        rule = f"holds '{name}' in row {row}, which was not among its values in training"
        if len(others) == 1:
            rule += f", nor was '{others[0]}'"
        elif others:
            rule += f", nor were {len(others)} other values of these rows"
        names = {folded(value): value for value in reversed(self.values)}
        # of two numbers neither is the other misspelt
        cutoff = 0.7 if rules.number(name) is None else 1.0
        near = get_close_matches(folded(name), names, n=1, cutoff=cutoff)
        meant = f"did you mean '{names[near[0]]}'? " if near else ""
        return self._error(rule, f"{meant}known: {listed(self.values, MOST_KNOWN)}")

    def _words_lost(self) -> str:
        """Say that a category may have been read as a missing value; empty if none looks so."""
        words = [v for v in self.values if v.lower() in MISSING and any(map(str.isalpha, v))]
        if not words:
            return ""
        return f"pandas takes its category '{words[0]}' for missing, unless keep_default_na=False"

    def _numbers(self, column: "pd.Series", rules: Rules) -> Array:
        """Return the numbers, shape (n,), NaN where missing."""
        if column.dtype.kind not in "iufb":
            column = self._read(column, rules)
        try:
            values = numbers(column)
        except (TypeError, ValueError):
            raise self._error(f"must be numbers, and holds {kind_of(column)}") from None
        return np.where(np.isin(values, rules.missing_numbers), np.nan, values)

    def _read(self, column: "pd.Series", rules: Rules) -> "pd.Series":
        """Read what is text as numbers, or as true or false."""
        wanted = "true or false" if self.yes_no else "numbers"
        read = truth_of if self.yes_no else rules.number
        meaning: dict[str, float | None] = {}
        texts = column[[isinstance(value, str) for value in column]].drop_duplicates()
        for row, text in texts.items():
            cell, missing = clean(text), rules.is_missing(clean(text), usual=True)
            meaning[text] = None if missing else read(cell)
            if meaning[text] is None and not missing:
                hint = "it was trained with data.decimal=comma" if rules.decimal == "comma" else ""
                rule = f"must be {wanted}, and holds '{printable(cell, 40)}' in row {row}"
                raise self._error(rule, hint)
        return column.map(lambda value: meaning.get(value, value) if meaning else value)

    def _error(self, rule: str, hint: str = "") -> InputError:
        return InputError(Issue("column", self.name, rule, hint))


@dataclass(frozen=True)
class Encoder:
    """From raw columns to inputs, and from outputs to the label.

    Attributes:
        columns: Those that are used, in their order.
        label: The column that is learned.
        classes: Its classes by name, in order; empty for a quantity.
        mean: Of the quantity in training, in its own unit.
        spread: Its standard deviation in training, likewise.
        rules: How cells of text are read.
    """

    columns: tuple[Column, ...]
    label: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    spread: float = 1.0
    rules: Rules = USUAL

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the raw columns."""
        return tuple(column.name for column in self.columns)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the columns become."""
        return tuple(name for column in self.columns for name in column.inputs)

    def encode(self, frame: "pd.DataFrame") -> Array:
        """Compute the inputs, shape (n, input), from columns in any order; others are ignored.

        Raises:
            InputError: If a column is not there once, or holds what cannot be encoded.
        """
        require_columns(list(frame.columns), self.names)
        found: list[Array] = []
        issues: list[Issue] = []
        for column in self.columns:
            try:
                found += column.encode(frame[column.name], self.rules)
            except InputError as error:
                issues += error.issues
        if issues:
            raise InputError(*issues)
        return np.column_stack(found)

    def decode(self, outputs: Array) -> Array:
        """Bring the outputs of a regression back to the label's unit; leave others as they are."""
        return outputs if self.classes else outputs * self.spread + self.mean

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Return the encoder of ``to_plain``; KeyError or TypeError if the values are none."""
        columns = (Column(**{**c, "values": tuple(c["values"])}) for c in values["columns"])
        rules = dict(values.get("rules", {}))
        rules["missing_words"] = tuple(rules.get("missing_words", ()))
        lists = {"columns": tuple(columns), "classes": tuple(values["classes"])}
        return cls(**{**values, **lists, "rules": Rules(**rules)})


def table_of(values: Any, names: Sequence[str]) -> "pd.DataFrame":
    """Return a DataFrame as it is, its columns named by text, and make one of anything else.

    Args:
        values: A DataFrame, or whatever ``np.array`` takes: shape (n, column), or (column,).
        names: Of the columns, if ``values`` has none.

    Raises:
        InputError: If the shape does not fit.
    """
    import pandas as pd

    if isinstance(values, pd.Series):  # a row of a table
        values = values.to_frame().T
    if isinstance(values, pd.DataFrame):
        return values.set_axis(list(map(str, values.columns)), axis=1)
    cells = shaped(np.asarray(values, dtype=object), names)
    return pd.DataFrame(cells, columns=list(names)).infer_objects()


def shaped(values: Any, names: Sequence[str]) -> Any:
    """Give an array its two axes, (n, name); InputError if its shape does not fit."""
    if values.ndim == 1 and (len(names) == 1 or len(values) == len(names)):
        return values.reshape(-1, len(names))
    if values.ndim == 2 and values.shape[1] == len(names):
        return values
    rule = f"has shape {values.shape}; it must be (n, {len(names)}): {listed(names)}"
    raise InputError(Issue("x", None, rule))


def require_columns(there: Sequence[Any], wanted: Sequence[str]) -> None:
    """Check that every wanted column is there once; InputError with all that are not."""
    names = list(map(str, there))
    spare = [name for name in names if name not in wanted]
    issues = []
    for name in wanted:
        if name not in names:
            hint = did_you_mean(name, spare) if spare else ""
            issues.append(Issue("column", name, "is needed", hint))
        elif names.count(name) > 1:
            issues.append(Issue("column", name, f"is there {names.count(name)} times"))
    if issues:
        raise InputError(*issues)


def _fill(name: str, values: Array, train: Mask, by_median: bool = False) -> float:
    """Return the training part's median, or its commonest value (ties: the first)."""
    known = values[train & ~np.isnan(values)]
    if not known.size:
        rule = f"cannot fill '{name}', which has no value in the training part"
        raise InputError(Issue("missing", "impute", rule, f"data.drop=['{name}']"))
    if by_median:
        return float(np.median(known))
    distinct, counts = np.unique(known, return_counts=True)
    return float(distinct[counts.argmax()])
