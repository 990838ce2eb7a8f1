"""A user's own modules: their files, and whether what was imported is what stands in these now.

A command imports each module once, and what it trains is of the files as they are. A notebook lives
on while its modules are edited: then they are imported anew.
"""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import time
from collections.abc import Container, Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

MARGIN = 0.05
"""Seconds by which a file system's clock may be behind."""


def _began() -> float:
    """Return when this process began, in seconds since the epoch; 0.0 where none can say."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
    return time.time() - age


BEGAN = _began()

_SEEN: dict[str, tuple[ModuleSpec | None, str]] = {}
"""Modules whose imported state is that of their file: how they were found, and its digits."""


def files_of(kind: type) -> dict[Path, Path]:
    """Find the files that a user's class is made of, each with the folder it is imported from."""
    found: dict[Path, Path] = {}
    for cls in kind.__mro__:
        module = sys.modules.get(cls.__module__)
        if module is None or not _is_users(cls.__module__):
            continue
        mine: dict[Path, str] = {}
        _collect(module, mine)
        is_package = hasattr(module, "__path__")
        for path in mine:
            home = Path(str(module.__file__)).resolve()
            found[path] = home.parents[cls.__module__.count(".") + is_package]
    return found


def imported(name: str) -> ModuleType:
    """Import a user's module; anew if its files, or what is found by its name, are others by now.

    Args:
        name: Its dotted name.

    Raises:
        Exception: Whatever importing it raises; what was imported before stays then.

    Example:
        >>> imported("json.decoder").__name__
        'json.decoder'
    """
    before = frozenset(sys.modules)
    module = importlib.import_module(name)
    if not _is_users(name):
        return module
    made_of = _made_of(module)
    if any(_is_stale(one, before) for one in made_of):
        module = _anew(name, made_of)
        made_of = _made_of(module)
    for one in made_of:
        known = sys.modules[one]
        _SEEN[one] = known.__spec__, _digits(known)
    return module


def is_edited(module: ModuleType) -> bool:
    """Say whether a module's file was written to since this process began, or there is none."""
    file = module.__dict__.get("__file__")
    try:
        return not file or Path(file).stat().st_mtime >= BEGAN - MARGIN
    except OSError:
        return True


def _is_users(name: str) -> bool:
    top = name.partition(".")[0]
    return top != "nnrun" and top not in sys.stdlib_module_names


def _made_of(module: ModuleType) -> set[str]:
    """Name a module, those that its classes come from, and those beside them they import."""
    found: dict[Path, str] = {}
    _collect(module, found)
    for kind in filter(inspect.isclass, list(vars(module).values())):
        for cls in kind.__mro__:
            other = sys.modules.get(cls.__module__)
            if other is not None and _is_users(cls.__module__):
                _collect(other, found)
    return {name for name in found.values() if name != "__main__" and name in sys.modules}


def _collect(module: ModuleType, found: dict[Path, str]) -> None:
    """Add a module's file, and those of the modules in the same folder that it imports."""
    if not module.__dict__.get("__file__"):
        return
    path = Path(str(module.__file__)).resolve()
    if path in found or path.suffix != ".py" or "site-packages" in path.parts:
        return
    found[path] = module.__name__
    for name in _imports(path, module.__package__ or ""):
        other = sys.modules.get(name)
        beside = getattr(other, "__file__", None)
        if other is not None and beside and path.parent in Path(beside).resolve().parents:
            _collect(other, found)


def _imports(path: Path, package: str) -> Iterator[str]:
    """Yield the names of modules that a file imports; none if Python cannot read it."""
    tree: Any = None
    with suppress(SyntaxError, ValueError, OSError):
        tree = ast.parse(path.read_bytes())
    for node in () if tree is None else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            with suppress(ImportError):  # above its package: Python has refused it
                name = importlib.util.resolve_name("." * node.level + name, package)
            if name:
                yield from (name, *(f"{name}.{alias.name}" for alias in node.names))


def _digits(module: ModuleType) -> str:
    try:
        return hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()
    except OSError:
        return ""


def _is_stale(name: str, before: Container[str]) -> bool:
    """Say whether a module was imported of another file than it would be now, or may have been."""
    module = sys.modules[name]
    if name not in before:
        return False
    spec, digits = _SEEN.get(name, (None, ""))
    if spec is None or module.__spec__ is not spec:
        # it was imported by others: what its file held then is not known
        return is_edited(module) or _is_elsewhere(name)
    return _digits(module) != digits or _is_elsewhere(name)


def _is_elsewhere(name: str) -> bool:
    """Say whether another file than a module's is found by its name now."""
    top = name.partition(".")[0]
    spec, here = PathFinder.find_spec(top), getattr(sys.modules.get(top), "__file__", None)
    if spec is None or not spec.origin or not here:
        return False
    return Path(spec.origin).resolve() != Path(here).resolve()


def _anew(name: str, made_of: set[str]) -> ModuleType:
    """Import a module, and what it is made of, as if for the first time."""
    tops = {one.partition(".")[0] for one in made_of if _is_elsewhere(one)}
    out = {n for n in sys.modules if n in made_of or n.partition(".")[0] in tops}
    kept = {one: sys.modules.pop(one) for one in out}
    for module in kept.values():
        with suppress(OSError, NotImplementedError, TypeError):
            # Python tells a file from an older one by its size and second alone
            Path(importlib.util.cache_from_source(module.__file__ or "")).unlink()
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except BaseException:
        sys.modules.update(kept)
        raise
