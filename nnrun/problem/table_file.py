"""A table as it stands in a file: names and cells, in columns that are not yet understood."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.problem.cells import WHITE, clean, number_of
from nnrun.text import things

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""Of text files, by their endings: what they are expected to have."""

FOUND = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
"""What may be found instead."""

ENDINGS = (*SEPARATORS, ".parquet", ".pq")
FEWEST_ROWS = 4
UNNAMED = ("Unnamed: ", "__index_level_")  # what pandas calls an index without a name
OTHERS = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), "save it as CSV UTF-8"),
    **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"), "unpack it first"),
}
"""What to do about files of other endings."""


class TableFile(NamedTuple):
    """A table as it stands in a file.

    Attributes:
        frame: The columns by name, indexed by row number: a text file's first line is row 1, as
            its lines or a spreadsheet's rows are counted; the first row of a Parquet file is row
            1. Cells of a text file are text without white space around it, NaN where empty.
        is_text: Whether it is a text file, so that numbers have yet to be told from words.
        separator: What stands between its columns, in words; empty if that goes without saying.
    """

    frame: "pd.DataFrame"
    is_text: bool
    separator: str = ""


class _Unreadable(Exception):
    """What is wrong with a file, as the rest of a sentence, and the likely fix."""


def read_file(path: str, fewest: int = FEWEST_ROWS) -> TableFile:
    """Read a file whole, leaving out rows that are empty throughout; it needs ``fewest`` others.

    A text file is UTF-8, or UTF-16 that says so in its first bytes. Its columns are separated by
    what its ending says, or by commas, semicolons, tabs or pipes if these make more columns of the
    same number in each of the first rows. Comment lines, which begin with #, may stand above the
    line of names.

    Raises:
        InputError: If there is no such file, it is no table, or it has too few rows.
    """
    file = Path(path).expanduser()
    hint = ""
    try:
        _check_file(file)
        read = _read_text(file) if file.suffix.lower() in SEPARATORS else _read_parquet(file)
        frame = read.frame.dropna(how="all")
        if len(frame) >= fewest:
            return read._replace(frame=frame)
        rule = f"has {len(frame)} rows with data; at least {fewest} are needed"
    except _Unreadable as flaw:
        rule, hint = flaw.args
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        rule, hint = f"is not UTF-8 text, first in line {line}", "save it as CSV UTF-8"
    except (OSError, ValueError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        rule = f"cannot be read as {file.suffix}: {reason}"
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
        if file.parts[:1] and len(file.parts[0]) > 2 and file.parts[0].endswith(":"):  # no drive
            rule, hint = "is an address, not a file", "download it first"
    elif file.suffix.lower() not in ENDINGS:
        rule, hint = f"has the unknown ending '{file.suffix}'", f"known: {listed(ENDINGS)}"
        hint = OTHERS.get(file.suffix.lower(), hint)
    elif not file.stat().st_size:
        rule = "is empty"
    else:
        return
    raise _Unreadable(rule, hint)


def _read_parquet(file: Path) -> TableFile:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as parquet:
        table = parquet.read()
    names = _names(table.column_names)
    frame: pd.DataFrame = table.rename_columns(names).to_pandas(ignore_metadata=True)
    return TableFile(frame.set_axis(range(1, len(frame) + 1), axis=0), is_text=False)


def _read_text(file: Path) -> TableFile:
    import pandas as pd

    own = SEPARATORS[file.suffix.lower()]
    above, body, told = _behind_comments(_text_of(file))
    separator = told or _separator(body, own)
    if above and _is_header(above[-1], body, separator):
        body = above.pop() + body
    rows = _cells(body, separator, len(above) + 1)
    _, header = next(rows, (0, []))
    names = _names(header)
    kept = list(_even(rows, len(names)))
    # str would be pandas' own type of text from release 3 on
    cells = np.array([row for _, row in kept], dtype=object).reshape(-1, len(names))
    cells[cells == ""] = np.nan
    frame = pd.DataFrame(cells, [number for number, _ in kept], names)
    nameless = zip(header, frame, strict=False)
    empty = [name for given, name in nameless if not given and frame[name].isna().all()]
    unusual = FOUND.get(separator, f"'{separator}'") if separator != own else ""
    return TableFile(frame.drop(columns=empty), is_text=True, separator=unusual)


def _text_of(file: Path) -> str:
    """Decode a file: UTF-8, or UTF-16 if it begins with a mark that says so."""
    data = file.read_bytes()
    if data.startswith(b"PAR1"):
        raise _Unreadable("is a Parquet file", "name it .parquet")
    if data.startswith(b"PK\3\4"):
        raise _Unreadable("is a workbook or an archive, not text", "save it as CSV UTF-8")
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if wide else "utf-8-sig")
    if "\0" in text:
        raise _Unreadable("holds zero bytes, as no text does", "save it as CSV UTF-8")
    return text


def _behind_comments(text: str) -> tuple[list[str], str, str]:
    """Part the lines above the names from the rest, and take the separator if one is told there.

    Spreadsheets tell it in a first line such as ``sep=;``.
    """
    above: list[str] = []
    told = ""
    lines = io.StringIO(text, newline="")
    for line in lines:
        bare = clean(line)
        if not above and bare[:4].lower() == "sep=" and len(bare) == 5:
            told = bare[4]
        elif bare and not bare.startswith("#"):
            return above, line + lines.read(), told
        above.append(line)
    return [], "".join(above), told


def _is_header(comment: str, body: str, separator: str) -> bool:
    """Say whether a line that begins with # has the names: numbers below it are none."""
    above, below = (_first_rows(text, separator)[:1] for text in (comment, body))
    if not comment.startswith("#") or not below or list(map(len, above)) != list(map(len, below)):
        return False
    return any(number_of(clean(cell)) is not None for cell in below[0])


def _separator(text: str, own: str) -> str:
    """Choose what makes most columns, equally many in each of the first rows; a tie is ``own``."""
    widths = {
        separator: [len(row) for row in _first_rows(text, separator)] or [0]
        for separator in (own, *FOUND)
    }
    even = [mark for mark, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    if even:
        return max(even, key=lambda separator: widths[separator][0])
    # where rows differ, the names decide, and a row is refused for having another number of cells
    return own if widths[own][0] > 1 else max(widths, key=lambda separator: widths[separator][0])


def _first_rows(text: str, separator: str) -> list[list[str]]:
    """Return the first twenty rows, by which a separator is found."""
    lines = io.StringIO(text[: 1 << 20], newline="")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        return [row for row in islice(reader, 20) if any(map(clean, row))]
    except csv.Error:
        return []


def _cells(text: str, separator: str, first: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty with its number, its cells without white space around."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    number = first - 1
    try:
        for number, row in enumerate(reader, first):
            cells = [cell.strip(WHITE) for cell in row]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        rule, hint = f"cannot be read in row {number + 1}: {error}", ""
        if "expected after" in str(error):
            rule = f"has more than a quoted text in a cell of row {number + 1}"
            hint = "put the whole cell into quotes, and write quotes within it twice"
        elif "limit" in str(error):
            rule = f"has more than {csv.field_size_limit():,} letters in a cell of row {number + 1}"
            hint = "is a quote not closed?"
        elif "end of data" in str(error):
            rule, hint = f"has a quote that is not closed, in row {number + 1}", "close it"
        raise _Unreadable(rule, hint) from None


def _even(rows: Iterator[tuple[int, list[str]]], width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows; each must have as many cells as there are names, empty ones at its end aside.

    Raises:
        _Unreadable: With the first row that has not.
    """
    for number, row in rows:
        if len(row) < width or any(row[width:]):
            has = f"has {things(len(row), 'cell')} in row {number}"
            rule = f"{has}, and {width} names in its header"
            hint = "every row needs a cell for each name; quote a text that holds a separator"
            if row[0].startswith("#"):
                hint = "comment lines can only stand above the line of names"
            raise _Unreadable(rule, hint)
        yield number, row[:width]


def _names(header: Sequence[str]) -> list[str]:
    """Return the names of the columns, each one once."""
    names = [clean(name) or f"{UNNAMED[0]}{i}" for i, name in enumerate(header)]
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if not "".join(map(clean, header)):
        raise _Unreadable("has no column names", "they belong in the first line")
    if times > 1:
        raise _Unreadable(f"has {times} columns '{name}'", "rename them")
    return names
