"""Where configuration and studies are, in a checkout and in an installed wheel."""

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


def _home(name: str) -> Path:
    packaged = PACKAGE / name
    return packaged if packaged.is_dir() else PACKAGE.parent / name
