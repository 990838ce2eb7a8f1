"""Importing a user's component, and saying what is wrong with it by its name."""

import importlib
import importlib.util
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
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

DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
"""The name of something in a module."""

TARGET = "_target_"
"""The key that names a class; the word is Hydra's."""

NAMING = (TARGET, "activation", "output")
"""Keys that may name a user's own component."""

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
def component(kind: str, target: str, importing: bool = False) -> type[Any]:
    """Find a component's class.

    Args:
        kind: A key of ``BASES``.
        target: Its dotted name.
        importing: Whether its module may be imported, which runs it: that of the user's own
            configuration may, that of a record not. One that is imported already is taken.

    Raises:
        InputError: With the key ``_target_``, if there is none or it is not of the kind.
    """
    module, _, name = target.rpartition(".")
    if not module:
        raise refused(target, "must be MODULE.CLASS", "for instance my_module.MyThing")
    entry = getattr(_module(module, target, importing), name, None)
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


def admit(folder: Path, *facts: Any) -> None:
    """Import from a folder the modules that records name: by naming it the user vouches for it.

    Args:
        folder: Where they are; modules of other folders are not imported.
        facts: What the records say, in plain values.

    Raises:
        InputError: If there is no such folder, another module of the name hides one of it, or one
            cannot be imported.
    """
    home = folder.expanduser().resolve()
    if not home.is_dir():
        raise InputError(Issue("modules", folder, "is no folder"))
    for target in sorted(set(filter(DOTTED.fullmatch, _targets(facts)))):
        module, top = target.rpartition(".")[0], target.partition(".")[0]
        if (home / f"{top}.py").is_file() or (home / top / "__init__.py").is_file():
            _require_of(home, top)
            _module(module, target, importing=True)


def _targets(facts: Any, named: bool = False) -> Iterator[str]:
    """Yield what plain values have under keys that name components."""
    if named and isinstance(facts, str):
        yield facts
    elif isinstance(facts, Mapping):
        for key, part in facts.items():
            yield from _targets(part, key in NAMING)
    elif isinstance(facts, list | tuple):
        for part in facts:
            yield from _targets(part, named)


def _require_of(home: Path, top: str) -> None:
    """Let a folder's module be found, and check that it is the one that would be imported."""
    if str(home) not in sys.path:
        sys.path.append(str(home))
        importlib.invalidate_caches()
    spec = importlib.util.find_spec(top)
    origin = spec.origin if spec and spec.origin else ""
    if not Path(origin).resolve().is_relative_to(home):
        rule = f"has a module '{top}', and another of the name comes first: {origin}"
        raise InputError(Issue("modules", home, rule, "rename it"))


def _module(module: str, target: str, importing: bool) -> Any:
    if not importing:
        if module in sys.modules:
            return sys.modules[module]
        top = module.partition(".")[0]
        rule = "is of a module that is not imported because a record names it"
        hint = (
            f"if you trust {top}.py: --modules FOLDER, where it is; in Python: import {top} first"
        )
        raise refused(target, rule, hint)
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
