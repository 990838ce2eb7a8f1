"""Hydra's own keys, checked before Hydra uses them: by then it has made folders, or trained."""

import copy
import os
from collections.abc import Iterator
from typing import Any

from hydra._internal.logging_config import configure_logging
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nnrun.errors import InputError, Issue, shown

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
            yield Issue(f"hydra.{name}", shown(hydra[name]), "must be a group of keys", hint)


def _bad_values(hydra: DictConfig) -> Iterator[Issue]:
    verbose = hydra.verbose
    names = [verbose] if isinstance(verbose, str) else verbose
    if not isinstance(verbose, bool) and not _is_texts(names):
        rule = "must be true, false, a logger's name or a list of names"
        yield Issue("hydra.verbose", shown(verbose), rule)
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
