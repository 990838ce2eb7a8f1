"""Compiling the lanes once, and keeping the result where this user may write."""

import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from nnrun.training.lanes.engine import LanesEngine

PATIENCE = 1.0
"""Seconds that loading may take before the user is told that it is compiling."""

_lock, _compiling = threading.Lock(), threading.Lock()


def lanes_engine() -> "LanesEngine":
    """Return a new engine; its kernels are compiled, or loaded from the cache, when they begin."""
    with _lock:
        return _engine_class()()


@cache
def _engine_class() -> "type[LanesEngine]":
    from numba.core import config

    if "NUMBA_CACHE_DIR" not in os.environ:
        setattr(config, "CACHE_DIR", str(cache_folder()))  # noqa: B010  (mypy knows no such name)
    from nnrun.training.lanes.engine import LanesEngine

    return LanesEngine


@cache
def kernel(name: Literal["common", "general"]) -> ModuleType:
    """Return the module of a kernel; the first call compiles it, or loads it from the cache."""
    text = f"compiling the {name} kernel (once on this machine, some seconds) ..."
    with _compiling, _notice(text):
        # the kernels have explicit signatures: importing them compiles or loads them
        return import_module(f"nnrun.training.lanes.{name}")


def cache_folder() -> Path:
    """Return a writable folder for compiled kernels of exactly this source.

    Numba itself only notices changes of the file that a kernel stands in, not of those it calls.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources())).hexdigest()[:12]
    for home in (user_cache_path("nnrun"), Path(tempfile.gettempdir()) / "nnrun"):
        folder = home / f"lanes-{digest}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="nnrun-"))


def sources() -> list[Path]:
    """List the files whose code or constants are compiled into the kernels."""
    lanes = Path(__file__).parent
    network = lanes.parents[1] / "network"
    elsewhere = [*network.glob("activations/*.py"), network / "penalties.py"]
    return [*sorted(lanes.glob("*.py")), *sorted(elsewhere)]


@contextmanager
def _notice(text: str) -> Iterator[None]:
    """Say something on standard error if the block takes longer than a moment."""
    timer = threading.Timer(PATIENCE, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
