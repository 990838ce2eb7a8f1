"""Importing a user's component, and saying what is wrong with it by its name."""

import importlib
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.network.activations import Activation
from nnrun.network.initializers import Initializer
from nnrun.network.losses import Loss
from nnrun.network.optimizers import Optimizer
from nnrun.network.schedules import Schedule
from nnrun.problem.features import FeatureSet
from nnrun.problem.problem import Data

NOT_THEIRS = [
    Path(__file__).parents[1],
    *(Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
]
"""Where nnrun, Python's library and installed packages are."""

TARGET = "_target_"
"""The key that names a class; the word is Hydra's."""

BASES: dict[str, tuple[type, tuple[str, ...]]] = {
    "data": (Data, ("problem",)),
    "features": (FeatureSet, ("names", "compute")),
    "init": (Initializer, ("weights",)),
    "optimizer": (Optimizer, ("init", "update")),
    "schedule": (Schedule, ("factor",)),
    "loss": (Loss, ("value", "gradient")),
    "activation": (Activation, ("forward", "backward")),
}
"""What a component of each kind must subclass, and which methods it must write."""


@cache
def component(kind: str, target: str) -> type[Any]:
    """Import a component's class.

    Args:
        kind: A key of ``BASES``.
        target: Its dotted name.

    Raises:
        InputError: With the key ``_target_``, if there is none or it is not of the kind.
    """
    module, _, name = target.rpartition(".")
    if not module:
        raise refused(target, "must be MODULE.CLASS", "for instance my_module.MyThing")
    entry = getattr(_module(module, target), name, None)
    if entry is None:
        known = [n for n, o in vars(sys.modules[module]).items() if inspect.isclass(o)]
        hint = did_you_mean(name, known) if known else "it has no class at all"
        raise refused(target, f"has no '{name}' in {module}", hint)
    base, methods = BASES[kind]
    if not inspect.isclass(entry) or base not in entry.__mro__:
        hint = f"from {base.__module__} import {base.__name__}"
        raise refused(target, f"must be a class that subclasses {base.__name__}", hint)
    parameters = getattr(entry, "__dataclass_params__", None)
    if "__dataclass_fields__" not in vars(entry) or not (parameters and parameters.frozen):
        raise refused(target, "must be a frozen dataclass", "put @dataclass(frozen=True) before it")
    if "name" in vars(entry)["__dataclass_fields__"]:
        raise refused(target, "must not have a field 'name': that is the component's own")
    missing = [m for m in methods if getattr(entry, m) is getattr(base, m, None)]
    if missing:
        raise refused(target, f"does not define {' and '.join(missing)}")
    if not module.startswith("nnrun.") and "name" not in vars(entry):
        setattr(entry, "name", target)  # noqa: B010  (no base class has it yet)
    return entry


def _module(module: str, target: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise refused(target, f"cannot be imported: {error}") from None
        hint = "put it into the folder that you start from, or into the --config-dir"
        raise refused(target, f"there is no module '{error.name}'", hint) from None
    except SyntaxError as error:
        raise refused(target, f"cannot be imported: {_described(error)}") from error
    except (Exception, SystemExit) as error:
        rule = f"cannot be imported: {_described(error)}"
        raise refused(target, rule, _last_place(error)) from error


@contextmanager
def naming(entry: Any) -> Iterator[None]:
    """Turn whatever a user's component raises into an error that names it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        rule = f"fails: {_described(error)}"
        raise refused(entry.name, rule, _last_place(error)) from error


def refused(target: str, rule: str, hint: str = "") -> InputError:
    """Return the error that a component breaks a rule."""
    return InputError(Issue(TARGET, target, rule, hint))


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _last_place(error: BaseException) -> str:
    """Say where in a user's file an error arose."""
    here, place = error.__traceback__, ""
    while here is not None:
        path = here.tb_frame.f_code.co_filename
        if Path(path).is_file() and not any(home in Path(path).parents for home in NOT_THEIRS):
            place = f"{Path(path).name}, line {here.tb_lineno}"
        here = here.tb_next
    return place
