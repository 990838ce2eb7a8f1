"""Real data from a CSV or Parquet file, checked before anything trains."""

import csv
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.problem.columns import Kind, kind_of, numbers
from nnrun.problem.encoding import Goal, Split, encode
from nnrun.problem.problem import DATA, Problem

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t"}
ENDINGS = (*SEPARATORS, ".parquet", ".pq")
CSV_OPTIONS: dict[str, Any] = {
    "index_col": False,  # else a row longer than the header would shift its columns
    "skip_blank_lines": False,  # they count in row numbers
    "skipinitialspace": True,
    "low_memory": False,  # one kind a column, not a kind a chunk
}
UNNAMED = ("Unnamed: ", "__index_level_")  # what pandas calls an index without a name
DATES = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ].*)?")
FEWEST_ROWS = 4
MOST_TEXTS = 50
FEW_TEXTS = 20  # that many may differ in every row of a short table
LARGEST = 1e150  # its square is still finite


@DATA.register("table")
@dataclass(frozen=True)
class Table(Split):
    """A table with a row a sample and named columns; the other keys are those of ``Split``.

    Attributes:
        path: A .csv, .tsv, .parquet or .pq file; text is UTF-8 with the names in its first line.
        label: The column to be learned.
        task: What to make of it; ``auto`` takes text, true or false, and up to 20 distinct
            whole numbers for classes, anything else for a quantity.
        missing: Whether missing inputs are refused, or imputed by the training part's median
            or commonest category. Missing labels are always refused.
        categorical: Columns to take as categories though they hold numbers or many texts.
        drop: Columns to leave out.
    """

    planar: ClassVar[bool] = False

    path: str
    label: str
    task: Goal = "auto"
    missing: Literal["refuse", "impute"] = "refuse"
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def problem(self) -> Problem:
        """Read and check the file, then encode it as ``encoding.encode`` describes."""
        frame = read_table(self.path)
        issues = self._wrong_names(list(frame.columns))
        if not issues:
            frame = frame.drop(columns=list(self.drop))
            issues = [*self._bad_label(frame[self.label]), *self._bad_inputs(frame)]
        if issues:
            raise InputError(*issues)
        impute = self.missing == "impute"
        return encode(frame, self.label, self, self.task, self.categorical, impute)

    def _wrong_names(self, columns: list[str]) -> list[Issue]:
        """List names that are no columns, or no inputs, and columns that have no name."""
        inputs = [("categorical", n) for n in self.categorical] + [("drop", n) for n in self.drop]
        issues = [
            Issue(key, name, "is not a column of the file", did_you_mean(name, columns))
            for key, name in [("label", self.label), *inputs]
            if name not in columns
        ]
        rule = "is the label, which can only be learned"
        issues += [Issue(key, name, rule) for key, name in inputs if name == self.label]
        for name in columns:
            if name.startswith(UNNAMED) and name not in self.drop:
                rule = "has a column without a name; if it holds row numbers, it is no input"
                issues.append(Issue("path", self.path, rule, f"data.drop=['{name}']"))
        return issues

    def _bad_label(self, column: "pd.Series") -> list[Issue]:
        """List what keeps the label from being learned, whatever the task."""
        blank = column.index[column.isna()]
        flaw = flaw_of(column, as_text=self.task == "classification", free=True)
        if len(blank):
            rule = f"has no value in {len(blank)} of {len(column)} rows, first in row {blank[0]}"
            flaw = rule, "remove the rows without a label"
        elif flaw and kind_of(column) is Kind.TEXT:
            flaw = flaw[0], f"{flaw[1]}, or data.task=classification"
        elif flaw is None and (column == column.iloc[0]).all():
            rule = f"has one class only, '{column.iloc[0]}': there is nothing to learn"
            flaw = rule, "is it the right column?"
        return [Issue("label", self.label, *flaw)] if flaw else []

    def _bad_inputs(self, frame: "pd.DataFrame") -> list[Issue]:
        """List what keeps the other columns from becoming inputs."""
        inputs = frame.drop(columns=self.label)
        if inputs.columns.empty:
            return [Issue("path", self.path, f"has no column to learn '{self.label}' from")]
        issues = []
        for name, column in inputs.items():
            chosen = name in self.categorical
            if flaw := flaw_of(column, as_text=chosen, free=chosen):
                also = f", data.categorical=['{name}']" if kind_of(column) is Kind.TEXT else ""
                hint = f"{flaw[1]}, or data.drop=['{name}']{also}"
                issues.append(Issue("path", self.path, f"column '{name}' {flaw[0]}", hint))
        gaps = [f"'{name}' ({n} rows)" for name, n in inputs.isna().sum().items() if n]
        if gaps and self.missing == "refuse":
            rule = f"values are missing from {listed(gaps)}"
            issues.append(Issue("missing", self.missing, rule, "data.missing=impute fills them"))
        return issues


def flaw_of(column: "pd.Series", as_text: bool, free: bool) -> tuple[str, str] | None:
    """Find what is wrong with a column's values, missing ones aside.

    Args:
        column: Indexed by the file's row numbers.
        as_text: Whether text that looks like numbers or dates is meant as text.
        free: Whether it may hold any number of different texts.

    Returns:
        The broken rule and the likely fix; None if all is well.
    """
    kind, known = kind_of(column), column.dropna()
    if kind is Kind.NUMBER:
        # Python's own integers may be too large for a float, their digits are not
        sizes = known.astype(str).astype(np.float64) if known.dtype == object else known
        wrong = known[np.abs(numbers(sizes)) > LARGEST]
        if wrong.empty:
            return None
        where = f"holds {wrong.iloc[0]!s:.20} in row {wrong.index[0]}"
        return f"{where}; it must be finite, below {LARGEST:g}", "correct or remove it"
    if kind is Kind.TEXT and column.dtype != "category":
        return _flaw_of_text(known.astype(str), as_text, free)
    return None if kind in (Kind.TEXT, Kind.YES_NO) else (f"holds {kind}", "convert to numbers")


def _flaw_of_text(texts: "pd.Series", as_text: bool, free: bool) -> tuple[str, str] | None:
    """Find misread numbers, dates, and what is too varied for categories."""
    import pandas as pd

    numeric = pd.to_numeric(texts, errors="coerce").notna()
    if not as_text and numeric.mean() > 0.5:
        wrong = texts if numeric.all() else texts[~numeric]
        rule = f"has text where numbers belong: '{wrong.iloc[0]:.40}' in row {wrong.index[0]}"
        return rule, "correct it, or empty the cell if the value is missing"
    if not as_text and texts.map(DATES.fullmatch).notna().all():
        return f"holds dates, such as {texts.iloc[0]}", "convert to numbers"
    distinct = texts.nunique()
    if free or distinct <= FEW_TEXTS or distinct <= min(MOST_TEXTS, len(texts) - 1):
        return None
    return f"holds {distinct} different texts, too many for categories", "merge some"


def read_table(path: str, fewest: int = FEWEST_ROWS) -> "pd.DataFrame":
    """Read a file whole, leaving out rows that are empty throughout; it needs ``fewest`` others.

    Returns:
        The columns by name, indexed by row number: a text file's header is row 1, as its lines
        or a spreadsheet's rows are counted; the first row of a Parquet file is row 1.

    Raises:
        InputError: If there is no such file, it is no table, or it has too few rows.
    """
    from pandas.errors import ParserWarning

    file = Path(path).expanduser()
    try:
        _check_file(file)
        frame = _read_text(file) if file.suffix.lower() in SEPARATORS else _read_parquet(file)
        frame = frame.dropna(how="all")
        if len(frame) >= fewest:
            return frame
        rule, hint = f"has {len(frame)} rows with data; at least {fewest} are needed", ""
    except InputError:
        raise
    except UnicodeDecodeError:
        rule, hint = "is not UTF-8 text", "save it as CSV UTF-8"
    except (OSError, ValueError, NotImplementedError, csv.Error, ParserWarning) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        rule, hint = f"cannot be read as {file.suffix}: {reason}", ""
    raise InputError(Issue("path", path, rule, hint))


def _check_file(file: Path) -> None:
    """Refuse what is no file, empty, or of an unknown kind."""
    folder, hint = file.absolute().parent, ""
    if file.is_dir():
        rule = "is a folder, not a file"
    elif not file.is_file():
        rule = f"is not there; looked in {folder}"
        tables = [other.name for other in folder.glob("*") if other.suffix in ENDINGS]
        hint = did_you_mean(file.name, tables) if tables else ""
    elif file.suffix.lower() not in ENDINGS:
        rule, hint = f"has the unknown ending '{file.suffix}'", f"known: {listed(ENDINGS)}"
    elif not file.stat().st_size:
        rule = "is empty"
    else:
        return
    raise InputError(Issue("path", file, rule, hint))


def _read_text(file: Path) -> "pd.DataFrame":
    import pandas as pd

    options, sep = dict(CSV_OPTIONS), SEPARATORS[file.suffix.lower()]
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        options["float_precision"] = "round_trip"  # else every fourth number is an ulp off
    with file.open(encoding="utf-8-sig", newline="") as lines:
        names = _checked(file, next(csv.reader(lines, delimiter=sep, skipinitialspace=True), []))
        lines.seek(0)
        # pandas only warns when it cuts rows that are longer than the header
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame: pd.DataFrame = pd.read_csv(lines, sep=sep, header=0, names=names, **options)
    return frame.set_axis(range(2, len(frame) + 2), axis=0)


def _read_parquet(file: Path) -> "pd.DataFrame":
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as parquet:
        table = parquet.read()
    names = _checked(file, table.column_names)
    frame: pd.DataFrame = table.rename_columns(names).to_pandas(ignore_metadata=True)
    return frame.set_axis(range(1, len(frame) + 1), axis=0)


def _checked(file: Path, header: list[str]) -> list[str]:
    """Return the names of the columns, each one once."""
    names = [name.strip() or f"{UNNAMED[0]}{i}" for i, name in enumerate(header)]
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if not "".join(header).strip():
        rule, hint = "has no column names", "they belong in the first line"
    elif times > 1:
        rule, hint = f"has {times} columns '{name}'", "rename them"
    elif len(names) == 1 and ";" in name:
        rule, hint = "has semicolons between its columns", "save it with commas"
    else:
        return names
    raise InputError(Issue("path", file, rule, hint))
