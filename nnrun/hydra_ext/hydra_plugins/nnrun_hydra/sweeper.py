"""The sweeper of ``-m``: Hydra's cross product, checked as a whole before anything trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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
    """Hydra's basic sweeper, with every bad job listed instead of the first."""

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep; where its input is bad, leave nothing behind."""
        from nnrun.errors import InputError
        from nnrun.hydra_ext.launch import forget
        from nnrun.pipeline.launch import require_unused

        assert self.config is not None
        folder = Path(str(self.config.hydra.sweep.dir))
        require_unused(folder)
        try:
            return super().sweep(arguments)
        except InputError:
            forget(folder, "multirun.yaml")
            raise

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose and check every job, unless our launcher is going to."""
        if not isinstance(self.launcher, NnrunLauncher):
            from nnrun.hydra_ext.callback import Check
            from nnrun.hydra_ext.launch import compose_batch

            assert self.hydra_context is not None
            assert self.config is not None
            compose_batch(self.hydra_context, self.config, batch, first=0)
            if Check.foreign_sweep is not None:
                first = len(Check.foreign_sweep.plan)
                jobs = [(first + i, list(overrides)) for i, overrides in enumerate(batch)]
                Check.foreign_sweep.plan += jobs
