"""Studies: the config group ``experiments``, which lives beside conf/ rather than in it."""

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin

from nnrun.layout import STUDIES, studies


class StudySource(FileConfigSource):
    """A folder of configs that Hydra sees as the one group ``experiments``."""

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
        """Append our source."""
        search_path.append(provider="nnrun", path=f"{StudySource.scheme()}://{studies()}")
