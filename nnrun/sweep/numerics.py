"""Which code trained: what trials that were kept are known by, besides their setting."""

import ast
import hashlib
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from nnrun.files.atomic import write_text

NUMERICS_VERSION = 1
"""Raised whenever the same setting and seed would give other numbers than before."""

SHAPES_NUMBERS = (
    "components.py", "config.py", "custom", "evaluations.py", "fit.py", "flat.py", "network",
    "problem", "registry.py", "resume.py", "schema.py", "seeds.py", "sweep/block.py",
    "sweep/gather.py", "training", "validate.py",
)  # fmt: skip
"""The parts of the package that a trial's numbers come from, or the setting that it is kept by."""

DIGITS = 16


@cache
def numerics_digest() -> str:
    """Return sixteen digits for what the code says that a trial's numbers come from."""
    return digest_of(Path(__file__).parents[1], user_cache_path("nnrun") / "numerics")


def digest_of(package: Path, known: Path) -> str:
    """Return sixteen digits for what the code in ``SHAPES_NUMBERS`` says.

    Comments, docstrings and line breaks make no difference.

    Args:
        package: Where the code is.
        known: A folder in which the digits of each state of the sources are kept, because reading
            them for what they say takes some tenths of a second.
    """
    sources = {path.relative_to(package).as_posix(): path.read_bytes() for path in _files(package)}
    exact = hashlib.sha256(repr((sys.version_info[:2], sorted(sources.items()))).encode())
    place = known / exact.hexdigest()[:32]
    with suppress(OSError, UnicodeDecodeError):
        if re.fullmatch(f"[0-9a-f]{{{DIGITS}}}", text := place.read_text(encoding="ascii")):
            return text
    found = hashlib.sha256()
    for name, source in sorted(sources.items()):
        found.update(name.encode() + meaning(source).encode())
    digits = found.hexdigest()[:DIGITS]
    with suppress(OSError):
        known.mkdir(parents=True, exist_ok=True)
        write_text(place, digits)
    return digits


@cache
def meaning(source: bytes) -> str:
    """Return a module's code without what only tells people of it.

    Example:
        >>> meaning(b"x = 2  # two") == meaning(b"'Two.'; x = (2)")
        True
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not _is_text(s)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(statement: ast.AST) -> bool:
    """Say whether a statement is a string that nothing is done with: a docstring, as a rule."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _files(package: Path) -> list[Path]:
    parts = (package / name for name in SHAPES_NUMBERS)
    return [f for p in parts for f in ([p] if p.is_file() else sorted(p.rglob("*.py")))]
