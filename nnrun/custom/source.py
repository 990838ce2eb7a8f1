"""What a user's component is made of: the source that its results depend on."""

import ast
import hashlib
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any


def is_custom(entry: Any) -> bool:
    """Say whether a component is a user's own."""
    return not type(entry).__module__.startswith("nnrun.")


def digest(entry: Any) -> str:
    """Return hexadecimal digits for the source of a user's component.

    That is the files of its classes, and of the modules beside them that they import.
    """
    cls: Any = type(entry)
    return _digest(cls)


@cache
def _digest(kind: type) -> str:
    found: set[Path] = set()
    for cls in kind.__mro__:
        module = sys.modules.get(cls.__module__)
        home = cls.__module__.partition(".")[0]
        if module is not None and home != "nnrun" and home not in sys.stdlib_module_names:
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
