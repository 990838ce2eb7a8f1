"""Where configuration, studies, results and the MLflow store are."""

import re
from datetime import datetime
from pathlib import Path

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
