"""Files as one table: CSV, Parquet, JSON lines, one or many."""

import glob
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nnrun.errors import InputError, Issue
from nnrun.text import listing, things


def _csv(path: Path) -> pd.DataFrame:
    # an empty cell is no evaluation, and the word nan is a divergence: both are NaN to pandas, and
    # told apart by where they stand
    return pd.read_csv(path)


def _json_lines(path: Path) -> pd.DataFrame:
    return pd.read_json(path, lines=True, precise_float=True)


READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _csv,
    ".parquet": pd.read_parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
"""What reads a file, by its ending."""

FILE = "file"
"""The column that tells which file a row is from, where there are several."""


def read_files(words: Sequence[str]) -> tuple[pd.DataFrame, list[list[str]]]:
    """Read files as one table, and say what was understood of each.

    Args:
        words: Paths, or patterns such as ``runs/*.csv``. Of several files a column ``file`` has the
            name without its ending, unless there is one.

    Raises:
        InputError: If there is none, or one cannot be read.
    """
    paths = [path for word in words for path in _matching(word)]
    tables = [_read(path) for path in paths]
    told = [
        [
            f"table {path}",
            things(len(table), "row"),
            f"columns {listing([str(name) for name in table], 20)}",
        ]
        for path, table in zip(paths, tables, strict=True)
    ]
    if len(tables) == 1:
        return tables[0], told
    named = [
        table if FILE in table else table.assign(**{FILE: path.stem})
        for path, table in zip(paths, tables, strict=True)
    ]
    return pd.concat(named, ignore_index=True), told


def _matching(word: str) -> list[Path]:
    if Path(word).exists():
        return [Path(word)]
    # a pattern may be absolute, which Path.glob refuses
    found = sorted(Path(path) for path in glob.glob(word, recursive=True))  # noqa: PTH207
    if not found:
        raise InputError(Issue("file", word, "is not there", "a path, or a pattern in quotes"))
    return found


def _read(path: Path) -> pd.DataFrame:
    kind = path.suffix.lower()
    if path.is_dir() or kind not in READERS:
        rule = "is a folder" if path.is_dir() else f"has the unknown ending '{path.suffix}'"
        raise InputError(Issue("file", path, rule, f"known: {', '.join(READERS)}"))
    try:
        table = READERS[kind](path)
    except OSError:
        raise
    except Exception as error:  # whatever pandas and pyarrow make of a damaged file
        why: Any = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(Issue("file", path, f"cannot be read: {why[0]}", "")) from None
    table.columns = [str(name) for name in table.columns]
    return table
