"""The sweeper of ``-m``: grids, zipped keys and random draws, checked before anything trains."""

from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.nnrun_hydra.launcher import NnrunLauncher


@dataclass
class NnrunSweeperConf:
    """``hydra/sweeper=nnrun``; a study sets ``params``, the grid as ``key: values``."""

    _target_: str = "hydra_plugins.nnrun_hydra.sweeper.NnrunSweeper"
    max_batch_size: int | None = None
    params: dict[str, Any] | None = None


ConfigStore.instance().store(
    group="hydra/sweeper", name="nnrun", node=NnrunSweeperConf, provider="nnrun"
)


class NnrunSweeper(BasicSweeper):
    """Runs a sweep whose jobs are all known before the first is trained."""

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep; where its input is bad, leave nothing behind."""
        from nnrun.hydra_ext.check import grid_options
        from nnrun.hydra_ext.elsewhere import run_elsewhere
        from nnrun.hydra_ext.grid import plan_grid
        from nnrun.hydra_ext.sweep import run_sweep
        from nnrun.hydra_ext.tune_keys import read_tuning

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        options = grid_options(self.config)
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        jobs = plan_grid(overrides, options)
        tuning = read_tuning(overrides, options)
        batches = list(self.split_overrides_to_chunks(jobs, self.max_batch_size))
        if isinstance(self.launcher, NnrunLauncher):
            run_sweep(self.hydra_context, self.config, batches, tuning)
            return None
        return run_elsewhere(self.launcher, self.hydra_context, self.config, batches, tuning)
