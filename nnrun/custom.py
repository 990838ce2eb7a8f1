"""A user's own components: classes named by ``_target_: my_module.MyThing``.

A component subclasses the base class of its kind and is a frozen dataclass, so that its fields are
configuration keys like those of ours. It is tried on a few numbers before anything trains: what is
wrong with it is said by its name, while nothing is lost.
"""

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.network.activations import ACTIVATIONS, Activation
from nnrun.network.initializers import Initializer
from nnrun.network.losses import Loss
from nnrun.network.mlp import Layer
from nnrun.network.optimizers import Optimizer
from nnrun.network.schedules import Schedule
from nnrun.problem.features import FeatureSet
from nnrun.problem.problem import Data

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
        raise _refused(target, "must be MODULE.CLASS", "for instance my_module.MyThing")
    entry = getattr(_module(module, target), name, None)
    if entry is None:
        known = [n for n, o in vars(sys.modules[module]).items() if inspect.isclass(o)]
        hint = did_you_mean(name, known) if known else "it has no class at all"
        raise _refused(target, f"has no '{name}' in {module}", hint)
    base, methods = BASES[kind]
    if not inspect.isclass(entry) or base not in entry.__mro__:
        hint = f"from {base.__module__} import {base.__name__}"
        raise _refused(target, f"must be a class that subclasses {base.__name__}", hint)
    parameters = getattr(entry, "__dataclass_params__", None)
    if "__dataclass_fields__" not in vars(entry) or not (parameters and parameters.frozen):
        raise _refused(
            target, "must be a frozen dataclass", "put @dataclass(frozen=True) before it"
        )
    missing = [m for m in methods if getattr(entry, m) is getattr(base, m, None)]
    if missing:
        raise _refused(target, f"does not define {' and '.join(missing)}")
    setattr(entry, "name", target)  # noqa: B010  (no base class has it yet)
    return entry


def _module(module: str, target: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _refused(target, f"cannot be imported: {error}") from None
        hint = "put it into the folder that you start from, or into the --config-dir"
        raise _refused(target, f"there is no module '{error.name}'", hint) from None
    except Exception as error:
        rule = f"cannot be imported: {_described(error)}"
        raise _refused(target, rule, _last_place(error)) from error


def is_custom(entry: Any) -> bool:
    """Say whether a component is a user's own."""
    return not type(entry).__module__.startswith("nnrun.")


def digest(entry: Any) -> str:
    """Return hexadecimal digits for the source of a user's component.

    That is the files of its classes, and of the modules beside them that they import.
    """
    found: set[Path] = set()
    for cls in type(entry).__mro__:
        module = sys.modules.get(cls.__module__)
        if module is not None and not cls.__module__.startswith(("nnrun.", "builtins")):
            _collect(module, found)
    content = b"".join(path.read_bytes() for path in sorted(found))
    return hashlib.sha256(content).hexdigest()


def _collect(module: ModuleType, found: set[Path]) -> None:
    """Add a module's file, and those of the modules in the same folder that it imports."""
    if not module.__dict__.get("__file__"):
        return
    path = Path(str(module.__file__)).resolve()
    if path in found or path.suffix != ".py" or "site-packages" in path.parts:
        return
    found.add(path)
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        for name in names:
            other = sys.modules.get(name)
            beside = getattr(other, "__file__", None)
            if other is not None and beside and path.parent in Path(beside).resolve().parents:
                _collect(other, found)


def tried(kind: str, entry: Any) -> None:
    """Try a component on a few numbers.

    Raises:
        InputError: With the key ``_target_``, if it raises an error or returns the wrong shapes.
    """
    attempt = TRIALS.get(kind)
    if attempt is None:
        return
    with np.errstate(all="ignore"), naming(entry):
        for what, got, wanted in attempt(entry):
            shape = np.shape(got)
            if shape != wanted:
                rule = f"returns an array of shape {shape} from {what}; it must have {wanted}"
                raise _refused(entry.name, rule)


@contextmanager
def naming(entry: Any) -> Iterator[None]:
    """Turn whatever a user's component raises into an error that names it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        rule = f"fails: {_described(error)}"
        raise _refused(entry.name, rule, _last_place(error)) from error


Checks = Iterator[tuple[str, Any, tuple[int, ...]]]
"""What was called, what it returned, and the shape that this must have."""

SHAPE = (2, 4, 3)


def _numbers() -> Any:
    return np.linspace(-2.0, 2.0, 24).reshape(SHAPE)


def _try_activation(entry: Activation) -> Checks:
    z = _numbers()
    a = entry.forward(z)
    yield "forward", a, SHAPE
    yield "backward", entry.backward(np.ones(SHAPE), z, a), SHAPE


def _try_loss(entry: Loss) -> Checks:
    z, targets = _numbers(), np.tile(np.eye(4, 3), (2, 1, 1))
    yield "value", entry.value(z, z, targets), SHAPE[:2]
    linear = ACTIVATIONS["linear"]()
    yield "gradient", entry.gradient(z, z, targets, linear), SHAPE


def _try_optimizer(entry: Optimizer) -> Checks:
    params = (Layer(_numbers(), np.ones((2, 1, 3))),)
    state, rate = entry.init(params), np.full((2, 1, 1), 0.1)
    for _ in range(2):
        (layer,), state = entry.update(params, params, state, rate)
        yield "update, weights", layer.weights, SHAPE
        yield "update, biases", layer.bias, (2, 1, 3)


def _try_schedule(entry: Schedule) -> Checks:
    yield "factor", entry.factor(np.arange(4), 10), (4,)


def _try_init(entry: Initializer) -> Checks:
    rng = np.random.default_rng(0)
    yield "weights", entry.weights(rng, 2, 3), (3,)
    yield "biases", entry.biases(rng, 2, 3), (3,)
    yield "finish", entry.finish(np.ones((2, 3))), (2, 3)


TRIALS: dict[str, Callable[[Any], Checks]] = {
    "activation": _try_activation,
    "loss": _try_loss,
    "optimizer": _try_optimizer,
    "schedule": _try_schedule,
    "init": _try_init,
}
"""How each kind is tried; data and features are, when their problem is made."""


def _refused(target: str, rule: str, hint: str = "") -> InputError:
    return InputError(Issue(TARGET, target, rule, hint))


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _last_place(error: Exception) -> str:
    """Say where in a user's file an error arose."""
    here, place = error.__traceback__, ""
    while here is not None:
        path = here.tb_frame.f_code.co_filename
        if Path(path).is_file() and "site-packages" not in path and "/nnrun/" not in path:
            place = f"{Path(path).name}, line {here.tb_lineno}"
        here = here.tb_next
    return place
