"""What the columns of a table hold, and their values as numbers."""

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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


_KINDS = {
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
    return next((kind for kind, words in _KINDS.items() if found in words), Kind.OTHER)


def numbers(column: "pd.Series") -> Array:
    """Return a column as float64, shape (n,): true is 1, false is 0, missing is NaN."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def categories(column: "pd.Series", in_order: bool = True) -> tuple[Codes, tuple[str, ...]]:
    """List a column's distinct values and say which one each row has.

    Args:
        column: Of any kind.
        in_order: Whether to sort them, numbers by size; else they come as they appear, which
            takes any mixture.

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
    """Return what standardises values: their mean, and their standard deviation or else 1.

    Args:
        part: Shape (n,), between -1e150 and 1e150, so that no square overflows.
    """
    # a rounded mean would leave a constant a tiny deviation
    if part.min() == part.max():
        return float(part[0]), 1.0
    return float(part.mean()), float(part.std()) or 1.0
