"""Where the configuration is, in a checkout and in an installed wheel."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
STUDIES = "experiments"


def conf() -> Path:
    """Return the folder of Hydra groups."""
    return _home("conf")


def studies() -> Path:
    """Return the folder of studies."""
    return _home(STUDIES)


def add_plugins() -> None:
    """Let Hydra's scan find our plugins."""
    folder = str(PACKAGE / "hydra_ext")
    if folder not in sys.path:
        sys.path.append(folder)


def _home(name: str) -> Path:
    packaged = PACKAGE / name
    return packaged if packaged.is_dir() else PACKAGE.parent / name
