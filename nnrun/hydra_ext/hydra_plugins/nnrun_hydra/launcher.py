"""The launcher of ``-m``: all jobs of a sweep as one stacked computation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from nnrun.pipeline.launch import Launch


@dataclass
class NnrunLauncherConf:
    """``hydra/launcher=nnrun``."""

    _target_: str = "hydra_plugins.nnrun_hydra.launcher.NnrunLauncher"


ConfigStore.instance().store(
    group="hydra/launcher", name="nnrun", node=NnrunLauncherConf, provider="nnrun"
)


class NnrunLauncher(Launcher):
    """Trains the jobs of a batch together; gives each its Hydra job folder, log and record."""

    config: DictConfig
    hydra_context: HydraContext

    def __init__(self) -> None:
        # one over all batches, so that the tables grow with each
        self._launch: Launch | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what Hydra hands over."""
        self.config = config
        self.hydra_context = hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run a batch of jobs."""
        from nnrun.hydra_ext.launch import launch_batch, new_launch

        if self._launch is None:
            self._launch = new_launch(self.config)
        return launch_batch(
            self.hydra_context, self.config, self._launch, job_overrides, initial_job_idx
        )
