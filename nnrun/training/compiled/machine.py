"""From LLVM's text to a function of this process, kept on disk by what it is made of."""

import atexit
import ctypes
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from platformdirs import user_cache_path

from nnrun.layout import write_atomically

if sys.platform != "win32":
    import grp
    import pwd


@cache
def host() -> tuple[str, str]:
    """Return this processor's name and its features."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def has_fused() -> bool:
    """Say whether the processor multiplies and adds with one rounding, as the kernels do."""
    _, features = host()
    arm = llvm.get_default_triple().startswith(("aarch64", "arm64"))
    return arm or {"+fma", "+fma4"} & set(features.split(",")) != set()


def has_flush() -> bool:
    """Say whether the processor can take numbers below 2^-1022 for 0 by a register of x86."""
    return llvm.get_default_triple().startswith(("x86_64", "i686", "amd64"))


@cache
def _target(level: int) -> Any:
    processor, features = host()
    triple = llvm.Target.from_default_triple()
    return triple.create_target_machine(processor, features, opt=level, jit=True)


@cache
def _linker() -> Any:
    return llvm.create_lljit_compiler(_target(2))


class Functions:
    """The functions of a piece of machine code; calling one lets go of the interpreter's lock."""

    def __init__(self, library: Any, names: Sequence[str]) -> None:
        self._library = library
        self._addresses = {name: library[name] for name in names}

    def of(self, name: str, *arguments: Any) -> Any:
        """Return a function without a result, of arguments of these types of ctypes."""
        function: Any = ctypes.CFUNCTYPE(None, *arguments)(self._addresses[name])
        function.library = self._library  # the code lives as long as this does
        return function


def compiled(
    text: str | Callable[[], str],
    names: Sequence[str],
    folder: Path | None,
    level: int = 2,
    key: str = "",
) -> Functions:
    """Translate LLVM's text, or take from a folder what it was translated to before.

    No pass of LLVM's optimiser runs: the text is optimised as it is written.

    Args:
        text: A module, or what writes it.
        names: Its functions.
        folder: Where machine code is kept; None to keep none. What is in it is run: nobody else
            may write there.
        level: Of code generation, 0 to 3: the same numbers at each.
        key: Words for all that the text depends on, by which code is found without the text.
    """
    if not key:
        key = text = text if isinstance(text, str) else text()
    path = None if folder is None else _place(folder, key, level)
    code = _kept(path)
    if code is None:
        written = text if isinstance(text, str) else text()
        code = _target(level).emit_object(llvm.parse_assembly(written))
        if path is not None:
            whole = hashlib.sha256(code).digest() + code
            write_atomically(path, lambda file: file.write(whole), sync=False)
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for function in names:
        builder.export_symbol(function)
    return Functions(builder.link(_linker(), f"kernel_{time.perf_counter_ns()}"), names)


def _place(folder: Path, key: str, level: int) -> Path:
    """Return where code is kept, by what it is made of."""
    made_of = repr((key, host(), llvm.llvm_version_info, llvm.get_default_triple(), level))
    return folder / f"{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.o"


def keeps(folder: Path, key: str, level: int = 2) -> bool:
    """Say whether code is kept under a key."""
    return _place(folder, key, level).exists()


def _kept(path: Path | None) -> bytes | None:
    """Read machine code; None if there is none, or if the file is damaged."""
    try:
        whole = b"" if path is None else path.read_bytes()
    except OSError:
        return None
    digest, code = whole[:32], whole[32:]
    return code if code and hashlib.sha256(code).digest() == digest else None


@cache
def kept_in() -> Path:
    """Return the folder of kernels, which this user alone may write.

    What is in it is run: one that another user may write is never taken, that of NNRUN_KERNELS
    neither. Where there is none, each process translates into a folder of its own, that goes with
    it.
    """
    reason = ""
    for home in _homes():
        folder = home / "kernels"
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
    text = f"note: kernels are compiled anew by each process: {reason}; NNRUN_KERNELS names a "
    print(f"{text}folder of your own", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="nnrun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _homes() -> Iterator[Path]:
    """List where compiled kernels may be kept, what the user chose first."""
    chosen = os.environ.get("NNRUN_KERNELS")
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
