"""Where plugins and a user's modules are found, and where a sweep writes."""

import errno
import shutil
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from omegaconf import OmegaConf

from nnrun.layout import PACKAGE, new_folder

REFUSED = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EEXIST,
)
"""How the system says that a folder cannot be made or written."""


def add_plugins() -> None:
    """Let Hydra's scan find our plugins."""
    folder = str(PACKAGE / "hydra_ext")
    if folder not in sys.path:
        sys.path.append(folder)


def add_own_modules(config_dir: str | None) -> None:
    """Let a user's modules be imported: from the working directory and the --config-dir.

    They come last, so that none hides an installed package.
    """
    for folder in (".", config_dir or "."):
        absolute = str(Path(folder).absolute())
        if absolute not in sys.path:
            sys.path.append(absolute)


def register_resolver() -> None:
    """Let the configuration say ``${nnrun_folder:outputs/sweeps}``."""
    OmegaConf.register_new_resolver("nnrun_folder", fresh_folder, use_cache=True, replace=True)


def go_on_with(identity: str) -> None:
    """Let ``nnrun_folder`` return the folder of an unfinished sweep with the same jobs, if any."""
    fresh_folder.cache_clear()
    _identities[:] = [identity]


_identities: list[str] = []


@cache
def fresh_folder(parent: str) -> str:
    """Return a folder named by date and time, that no other process has; the same at every call.

    Where the jobs are known and a sweep of just these jobs was not finished, it is that sweep's.
    """
    if _identities:
        from nnrun.launch.claim import Claim

        claim = Claim.unfinished(Path(parent), _identities[0])
        if claim is not None:
            return str(claim.folder)
    will_make(Path(parent))
    folder = new_folder(Path(parent))
    _own.append(folder)
    return str(folder)


HYDRAS = ("config.yaml", "hydra.yaml", "overrides.yaml")
"""What Hydra writes of a job's configuration."""

_own: list[Path] = []
"""Folders that this process made and no other has."""

_missing: list[Path] = []
"""Folders that were not there before this process made them; others may use them since."""


def will_make(folder: Path) -> None:
    """Remember which of a folder and its parents are not there yet, for ``take_back``."""
    path = folder.absolute()
    _missing.extend(place for place in (path, *path.parents) if not place.exists())


def forget(folder: Path, *names: str) -> None:
    """Take back what Hydra put into a folder where nothing was trained, and the folder if empty.

    Args:
        folder: Of a run or sweep.
        names: Of files, and of the folder that holds Hydra's own.
    """
    clear(folder, *names)
    take_back()


def clear(folder: Path, *names: str) -> None:
    """Take back what Hydra put into one job's folder, whatever the others of its sweep did."""
    for path in (folder / name for name in names):
        if path.is_dir():
            for own in HYDRAS:
                (path / own).unlink(missing_ok=True)
            _remove_if_empty(path)
        else:
            path.unlink(missing_ok=True)
    _remove_if_empty(folder)


def take_back() -> None:
    """Remove what was made before the input turned out to be bad.

    What was trained stays: a sweeper that learns may ask for a bad job after many good ones.
    """
    from nnrun.records.record import RECORD

    for folder in _own:
        if next(folder.rglob(RECORD), None) is None:
            shutil.rmtree(folder, ignore_errors=True)
    for folder in sorted(_missing, key=lambda place: -len(place.parts)):
        _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # another process may have put something there
        folder.rmdir()


def advice(error: OSError) -> str:
    """Say where else results can go, if the system refused a folder; else nothing."""
    if error.errno not in REFUSED or error.filename is None:
        return ""
    return "choose another folder: hydra.run.dir=FOLDER, for a sweep hydra.sweep.dir=FOLDER"
