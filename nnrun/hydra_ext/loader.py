"""Hydra's loader, which composes a configuration, where the user's mistakes end in plain words.

Hydra chooses a group's options before it applies values. Of a group that is swept it chooses none,
and so refuses keys that only the swept options have: here these are left to the jobs, each of
which is composed and checked with all of its values.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import hydra._internal.config_loader_impl as hydra_loader
import hydra._internal.hydra as hydra_main
import hydra.utils as hydra_utils
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, Node, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from nnrun.errors import InputError, Issue
from nnrun.hydra_ext.folders import prepare
from nnrun.hydra_ext.shared_composition import parsed

FOR_THE_SWEEP = ("sweep", "hydra")
"""Sections that are read once for all jobs."""


TRUSTED = getattr(hydra_utils, "UNSAFE_DISABLE_EXECUTION_CHECKS", None)
"""What Hydra from 1.4 on is told of the configuration: it is the user's own, and so are the
callbacks and log handlers that it names. Nothing that a record or a store says becomes part of it.
"""

AS_WRITTEN: dict[str, Any] = (
    {"execution_whitelist": TRUSTED} if TRUSTED else {"version_base": "1.3"}
)
"""What ``hydra.main`` is told besides where the configuration is."""


MULTIRUN = "hydra.mode=MULTIRUN"
"""What Hydra adds to a sweep's words once it knows that they name no mode."""


class Loader(ConfigLoaderImpl):
    """Composes what Hydra's loader does; refuses what it stumbles over.

    Hydra composes a sweep twice, at first for its mode alone, and parses each time twice: here what
    was made for the same words a moment ago is handed out once more.
    """

    _for_mode: tuple[list[str | None], DictConfig] | None = None
    _parsed: tuple[list[str | None], tuple[list[Override], CachingConfigRepository]] | None = None
    _grids: DictConfig | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process, which is prepared before it unpacks anything of ours."""
        state = {k: v for k, v in vars(self).items() if k not in ("_for_mode", "_parsed")}
        return _arrived, ([str(Path(folder).absolute()) for folder in sys.path],), state

    def get_mode(
        self, config_name: str | None, overrides: list[str], parsed_overrides: object = None
    ) -> RunMode | None:
        """Return the mode that the whole configuration asks for: a study is one of many jobs.

        Hydra asks itself up to 1.3, and since then only the primary configuration. What is wrong
        is said when the configuration is composed in earnest.
        """
        with suppress(Exception):
            config = self.load_configuration(
                config_name, overrides, RunMode.MULTIRUN, validate_sweep_overrides=False
            )
            mode: RunMode | None = config.hydra.mode
            return mode
        return None

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """Compose a job; each of several studies brings a grid of its own, which is read already.

        From 1.4 on Hydra refuses a job whose sweeper is another than its sweep's.
        """
        self._grids = master_config.hydra.sweeper if TRUSTED else None
        try:
            return super().load_sweep_config(master_config, sweep_overrides)
        finally:
            self._grids = None

    def _load_configuration_impl(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
        parsed_overrides: object = None,
        **more: Any,
    ) -> DictConfig:
        """Compose a configuration, as Hydra does.

        Raises:
            InputError: If a group's value is no option, or a key is none of the chosen options.
            HydraException: Whatever else is wrong.
        """
        if run_mode == RunMode.MULTIRUN and (
            known := self._composed_before(config_name, overrides)
        ):
            return known
        usual = (run_mode, from_shell, validate_sweep_overrides)

        def compose(lines: Sequence[str]) -> DictConfig:
            try:
                return super(Loader, self)._load_configuration_impl(
                    config_name, list(lines), *usual, **more
                )
            except OmegaConfBaseException as error:  # as load_configuration does
                raise ConfigCompositionException().with_traceback(error.__traceback__) from error

        try:
            parsed, repo = self._parse_overrides_and_create_caching_repo(config_name, overrides)
            self._require_options(parsed, repo)
            config = self._composed(compose, parsed, repo, run_mode)
            _require_sections(config, run_mode)
            config = _with_home(config)
            if self._grids is not None and self._grids._target_ == config.hydra.sweeper._target_:
                config.hydra.sweeper.params = self._grids.params
            for_mode = run_mode == RunMode.MULTIRUN and not validate_sweep_overrides
            if for_mode and not any(map(_sweeps_hydra, parsed)):
                self._for_mode = [config_name, *overrides], config
            return config
        except (HydraException, YAMLError, InputError, OSError):
            raise
        except Exception as error:  # Hydra checks little of what it is given
            own = [text for text in overrides if not text.startswith("hydra.mode=")]
            raise refusal(error, own) from error

    def _composed_before(self, config_name: str | None, overrides: list[str]) -> DictConfig | None:
        """Return what was composed for a sweep's mode, with that mode; None if it is another's."""
        known, self._for_mode = self._for_mode, None
        if known is None or known[0] != [config_name, *(o for o in overrides if o != MULTIRUN)]:
            return None
        config = known[1]
        if MULTIRUN in overrides:
            config.hydra.mode = RunMode.MULTIRUN
            config.hydra.overrides.hydra.append(MULTIRUN)
        return config

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str], *parsed: Any
    ) -> tuple[list[Override], CachingConfigRepository]:
        known, self._parsed = self._parsed, None
        if known is not None and known[0] == [config_name, *overrides]:
            return known[1]
        found = super()._parse_overrides_and_create_caching_repo(config_name, overrides, *parsed)
        self._parsed = [config_name, *overrides], found
        return found

    def _composed(
        self,
        compose: Callable[[Sequence[str]], DictConfig],
        parsed: Sequence[Override],
        repo: IConfigRepository,
        run_mode: RunMode,
    ) -> DictConfig:
        try:
            return compose([str(one.input_line) for one in parsed])
        except ConfigCompositionException as error:
            values = [one for one in parsed if _is_value(one, repo)]
            try:
                bare = compose([str(one.input_line) for one in parsed if one not in values])
            except HydraException:
                raise error from error.__cause__
            if run_mode == RunMode.MULTIRUN and _sweeps_groups(parsed, bare, repo):
                refused = [one for one in values if not applied(one, bare)]
                config = compose([str(one.input_line) for one in parsed if one not in refused])
                return _with_task(config, parsed)
            from nnrun.hydra_ext.complaints import wrong_keys

            raise wrong_keys(error, values, bare, self) from error

    def _require_options(self, parsed: Sequence[Override], repo: IConfigRepository) -> None:
        """Check that what is chosen of each group can be an option's name."""
        from nnrun.hydra_ext.arguments import glob_issues, option_issues

        issues: list[Issue] = []
        for override in parsed:
            key = override.key_or_group
            if not override.is_delete() and repo.group_exists(key):
                issues += option_issues(override, repo.get_group_options(key))
            elif override.value_type == ValueType.GLOB_CHOICE_SWEEP:
                issues += glob_issues(override, [])
        if issues:
            raise InputError(*issues)


def _arrived(modules: Sequence[str]) -> Loader:
    prepare(modules)
    return Loader.__new__(Loader)


def install() -> None:
    """Let ``hydra.main`` compose by our loader, and parse each text once in a process.

    It has no other place to say so.
    """
    setattr(hydra_main, "ConfigLoaderImpl", Loader)  # noqa: B010  (it is not exported)
    setattr(OmegaConf, "load", parsed)  # noqa: B010  (a static method)


def _is_value(override: Override, repo: IConfigRepository) -> bool:
    """Say whether an override is one of a setting's values, rather than a choice of options."""
    key = override.key_or_group
    if override.is_sweep_override() or key.split(".")[0].split("/")[0] in FOR_THE_SWEEP:
        return False
    return isinstance(override.value(), dict) or not repo.group_exists(key)


def _sweeps_hydra(override: Override) -> bool:
    """Say whether an override is a sweep over Hydra's own keys, which it refuses."""
    return override.is_sweep_override() and override.is_hydra_override()


def _sweeps_groups(parsed: Sequence[Override], bare: DictConfig, repo: IConfigRepository) -> bool:
    swept = [one.key_or_group for one in parsed if one.is_sweep_override()]
    params = OmegaConf.select(bare, "hydra.sweeper.params")
    return any(map(repo.group_exists, [*swept, *(params or ())]))


def applied(override: Override, config: DictConfig) -> bool:
    """Apply an override to a configuration; say whether that has its key."""
    try:
        ConfigLoaderImpl._apply_overrides_to_config([override], config)
    except HydraException:
        return False
    return True


def _require_sections(config: DictConfig, run_mode: RunMode) -> None:
    """Check that no section was deleted which Hydra will ask for when it has trained.

    Raises:
        InputError: With each that is not there.
    """
    plugins = ["sweeper", "launcher"] if run_mode == RunMode.MULTIRUN else []
    hydra = config.get("hydra")
    gone = [
        name
        for name in ("hydra_logging", "job_logging", *plugins)
        if hydra is not None and OmegaConf.is_missing(hydra, name)
    ]
    if gone:
        hint = "hydra/{}=none logs nothing"
        raise InputError(
            *(
                Issue(
                    f"~hydra/{name}",
                    None,
                    "leaves out what every run needs",
                    "" if name in plugins else hint.format(name),
                )
                for name in gone
            )
        )


def _with_home(config: DictConfig) -> DictConfig:
    """Take ``~`` in the folders of runs and sweeps for the home folder, as shells do."""
    for part in (config.hydra.run, config.hydra.sweep):
        node = part._get_node("dir") if isinstance(part, DictConfig) else None
        folder = str(node._value()) if isinstance(node, Node) else ""
        if folder.startswith("~"):
            part.dir = str(Path(folder).expanduser())
    return config


def _with_task(config: DictConfig, parsed: Sequence[Override]) -> DictConfig:
    """Write all overrides into a configuration that was composed without some."""
    own: list[Any] = [one for one in parsed if not one.is_hydra_override()]
    job = config.hydra.job
    words: Any = OmegaConf.to_container(job.config.override_dirname, resolve=False)
    with open_dict(config.hydra):
        config.hydra.overrides.task = [str(one.input_line) for one in own]
        job.update(dirname(own, words))
    return config


def dirname(own: Sequence[Override], words: Mapping[str, Any]) -> dict[str, str]:
    """Name a job by its overrides: what of ``hydra.job`` has to be written for that.

    From Hydra 1.4 on nothing has: a resolver of its own reads the overrides.
    """
    name = getattr(hydra_loader, "get_overrides_dirname", None)
    return {"override_dirname": name(overrides=own, **words)} if name else {}


OWN = {"hydra", "omegaconf", "antlr4", "yaml"}
"""Packages that read, compose and use the configuration, and nothing else."""

ADDED = ("hydra.mode=RUN", "hydra.mode=MULTIRUN")
"""Overrides that Hydra adds to those that were given."""

HYDRAS_KEYS = "Hydra's keys are in --hydra-help"

MOST_SHOWN = 300
"""Characters of an error's text."""


def raised_by_hydra(error: BaseException) -> bool:
    """Say whether Hydra itself raised an error, rather than what it was asked to run."""
    innermost, trace = "", error.__traceback__
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package not in sys.stdlib_module_names:
            innermost = package
        trace = trace.tb_next
    return innermost in OWN


def refusal(error: BaseException, arguments: Sequence[str]) -> InputError:
    """Say in one line what Hydra could not use."""
    reason = _reason(error)
    given = [
        text for text in arguments if text.lstrip("+~").startswith("hydra") and text not in ADDED
    ]
    if not given:
        return InputError(Issue("command line", None, reason))
    rule = f"cannot be used by Hydra ({reason})"
    return InputError(Issue(" ".join(given), None, rule, HYDRAS_KEYS))


def _reason(error: BaseException) -> str:
    """Return what an error and its cause say, on one line."""
    cause = error.__cause__ or error.__context__
    texts = [" ".join(str(e).split()) for e in (error, cause) if e is not None]
    words = ": ".join(dict.fromkeys(filter(None, texts))) or type(error).__name__
    return words if len(words) <= MOST_SHOWN else words[:MOST_SHOWN] + "..."
