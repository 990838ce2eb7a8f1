"""Compiling the lanes once, and keeping the result where this user may write."""

import atexit
import hashlib
import os
import shutil
import stat
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

if sys.platform != "win32":
    import grp
    import pwd

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
    """Return a folder for compiled kernels of exactly this source that this user alone may write.

    What is in it is run: one that another user may write is never taken, that of NUMBA_CACHE_DIR
    neither. Where there is none, each process compiles into a folder of its own, that goes with it.

    Numba itself only notices changes of the file that a kernel stands in, not of those it calls.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources())).hexdigest()[:12]
    reason = ""
    for home in _homes():
        folder = home / f"lanes-{digest}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reason = f"{folder} cannot be written ({error.strerror})"
            continue
        reason = open_to_others(folder)
        if not reason:
            return folder
    text = f"note: kernels are compiled anew by each process: {reason}; NUMBA_CACHE_DIR names a "
    print(f"{text}folder of your own", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="nnrun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _homes() -> Iterator[Path]:
    """List where compiled kernels may be kept, what the user chose first."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen).absolute()
    yield user_cache_path("nnrun")
    # a name that others have not taken, as long as nobody means harm
    name = f"nnrun-{os.getuid()}" if sys.platform != "win32" else "nnrun"
    yield Path(tempfile.gettempdir()) / name


def open_to_others(folder: Path) -> str:
    """Say why another user may have put a file into a folder, or may replace it; empty if none may.

    Root is trusted, and so is a group that has the user's own name. On Windows, where folders have
    no modes, those of a user's own profile are taken to be private.
    """
    if sys.platform == "win32":
        return ""
    home = folder.resolve()
    for place in (home, *home.parents):
        about = place.stat()
        if about.st_uid not in (0, os.getuid()):
            return f"{place} is another user's"
        # where all may write but only take away their own, what is in it is judged by itself
        sticky = place != home and about.st_mode & stat.S_ISVTX
        if about.st_mode & stat.S_IWOTH and not sticky:
            return f"all may write into {place}"
        if about.st_mode & stat.S_IWGRP and not sticky and not _is_own_group(about.st_gid):
            return f"its group may write into {place}"
    strange = (p for p in home.iterdir() if p.lstat().st_uid not in (0, os.getuid()))
    return next((f"{path} is another user's" for path in strange), "")


def _is_own_group(number: int) -> bool:
    """Say whether a group is the one that some systems give every user for himself."""
    if sys.platform == "win32":
        return True
    try:
        group, user = grp.getgrgid(number), pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def sources() -> list[Path]:
    """List the files whose code or constants are compiled into the kernels."""
    lanes = Path(__file__).parent
    network = lanes.parents[1] / "network"
    return [*sorted(lanes.glob("*.py")), network / "activations.py", network / "penalties.py"]


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
