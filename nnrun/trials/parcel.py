"""A shard as bytes, for a worker elsewhere: what it needs, and what must be the same there.

Large parts that many shards share, the data of a problem and the record that training goes on
from, are packed once and sent once. A user's own modules travel as their files.
"""

import hashlib
import importlib
import io
import pickle
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle

from nnrun import custom
from nnrun.errors import listed
from nnrun.modules import files_of
from nnrun.problem.problem import Problem
from nnrun.records.record import NUMERICS_VERSION, Record
from nnrun.training.stack import Stack
from nnrun.training.trainer import engine_of

MOST_HELD = 64
"""Large parts that are held: on a worker problems whose samples and kernels are made already."""


class WorkerDiffers(Exception):
    """A worker is not what trains equal numbers; it says in what."""


class Parcel(NamedTuple):
    """A shard to be sent.

    Attributes:
        same: Versions that must be the same where it is trained.
        engine: The engine that is to train it.
        modules: A user's own, by the path that they are imported by.
        digests: Of the user's components.
        large: Keys of the parts that are sent apart.
        stack: The trials.
    """

    same: Mapping[str, Any]
    engine: str
    modules: Mapping[str, bytes]
    digests: tuple[str, ...]
    large: tuple[str, ...]
    stack: bytes


@cache
def versions_here() -> Mapping[str, Any]:
    """Return the versions that a trial's numbers depend on."""
    found = {name: version(name) for name in ("numpy", "llvmlite")}
    return {"numerics": NUMERICS_VERSION, **found}


def require_same(worker: Mapping[str, Any], client: Mapping[str, Any]) -> None:
    """Compare a worker's versions with those that are asked for.

    Raises:
        WorkerDiffers: If it has others.
    """
    odd = [f"{k} {worker.get(k)} and not {v}" for k, v in client.items() if worker.get(k) != v]
    if odd:
        raise WorkerDiffers(f"has {listed(odd)}")


class Packer:
    """Packs shards, and keeps the large parts that it has met last."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[object, str, bytes]] = {}  # by the identity of the first

    def pack(self, shard: Stack) -> tuple[Parcel, dict[str, bytes]]:
        """Pack a shard.

        Returns:
            The shard, and its large parts by their keys.

        Raises:
            Exception: Of a user's component that cannot be sent: whatever pickle makes of it.
        """
        large: dict[str, bytes] = {}
        stack = self._packed(shard, large)
        own = _own_classes(shard)
        modules = {k: v for kind in own for k, v in _modules(kind).items()}
        digests = tuple(custom.digest_of(kind) for kind in own)
        engine = engine_of(shard).name
        return Parcel(versions_here(), engine, modules, digests, tuple(large), stack), large

    def _packed(self, whole: object, large: dict[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        _Pickler(buffer, self, whole, large).dump(whole)
        return buffer.getvalue()

    def part(self, part: Problem | Record) -> tuple[str, bytes]:
        """Return the key of a large part, and the part, which is packed if it is not yet."""
        held = self._held.pop(id(part), None)
        if held is None:
            packed = self._packed(part, {})
            held = part, hashlib.sha256(packed).hexdigest(), packed
        self._held[id(part)] = held
        while len(self._held) > MOST_HELD:
            del self._held[next(iter(self._held))]
        return held[1:]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it takes a user's lambda, too
    """Leaves large parts out of what it packs, but for that which it is to pack."""

    def __init__(
        self, file: io.BytesIO, packer: Packer, whole: object, large: dict[str, bytes]
    ) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._packer, self._whole, self._large = packer, whole, large

    def persistent_id(self, part: object) -> str | None:
        if not isinstance(part, Problem | Record) or part is self._whole:
            return None
        key, packed = self._packer.part(part)
        self._large[key] = packed
        return key


class _Unpickler(pickle.Unpickler):
    def __init__(self, packed: bytes, parts: Mapping[str, object]) -> None:
        super().__init__(io.BytesIO(packed))
        self._parts = parts

    def persistent_load(self, key: str) -> object:
        return self._parts[key]


_unpacking = threading.Lock()
_parts: dict[str, object] = {}


def unpack(parcel: Parcel, large: Sequence[bytes]) -> Stack:
    """Unpack a shard.

    Args:
        parcel: The shard.
        large: The bytes of its large parts.

    Raises:
        WorkerDiffers: If this process would train other numbers.
    """
    require_same(versions_here(), parcel.same)
    with _unpacking:
        _install(parcel.modules)
        for key, packed in zip(parcel.large, large, strict=True):
            # an equal one again would have kernels traced and samples drawn again
            _parts[key] = _parts.pop(key) if key in _parts else _Unpickler(packed, {}).load()
        shard: Stack = _Unpickler(parcel.stack, _parts).load()
        while len(_parts) > MOST_HELD:
            del _parts[next(iter(_parts))]
    own = _own_classes(shard)
    for kind in own:
        custom.name_after(f"{kind.__module__}.{kind.__qualname__}", kind)
    if tuple(map(custom.digest_of, own)) != parcel.digests:
        raise WorkerDiffers("has modules of the same names, and they are other ones")
    if (name := engine_of(shard).name) != parcel.engine:
        raise WorkerDiffers(f"would train with the {name} engine and not the {parcel.engine} one")
    return shard


def _own_classes(shard: Stack) -> list[type]:
    """List the classes of users' components, in order of first appearance."""
    settings = {id(trial.setting): trial.setting for trial in shard.trials}.values()
    components = (part for setting in settings for part in setting.components)
    return list(dict.fromkeys(type(part) for part in components if custom.is_custom(part)))


@cache
def _modules(kind: type) -> dict[str, bytes]:
    """Read the files of a user's class, by the path that they are imported by."""
    found = {}
    for path, home in files_of(kind).items():
        packages = (p / "__init__.py" for p in path.parents if p != home and home in p.parents)
        for file in (path, *filter(Path.is_file, packages)):
            found[file.relative_to(home).as_posix()] = file.read_bytes()
    return found


def _install(modules: Mapping[str, bytes]) -> None:
    """Let modules be imported from a folder of their own, whichever of their names were before."""
    if not modules:
        return
    folder = _folder(tuple(sorted(modules.items())))
    tops = {Path(path).parts[0].removesuffix(".py") for path in modules}
    if all(_is_of(folder, sys.modules.get(top)) for top in tops):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
        del sys.modules[name]
    sys.path[:] = [str(folder), *(place for place in sys.path if place != str(folder))]
    importlib.invalidate_caches()


def _is_of(folder: Path, module: Any) -> bool:
    """Say whether a module, or a package without a file, is of a folder."""
    places: Iterable[str] = getattr(module, "__path__", None) or [getattr(module, "__file__", "")]
    return module is not None and all(folder in Path(str(p)).parents for p in places)


@cache
def _folder(modules: tuple[tuple[str, bytes], ...]) -> Path:
    """Write modules into a folder that this process keeps to its end."""
    folder = Path(_own_folder().name, hashlib.sha256(repr(modules).encode()).hexdigest()[:16])
    for path, content in modules:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder.resolve()


@cache
def _own_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="nnrun-modules-")
