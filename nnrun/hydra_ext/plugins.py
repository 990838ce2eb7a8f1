"""What the entry points ``hydra.plugins`` name, by which Hydra finds plugins from 1.4 on.

They are those that the scan of Hydra finds, under the same names: each is found once.
"""

from nnrun.hydra_ext.folders import add_plugins

add_plugins()

from hydra_plugins.nnrun_hydra import (  # noqa: E402
    NnrunLauncher,
    NnrunSweeper,
    StudySearchPath,
    StudySource,
)

__all__ = ["NnrunLauncher", "NnrunSweeper", "StudySearchPath", "StudySource"]
