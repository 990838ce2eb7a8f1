"""Where configuration and studies are, in a checkout and in a wheel, and where results go."""

from datetime import datetime
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
STUDIES = "experiments"


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
