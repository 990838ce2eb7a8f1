"""How the columns of a table become a network's inputs: fitted once, applied to any rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.problem.columns import Codes, Kind, Mask, categories, kind_of, moments, numbers
from nnrun.problem.problem import Array

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """How one column becomes inputs: categories one-hot, anything else shifted and scaled.

    Attributes:
        name: Of the column.
        values: Its categories by name, an input each; empty for numbers, and for true or false.
        fill: What stands for a missing value, a number or a category's name; None to refuse it.
        mean: Subtracted from numbers.
        spread: Divides them afterwards.
    """

    name: str
    values: tuple[str, ...] = ()
    fill: float | str | None = None
    mean: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, name: str, column: "pd.Series", train: Mask, chosen: bool, impute: bool) -> Self:
        """Fit to a column.

        Args:
            name: Of the column.
            column: Its values, n rows.
            train: Shape (n,), True for the training part, which decides all but the categories.
            chosen: Whether it is to be taken as categories whatever it holds.
            impute: Whether missing values are filled.

        Raises:
            InputError: If values are missing, and there is none in the training part.
        """
        kind = kind_of(column)
        if chosen or kind is Kind.TEXT:
            codes, names = categories(column)
            fill = _fill(name, np.where(codes < 0, np.nan, codes), train) if impute else None
            return cls(name, names, None if fill is None else names[int(fill)])
        values, is_number = numbers(column), kind is Kind.NUMBER
        fill = _fill(name, values, train, by_median=is_number) if impute else None
        if not is_number:
            return cls(name, fill=fill)
        known = values if fill is None else np.where(np.isnan(values), fill, values)
        return cls(name, (), fill, *moments(known[train]))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs: ``column=value`` for categories."""
        return tuple(f"{self.name}={value}" for value in self.values) or (self.name,)

    def encode(self, column: "pd.Series") -> list[Array]:
        """Compute the inputs, each of shape (n,).

        Raises:
            InputError: If a value is missing and not to be filled, unknown, or no finite number.
        """
        if not self.values:
            return [(self._filled(column) - self.mean) / self.spread]
        codes = self._codes(column)
        return [(codes == i) * 1.0 for i in range(len(self.values))]

    def _codes(self, column: "pd.Series") -> Codes:
        """Return each row's category by its place, shape (n,)."""
        found, names = categories(column, in_order=False)
        place = {value: i for i, value in enumerate(self.values)}
        for name in names:
            if name not in place:
                row = column.index[found == names.index(name)][0]
                rule = f"holds '{name}' in row {row}, which was not among its values in training"
                raise self._error(rule, f"known: {listed(self.values)}")
        if (found < 0).any() and self.fill is None:
            raise self._missing(column, found < 0)
        last = place[str(self.fill)] if self.fill is not None else -1
        return np.array([*(place[name] for name in names), last], dtype=np.intp)[found]

    def _filled(self, column: "pd.Series") -> Array:
        """Return the numbers, shape (n,), none of them missing."""
        try:
            values = numbers(column)
        except (TypeError, ValueError):
            raise self._error(f"must be numbers, and holds {kind_of(column)}") from None
        missing = np.isnan(values)
        if missing.any() and self.fill is None:
            raise self._missing(column, missing)
        if np.isinf(values).any():
            raise self._error(f"is infinite in row {column.index[np.isinf(values)][0]}")
        return np.where(missing, float(self.fill or 0), values) if missing.any() else values

    def _missing(self, column: "pd.Series", missing: Mask) -> InputError:
        rule = f"has no value in row {column.index[missing][0]}"
        return self._error(rule, "data.missing=impute trains networks that take such rows")

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
    """

    columns: tuple[Column, ...]
    label: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    spread: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the raw columns."""
        return tuple(column.name for column in self.columns)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the columns become."""
        return tuple(name for column in self.columns for name in column.inputs)

    def encode(self, frame: "pd.DataFrame") -> Array:
        """Compute the inputs, shape (n, input).

        Args:
            frame: Has each of the columns, in any order; others are ignored.

        Raises:
            InputError: If a column is not there once, or holds what cannot be encoded.
        """
        require_columns(list(frame.columns), self.names)
        found = (column.encode(frame[column.name]) for column in self.columns)
        return np.column_stack([values for part in found for values in part])

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
        lists = {"columns": tuple(columns), "classes": tuple(values["classes"])}
        return cls(**{**values, **lists})


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
    """Give an array its two axes, (n, name).

    Raises:
        InputError: If its shape does not fit.
    """
    if values.ndim == 1 and (len(names) == 1 or len(values) == len(names)):
        return values.reshape(-1, len(names))
    if values.ndim == 2 and values.shape[1] == len(names):
        return values
    rule = f"has shape {values.shape}; it must be (n, {len(names)}): {listed(names)}"
    raise InputError(Issue("X", None, rule))


def require_columns(there: Sequence[Any], wanted: Sequence[str]) -> None:
    """Check that every wanted column is there once.

    Raises:
        InputError: With all that are not, and a column that is not wanted but has a like name.
    """
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
