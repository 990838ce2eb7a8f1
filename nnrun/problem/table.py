"""Real data from a text or Parquet file, checked before anything trains."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.problem.cells import (
    MISSING,
    Cells,
    Decimal,
    Kind,
    Rules,
    Use,
    categories,
    kind_of,
    number_of,
    numbers,
    printable,
    read_cells,
    words_of,
)
from nnrun.problem.column_checks import Inspector
from nnrun.problem.column_encoder import Encoder
from nnrun.problem.problem import Problem
from nnrun.problem.split_tables import Goal, Split, encode
from nnrun.problem.table_file import FEWEST_ROWS, FOUND, UNNAMED, TableFile, read_file
from nnrun.text import things

if TYPE_CHECKING:
    import pandas as pd

Name = str | int | float
"""Of a column; the command line takes 2020 for a number."""


class Table(Split, name="table", kw_only=True):
    """A table with a row a sample and named columns; the other keys are those of ``Split``.

    Attributes:
        path: A .csv, .tsv, .parquet or .pq file; ``read_file`` says what it may be like.
        label: The column to be learned.
        task: What to make of it; ``auto`` takes text, true or false, and up to 20 distinct
            whole numbers for classes, anything else for a quantity.
        missing: Whether missing inputs are refused, or imputed by the training part's median
            or commonest category. Missing labels are always refused.
        missing_words: Words or numbers that mean 'missing' in every column, besides empty cells
            and what ``cells`` takes for it among numbers.
        decimal: The decimal mark of numbers in text.
        categorical: Columns to take as categories though they hold numbers or many texts.
        drop: Columns to leave out.
    """

    path: str
    label: Name
    task: Goal = "auto"
    missing: Literal["refuse", "impute"] = "refuse"
    missing_words: tuple[str | int | float | None, ...] = ()
    decimal: Decimal = "point"
    categorical: tuple[Name, ...] = ()
    drop: tuple[Name, ...] = ()

    @cached_property
    def _label(self) -> str:
        return words_of((self.label,))[0]

    @cached_property
    def _categorical(self) -> tuple[str, ...]:
        return words_of(self.categorical)

    def problem(self) -> Problem:
        """Read and check the file, then encode it as ``split_tables.encode`` describes."""
        file, drop = read_file(self.path), list(words_of(self.drop))
        self._require_names(list(file.frame.columns), drop)
        raw = file.frame.drop(columns=drop)
        rules = Rules(words_of(self.missing_words), self.decimal)
        cells = {
            str(name): read_cells(column, rules, self._use(str(name)), file.is_text)
            for name, column in raw.items()
        }
        frame = raw.assign(**{name: found.values for name, found in cells.items()})
        inspector = Inspector(raw, rules, file.is_text)
        issues = list(self._bad_label(cells[self._label], inspector))
        issues += self._bad_inputs(cells, inspector)
        if issues:
            raise InputError(*issues)
        impute = self.missing == "impute"
        problem = encode(frame, self._label, self, self.task, self._categorical, impute, rules)
        return replace(problem, about=tuple(told(self.path, file, cells, problem)))

    def _use(self, name: str) -> Use:
        if name == self._label:
            uses: dict[str, Use] = {"regression": "quantity", "classification": "classes"}
            return uses.get(self.task, "label")
        return "categories" if name in self._categorical else "input"

    def _require_names(self, columns: list[str], drop: list[str]) -> None:
        """Refuse names that are no columns, or no inputs, and columns that have no name."""
        inputs = [("categorical", n) for n in self._categorical] + [("drop", n) for n in drop]
        issues = [
            Issue(key, name, "is not a column of the file", did_you_mean(name, columns))
            for key, name in [("label", self._label), *inputs]
            if name not in columns
        ]
        rule = "is the label, which can only be learned"
        issues += [Issue(key, name, rule) for key, name in inputs if name == self._label]
        nameless = [n for n in columns if n.startswith(UNNAMED) and n not in drop]
        if nameless and self._label not in columns:
            rule = f"has {things(len(nameless), 'column')} without a name, and none '{self._label}'"
            hint = "the first line has the names: remove a title that stands above them"
            raise InputError(Issue("path", self.path, rule, hint))
        for name in nameless:
            rule = "has a column without a name; if it holds row numbers, it is no input"
            issues.append(Issue("path", self.path, rule, f"data.drop=['{name}']"))
        if issues and any(number_of(name) is not None for name in columns):
            issues[0] = replace(issues[0], hint=f"{issues[0].hint}; the first line has the names")
        if len(columns) == 1 and issues:
            rule = f"has a single column, '{columns[0]}'"
            hint = f"known between columns: {listed(list(FOUND.values()))}"
            issues = [Issue("path", self.path, rule, hint)]
        if issues:
            raise InputError(*issues)

    def _bad_label(self, label: Cells, inspector: Inspector) -> Iterator[Issue]:
        """Find what keeps the label from being learned, whatever the task."""
        column, flaw = label.values, inspector.flaw_of(label.values, label.use)
        if label.missing:
            row = column.index[column.isna()][0]
            rule = f"has no value in {gaps(label.missing)}, first in row {row}"
            flaw = rule, "remove the rows without a label"
        elif flaw and kind_of(column) is Kind.TEXT:
            flaw = flaw[0], f"{flaw[1]}, or data.task=classification"
        elif not flaw and len(names := categories(column, in_order=False)[1]) == 1:
            rule = f"has one class only, '{names[0]}': there is nothing to learn"
            flaw = rule, "is it the right column?"
        if flaw:
            yield Issue("label", self._label, *flaw)

    def _bad_inputs(self, cells: Mapping[str, Cells], inspector: Inspector) -> Iterator[Issue]:
        """Find what keeps the other columns from becoming inputs."""
        inputs = {name: found for name, found in cells.items() if name != self._label}
        if not inputs:
            yield Issue("path", self.path, f"has no column to learn '{self._label}' from")
        for name, (column, _, use) in inputs.items():
            if flaw := inspector.flaw_of(column, use):
                also = f", data.categorical=['{name}']" if kind_of(column) is Kind.TEXT else ""
                hint = f"{flaw[1]}{', or ' if flaw[1] else ''}data.drop=['{name}']{also}"
                yield Issue("path", self.path, f"column '{name}' {flaw[0]}", hint)
        partly = {name: c.missing for name, c in inputs.items() if c.values.notna().any()}
        lacking = [f"'{name}' ({gaps(words)})" for name, words in partly.items() if words]
        if lacking and self.missing == "refuse":
            rule = f"values are missing from {listed(lacking)}"
            yield Issue("missing", self.missing, rule, "data.missing=impute fills them")


MOST = 12
"""Columns or categories that a line lists."""


def told(path: str, file: TableFile, cells: Mapping[str, Cells], problem: Problem) -> list[str]:
    """Say what was understood of a table: rows, label, inputs, and what was taken for missing."""
    encoder, columns = problem.encoder, {name: c.values for name, c in cells.items()}
    assert encoder is not None
    n_train, n_test = problem.n_train or 0, len(problem.held_out.inputs)
    rows = f"table {Path(path).name}: {n_train + n_test:,} rows, {n_train:,} to train on"
    between = f"; {file.separator} between its columns" if file.separator else ""
    learned, n_classes = columns[encoder.label], len(encoder.classes)
    label = f"{n_classes} classes: {_counts(learned)}" if n_classes else ""
    label = label or f"numbers from {_range(learned)}"
    gone = [(column.name, cells[column.name].missing) for column in encoder.columns]
    lacking = listed([f"{name} ({gaps(words)})" for name, words in gone if words], MOST)
    filled = "filled with the median, or the commonest category, of the training part"
    lines = [
        f"{rows}, {n_test:,} held out{between}",
        f"label {encoder.label}: {label}",
        f"inputs: {'; '.join(_inputs(encoder, columns))}",
        f"missing: {f'{lacking}; {filled}' if lacking else 'none'}",
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
    return rows if spelt == ["empty"] else f"{rows}: {listed(spelt, MOST)}"


def _range(column: "pd.Series") -> str:
    values = numbers(column)
    return f"{np.nanmin(values):g} to {np.nanmax(values):g}"


def _counts(column: "pd.Series") -> str:
    """Write each category with its rows."""
    codes, names = categories(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return listed([f"{name} {n:,}" for name, n in zip(names, counts, strict=True)], MOST)


def _inputs(encoder: Encoder, columns: Mapping[str, "pd.Series"]) -> Iterator[str]:
    """Yield the columns of each kind, with the kind; categories one by one."""
    plain = [column for column in encoder.columns if not column.values]
    for kind, yes_no in ((Kind.NUMBER, False), (Kind.YES_NO, True)):
        names = [column.name for column in plain if column.yes_no == yes_no]
        said = names if yes_no else [f"{name} {_range(columns[name])}" for name in names]
        if names:
            yield f"{listed(said, MOST)} ({kind})"
    found = [column for column in encoder.columns if column.values]
    for column in found[:MOST]:
        counts = _counts(columns[column.name])
        yield f"{column.name} ({len(column.values)} categories: {counts})"
    if len(found) > MOST:
        yield f"... ({len(found)} columns of categories in all)"


def _notes(encoder: Encoder, columns: Mapping[str, "pd.Series"]) -> Iterator[str]:
    """Yield what may be otherwise than the user believes."""
    for name, column in columns.items():
        known, kind = column.dropna(), kind_of(column)
        texts, enough = known.unique() if kind is Kind.TEXT else (), len(known) >= FEWEST_ROWS
        words = [text for text in texts if str(text).lower() in MISSING]
        if words:
            spelt = ", ".join(f"'{word}'" for word in words)
            what = "class" if name == encoder.label else "category"
            means = f"data.missing_words=[{spelt.replace(', ', ',')}] takes it for missing"
            yield f"note: {spelt} is a {what} of {name}, like any other; {means}"
        elif name == encoder.label:
            continue
        elif known.nunique() == 1:
            only = categories(known, in_order=False)[1][0]
            yield f"note: {name} is {only} in every row that has a value"
        elif kind is Kind.NUMBER and set(np.diff(numbers(known))) == {1} and enough:
            drop = f"data.drop=['{name}']"
            yield f"note: {name} is one more in every row; if it only counts them: {drop}"
