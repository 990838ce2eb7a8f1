"""A process that is not ours lent to a sweep: what Hydra and logging change is put back."""

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import hydra._internal.hydra as hydra_main
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from omegaconf import OmegaConf
from omegaconf.basecontainer import BaseContainer

from nnrun.custom import imported_component
from nnrun.hydra_ext.folders import add_plugins

LASTING = (ConfigStore, Plugins, SourcesRegistry)
"""What of Hydra's is filled once in a process, when modules are imported, and serves all."""

ONE_AT_A_TIME = Lock()
"""Hydra, its logging and the working directory are there once in a process."""


def _in_a_child() -> None:
    """Begin afresh in a forked process: the thread that had its turn is not there."""
    global ONE_AT_A_TIME
    ONE_AT_A_TIME = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_child)

OURS = "hydra_plugins.nnrun_hydra"


@contextmanager
def lent() -> Iterator[None]:
    """Let Hydra have the process for itself while the ``with`` block runs, as in a command.

    Another thread's turn is waited for. Afterwards the environment, the working directory, paths of
    modules, logging, warnings, and a Hydra that was in use are as they were before: also what
    other threads changed of them meanwhile, which cannot be told apart.
    """
    with ONE_AT_A_TIME, _environment(), warnings.catch_warnings(), _logging(), _hydra():
        # a user's modules may have been edited since, or others are named
        importlib.invalidate_caches()
        imported_component.cache_clear()
        yield


@contextmanager
def _environment() -> Iterator[None]:
    variables, paths, folder = dict(os.environ), list(sys.path), Path.cwd()
    try:
        yield
    finally:
        _put_back(os.environ, variables)
        sys.path[:] = paths
        os.chdir(folder)


def _put_back(now: MutableMapping[Any, Any], before: MutableMapping[Any, Any]) -> None:
    for key in now.keys() - before.keys():
        del now[key]
    for key, value in before.items():
        if now.get(key) is not value and now.get(key) != value:
            now[key] = value


@contextmanager
def _hydra() -> Iterator[None]:
    """Let Hydra begin afresh, with plugins that were looked for once."""
    resolvers, make_loader = dict(BaseContainer._resolvers), vars(hydra_main)["ConfigLoaderImpl"]
    make_launcher, load = Plugins.instantiate_launcher, vars(OmegaConf)["load"]
    _register_plugins()
    instances = Singleton._instances
    try:
        Singleton._instances = {kind: instances[kind] for kind in LASTING}
        yield
    finally:
        Singleton._instances = instances
        BaseContainer._resolvers = resolvers
        setattr(Plugins, "instantiate_launcher", make_launcher)  # noqa: B010
        setattr(hydra_main, "ConfigLoaderImpl", make_loader)  # noqa: B010
        setattr(OmegaConf, "load", load)  # noqa: B010


def _register_plugins() -> None:
    """Let Hydra have our plugins; it may have looked for all there are before it knew of ours."""
    add_plugins()
    ConfigStore.instance()
    known = Plugins.instance()
    if f"{OURS}.NnrunSweeper" in known.class_name_to_class:
        return
    # whenever Hydra looks for plugins it makes their classes anew, and ours are made of them
    ours: Any = importlib.reload(importlib.import_module(OURS))
    for name in ("NnrunLauncher", "NnrunSweeper", "StudySource", "StudySearchPath"):
        known.register(getattr(ours, name))


@contextmanager
def _logging() -> Iterator[None]:
    """Keep the handlers of loggers out of reach: who configures logging closes all that there are.

    Handlers that were made meanwhile are closed.
    """
    internal: Any = logging
    known, by_name = list(internal._handlerList), dict(internal._handlers)
    loggers = {name: one for name, one in _loggers() if isinstance(one, logging.Logger)}
    before = {n: (o.level, o.handlers[:], o.propagate, o.disabled) for n, o in loggers.items()}
    disabled = logging.root.manager.disable
    internal._handlerList.clear()
    internal._handlers.clear()
    try:
        yield
    finally:
        logging.shutdown(internal._handlerList[:])
        internal._handlerList[:] = known
        internal._handlers.clear()
        internal._handlers.update(by_name)
        for name, one in loggers.items():
            level, one.handlers[:], one.propagate, one.disabled = before[name]
            one.setLevel(level)
        for name, one in _loggers():
            if name not in loggers and isinstance(one, logging.Logger):
                # what a library gives its own when it is imported stays
                one.handlers[:] = [
                    h for h in one.handlers if not isinstance(h, logging.FileHandler)
                ]
                one.disabled = False
        logging.disable(disabled)


def _loggers() -> list[tuple[str, Any]]:
    return [("", logging.root), *list(logging.root.manager.loggerDict.items())]
