"""What was understood of a table, in lines for the user to see."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnrun.errors import listed
from nnrun.problem.cells import MISSING, Cells, printable
from nnrun.problem.columns import Kind, categories, kind_of, numbers
from nnrun.problem.encoder import Encoder
from nnrun.problem.files import FEWEST_ROWS, TableFile
from nnrun.problem.problem import Problem
from nnrun.text import things

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMES, MOST_COUNTS = 12, 12
"""Most columns and most categories that a line lists."""


def told(path: str, file: TableFile, cells: Mapping[str, Cells], problem: Problem) -> list[str]:
    """Say what was read: the rows, the label, the inputs, and what was taken for missing.

    Args:
        path: Of the file.
        file: As it stands there.
        cells: The columns that are used, as they were understood, by name.
        problem: What became of them.
    """
    encoder, columns = problem.encoder, {name: c.values for name, c in cells.items()}
    assert encoder is not None
    n_train, n_test = problem.n_train or 0, len(problem.held_out.inputs)
    rows = f"table {Path(path).name}: {n_train + n_test:,} rows, {n_train:,} to train on"
    between = f"; {file.separator} between its columns" if file.separator else ""
    lines = [
        f"{rows}, {n_test:,} held out{between}",
        _label(encoder, columns[encoder.label]),
        f"inputs: {'; '.join(_inputs(encoder, columns))}",
        f"missing: {_missing(encoder, cells)}",
        *_notes(encoder, columns),
    ]
    return [printable(line) for line in lines]


def gaps(words: Mapping[str, int]) -> str:
    """Say how many rows have no value, and which words say so.

    Example:
        >>> gaps({"": 2, "NA": 1}), gaps({"": 1}), gaps({"?": 2})
        ("3 rows: 2 empty, 1 'NA'", '1 row', "2 rows: '?'")
    """
    rows = things(sum(words.values()), "row")
    spelt = [f"'{word}'" if word else "empty" for word in words]
    if len(words) > 1:
        spelt = [f"{k:,} {word}" for k, word in zip(words.values(), spelt, strict=True)]
    return rows if spelt == ["empty"] else f"{rows}: {listed(spelt, MOST_COUNTS)}"


def _label(encoder: Encoder, column: "pd.Series") -> str:
    if encoder.classes:
        counts = _counts(column)
        return f"label {encoder.label}: {len(encoder.classes)} classes: {counts}"
    return f"label {encoder.label}: numbers from {_range(column)}"


def _range(column: "pd.Series") -> str:
    values = numbers(column)
    return f"{np.nanmin(values):g} to {np.nanmax(values):g}"


def _counts(column: "pd.Series") -> str:
    """Write each category with its rows."""
    codes, names = categories(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return listed([f"{name} {n:,}" for name, n in zip(names, counts, strict=True)], MOST_COUNTS)


def _inputs(encoder: Encoder, columns: Mapping[str, "pd.Series"]) -> Iterator[str]:
    """Yield the columns of each kind, with the kind; categories one by one."""
    plain = [column for column in encoder.columns if not column.values]
    for kind, yes_no in ((Kind.NUMBER, False), (Kind.YES_NO, True)):
        names = [column.name for column in plain if column.yes_no == yes_no]
        said = names if yes_no else [f"{name} {_range(columns[name])}" for name in names]
        if names:
            yield f"{listed(said, MOST_NAMES)} ({kind})"
    found = [column for column in encoder.columns if column.values]
    for column in found[:MOST_NAMES]:
        counts = _counts(columns[column.name])
        yield f"{column.name} ({len(column.values)} categories: {counts})"
    if len(found) > MOST_NAMES:
        yield f"... ({len(found)} columns of categories in all)"


def _missing(encoder: Encoder, cells: Mapping[str, Cells]) -> str:
    lacking = [f"{c.name} ({gaps(cells[c.name].missing)})" for c in encoder.columns
               if cells[c.name].missing]  # fmt: skip
    if not lacking:
        return "none"
    filled = "filled with the median, or the commonest category, of the training part"
    return f"{listed(lacking, MOST_NAMES)}; {filled}"


def _notes(encoder: Encoder, columns: Mapping[str, "pd.Series"]) -> Iterator[str]:
    """Yield what may be otherwise than the user believes."""
    for name, column in columns.items():
        known = column.dropna()
        texts = known.unique() if kind_of(known) is Kind.TEXT else ()
        words = [text for text in texts if str(text).lower() in MISSING]
        if words:
            spelt = ", ".join(f"'{word}'" for word in words)
            kind = "class" if name == encoder.label else "category"
            means = f"data.missing_words=[{spelt.replace(', ', ',')}] takes it for missing"
            yield f"note: {spelt} is a {kind} of {name}, like any other; {means}"
        elif name != encoder.label and known.nunique() == 1:
            only = categories(known, in_order=False)[1][0]
            yield f"note: {name} is {only} in every row that has a value"
        elif name != encoder.label and _counts_rows(known):
            drop = f"data.drop=['{name}']"
            yield f"note: {name} is one more in every row; if it only counts them: {drop}"


def _counts_rows(known: "pd.Series") -> bool:
    """Say whether a column's numbers are 1, 2, 3, ... or go on from another one."""
    if kind_of(known) is not Kind.NUMBER or len(known) < FEWEST_ROWS:
        return False
    return bool(np.all(np.diff(numbers(known)) == 1))
