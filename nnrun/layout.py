"""Where files go, what they are called, and how they are written: whole or not at all."""

import errno
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import IO

from nnrun.errors import InputError, Issue
from nnrun.masking import masked

PACKAGE = Path(__file__).resolve().parent

OUTPUTS, KINDS = "outputs", ("sweeps", "runs", "reports")
"""Where results go if nobody says otherwise, and the folders in there that the index looks into."""

A_SWEEP, A_RUN = "outputs/sweeps/DATE_TIME", "outputs/runs/DATE_TIME"
"""How such a folder is called in a hint."""

CACHE = Path("outputs/cache")
PROGRAMS = Path("outputs/programs")
DATABASE = "sqlite:///outputs/mlflow.db"

TRIALS = "trials.parquet"
CURVES = "curves.parquet"
LADDER = "ladder.parquet"
SUMMARY = "summary.csv"
TUNING = "tuning.csv"
REPORT = "report.html"
MARKDOWN = "report.md"
HANDOUT = "handout.html"
FIGURES = "figures"
INDEX = "index.html"
STUDIES = "experiments"

STORE = "MLFLOW_TRACKING_URI"
"""Variable of the environment that names the MLflow store where nothing else does."""

WEB = re.compile(r"https?:", re.IGNORECASE)
"""How the address of a tracking server begins."""

SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)(.*)")
"""Address of a SQLite file, and what follows its path."""


def conf() -> Path:
    """Return the folder of Hydra groups."""
    return _home("conf")


def studies() -> Path:
    """Return the folder of studies."""
    return _home(STUDIES)


def study_template(name: str) -> Path:
    """Return the path of a study's template: of a file of one's own, else of one of nnrun's."""
    own = Path(name)
    return own if own.is_file() else studies() / name


def shipped_template(name: object) -> Path | None:
    """Return the path of a template in nnrun's experiments/ by its plain name; None for any other.

    A record may name it: it is ours, wherever the record comes from.
    """
    plain = isinstance(name, str) and Path(name).name == name
    path = studies() / str(name) if plain else None
    return path if path and path.is_file() else None


def located(uri: str, near: Path) -> str:
    """Make the path of a SQLite URI absolute.

    Args:
        uri: Any tracking URI; others are returned as they are.
        near: A folder in or below the one that a relative path starts from: the nearest one that
            has such a file counts, else the working directory.
    """
    parts = SQLITE.fullmatch(uri)
    if not parts:
        return uri
    path = Path(parts[2])
    above = near.absolute()
    found = (home / path for home in (above, *above.parents) if (home / path).is_file())
    return f"{parts[1]}{next(found, path.absolute()).as_posix()}{parts[3]}"


def same_store(one: str, other: str) -> bool:
    """Say whether two URIs are of one store, whatever names and passwords are in them."""
    bare = (re.sub(r"://[^/]*@", "://", uri).rstrip("/") for uri in (one, other))
    return len(set(bare)) == 1


def own_store(named: str, folder: Path, default: str) -> str:
    """Say where a store is that a sweep's folder names, if it is one of the user's own.

    A folder may be a stranger's. What it alone names gets no connection, no password and no file:
    own are the store that the environment names, the default file, which is looked for above the
    folder and the working directory, and a SQLite file that stands in the working directory itself.

    Args:
        named: The URI, as the folder has it.
        folder: Which names it.
        default: The URI of the default file.

    Returns:
        The URI; the path of a SQLite file is absolute in it.

    Raises:
        InputError: If it is not.
    """
    given = os.environ.get(STORE, "")
    if given and same_store(named, given):
        return located(given, Path.cwd())
    if named == default:
        near, here = located(named, folder), located(named, Path.cwd())
        file = Path(near.partition("///")[2])
        # a link in a folder that one does not work in is not followed
        return here if file.is_symlink() or file.parent.is_symlink() else near
    parts = SQLITE.fullmatch(named)
    path = Path(parts[2]) if parts else Path()
    if parts and not parts[3] and path.name == parts[2] and path.is_file():
        return located(named, Path.cwd())
    rule = "is named by the sweep's folder alone, which may be a stranger's"
    hint = f"if you know it: --uri {masked(named)}, or name it by {STORE}"
    raise InputError(Issue("store", masked(named), rule, hint))


def new_folder(parent: Path) -> Path:
    """Make a folder named by date and time, that no other process has.

    Args:
        parent: Where to; made if need be.
    """
    parent.mkdir(parents=True, exist_ok=True)
    stamp, number = datetime.now().strftime("%Y-%m-%d_%H-%M-%S"), 1
    while True:
        folder = parent / (stamp if number == 1 else f"{stamp}_{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def _home(name: str) -> Path:
    packaged = PACKAGE / name
    return packaged if packaged.is_dir() else PACKAGE.parent / name


NEW = ".new-"
"""How folders begin in which files wait for each other."""

SWAPPING = ".swapping"
"""Stands in a folder while its files are exchanged: who is killed then leaves old beside new."""


def write_text(path: Path, text: str) -> None:
    """Write a text file, or not at all."""
    write_atomically(path, lambda file: file.write(text.encode()))


def write_atomically(path: Path, write: Callable[[IO[bytes]], object], sync: bool = True) -> None:
    """Write a file under a temporary name beside it, then rename it.

    Args:
        path: Where the file shall be; its folder exists.
        write: Writes the content to an open binary file.
        sync: Whether to wait until the disk has it, so that a power cut leaves no empty file.

    Raises:
        OSError: With the name of the file, if the system refuses it: nothing of it is left.
    """
    with naming(path):
        temporary = path.with_name(f".{path.name}.{token_hex(4)}")
        try:
            with temporary.open("xb") as file:
                write(file)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def wait_for_disk(paths: Iterable[Path]) -> None:
    """Wait until the disk has files that were written without it: many at once take as one.

    Raises:
        OSError: With the name of the file, if the disk refuses one.
    """

    def sync(path: Path) -> None:
        # one that is gone is told of where it is read
        with suppress(FileNotFoundError), path.open("rb") as file, naming(path):
            os.fsync(file.fileno())

    with ThreadPoolExecutor(16, "sync") as pool:
        list(pool.map(sync, paths))


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """Write several files that belong together: all take their places, or none does.

    Args:
        folder: Where they shall be; it exists.

    Yields:
        A folder to write them into, also in folders there. When the ``with`` block ends they take
        their places in ``folder``, each instead of an older one; if it ends in an error, nothing
        there changes. One that is killed in the milliseconds between the first file and the last
        leaves ``SWAPPING``, and nobody takes what is there for results until it is written anew.

    Raises:
        OSError: With the name that a file would have had, if the system refuses it.
    """
    with naming(folder):
        waiting = tempfile.TemporaryDirectory(dir=folder, prefix=NEW)
    with waiting as made:
        try:
            yield Path(made)
        except OSError as error:
            if Path(str(error.filename)).is_relative_to(made):
                inside = Path(str(error.filename)).relative_to(made)
                raise named(error, folder / inside) from error
            raise
        new = sorted(path for path in Path(made).rglob("*") if path.is_file())
        places = {path: folder / path.relative_to(made) for path in new}
        for place in places.values():
            if place.is_dir():
                raise named(OSError(errno.EISDIR, "Is a directory"), place)
        with naming(folder / SWAPPING):
            (folder / SWAPPING).touch()
        for path, place in places.items():
            with naming(place):
                place.parent.mkdir(exist_ok=True)
                path.replace(place)
        (folder / SWAPPING).unlink()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what the system refuses while the ``with`` block runs name a file, and only this one."""
    try:
        yield
    except OSError as error:
        raise named(error, path) from error


def named(error: OSError, path: Path) -> OSError:
    """Return the same error as one of a file."""
    return OSError(error.errno, error.strerror or str(error), str(path))
