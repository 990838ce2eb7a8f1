"""Where plugins and a user's modules are found, and where a sweep writes."""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from omegaconf import OmegaConf

from nnrun.places import PACKAGE, new_folder


def add_plugins() -> None:
    """Let Hydra's scan find our plugins."""
    folder = str(PACKAGE / "hydra_ext")
    if folder not in sys.path:
        sys.path.append(folder)


def add_own_modules(arguments: Sequence[str]) -> None:
    """Let a user's modules be imported: from the working directory and the --config-dir.

    They come last, so that none hides an installed package.
    """
    folders = ["."]
    for i, argument in enumerate(arguments):
        flag, equals, folder = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            folders.append(folder if equals else "".join(arguments[i + 1 : i + 2]))
    for folder in folders:
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
        from nnrun.pipeline.claim import Claim

        claim = Claim.unfinished(Path(parent), _identities[0])
        if claim is not None:
            return str(claim.folder)
    return str(new_folder(Path(parent)))
