"""Hydra's callback: the configuration is checked before a folder is made for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ValueType
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnrun.errors import InputError, Issue
from nnrun.hydra_ext.folders import settle, take_back
from nnrun.layout import STUDIES
from nnrun.records.sweep import SWEEP

if TYPE_CHECKING:
    from nnrun.launch.launch import ForeignLaunch

OWN_LAUNCHER = "hydra_plugins.nnrun_hydra.NnrunLauncher"
OWN_SWEEPER = "hydra_plugins.nnrun_hydra.NnrunSweeper"
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


class Check(Callback):
    """Checks configurations before folders are made; finishes what ours neither makes nor runs."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Raise Refused where the configuration breaks a rule."""
        from nnrun.config.read import read, require_no_grid
        from nnrun.hydra_ext.check import plain, require_of_use, require_usable
        from nnrun.hydra_ext.complaints import in_our_words
        from nnrun.launch.claim import require_unused

        with _refusing(), suppress(OmegaConfBaseException, OSError):
            # what is suppressed Hydra meets next, and raises it where it is no warning
            try:
                values = plain(config)
            except OmegaConfBaseException as error:
                raise in_our_words(error) from error
            require_no_grid(values)
            _require_no_params(config)
            require_of_use(read(values, importing=True), list(config.hydra.overrides.task))
            require_usable(config)
            require_unused(settle(config, "hydra.run.dir"))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check what is Hydra's, and see to a sweep whose sweeper is not ours.

        Nobody else could refuse what is for ours alone.
        """
        from nnrun.config.read import require_no_grid
        from nnrun.hydra_ext.check import grid_node, require_usable

        with _refusing(), suppress(OmegaConfBaseException):
            require_usable(config)
        if config.hydra.launcher._target_ != OWN_LAUNCHER:
            from nnrun.hydra_ext import other_launchers

            other_launchers.install()
        if config.hydra.sweeper._target_ == OWN_SWEEPER:
            return
        with _refusing():
            require_no_grid(grid_node(config))
            _require_one_study(config)
            if config.hydra.sweeper._target_ == BASIC_SWEEPER:
                _require_grid(config)
        with _refusing(), suppress(OmegaConfBaseException):  # Hydra meets it next
            finish_later(partial(_leave_nothing_empty, settle(config, "hydra.sweep.dir")))


def _leave_nothing_empty(folder: Path) -> int:
    """Take back the folder of a sweep whose sweeper could not even begin."""
    take_back(folder)
    return 0


def begin_foreign(config: DictConfig) -> "ForeignLaunch":
    """Take the folder of a sweep whose launcher is not ours; it is finished when Hydra is done.

    Raises:
        InputError: If the folder is that of another run or sweep.
    """
    from nnrun.launch.launch import ForeignLaunch

    folder = Path(str(config.hydra.sweep.dir))
    launch = ForeignLaunch(folder, list(config.hydra.overrides.task))
    finish_later(lambda: _finish(launch))
    launch.begin(str(config.name))
    return launch


def _finish(launch: "ForeignLaunch") -> int:
    """Finish a sweep of a launcher that is not ours, or leave nothing of one that never began."""
    from nnrun.hydra_ext.jobs import mask_file
    from nnrun.interrupt import interrupts_held

    try:
        mask_file(launch.folder / "multirun.yaml")
        if launch.begun():
            with interrupts_held() as launch.interrupt:
                return launch.finish()
        take_back(launch.folder, *(() if launch.before else ("multirun.yaml", SWEEP)))
        return 0
    finally:
        launch.lock.release()


def _require_one_study(config: DictConfig) -> None:
    """Check that no other's sweeper is given several studies: their grids would be left aside."""
    for override in OverridesParser.create().parse_overrides(list(config.hydra.overrides.task)):
        if override.key_or_group == STUDIES and override.is_sweep_override():
            rule, hint = "keep their grids in nnrun's sweeps alone", "leave hydra/sweeper as it is"
            raise InputError(Issue(str(override.input_line), None, rule, hint))


def _require_grid(config: DictConfig) -> None:
    """Check that Hydra's own sweeper is not asked for more jobs than there can be, or for none."""
    from nnrun.hydra_ext.grid import require_grid
    from nnrun.hydra_ext.planning import grid_arguments

    arguments = [*grid_arguments(config), *config.hydra.overrides.task]
    parsed = OverridesParser.create().parse_overrides(arguments)
    # options of groups are few, and only Hydra's loader knows them
    require_grid([one for one in parsed if one.value_type != ValueType.GLOB_CHOICE_SWEEP])


def _require_no_params(config: DictConfig) -> None:
    """Check that a single run was not given a grid, which it would leave aside."""
    params = OmegaConf.select(config, "hydra.sweeper.params")
    if params:
        study = OmegaConf.select(config, "hydra.runtime.choices.experiments")
        hint = "add -m; for a single run hydra.sweeper.params=null"
        rule = "has a sweep in hydra.sweeper.params, and this is a single run"
        raise InputError(Issue("experiments" if study else "configuration", study, rule, hint))


class Refused(SystemExit):
    """Bad input, on its way through Hydra.

    Hydra turns exceptions of callbacks into warnings, and has words of its own for those of jobs;
    what ends a process it lets through.

    Attributes:
        error: Why.
    """

    def __init__(self, error: InputError) -> None:
        super().__init__(2)
        self.error = error


@contextmanager
def _refusing() -> Iterator[None]:
    """Let bad input through Hydra."""
    try:
        yield
    except InputError as error:
        raise Refused(error) from error


_left: list[Callable[[], int]] = []


def finish_later(finish: Callable[[], int]) -> None:
    """Remember to finish a sweep; ``finish`` returns the exit code of the process."""
    _left.append(finish)


def finish_all() -> int:
    """Finish what is left, each once; return the largest exit code."""
    codes = [0]
    while _left:
        codes.append(_left.pop(0)())
    return max(codes)
