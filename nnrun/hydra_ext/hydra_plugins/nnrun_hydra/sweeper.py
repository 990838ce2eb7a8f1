"""The sweeper of ``-m``: grids, zipped keys and random draws, checked before anything trains."""

from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
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
        from nnrun.hydra_ext.launch import run_elsewhere, run_sweep
        from nnrun.hydra_ext.planning import plan_sweep

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        plan = plan_sweep(self.hydra_context.config_loader, self.config, arguments)
        batches = list(self.split_overrides_to_chunks(plan.jobs, self.max_batch_size))
        rest = (self.hydra_context, self.config, batches, plan.tuning, plan.notes)
        if isinstance(self.launcher, NnrunLauncher):
            run_sweep(*rest)
            return None
        return run_elsewhere(self.launcher, *rest)
