"""Where configuration, studies, results and the MLflow store are."""

import os
import re
from datetime import datetime
from pathlib import Path

from nnrun.errors import InputError, Issue, masked

PACKAGE = Path(__file__).resolve().parent
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
        return _default_file(named, folder)
    parts = SQLITE.fullmatch(named)
    path = Path(parts[2]) if parts else Path()
    if parts and not parts[3] and path.name == parts[2] and path.is_file():
        return located(named, Path.cwd())
    rule = "is named by the sweep's folder alone, which may be a stranger's"
    hint = f"if you know it: --uri {masked(named)}, or name it by {STORE}"
    raise InputError(Issue("store", masked(named), rule, hint))


def _default_file(uri: str, folder: Path) -> str:
    """Locate the default file; a link in a folder that one does not work in is not followed."""
    near, here = located(uri, folder), located(uri, Path.cwd())
    parts = SQLITE.fullmatch(near)
    path = Path(parts[2]) if parts else Path()
    linked = path.is_symlink() or path.parent.is_symlink()
    return here if linked else near


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
