"""What a user hands to a network, as arrays: rows of inputs, and what they are to become."""

from collections.abc import Mapping, Sequence
from enum import Enum
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.problem.cells import number_name
from nnrun.problem.column_encoder import Encoder, require_columns, shaped, table_of
from nnrun.problem.problem import Array
from nnrun.text import things

TOLERANCE = 1e-4
"""By how much the sum of the chances of a sample's classes may miss 1: as float32 may."""

Classes = tuple[str, ...] | tuple[int, ...]


class Coding(Enum):
    """What a loss needs targets to be."""

    ANY = "any numbers"
    CLASSES = "0 or 1, or between"
    ONE_CLASS = "likewise, with the sum 1 in each sample"


def numbered(letter: str, n: int) -> tuple[str, ...]:
    """Name inputs or outputs that have no names: x0, x1 and so on."""
    return tuple(f"{letter}{i}" for i in range(n))


def rows_of(values: Any, names: Sequence[str]) -> Array:
    """Return finite numbers, shape (n, name), from a DataFrame with these columns or an array.

    Inputs without names of their own are any table's columns in their order.

    Raises:
        InputError: If columns are missing, or the values are no finite numbers of that shape.
    """
    try:
        if is_table(values):
            frame = table_of(values, names)
            if not _go_by_place(names, list(frame.columns)):
                require_columns(list(frame.columns), names)
                frame = frame[list(names)]
            found = frame.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            found = np.asarray(values, dtype=np.float64)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(Issue("x", None, f"must hold numbers: {error}")) from None
    # compiled code takes no array that cannot be written to, as pandas hands out
    found = np.require(shaped(found, names), np.float64, ["C", "W"])
    if np.isfinite(found).all():
        return found
    issues = []
    for name, column in zip(names, found.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            first = bad.argmax()
            rule = "has no value" if np.isnan(column[first]) else "is infinite"
            where = f"{rule} in row {row_names(values, len(found))[first]}"
            issues.append(Issue("column", name, where))
    raise InputError(*issues)


def is_one(values: Any, names: Sequence[str]) -> bool:
    """Say whether values are one sample rather than rows.

    Raises:
        InputError: If they are of one axis, and of another length than a sample.
    """
    if np.ndim(values) != 1:
        return False
    if len(values) != len(names) and not is_table(values):
        rule = f"has the shape {np.shape(values)}, and the network {things(len(names), 'input')}"
        hint = f"({len(names)},) for one sample, (n, {len(names)}) for rows"
        raise InputError(Issue("x", None, rule, hint))
    return True


def require_as_many(rows: Array, targets: Array) -> None:
    """Check that there is a target for each row; InputError if not."""
    if len(rows) != len(targets):
        rule = f"has {things(len(targets), 'sample')}, and x {len(rows)}: each needs its own"
        raise InputError(Issue("y", None, rule))


def is_table(values: Any) -> bool:
    """Say whether values are a DataFrame, or one row of it."""
    return hasattr(values, "columns") or hasattr(values, "to_frame")


def _go_by_place(names: Sequence[str], columns: Sequence[Any]) -> bool:
    made_up = tuple(names) == numbered("x", len(names))
    return made_up and len(columns) == len(names) and not set(map(str, columns)) & set(names)


def row_names(values: Any, n: int) -> Sequence[Any]:
    """Say what n rows go by in messages: a table's index, or else their places from 0."""
    if hasattr(values, "columns"):
        return list(values.index)
    return [values.name] if hasattr(values, "to_frame") else range(n)


def targets_of(
    y: Any, outputs: Sequence[str], classes: Classes, encoder: Encoder | None, one: bool
) -> Array:
    """Return what a network's outputs are to become, shape (n, output), from what the user has.

    Args:
        y: As ``NeuralNetwork.learn`` says.
        outputs: The network's.
        classes: What it tells apart; none for quantities.
        encoder: Of the table whose label is learned, if any.
        one: Whether it is of one sample.

    Raises:
        InputError: If it holds anything else, or has another shape.
    """
    if hasattr(y, "columns"):  # a table, of which the label is asked for
        names = outputs if encoder is None else [encoder.label]
        y = y.to_numpy() if len(y.columns) == len(names) else table_of(y, names)[list(names)]
    n_dims = np.ndim(y)
    width = 1 if encoder is not None else len(outputs)
    if classes and (encoder is not None or (width > 1 and n_dims == (0 if one else 1))):
        return _coded(np.asarray(y, dtype=object), classes, len(outputs), one)
    found = finite("y", y)
    if width == 1 and n_dims == (0 if one else 1):
        found = found[..., None]
    if found.ndim != (1 if one else 2) or found.shape[-1] != width:
        hint = f"({width},) for one sample, (n, {width}) for rows"
        rule = f"has the shape {np.shape(y)}, and the network {things(width, 'output')}"
        raise InputError(Issue("y", None, rule, hint))
    found = found.reshape(-1, width)
    return found if encoder is None else (found - encoder.mean) / encoder.spread


def require_coded(targets: Array, coding: Coding) -> None:
    """Check that targets, shape (n, output), are what the loss needs.

    Raises:
        InputError: If they are not: the loss would have no meaning, and no lower bound.
    """
    if coding is Coding.ANY:
        return
    bad = ((targets < 0.0) | (targets > 1.0)).any(axis=1)
    rule = "must be 0 or 1, or between, as the loss is of classes"
    if coding is Coding.ONE_CLASS and not bad.any():
        bad = np.abs(targets.sum(axis=1) - 1.0) > TOLERANCE
        rule = "must sum to 1 in each sample, as the loss is of one class among several"
    if bad.any():
        row = int(bad.argmax())
        told = listed([f"{target:g}" for target in targets[row]], 5)
        hint = "classes are 0 and 1; squared_error takes other numbers"
        raise InputError(Issue("y", None, f"{rule}; row {row} has {told}", hint))


def _coded(labels: Any, classes: Classes, n_outputs: int, one: bool) -> Array:
    """Write classes as 0 or 1 for a single output, else one-hot."""
    if labels.ndim == (1 if one else 2) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.ndim != (0 if one else 1):
        rule = f"has the shape {labels.shape}; it must name a class for each sample"
        raise InputError(Issue("y", None, rule))
    places = {str(name): place for place, name in enumerate(classes)}
    found = np.array([_place(label, places) for label in labels.reshape(-1)], np.intp)
    coded: Array = np.eye(max(n_outputs, 2))[found]
    return coded[:, 1:] if n_outputs == 1 else coded


def _place(label: Any, places: Mapping[str, int]) -> int:
    name = str(label)
    number = isinstance(label, Real) and not isinstance(label, bool)
    if name not in places and number and np.isfinite(float(label)):
        name = number_name(float(label))  # 7.0 is the class 7
    if name not in places:
        hint = did_you_mean(name, places) if isinstance(label, str) else ""
        hint = hint if hint.startswith("did") else f"known: {listed(list(places), 12)}"
        raise InputError(Issue("y", label, "is none of the classes", hint))
    return places[name]


def finite(key: str, given: Any) -> npt.NDArray[np.float64]:
    """Return finite numbers as an array; InputError under that key if there are none."""
    try:
        found: Array = np.require(given, np.float64, ["C", "W"])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(Issue(key, None, f"must hold numbers: {error}")) from None
    bad = ~np.isfinite(found)
    if bad.any():
        where = f" in row {int(np.argwhere(bad)[0, 0])}" if found.ndim > 1 else ""
        raise InputError(Issue(key, None, f"must hold finite numbers, and does not{where}"))
    return found
