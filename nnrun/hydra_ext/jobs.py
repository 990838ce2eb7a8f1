"""One job of a sweep: its folder, ``.hydra/``, log and callbacks, as Hydra's ``run_job`` does it.

Hydra copies the configuration four times and writes all of its YAML anew for each job. Here a job
has the copy that was composed for it, and only what differs from other jobs is written anew.
"""

import logging
import logging.config
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra.core.utils as hydra_utils
import yaml
from hydra import version
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import (
    JobReturn,
    JobRuntime,
    JobStatus,
    configure_log,
    env_override,
    filter_overrides,
    setup_globals,
)
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_omega_conf_dumper

from nnrun.hydra_ext.compose import Composer, NotPlainError, resolved
from nnrun.hydra_ext.template import Trees
from nnrun.text import masked_values

try:
    from hydra._internal.logging_config import configure_logging
except ImportError:  # the first releases of Hydra 1.3 take the standard library's
    configure_logging = logging.config.dictConfig

DIR_KEY, SUBDIR_KEY = "hydra.sweep.dir", "hydra.sweep.subdir"

log = logging.getLogger(__name__)


class ComposedReturn(JobReturn):
    """A job's outcome that composes ``cfg`` and ``hydra_cfg`` anew whenever they are asked for.

    A sweep of thousands keeps them all, and a configuration takes half a megabyte. What the task
    itself changes in its configuration is not seen here.

    Attributes:
        output_dir: The job's folder, as an absolute path.
    """

    def __init__(self, composer: Composer, overrides: Sequence[str], number: int) -> None:
        self._composer = composer
        self._composed_of = tuple(overrides), number
        self.output_dir = ""
        super().__init__()

    @property
    def cfg(self) -> DictConfig:
        """The task's configuration."""
        return self._composer.task(self._composed_of[0])

    @cfg.setter
    def cfg(self, value: DictConfig | None) -> None:
        """Ignore the dataclass's default."""

    @property
    def hydra_cfg(self) -> DictConfig:
        """Hydra's own configuration, under ``hydra``."""
        trees = self._composer.trees(*self._composed_of)
        _place(trees.config, self.output_dir)
        return trees.hydra

    @hydra_cfg.setter
    def hydra_cfg(self, value: DictConfig | None) -> None:
        """Ignore the dataclass's default."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as Hydra's own class, with everything in it."""
        parts = (self.overrides, self.cfg, self.hydra_cfg, self.working_dir, self.task_name)
        return JobReturn, (*parts, self.status, self._return_value)


def run_job(
    context: HydraContext,
    composer: Composer,
    overrides: Sequence[str],
    number: int,
    task: Callable[[DictConfig], Any],
) -> JobReturn:
    """Run one job of a sweep in a folder of its own.

    Args:
        context: Hydra's, for its callbacks.
        composer: Of the sweep.
        overrides: The job's, as the sweeper wrote them.
        number: The job's number in the sweep.
        task: Gets the configuration without the ``hydra`` node.

    Returns:
        What ``task`` returned, or the exception that it raised.

    Raises:
        HydraException: If the overrides cannot be composed.
        OSError: If the folder cannot be written.
    """
    trees = composer.trees(overrides, number)
    if trees.config.hydra.job.chdir is None and not version.base_at_least("1.2"):
        # the change of directory that such an app expects is deprecated: Hydra says how
        return hydra_utils.run_job(task, trees.config, DIR_KEY, SUBDIR_KEY, context)
    singleton = HydraConfig.instance()
    before, cwd = singleton.cfg, Path.cwd()
    singleton.cfg = trees.hydra  # type: ignore[assignment]
    try:
        outcome = ComposedReturn(composer, overrides, number)
        _prepare(trees, outcome)
        _write_hydra_folder(trees, composer.unresolved(overrides))
        _perform(context, trees.config, composer.task(overrides), task, outcome)
        return outcome
    finally:
        singleton.cfg = before
        if trees.config.hydra.job.chdir:
            os.chdir(cwd)


def run_generic(
    context: HydraContext,
    master: DictConfig,
    task_function: Callable[[DictConfig], Any],
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
) -> list[JobReturn]:
    """Run the jobs of an app that is not nnrun's one after the other, as the basic launcher does.

    Args:
        context: Hydra's.
        master: The composed configuration of the sweep.
        task_function: The app.
        job_overrides: The overrides of each job.
        initial_job_idx: Number of the first job.

    Returns:
        What became of each job.
    """
    setup_globals()
    configure_log(master.hydra.hydra_logging, master.hydra.verbose)
    Path(str(master.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    log.info("Launching %d jobs locally", len(job_overrides))
    composer = Composer(context.config_loader, master)
    returns: list[JobReturn] = []
    for number, overrides in enumerate(job_overrides, start=initial_job_idx):
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        returns.append(run_job(context, composer, overrides, number, task_function))
        configure_log(master.hydra.hydra_logging, master.hydra.verbose)
    return returns


def _prepare(trees: Trees, outcome: ComposedReturn) -> None:
    """Make the job's folder, go there if asked to, begin its log, and write ``.hydra/``."""
    config = trees.config
    parts = (_selected(trees, key) for key in (DIR_KEY, SUBDIR_KEY))
    folder = os.path.join(*parts)  # noqa: PTH118  (these two leave the text as Hydra does)
    outcome.output_dir = os.path.abspath(folder)  # noqa: PTH100
    _place(config, outcome.output_dir)
    outcome.overrides = list(trees.plain["overrides"]["task"])
    Path(folder).mkdir(parents=True, exist_ok=True)
    outcome.working_dir = str(Path.cwd())
    if config.hydra.job.chdir:
        os.chdir(folder)
        outcome.working_dir = folder
    _configure_log(trees)


def _selected(trees: Trees, key: str) -> str:
    """Return what ``OmegaConf.select`` finds, as text."""
    _, group, name = key.split(".")
    try:
        return str(resolved(trees.plain[group][name], trees.config))
    except NotPlainError:
        return str(OmegaConf.select(trees.config, key))


def _configure_log(trees: Trees) -> None:
    """Begin the job's log as ``configure_log`` does."""
    node, plain = trees.config.hydra, trees.plain
    try:
        if plain["job_logging"]["root"] is None or plain["verbose"] is not False:
            raise NotPlainError
        configure_logging(resolved(plain["job_logging"], trees.config))
    except (NotPlainError, KeyError, TypeError):
        configure_log(node.job_logging, node.verbose)


def _perform(
    context: HydraContext,
    config: DictConfig,
    task_config: DictConfig,
    task: Callable[[DictConfig], Any],
    outcome: ComposedReturn,
) -> None:
    """Run the task between the callbacks; its exception is its outcome."""
    with env_override(config.hydra.job.env_set):
        context.callbacks.on_job_start(config=config, task_function=task)
        try:
            outcome.return_value = task(task_config)
            outcome.status = JobStatus.COMPLETED
        except Exception as error:
            outcome.return_value = error
            outcome.status = JobStatus.FAILED
    outcome.task_name = JobRuntime.instance().get("name")
    hydra_utils._flush_loggers()
    context.callbacks.on_job_end(config=config, job_return=outcome)


def _place(config: DictConfig, output_dir: str) -> None:
    """Write the job's folder into its configuration and close the ``hydra`` node."""
    config.hydra.runtime.output_dir = output_dir
    OmegaConf.set_readonly(config.hydra, True)


def _write_hydra_folder(trees: Trees, task_plain: dict[str, Any]) -> None:
    """Write ``config.yaml``, ``hydra.yaml`` and ``overrides.yaml``."""
    node = trees.config.hydra
    if node.output_subdir is None:
        return
    plain, output_dir = trees.plain, node.runtime.output_dir
    runtime = {**plain["runtime"], "output_dir": output_dir}
    texts = {
        "config.yaml": mapping_text(masked_values(task_plain)),
        "hydra.yaml": mapping_text(masked_values({"hydra": {**plain, "runtime": runtime}})),
        "overrides.yaml": list_text(masked_values(plain["overrides"]["task"])),
    }
    folder = Path(output_dir) / node.output_subdir
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


DEEPEST = 2
"""Below this depth an entry is written as a whole."""


def mapping_text(plain: Mapping[Any, Any], depth: int = 0) -> str:
    r"""Write a mapping as ``OmegaConf.to_yaml`` does, byte by byte.

    Args:
        plain: Plain containers, without enums; no container occurs twice in it.
        depth: How many mappings it stands in.

    Returns:
        Its text; empty only if the mapping is empty and stands in another.

    Example:
        >>> mapping_text({"lr": 0.1, "network": {"hidden": [2, 1]}})
        'lr: 0.1\nnetwork:\n  hidden:\n  - 2\n  - 1\n'
    """
    if not plain and depth == 0:
        return "{}\n"
    return "".join(_entry_text(key, value, depth) for key, value in plain.items())


def list_text(plain: list[str]) -> str:
    """Write a list of strings as ``OmegaConf.to_yaml`` does."""
    return _dump(plain)


def write_masked(config: Any, path: Path) -> None:
    """Write a configuration as ``OmegaConf.save`` does, but for its secrets."""
    plain = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    OmegaConf.save(OmegaConf.create(masked_values(plain)), path)


def mask_file(path: Path) -> None:
    """Write a YAML file of Hydra's anew if it holds a secret; one that is not there stays so."""
    if path.is_file():
        config = OmegaConf.load(path)
        plain = OmegaConf.to_container(config, resolve=False)
        if masked_values(plain) != plain:
            write_masked(config, path)


def _entry_text(key: Any, value: Any, depth: int) -> str:
    if depth < DEEPEST and isinstance(value, dict) and value:
        with_x = _known_text(pickle.dumps((key, "x")), depth)
        # a key too long for one line stands after a question mark, and its value with it
        if not with_x.lstrip().startswith("?"):
            return with_x.removesuffix(" x\n") + "\n" + mapping_text(value, depth + 1)
    return _known_text(pickle.dumps((key, value)), depth)


@lru_cache(maxsize=4096)
def _known_text(pickled: bytes, depth: int) -> str:
    """Return the text of an entry; by pickle, which tells 1 from 1.0, True and -0.0 from 0.0."""
    key, value = pickle.loads(pickled)
    nested: Any = {key: value}
    for _ in range(depth):
        nested = {"in": nested}
    return _dump(nested).split("\n", depth)[depth]


def _dump(plain: Any) -> str:
    text: str = yaml.dump(
        plain,
        default_flow_style=False,
        allow_unicode=True,
        sort_keys=False,
        Dumper=get_omega_conf_dumper(),
    )
    return text
