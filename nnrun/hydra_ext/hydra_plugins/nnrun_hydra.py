"""Hydra's view of nnrun: the launcher and the sweeper of ``-m``, and the place of the studies.

Imported at every start, ``--help`` included, so it imports only Hydra.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.core.utils import JobReturn
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from nnrun.hydra_ext.folders import RESOLVER, NnrunLauncherConf, NnrunSweeperConf
from nnrun.layout import STUDIES, studies

if TYPE_CHECKING:
    from nnrun.hydra_ext.launch import Batches


for group, node in (("launcher", NnrunLauncherConf), ("sweeper", NnrunSweeperConf)):
    ConfigStore.instance().store(group=f"hydra/{group}", name="nnrun", node=node, provider="nnrun")


class NnrunLauncher(Launcher):
    """Trains the jobs of a batch together; gives each its Hydra job folder, log and record."""

    config: DictConfig
    hydra_context: HydraContext

    def __init__(self) -> None:
        # one over all batches, so that the tables grow with each
        self._batches: Batches | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what Hydra hands over."""
        self.config = config
        self.hydra_context = hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run a batch of another's sweeper; ours runs its sweep by ``hydra_ext.launch``."""
        from nnrun.hydra_ext.launch import Batches

        if self._batches is None:
            self._batches = Batches(self.hydra_context, self.config)
        return self._batches.run(job_overrides, initial_job_idx)


class NnrunSweeper(BasicSweeper):
    """Runs grids, zipped keys and random draws, all checked before the first job is trained."""

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


class StudySource(FileConfigSource):
    """A folder of configs that Hydra sees as the group ``experiments``, beside conf/, not in it."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of our search path entry."""
        return "studies"

    def load_config(self, config_path: str) -> ConfigResult:
        """Load ``experiments/NAME``."""
        return super().load_config(_inside(config_path))

    def is_group(self, config_path: str) -> bool:
        """Say whether the path is the root or the group."""
        return config_path.strip("/") in ("", STUDIES)

    def is_config(self, config_path: str) -> bool:
        """Say whether the path is a study."""
        return config_path.startswith(STUDIES + "/") and super().is_config(_inside(config_path))

    def available(self) -> bool:
        """Say whether the folder exists."""
        return studies().is_dir()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the group in the root, and the studies in the group."""
        if config_path.strip("/") == "":
            return [] if results_filter == ObjectType.CONFIG else [STUDIES]
        if results_filter == ObjectType.GROUP or config_path.strip("/") != STUDIES:
            return []
        return sorted(path.stem for path in studies().glob("*.yaml"))


def _inside(config_path: str) -> str:
    return config_path.removeprefix(STUDIES + "/")


class StudySearchPath(SearchPathPlugin):
    """Puts the studies on Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append our source where nnrun runs: by entry points any program of Hydra's finds us."""
        if OmegaConf.has_resolver(RESOLVER):
            search_path.append(provider="nnrun", path=f"{StudySource.scheme()}://{studies()}")
