"""Sweeps whose jobs another's launcher runs: joblib's, submitit's, whichever Hydra has a plugin of.

The launcher is used as it is. What it is given may lie on disks and in queues, so it has no
passwords; which jobs are done is seen by their records; and what it loses it is given again.
"""

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import starmap
from time import monotonic
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, read_write

from nnrun.errors import InputError, TrainingFailed
from nnrun.hydra_ext.callback import OWN_LAUNCHER, OWN_SWEEPER, begin_foreign
from nnrun.hydra_ext.check import check_batch
from nnrun.hydra_ext.compose import Composer
from nnrun.hydra_ext.jobs import hide
from nnrun.launch import terminal
from nnrun.launch.launch import ForeignLaunch
from nnrun.masking import HIDDEN, masked, masked_values
from nnrun.text import things
from nnrun.trials.progress import meter

IN_THIS_PROCESS = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"

STRIKES = 3
"""Times in a row that a launcher may fail with nothing done in between."""

GLANCE = 0.5
"""Seconds between two looks at which jobs are done."""

NEEDED = ("launcher", "run", "sweep", "runtime")
"""What a launcher and its jobs need of Hydra's keys as it is."""


def install() -> None:
    """Stand between sweepers and launchers: all sweepers get theirs in one place of Hydra's."""
    make = Plugins.instantiate_launcher

    def instantiate(
        plugins: Plugins,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> Launcher:
        if config.hydra.launcher._target_ == OWN_LAUNCHER:
            return make(plugins, hydra_context, task_function, config)
        composer = Composer(hydra_context.config_loader, config)
        return Handed(
            lambda fit: make(plugins, hydra_context, task_function, fit), config, composer
        )

    setattr(Plugins, "instantiate_launcher", instantiate)  # noqa: B010  (mypy: it is a method)


class Handed(Launcher):
    """Hands the jobs of a sweep to a launcher, and sees to what that does not.

    Args:
        make: Makes the launcher from a configuration.
        config: Of the sweep.
        composer: Of its jobs.

    Raises:
        InputError: If the sweep's folder is another's.
    """

    def __init__(
        self, make: Callable[[DictConfig], Launcher], config: DictConfig, composer: Composer
    ) -> None:
        self._make, self._config, self._composer = make, config, composer
        self._launcher: Launcher | None = None
        self._begun: ForeignLaunch | None = None
        self._ours = config.hydra.sweeper._target_ == OWN_SWEEPER
        if not self._ours:  # that begins when all is checked
            self.begin()

    def setup(self, **given: Any) -> None:
        """Do nothing: the launcher is made when its first jobs are there."""

    def begin(self) -> ForeignLaunch:
        """Take the sweep's folder, and leave word there that it is under way."""
        self._begun = begin_foreign(self._config)
        return self._begun

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        """Run a batch.

        Raises:
            InputError: If a job is bad; none of the batch was trained, unless the process of one
                alone finds it so.
            TrainingFailed: If the launcher fails again and again; what is done is kept.
        """
        assert self._begun is not None
        if not self._ours:
            jobs = check_batch(self._composer, self._config, job_overrides, initial_job_idx)
            self._begun.expect(jobs, job_overrides, initial_job_idx)
        if self._launcher is None:
            self._fit = without_secrets(self._config)
            self._launcher = self._make(self._fit)
        batch = [[_without_secret(text) for text in job] for job in job_overrides]
        try:
            with self._watched(len(batch)), _as_known(self._fit):
                returns = self._run(self._launcher, batch, initial_job_idx)
        except BaseException:
            self._begun.stop(str(self._config.name))
            raise
        return list(starmap(_judged, enumerate(returns, initial_job_idx)))

    def _run(
        self, launcher: Launcher, batch: Sequence[Sequence[str]], first: int
    ) -> list[JobReturn]:
        """Run jobs; where the launcher gives up, as for one that kills its worker, in parts."""
        assert self._begun is not None
        returns: dict[int, JobReturn] = {}
        left, strikes, done = deque([range(len(batch))]), 0, len(self._begun.recorded())
        while left:
            part = left.popleft()
            try:
                jobs = [batch[index] for index in part]
                returned = launcher.launch(jobs, initial_job_idx=first + part[0])
                returns.update(zip(part, returned, strict=True))
                strikes = 0
                continue
            except Exception as error:
                before, done = done, len(self._begun.recorded())
                strikes = 1 if done > before else strikes + 1
                name, told = _name(self._config), _told(error)
                if strikes == STRIKES:
                    raise TrainingFailed(f"{name} gave up: {told}") from error
                terminal.warn(f"{name} gave up, and is asked again: {told.splitlines()[0]}")
            half = (len(part) + 1) // 2
            left += [piece for piece in (part[:half], part[half:]) if piece]
        return [returns[index] for index in sorted(returns)]

    @contextmanager
    def _watched(self, jobs: int) -> Iterator[None]:
        """Show how many jobs are done; those of this process show themselves."""
        if self._config.hydra.launcher._target_ == IN_THIS_PROCESS:
            yield
            return
        ended = threading.Event()
        watching = threading.Thread(target=self._watch, args=(jobs, ended), daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()

    def _watch(self, jobs: int, ended: threading.Event) -> None:
        assert self._begun is not None
        before = shown = len(self._begun.recorded())
        pause = GLANCE
        with meter(f"training {things(jobs, 'job')}", jobs) as advance:
            while not ended.wait(pause):
                since = monotonic()
                done = min(len(self._begun.recorded()), before + jobs)
                pause = max(GLANCE, 20 * (monotonic() - since))
                advance(done - shown)
                shown = done


@contextmanager
def _as_known(config: DictConfig) -> Iterator[None]:
    """Let Hydra know no more of a sweep than its jobs are to: launchers send them what it knows."""
    known = HydraConfig.instance()
    before = known.cfg
    if before is not None:
        known.set_config(config)
    try:
        yield
    finally:
        known.cfg = before


def _name(config: DictConfig) -> str:
    return f"hydra/launcher={config.hydra.runtime.choices['hydra/launcher']}"


def _told(error: Exception) -> str:
    return masked(f"{type(error).__name__}: {str(error).strip()}")


def _judged(number: int, done: JobReturn) -> JobReturn:
    """Say why a job of another process has no record; what failed in training has one.

    Raises:
        InputError: If that process finds the job's input bad.
    """
    error = done._return_value
    if done.status == JobStatus.COMPLETED or isinstance(error, TrainingFailed):
        return done
    if isinstance(error, InputError):
        raise error
    if error.__traceback__ is None:  # it stayed there
        done.return_value = TrainingFailed(f"job {number} left no record: {_told(error)}")
    terminal.warn(f"job {number} left no record: {_told(error)}")
    return done


def without_secrets(config: DictConfig) -> DictConfig:
    """Copy a sweep's configuration without the passwords of stores: jobs send nothing to any."""
    fit = copy.deepcopy(config)
    hide(fit.tracking)
    hydra = fit.hydra
    with read_write(hydra.overrides):
        hydra.overrides.task = [_without_secret(text) for text in hydra.overrides.task]
    for key in hydra:
        if key not in NEEDED and OmegaConf.is_config(hydra._get_node(key)):
            hide(hydra[key], spared=("task", "env_set"))
    return fit


def _without_secret(override: str) -> str:
    """Mask the value of an override of ours or of Hydra's, so that it can still be parsed."""
    key, _, text = override.partition("=")
    if not key.lstrip("+~").startswith(("tracking", "hydra")) or masked_values([text]) == [text]:
        return override
    (parsed,) = OverridesParser.create().parse_overrides([override])
    if parsed.is_sweep_override():
        return f"{key}={HIDDEN}"
    return f"{key}={Override._get_value_element_as_str(_hidden(parsed._value))}"


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    if isinstance(value, QuotedString):
        value = value.text
    return QuotedString(masked(value), Quote.single) if isinstance(value, str) else value
