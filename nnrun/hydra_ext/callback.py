"""Hydra's callback: the configuration is checked before a folder is made for it."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

if TYPE_CHECKING:
    from nnrun.pipeline.finish import ForeignSweep

OWN_LAUNCHER = "hydra_plugins.nnrun_hydra.launcher.NnrunLauncher"


class Check(Callback):
    """Checks a single run's configuration; remembers the sweep of a launcher that is not ours.

    Attributes:
        foreign_sweep: Such a sweep; its tables and report are made when Hydra is done with it.
    """

    foreign_sweep: "ForeignSweep | None" = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """End the process with code 2 where the configuration breaks a rule.

        Hydra turns exceptions of callbacks into warnings, so this cannot raise one.
        """
        from nnrun.errors import InputError
        from nnrun.hydra_ext.launch import read_config
        from nnrun.pipeline.launch import require_unused

        try:
            read_config(config)
            require_unused(Path(str(config.hydra.run.dir)))
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember the sweep if its launcher is not ours."""
        if config.hydra.launcher._target_ != OWN_LAUNCHER:
            from nnrun.pipeline.finish import ForeignSweep

            Check.foreign_sweep = ForeignSweep(
                Path(str(config.hydra.sweep.dir)),
                list(config.hydra.overrides.task),
                time.time(),
            )
