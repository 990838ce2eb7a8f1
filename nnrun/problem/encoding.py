"""From the columns of a table to the arrays of a problem.

The values are taken as they are: refusing bad ones is the reader's part (see ``table``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Lt

from nnrun.errors import InputError, Issue, listed
from nnrun.problem.problem import Array, Problem, Samples, Task

if TYPE_CHECKING:
    import pandas as pd

Goal = Literal["auto", "classification", "regression"]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

MOST_INTEGER_CLASSES = 20


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


def categories(column: "pd.Series") -> tuple[Codes, tuple[str, ...]]:
    """Sort a column's distinct values, numbers by size, and say which one each row has.

    Returns:
        The place of each row's value in that order, shape (n,), -1 where missing; and the
        values' names, whole numbers without a decimal point.
    """
    import pandas as pd

    codes, values = pd.factorize(column.astype(object), sort=True)
    names = (f"{v:.0f}" if isinstance(v, float) and v.is_integer() else str(v) for v in values)
    return codes, tuple(names)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which rows are held out, and how training visits the others.

    Attributes:
        test_share: Share of each class to hold out, rounded to the nearest row (halves up), but
            at least one row and never all.
        split_seed: Seed of the choice, which all trials share, whatever their own seeds.
        shuffle: Whether training visits the rows in a new random order each epoch.
    """

    test_share: Annotated[float, Gt(0), Lt(1)] = 0.25
    split_seed: Annotated[int, Ge(0)] = 0
    shuffle: bool = True

    def held_out(self, codes: Codes) -> Mask:
        """Choose rows by their class, numbered from 0: shape (n,), True where held out.

        Example:
            >>> test = Split(test_share=0.5).held_out(np.array([0, 1, 0, 1, 1, 1]))
            >>> int(test[[0, 2]].sum()), int(test[[1, 3, 4, 5]].sum())
            (1, 2)
        """
        rng = np.random.Generator(np.random.PCG64(self.split_seed))
        test = np.zeros(len(codes), dtype=np.bool_)
        for code in range(codes.max() + 1):
            rows = np.flatnonzero(codes == code)
            n_test = min(max(int(len(rows) * self.test_share + 0.5), 1), len(rows) - 1)
            test[rng.permutation(rows)[:n_test]] = True
        return test


def encode(
    frame: "pd.DataFrame",
    label: str,
    split: Split,
    task: Goal = "auto",
    categorical: tuple[str, ...] = (),
) -> Problem:
    """Turn a table into a problem: split it, then impute and scale by its training part.

    Two classes make one output, which is 1 for the later class and named after it; more make
    one-hot outputs. Regression makes one standardised output. Numbers become standardised
    inputs, categories one-hot inputs named ``column=value``, sorted over the whole table.

    Args:
        frame: A row a sample, in numbers (at most 1e150 in size), booleans and text; no name
            twice. What is missing becomes the training part's median or commonest category.
        label: The column to be learned; at least two values, none missing.
        split: Which rows to hold out.
        task: What to make of the label. ``auto`` takes text, booleans and up to 20 distinct
            whole numbers for classes.
        categorical: Columns of numbers to take as categories.

    Returns:
        The problem, both parts in the order of the table.

    Raises:
        InputError: If label and task do not fit, or an input cannot be imputed or named.
    """
    column = frame[label]
    classes = _is_classes(column, task)
    codes, names = _classes(column) if classes else (np.zeros(len(frame), np.intp), ())
    test = split.held_out(codes)
    learned = _one_hot(codes, names) if classes else _quantity(column, ~test)
    inputs, rows = _stacked(_inputs(frame.drop(columns=label), categorical, ~test))
    return Problem(
        task=learned.task,
        inputs=inputs,
        outputs=learned.names,
        held_out=Samples(rows[test], learned.values[test]),
        pool=Samples(rows[~test], learned.values[~test]),
        n_train=int((~test).sum()),
        shuffle=split.shuffle,
    )


def _is_classes(column: "pd.Series", task: Goal) -> bool:
    """Choose between classification and regression."""
    kind = kind_of(column)
    if task == "regression" and kind is not Kind.NUMBER:
        rule = f"needs a label of numbers, but '{column.name}' holds {kind}"
        raise InputError(Issue("task", task, rule, "data.task=classification"))
    if task != "auto" or kind is not Kind.NUMBER:
        return task != "regression"
    distinct = np.unique(numbers(column))
    whole = bool((distinct == np.floor(distinct)).all())
    return whole and len(distinct) <= MOST_INTEGER_CLASSES


def _classes(column: "pd.Series") -> tuple[Codes, tuple[str, ...]]:
    """Return the label's categories, which must be in both parts of the split."""
    codes, names = categories(column)
    rare = [f"'{names[i]}'" for i in np.flatnonzero(np.bincount(codes) < 2)]
    if rare:
        rule = f"has a single row of class {listed(rare, 5)}; training and test need one each"
        hint = "merge or remove rare classes; data.task=regression if it is a quantity"
        raise InputError(Issue("label", column.name, rule, hint))
    return codes, names


class _Targets(NamedTuple):
    task: Task
    values: Array  # (n, output)
    names: tuple[str, ...]


def _one_hot(codes: Codes, names: tuple[str, ...]) -> _Targets:
    targets = np.eye(len(names))[codes]
    if len(names) == 2:
        return _Targets(Task.BINARY, targets[:, 1:], names[1:])
    return _Targets(Task.MULTICLASS, targets, names)


def _quantity(column: "pd.Series", train: Mask) -> _Targets:
    values = standardised(numbers(column), train)
    return _Targets(Task.REGRESSION, values[:, None], (str(column.name),))


def _stacked(columns: Iterable[tuple[str, Array]]) -> tuple[tuple[str, ...], Array]:
    """Join named columns, shape (n, input), refusing two of one name."""
    named: dict[str, Array] = {}
    for name, values in columns:
        if name in named:
            rule = f"two inputs would be called '{name}'"
            raise InputError(Issue("categorical", None, rule, "rename a column"))
        named[name] = values
    return tuple(named), np.column_stack(list(named.values()))


def _inputs(
    frame: "pd.DataFrame", categorical: tuple[str, ...], train: Mask
) -> Iterator[tuple[str, Array]]:
    """Yield each input's name and values, shape (n,)."""
    for name, column in frame.items():
        kind = kind_of(column)
        if name in categorical or kind is Kind.TEXT:
            codes, names = categories(column)
            filled = _imputed(str(name), np.where(codes < 0, np.nan, codes), train)
            yield from ((f"{name}={n}", (filled == i) * 1.0) for i, n in enumerate(names))
        else:
            number = kind is Kind.NUMBER
            filled = _imputed(str(name), numbers(column), train, by_median=number)
            yield str(name), standardised(filled, train) if number else filled


def _imputed(name: str, values: Array, train: Mask, by_median: bool = False) -> Array:
    """Fill NaN with the training part's median, or its commonest value (ties: the first)."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    known = values[train & ~missing]
    if not known.size:
        rule = f"cannot fill '{name}', which has no value in the training part"
        raise InputError(Issue("missing", "impute", rule, f"data.drop=['{name}']"))
    distinct, counts = np.unique(known, return_counts=True)
    return np.where(missing, np.median(known) if by_median else distinct[counts.argmax()], values)


def standardised(values: Array, train: Mask) -> Array:
    """Subtract the training part's mean and divide by its standard deviation.

    Args:
        values: Shape (n,), between -1e150 and 1e150, so that no square overflows.
        train: Shape (n,), True for the training part.

    Returns:
        Shape (n,), finite; only shifted if constant in the training part.
    """
    part = values[train]
    constant = part.min() == part.max()
    mean = part[0] if constant else part.mean()
    spread = 0.0 if constant else part.std()  # a rounded mean would leave a tiny one
    return np.asarray((values - mean) / (spread or 1.0))
