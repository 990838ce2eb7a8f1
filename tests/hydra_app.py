"""Hydra in this process, as ``python -m nnrun`` sets it up for a sweep."""

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import hydra.utils
from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from nnrun import layout as places
from nnrun.hydra_ext import folders
from nnrun.hydra_ext.compose import Composer
from nnrun.hydra_ext.loader import TRUSTED


class App(NamedTuple):
    context: HydraContext
    loader: ConfigLoader
    master: DictConfig
    composer: Composer


@contextmanager
def hydra_app(*arguments: str, conf: Path | None = None, name: str = "nnrun") -> Iterator[App]:
    """Open Hydra on nnrun's configuration, or on another's."""
    folders.add_plugins()
    Plugins.instance()  # from 1.4 on they are imported once, and store their configuration then
    singletons = copy.deepcopy(Singleton.get_state())
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    folders.register_resolver()
    setup_globals()
    if not TRUSTED:
        version.setbase("1.3")
    GlobalHydra.instance().clear()
    try:
        search_path = create_config_search_path(str(conf or places.conf()))
        app = Hydra.create_main_hydra2(task_name=name, config_search_path=search_path)
        master = app.compose_config("config", list(arguments), RunMode.MULTIRUN)
        HydraConfig.instance().set_config(master)
        loader = app.config_loader
        with hydra.utils.execution_whitelist(TRUSTED) if TRUSTED else nullcontext():
            context = HydraContext(config_loader=loader, callbacks=Callbacks(master))
            yield App(context, loader, master, Composer(loader, master))
    finally:
        logging.shutdown()
        logger.handlers[:] = handlers
        logger.setLevel(level)
        Singleton.set_state(singletons)
