"""``python -m nnrun.cache``: what the cache of trained trials holds, and pruning it."""

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rich import filesize
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nnrun import documents
from nnrun.commands import Parser, exit_code, run
from nnrun.errors import InputError, Issue
from nnrun.layout import CACHE
from nnrun.text import shown
from nnrun.trials.cache import LOOKS, Entry, setups

DAY = 24 * 3600.0
STALE = 3600.0
"""Seconds after which a file that was not renamed is the rest of a process that was killed."""

UNFINISHED = re.compile(r"\.(.+)\.[a-z0-9_]{8}")
"""How a file is called while it is written, and what it shall be called."""

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Kept(NamedTuple):
    """A file of the cache, its bytes, when it was last used (in seconds), what it has how many of.

    ``films`` are trials that were watched for a report.
    """

    path: Path
    size: int
    used: float
    trials: int
    films: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    folder, pruning = options.folder, options.command == "prune"
    if pruning and folder.is_dir() and not _ours(folder):
        rule = "is no cache: no folder in it is named as those of a cache are"
        raise InputError(Issue("--folder", folder, rule, f"for instance {CACHE}"))
    blocks, stale = list(kept(folder)), list(unfinished(folder, time.time()))
    doomed: list[Kept] = []
    if pruning:
        if options.older_than is None and options.max_size is None and not options.all:
            rule = "say what to prune: --older-than, --max-size or --all"
            raise InputError(Issue("prune", None, rule))
        doomed = chosen(blocks, time.time(), options.older_than, options.max_size, options.all)
        if not options.dry_run:
            delete([*(block.path for block in doomed), *stale])
    dry = pruning and options.dry_run
    _tell(folder, blocks, doomed, dry)
    _show(folder, blocks, doomed, dry)
    return 0


def _ours(folder: Path) -> bool:
    """Tell a cache from other folders: it is empty, or has what only a cache has."""
    named = {path.name for path in folder.iterdir()}
    return named <= {LOOKS} or any(setups(folder))


def kept(folder: Path) -> Iterator[Kept]:
    """List the blocks of a cache."""
    for path in _files(folder):
        with suppress(FileNotFoundError):
            if entry := Entry.of(path):
                about = path.stat()
                entry = entry._replace(size=about.st_size)
                count = entry.last - entry.first + 1 if entry.long_enough else 0
                counts = (0, count) if entry.film else (count, 0)
                yield Kept(path, about.st_size, max(about.st_mtime, about.st_atime), *counts)


def unfinished(folder: Path, now: float) -> Iterator[Path]:
    """List files of the cache that a killed process left half-written."""
    for path in _files(folder):
        found = UNFINISHED.fullmatch(path.name)
        with suppress(FileNotFoundError):
            if found and Entry.of(Path(found[1])) and now - path.stat().st_mtime > STALE:
                yield path


def _files(folder: Path) -> Iterator[Path]:
    """List the files in the folders of a cache; no link is one."""
    for setup in setups(folder):
        with suppress(FileNotFoundError):
            yield from (p for p in sorted(setup.iterdir()) if p.is_file() and not p.is_symlink())


def chosen(
    blocks: Sequence[Kept],
    now: float,
    older_than: float | None = None,
    max_size: int | None = None,
    everything: bool = False,
) -> list[Kept]:
    """Choose what to prune: all, what was not used for so many days, or the longest unused.

    Of the last so many that the others fit into ``max_size`` bytes.
    """
    doomed, left = [], sum(block.size for block in blocks)
    for block in sorted(blocks, key=lambda b: (b.used, b.path)):
        old = older_than is not None and now - block.used > older_than * DAY
        if everything or old or (max_size is not None and left > max_size):
            doomed.append(block)
            left -= block.size
    return doomed


def delete(paths: Sequence[Path]) -> None:
    """Delete files of the cache, and the folders that are empty then."""
    for path in paths:
        path.unlink(missing_ok=True)
    for setup in {path.parent for path in paths}:
        with suppress(OSError):  # not empty
            setup.rmdir()
            setup.parent.rmdir()


def size(text: str) -> int:
    """Read a size in bytes.

    Example:
        >>> size("1.5G"), size("200 MB"), size("10")
        (1500000000, 200000000, 10)
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)B?\s*", text.upper())
    if not found:
        raise argparse.ArgumentTypeError(f"{text}: must be a size such as 500M or 2G")
    return int(float(found[1]) * UNITS[found[2]])


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m nnrun.cache", description=__doc__)
    parser.add_argument("--folder", type=Path, default=CACHE, help=f"default: {CACHE}")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("show", help="say what there is (the default)")
    prune = commands.add_parser("prune", help="delete trials; they are trained again when wanted")
    prune.add_argument("--older-than", type=float, metavar="DAYS", help="not used for so long")
    prune.add_argument("--max-size", type=size, metavar="SIZE", help="the longest unused, to fit")
    prune.add_argument("--all", action="store_true", help="everything")
    prune.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    return parser


def _tell(folder: Path, blocks: Sequence[Kept], doomed: Sequence[Kept], dry: bool) -> None:
    """Put into the document what there is, and what was pruned or would be."""
    gone = {block.path for block in doomed}
    held = _count([block for block in blocks if block.path not in gone])
    documents.give(
        "cache", folder=folder.absolute(), held=held, deleted=_count(doomed), dry_run=dry
    )


def _count(blocks: Sequence[Kept]) -> dict[str, int]:
    return {
        "trials": sum(block.trials for block in blocks),
        "settings": len({block.path.parent for block in blocks if not block.films}),
        "films": sum(block.films for block in blocks),
        "bytes": sum(block.size for block in blocks),
    }


def _show(folder: Path, blocks: Sequence[Kept], doomed: Sequence[Kept], dry: bool) -> None:
    gone = {block.path for block in doomed}
    left = [block for block in blocks if block.path not in gone]
    rows = [("held" if not gone else "left", left)]
    if gone:
        rows.insert(0, ("would be deleted" if dry else "deleted", list(doomed)))
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    name = escape(shown(folder))
    for heading in (name, "trials", "settings", "films", "size"):
        table.add_column(heading, justify="left" if heading == name else "right")
    for name, part in rows:
        *counts, size = _count(part).values()
        table.add_row(name, *(f"{n:,}" for n in counts), filesize.decimal(size))
    Console().print(table)


if __name__ == "__main__":
    run(main)
