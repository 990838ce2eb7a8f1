"""Checking the jobs of a sweep before any is trained."""

import copy
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hydra._internal.logging_config import configure_logging
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log, filter_overrides
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from nnrun.config.read import SWEEP, Known, read, require_one_sweep, sweep_section
from nnrun.config.settings import Job
from nnrun.errors import InputError, Issue, as_typed
from nnrun.hydra_ext.callback import OWN_LAUNCHER, OWN_SWEEPER
from nnrun.hydra_ext.compose import Composer
from nnrun.masking import masked
from nnrun.text import things
from nnrun.trials.executors import connected
from nnrun.trials.progress import meter

MOST_LISTED = 50
"""Most bad jobs that a complaint lists."""


class BadJobs(InputError):
    """Some jobs of a sweep break rules; none was trained."""

    def __init__(self, bad: Sequence[tuple[str, InputError]], n_jobs: int) -> None:
        super().__init__(*(issue for _, error in bad for issue in error.issues))
        self._bad, self._n_jobs = bad, n_jobs

    def __str__(self) -> str:
        lines = [f"{len(self._bad)} of {self._n_jobs} jobs cannot run, so none was trained:"]
        for name, error in self._bad[:MOST_LISTED]:
            lines.append(f"  {name}")
            lines += [f"    {issue}" for issue in error.issues]
        if len(self._bad) > MOST_LISTED:
            lines.append(f"  ... and {len(self._bad) - MOST_LISTED:,} more")
        return "\n".join(lines)

    def to_facts(self) -> list[dict[str, Any]]:
        """Return the issues with the job that each is of."""
        return [
            {**issue, "job": masked(name)}
            for name, error in self._bad
            for issue in error.to_facts()
        ]


def refused_jobs(bad: Sequence[tuple[str, InputError]], n_jobs: int) -> InputError:
    """Return the error of bad jobs: what all jobs break is said once, without them."""
    first = bad[0][1]
    if len(bad) == n_jobs and all(error.issues == first.issues for _, error in bad):
        return InputError(*first.issues)
    return BadJobs(bad, n_jobs)


def read_config(config: DictConfig) -> Job:
    """Turn a composed configuration, with or without its hydra node, into a checked job."""
    return read(plain(config), importing=True)


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration without its hydra node, in plain containers, resolved."""
    own = [str(key) for key in config if key != "hydra"]
    values = OmegaConf.to_container(OmegaConf.masked_copy(config, own), resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def grid_options(master: DictConfig) -> dict[str, Any]:
    """Return the section that says how a sweep combines its keys.

    Raises:
        InputError: If it is no section, or the batches that its jobs come in are no number.
    """
    section = sweep_section(grid_node(master))
    size = master.hydra.sweeper.max_batch_size
    if size is not None and size < 1:
        raise InputError(Issue("hydra.sweeper.max_batch_size", size, "must be at least 1"))
    return section


def grid_node(master: DictConfig) -> dict[str, Any]:
    """Return the section that says how a sweep combines its keys, unchecked, with its name."""
    section = master.get(SWEEP, {})
    if isinstance(section, DictConfig):
        section = OmegaConf.to_container(section, resolve=True)
    return {SWEEP: section}


def check_jobs(
    composer: Composer, master: DictConfig, batch: Sequence[Sequence[str]], first: int
) -> list[Job]:
    """Compose and check every job of a batch.

    Raises:
        BadJobs: With every job that breaks a rule.
        InputError: If the jobs cannot share a sweep.
    """
    jobs: list[Job] = []
    known: Known = {}
    bad: list[tuple[str, InputError]] = []
    with meter(f"checking {things(len(batch), 'setting')}", len(batch), "settings") as advance:
        for number, overrides in enumerate(batch, start=first):
            try:
                jobs.append(read(composer.values(overrides), known, importing=True))
                require_of_use(jobs[-1], overrides)
            except (InputError, HydraException, OmegaConfBaseException) as error:
                name = f"#{number} {' '.join(filter_overrides(overrides))}"
                bad.append((name, composer.refusal(overrides, error)))
            advance(1)
    if bad:
        raise refused_jobs(bad, len(batch))
    require_one_sweep(jobs)
    if jobs[0].auto:
        _require_own_sweep(master)
    connected(jobs[0].executor)  # before anything is begun
    _require_own_folders(composer, master, batch, first)
    return jobs


def require_of_use(job: Job, overrides: Sequence[str]) -> None:
    """Check that ``auto`` was not given to a job whose number of seeds is fixed.

    A study may say what it would be: only what was typed is asked for.
    """
    given = [text for text in overrides if text.lstrip("+").split("=")[0].split(".")[0] == "auto"]
    if given and job.auto is None:
        rule = f"is for seeds=auto, and there are {job.seeds:,} seeds"
        raise InputError(Issue(given[0], None, rule, "add seeds=auto"))


def _require_own_sweep(master: DictConfig) -> None:
    """Check that all jobs are trained together, by our sweeper and launcher, with seeds=auto."""
    own = {"sweeper": OWN_SWEEPER, "launcher": OWN_LAUNCHER}
    rule = "cannot be had with seeds=auto, which decides for all jobs together"
    for plugin, target in own.items():
        if master.hydra[plugin]._target_ != target:
            name = str(master.hydra.runtime.choices.get(f"hydra/{plugin}"))
            hint = f"leave hydra/{plugin} as it is, or give a number of seeds"
            raise InputError(Issue(f"hydra/{plugin}", name, rule, hint))
    if (size := master.hydra.sweeper.max_batch_size) is not None:
        hint = "leave it at null, or give a number of seeds"
        raise InputError(Issue("hydra.sweeper.max_batch_size", size, rule, hint))


def check_batch(
    composer: Composer, master: DictConfig, batch: Sequence[Sequence[str]], first: int
) -> list[Job]:
    """Check the jobs that another's sweeper asks for next; where only a plan is wanted, show it.

    Raises:
        InputError: As of ``check_jobs``.
        SystemExit: With 0, when the plan was shown.
    """
    from nnrun.launch import terminal
    from nnrun.launch.launch import show_plan

    jobs = check_jobs(composer, master, batch, first)
    if jobs[0].plan_only:
        show_plan(jobs)
        note = "the first batch; a sweeper that learns plans the next when it is trained"
        terminal.say_notes([note])
        raise SystemExit(0)
    return jobs


def _require_own_folders(
    composer: Composer, master: DictConfig, batch: Sequence[Sequence[str]], first: int
) -> None:
    """Check that no two jobs share a folder."""
    raw = OmegaConf.to_container(master.hydra.sweep, resolve=False)
    assert isinstance(raw, dict)
    if any(unique in str(raw["subdir"]) for unique in ("hydra.job.num", "hydra.job.id")):
        return
    folders: Counter[str] = Counter()
    for number, overrides in enumerate(batch, start=first):
        folders[str(composer.job(overrides, number).get("sweep.subdir"))] += 1
    for shared in [folder for folder, jobs in folders.items() if jobs > 1]:
        rule = "gives several jobs one folder"
        raise InputError(Issue("hydra.sweep.subdir", shared, rule, "use ${hydra.job.num} in it"))


PLUGINS = ("sweeper", "launcher")
GROUPS = ("run", "sweep", "job", "job_logging", "hydra_logging", "callbacks", *PLUGINS)
PATHS = ("run.dir", "sweep.dir", "sweep.subdir")


def require_usable(config: DictConfig) -> None:
    """Check what Hydra itself will do with a composed configuration.

    Raises:
        InputError: With every key under ``hydra`` that it could not use.
    """
    issues = [*_no_groups(config.hydra), *_bad_values(config.hydra)]
    if not issues:
        issues += _unusable_logging(config)
    if issues:
        raise InputError(*issues)


def _no_groups(hydra: DictConfig) -> Iterator[Issue]:
    for name in GROUPS:
        if not OmegaConf.is_dict(hydra[name]) and not (
            name.endswith("logging") and not hydra[name]
        ):
            hint = f"another is hydra/{name}=NAME" if name in PLUGINS else ""
            yield Issue(f"hydra.{name}", as_typed(hydra[name]), "must be a group of keys", hint)


def _bad_values(hydra: DictConfig) -> Iterator[Issue]:
    verbose = hydra.verbose
    names = [verbose] if isinstance(verbose, str) else verbose
    if not isinstance(verbose, bool) and not _is_texts(names):
        rule = "must be true, false, a logger's name or a list of names"
        yield Issue("hydra.verbose", as_typed(verbose), rule)
    for key in PATHS:
        group, name = key.split(".")
        # unresolved: resolving makes the folder
        if OmegaConf.is_dict(hydra[group]) and hydra[group]._get_node(name)._value() is None:
            yield Issue(f"hydra.{key}", "null", "must be a folder")
    env = hydra.job.env_set if OmegaConf.is_dict(hydra.job) else {}
    for name, value in env.items():
        if not name or "=" in name or "\0" in name + value:
            yield Issue("hydra.job.env_set", f"{name}={value}", "is no variable of an environment")


def _unusable_logging(config: DictConfig) -> Iterator[Issue]:
    """Try the jobs' logging with all files on the null device; the terminal's is put back."""
    tried = copy.deepcopy(config)
    with read_write(tried.hydra), open_dict(tried.hydra):
        tried.hydra.runtime.output_dir = os.curdir
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(tried)
    try:
        wanted: Any = OmegaConf.to_container(tried.hydra.job_logging or {}, resolve=True)
        if wanted.get("root") is not None:
            configure_logging(_on_null_device(wanted))
    except OSError:
        pass  # the system's, not the input's
    except Exception as error:  # whatever a handler raises
        reason = error.__cause__ or error
        rule = f"cannot be used: {error}" + ("" if reason is error else f": {reason}")
        yield Issue("hydra.job_logging", None, rule, "see Python's logging.config.dictConfig")
    finally:
        HydraConfig.instance().cfg = before
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)


def _on_null_device(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return a logging configuration that writes no file."""
    handlers = wanted.get("handlers")
    for handler in handlers.values() if isinstance(handlers, dict) else ():
        if isinstance(handler, dict) and isinstance(handler.get("filename"), str):
            handler["filename"] = os.devnull
    return wanted


def _is_texts(value: Any) -> bool:
    listed = isinstance(value, list) or OmegaConf.is_list(value)
    return listed and all(isinstance(name, str) for name in value)
