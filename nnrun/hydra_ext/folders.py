"""Where plugins and a user's modules are found, and where a run or sweep writes."""

import errno
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import omegaconf
from omegaconf import DictConfig, OmegaConf

from nnrun.layout import PACKAGE, new_folder

RESOLVER = "nnrun_folder"
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
"""How the system says that a folder cannot be made or written."""

HYDRAS = ("config.yaml", "hydra.yaml", "overrides.yaml")
"""What Hydra writes of a job's configuration."""


@dataclass
class NnrunLauncherConf:
    """``hydra/launcher=nnrun``."""

    _target_: str = "hydra_plugins.nnrun_hydra.NnrunLauncher"


@dataclass
class NnrunSweeperConf:
    """``hydra/sweeper=nnrun``; a study sets ``params``, the grid as ``key: values``.

    Configurations hold it, and go to processes that have still to find our plugins.
    """

    _target_: str = "hydra_plugins.nnrun_hydra.NnrunSweeper"
    max_batch_size: int | None = None
    params: dict[str, Any] | None = None


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


def prepare(modules: Sequence[str]) -> None:
    """Let a process that is handed a job find what that is made of.

    Args:
        modules: The folders that modules are imported from where it comes from; they come last.
    """
    sys.path += [folder for folder in modules if folder not in sys.path]
    add_plugins()
    register_resolver()


def register_resolver() -> None:
    """Let the configuration say ``${nnrun_folder:outputs/sweeps}``: a folder named by the time.

    Nothing is made when that is resolved, and all jobs of a sweep get what its own configuration
    got first.
    """

    def dated(parent: str) -> str:
        return str(Path(parent) / datetime.now().strftime("%Y-%m-%d_%H-%M-%S"))

    # from OmegaConf 2.4 on the plain name is that of the new way
    name = "register_resolver" if omegaconf.__version__ >= "2.4" else "register_new_resolver"
    getattr(OmegaConf, name)(RESOLVER, dated, use_cache=True, replace=True)


def settle(config: DictConfig, key: str, choose: Callable[[Path], Path] = new_folder) -> Path:
    """Choose the folder of a run or sweep, where its configuration leaves that to the time.

    Args:
        config: All of it; from now on it has the chosen folder.
        key: Of the folder.
        choose: Makes or finds a folder in the one that it is given, for this process alone.
    """
    folder = Path(str(OmegaConf.select(config, key)))
    dated = OmegaConf.get_cache(config)[RESOLVER]
    for arguments, named in list(dated.items()):
        if Path(named) in (folder, *folder.parents):
            dated[arguments] = str(choose(Path(named).parent))
    return Path(str(OmegaConf.select(config, key)))


def take_back(folder: Path, *names: str) -> None:
    """Take back what Hydra put into a folder where nothing was trained.

    The folder goes, too, if nothing else is in it, and so do those above that it leaves empty.
    """
    clear(folder, *names)
    with suppress(OSError):  # the first that holds anything else
        for place in folder.parents:
            if place.resolve() in (Path.cwd(), *Path.cwd().parents):
                return
            place.rmdir()


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


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # another process may have put something there
        folder.rmdir()


def advice(error: OSError) -> str:
    """Say where else results can go, if the system refused a folder; else nothing."""
    if error.errno not in REFUSED or error.filename is None:
        return ""
    return "choose another folder: hydra.run.dir=FOLDER, for a sweep hydra.sweep.dir=FOLDER"
