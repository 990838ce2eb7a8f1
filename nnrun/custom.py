"""A user's own components: classes named by ``_target_: my_module.MyThing``.

A component subclasses the base class of its kind and is a frozen dataclass, so that its fields are
configuration keys like those of ours. Only a user's configuration has modules imported; for those
that a record names the user has to vouch. A component is tried on a few numbers before anything
trains: what is wrong with it is said by its name, while nothing is lost.
"""

import dis
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from nnrun import modules
from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.network.activations import ACTIVATIONS, Activation, Array
from nnrun.network.initializers import Initializer
from nnrun.network.losses import Loss
from nnrun.network.mlp import Layer, Params
from nnrun.network.optimizers import Optimizer, State
from nnrun.network.schedules import Schedule
from nnrun.problem.features import FeatureSet
from nnrun.problem.problem import Data

NOT_THEIRS = [
    Path(__file__).parent,
    *(Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
]
"""Where nnrun, Python's library and installed packages are."""

DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
"""The name of something in a module."""

TYPED = "__main__"
"""The module of what is typed into a notebook; that of a script has a file."""

LOOKED_UP = ("LOAD_GLOBAL", "LOAD_NAME")

TARGET = "_target_"
"""The key that names a class; the word is Hydra's."""

NAMING = (TARGET, "activation", "output")
"""Keys that may name a user's own component."""

BASES: dict[str, tuple[type, tuple[str, ...]]] = {
    "data": (Data, ("problem",)),
    "features": (FeatureSet, ("names", "compute")),
    "init": (Initializer, ("weights",)),
    "optimizer": (Optimizer, ("update or step",)),
    "schedule": (Schedule, ("factor",)),
    "loss": (Loss, ("value", "gradient")),
    "activation": (Activation, ("forward", "backward")),
}
"""What a component of each kind must subclass, and which methods it must write, or one of which."""


def component(kind: str, target: str, importing: bool = False) -> type[Any]:
    """Find a component's class; once for all, but for those of a notebook, which are written anew.

    Args:
        kind: A key of ``BASES``.
        target: Its dotted name.
        importing: Whether its module may be imported, which runs it: that of the user's own
            configuration may, that of a record not. One that is imported already is taken.

    Raises:
        InputError: With the key ``_target_``, if there is none or it is not of the kind.
    """
    if target.startswith(f"{TYPED}."):
        return imported_component.__wrapped__(kind, target, importing)
    return imported_component(kind, target, importing)


@cache
def imported_component(kind: str, target: str, importing: bool) -> type[Any]:
    """Find the class of a module's component, once."""
    module, _, name = target.rpartition(".")
    if not module:
        raise refused(target, "must be MODULE.CLASS", "for instance my_module.MyThing")
    entry: Any = getattr(_module(module, target, importing), name, None)
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
    missing = [
        names
        for names in methods
        if all(getattr(entry, m) is getattr(base, m, None) for m in names.split(" or "))
    ]
    if missing:
        raise refused(target, f"does not define {' and '.join(missing)}")
    name_after(target, entry)
    if importing:
        made: Any = entry
        digest_of(made)  # while its files are those that were imported
    return entry


def name_after(target: str, kind: Any) -> None:
    """Give a user's class a name that has none: its dotted one."""
    if is_own(kind) and "name" not in vars(kind):
        setattr(kind, "name", target)  # noqa: B010  (no base class has it yet)


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
        return modules.imported(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise refused(target, f"cannot be imported: {error}") from None
        hint = "put it into the folder that you start from, or into the --config-dir"
        raise refused(target, f"there is no module '{error.name}'", hint) from None
    except SyntaxError as error:
        raise refused(target, f"cannot be imported: {_described(error)}") from error
    except (Exception, SystemExit) as error:
        rule = f"cannot be imported: {_described(error)}"
        raise refused(target, rule, last_place(error)) from error


@contextmanager
def naming(entry: Any) -> Iterator[None]:
    """Turn whatever a user's component raises into an error that names it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        rule = f"fails: {_described(error)}"
        raise refused(entry.name, rule, last_place(error)) from error


def refused(target: str, rule: str, hint: str = "") -> InputError:
    """Return the error that a component breaks a rule."""
    return InputError(Issue(TARGET, target, rule, hint))


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def last_place(error: BaseException) -> str:
    """Say where in a user's file an error arose."""
    here, place = error.__traceback__, ""
    while here is not None:
        path = here.tb_frame.f_code.co_filename
        if Path(path).is_file() and not any(home in Path(path).parents for home in NOT_THEIRS):
            place = f"{Path(path).name}, line {here.tb_lineno}"
        here = here.tb_next
    return place


def reason_of(error: BaseException) -> str:
    """Say what went wrong, and where in a user's file."""
    said, place = " ".join(str(error).split()) or type(error).__name__, last_place(error)
    return f"{said} ({place})" if place else said


def is_custom(entry: Any) -> bool:
    """Say whether a component is a user's own."""
    return is_own(type(entry))


def is_own(kind: type) -> bool:
    """Say whether a class is a user's own."""
    return not kind.__module__.startswith("nnrun.")


def digest(entry: Any) -> str:
    """Return hexadecimal digits for the source of a user's component.

    That is the files of its classes, and of the modules beside them that they import.
    """
    kind: Any = type(entry)
    return digest_of(kind)


@cache
def digest_of(kind: type) -> str:
    """Return the digits of a user's class."""
    content = b"".join(path.read_bytes() for path in sorted(modules.files_of(kind)))
    here = sys.modules[TYPED]
    if any(cls.__module__ == TYPED for cls in kind.__mro__) and modules.is_edited(here):
        # a script's file may say something else by now; of what is typed there is none
        content += repr(list(_parts(kind, set()))).encode()
    return hashlib.sha256(content).hexdigest()


def _parts(thing: Any, seen: set[int]) -> Iterator[object]:
    """Yield what a class or function that was typed in is made of, with all that it refers to.

    What cannot be told from what it was yesterday is taken for something else.
    """
    if isinstance(thing, bool | int | float | complex | str | bytes | None):
        yield thing
    elif id(thing) in seen:
        return
    elif isinstance(thing, CodeType):
        yield thing.co_code, thing.co_names, thing.co_varnames
        yield from _all_parts(thing.co_consts, seen)
    elif isinstance(thing, tuple | list | CellType | staticmethod | classmethod | property):
        inner = [getattr(thing, name, None) for name in ("cell_contents", "__func__", "fget")]
        yield from _all_parts(thing if isinstance(thing, tuple | list) else inner, seen)
    elif isinstance(thing, np.ndarray):
        yield thing.dtype.str, thing.shape, thing.tobytes()
    elif isinstance(thing, ModuleType):
        yield thing.__name__
    elif getattr(thing, "__module__", TYPED) != TYPED and hasattr(thing, "__name__"):
        yield thing.__module__, thing.__name__
    elif isinstance(thing, FunctionType):
        seen.add(id(thing))
        known = thing.__globals__
        used = {name: known[name] for name in sorted(_globals_in(thing.__code__) & known.keys())}
        defaults = (thing.__defaults__, thing.__kwdefaults__ and [*thing.__kwdefaults__.items()])
        yield thing.__name__
        yield from _all_parts([thing.__code__, *defaults, thing.__closure__, *used.items()], seen)
    elif isinstance(thing, type):
        seen.add(id(thing))
        yield thing.__qualname__, repr(vars(thing).get("__annotations__"))
        yield from _all_parts([thing.__bases__, *filter(_is_typed, vars(thing).items())], seen)
    else:
        yield os.urandom(8)


def _all_parts(things: Iterable[Any], seen: set[int]) -> Iterator[object]:
    for one in things:
        yield from _parts(one, seen)


def _is_typed(member: tuple[str, Any]) -> bool:
    """Say whether a class was given a member, rather than by Python or as a dataclass."""
    name, value = member
    if isinstance(value, FunctionType):
        typed = value.__globals__.get("__name__") == TYPED
        return typed and value.__code__.co_filename != "<string>"
    return not (name.startswith("__") or name in ("_abc_impl", "name"))


def _globals_in(code: CodeType) -> set[str]:
    """Return the names that code looks up in its module, those of the functions in it included."""
    own = {str(one.argval) for one in dis.get_instructions(code) if one.opname in LOOKED_UP}
    return own.union(*(_globals_in(one) for one in code.co_consts if isinstance(one, CodeType)))


SHAPE = (2, 4, 3)
STEP = 1e-6
"""Of the finite differences that slopes are compared with."""

Checks = Iterator[tuple[str, Any, tuple[int, ...]]]
"""What was called, what it returned, and the shape that this must have."""


@cache
def tried(kind: str, entry: Any) -> None:
    """Try a component on a few numbers, once: many jobs of a sweep have equal ones.

    Raises:
        InputError: With the key ``_target_``, if it raises an error, returns anything but numbers
            in the right shape, returns others each time, or has slopes that are not those of its
            values and does not say so.
    """
    attempt = TRIALS.get(kind)
    if attempt is None:
        return
    with np.errstate(all="ignore"), naming(entry):
        for (what, got, shape), (_, again, _) in zip(attempt(entry), attempt(entry), strict=True):
            flaw = _flaw(np.asarray(got), shape)
            if flaw:
                raise refused(entry.name, f"{what} returns {flaw}")
            if not np.array_equal(got, again, equal_nan=True):
                hint = "draw from the generator that it is given, not from np.random"
                raise refused(entry.name, f"{what} returns other numbers each time", hint)
        _compare_slopes(entry)


def _flaw(got: Any, shape: tuple[int, ...]) -> str:
    """Say what is wrong with an array; nothing if nothing is."""
    if got.dtype.kind not in "biuf":
        return f"values of type {got.dtype}; they must be numbers"
    if got.shape != shape:
        return f"an array of shape {got.shape}; it must have {shape}"
    return ""


def _compare_slopes(entry: Any) -> None:
    """Compare the slopes of an activation or a loss with finite differences."""
    if Activation in type(entry).__mro__:
        got, wanted = _activation_slopes(entry)
        what = "backward is not the derivative of forward"
    elif Loss in type(entry).__mro__:
        got, wanted = _loss_slopes(entry)
        what = "gradient is not the derivative of value"
    else:
        return
    off = ~np.isclose(got, wanted, rtol=1e-3, atol=1e-5) & np.isfinite(wanted)
    if off.any() and not entry.surrogate:
        place = np.unravel_index(off.argmax(), off.shape)
        rule = f"has a wrong slope: {what} ({got[place]:.4g} instead of {wanted[place]:.4g})"
        raise refused(
            entry.name, rule, "if that is meant, give it surrogate: ClassVar[bool] = True"
        )


def _activation_slopes(entry: Activation) -> tuple[Array, Array]:
    """Return slopes along a direction, and the same by finite differences, shape (2, 4)."""
    z, weights, along = _numbers(), _numbers()[::-1] + 3.0, np.cos(7.0 * _numbers())
    got = (entry.backward(weights, z, entry.forward(z)) * along).sum(axis=-1)
    ends = [weights * entry.forward(z + sign * STEP * along) for sign in (1, -1)]
    return got, (ends[0] - ends[1]).sum(axis=-1) / (2 * STEP)


def _loss_slopes(entry: Loss) -> tuple[Array, Array]:
    """The same for a loss, with the output activation that it is made for."""
    output = ACTIVATIONS[entry.output or "linear"]()
    z, along = _numbers(), np.cos(7.0 * _numbers())
    got = (entry.gradient(z, output.forward(z), _classes(), output) * along).sum(axis=-1)
    moved = [z + sign * STEP * along for sign in (1, -1)]
    ends = [entry.value(at, output.forward(at), _classes()) for at in moved]
    return got, (ends[0] - ends[1]) / (2 * STEP)


def _numbers() -> Array:
    return np.linspace(-2.0, 2.0, 24).reshape(SHAPE)


def _classes() -> Array:
    """One of three classes each: what every loss takes."""
    return np.tile(np.eye(3)[[0, 1, 2, 1]], (2, 1, 1))


def _few_params() -> Params:
    return (Layer(_numbers(), np.ones((2, 1, 3))),)


def _try_activation(entry: Activation) -> Checks:
    z = _numbers()
    a = entry.forward(z)
    yield "forward", a, SHAPE
    yield "backward", entry.backward(np.ones(SHAPE), z, a), SHAPE


def _try_loss(entry: Loss) -> Checks:
    output = ACTIVATIONS[entry.output or "linear"]()
    z = _numbers()
    outputs = output.forward(z)
    yield "value", entry.value(z, outputs, _classes()), SHAPE[:2]
    yield "gradient", entry.gradient(z, outputs, _classes(), output), SHAPE


def _try_optimizer(entry: Optimizer) -> Checks:
    params = _few_params()
    state: Any = entry.init(params)
    rate = np.full((2, 1, 1), 0.1)
    if not isinstance(state, State):
        hint = "write slots = 1 for a number beside each parameter, and no init"
        raise refused(entry.name, "must return a State from init", hint)
    if type(entry).step is Optimizer.step:
        slots = tuple(slot[0].weights for slot in state.slots)
        rates, _ = entry.begin(rate, state.products)
        updated: Any = entry.update(params[0].weights, params[0].weights, slots, rates)
        if not isinstance(updated, tuple) or len(updated) != 2:
            raise refused(entry.name, "must return parameters and slots from update")
    for _ in range(2):
        (layer,), state = entry.step(params, params, state, rate)
        if len(state.slots) != entry.slots:
            rule = f"returns {len(state.slots)} slots, and its slots are {entry.slots}"
            raise refused(entry.name, f"update {rule}")
        yield "update (weights)", layer.weights, SHAPE
        yield "update (biases)", layer.bias, (2, 1, 3)


def _try_schedule(entry: Schedule) -> Checks:
    for first, last in ((0, 4), (3, 10)):
        factors = entry.factor(np.arange(first, last), 10)
        yield "factor", factors, (last - first,)
        if not (np.isfinite(factors) & (np.asarray(factors) >= 0)).all():
            raise refused(entry.name, "returns a negative or undefined factor")


def _try_init(entry: Initializer) -> Checks:
    def rng() -> np.random.Generator:
        return np.random.default_rng(0)

    yield "weights", entry.weights(rng(), 2, 3), (3,)
    yield "biases", entry.biases(rng(), 2, 3), (3,)
    yield "finish", entry.finish(np.ones((2, 3))), (2, 3)


TRIALS: dict[str, Callable[[Any], Checks]] = {
    "activation": _try_activation,
    "loss": _try_loss,
    "optimizer": _try_optimizer,
    "schedule": _try_schedule,
    "init": _try_init,
}
"""How each kind is tried; data and features are, when their problem is made."""
