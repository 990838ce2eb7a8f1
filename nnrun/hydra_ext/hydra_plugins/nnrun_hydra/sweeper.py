"""The sweeper of ``-m``: grids, zipped keys and random draws, checked before anything trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.nnrun_hydra.launcher import NnrunLauncher
from omegaconf import OmegaConf


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
        from nnrun.hydra_ext.grid import plan_grid

        assert self.config is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        options = OmegaConf.to_container(self.config.sweep, resolve=True)
        jobs = plan_grid(overrides, options)
        batches = list(self.split_overrides_to_chunks(jobs, self.max_batch_size))
        if isinstance(self.launcher, NnrunLauncher):
            from nnrun.hydra_ext.sweep import run_sweep

            run_sweep(self.hydra_context, self.config, batches)
            return None
        return self._run_elsewhere(batches)

    def _run_elsewhere(self, batches: Sequence[Sequence[Sequence[str]]]) -> Any:
        """Check all jobs, then hand them to another launcher, as Hydra does."""
        from nnrun.hydra_ext.callback import Check
        from nnrun.hydra_ext.check import check_jobs
        from nnrun.hydra_ext.compose import Composer
        from nnrun.pipeline.claim import require_unused
        from nnrun.pipeline.finish import Planned

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        folder = Path(str(self.config.hydra.sweep.dir))
        require_unused(folder)
        jobs = [job for batch in batches for job in batch]
        composer = Composer(self.hydra_context.config_loader, self.config)
        checked = check_jobs(composer, self.config, jobs, first=0)
        assert Check.foreign_sweep is not None
        Check.foreign_sweep.plan += [
            Planned(number, list(overrides), job.setting.id)
            for number, (overrides, job) in enumerate(zip(jobs, checked, strict=True))
        ]
        OmegaConf.save(self.config, folder / "multirun.yaml")
        returns, first = [], 0
        for batch in batches:
            # a failed job is in the results: it must not keep the others from being run
            returns.append(self.launcher.launch(batch, initial_job_idx=first))
            first += len(batch)
        return returns
