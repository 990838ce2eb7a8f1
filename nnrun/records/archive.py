"""Arrays in .npz archives, held against the shapes that they must have.

Nothing is allocated on an archive's word: what a header claims must be what the archive holds.
"""

import io
import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt

from nnrun.errors import listed
from nnrun.records.plain import Damaged, opened

PACKED, FOLD = 2**26, 100
"""Bytes that an archive may always unpack to, and how many times its size."""

HEADER = re.compile(
    r"\{'descr': '([<>|=]?)([biufcSUMmV])(\d{1,4})', "
    r"'fortran_order': (True|False), 'shape': \(([\d, ]{0,200})\),? *\} *\n?"
)
"""How NumPy describes an array of plain values; an object or a structure is none."""

NUMBERS = {
    "f8": "numbers",
    "i8": "whole numbers",
    "u1": "bytes",
    "b1": "true or false",
    "U": "text",
}

Arrays = dict[str, npt.NDArray[Any]]


class Array(NamedTuple):
    """What an array of an archive must be.

    Attributes:
        dtype: What it is read as: f8, i8, u1, b1 or U.
        axes: Names of its axes: those of one name are of equal length throughout the archive. A *
            in a name is the number in the array's own; ``...`` are any further axes.
        needed: Whether it must be there; a * in its name may stand for no array at all.
        kinds: Letters of other kinds of values that are taken for these.
    """

    dtype: str
    axes: tuple[str, ...]
    needed: bool = True
    kinds: str = ""


LOCAL, CENTRAL = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
END, END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q4sLQL")
"""What stands before a member of a ZIP archive, of each in its list, and at its end."""

NEW_YEAR, ELSEWHERE, SHORT = 0x21, 0xFFFFFFFF, 0xFFFF
"""The first date that an archive knows; numbers that stand for one in a longer field."""


Shapes = Mapping[str, Array]
"""What an archive must hold: for each name an array, or arrays numbered from 0 at a *."""


def write_arrays(file: IO[bytes], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays as an .npz archive, of any size, that is not compressed.

    `numpy.savez` writes the same, and takes four times as long over small ones: it goes back to
    each member's beginning when its checksum is known.
    """
    listed, place = bytearray(), 0
    for key, array in arrays.items():
        name, content = (
            f"{key}.npy".encode(),
            np.ascontiguousarray(array).reshape(-1).view(np.uint8),
        )
        header = _npy_header(array.dtype.str, array.shape)
        size, crc = len(header) + len(content), zlib.crc32(content.data, zlib.crc32(header))
        about = (45, 0, ZIP_STORED, 0, NEW_YEAR, crc, ELSEWHERE, ELSEWHERE, len(name))
        sizes = struct.pack("<2H2Q", 1, 16, size, size)
        local = LOCAL.pack(b"PK\x03\x04", *about, len(sizes)) + name + sizes
        where = struct.pack("<2H3Q", 1, 24, size, size, place)
        listed += CENTRAL.pack(b"PK\x01\x02", 45, *about, len(where), 0, 0, 0, 0, ELSEWHERE)
        listed += name + where
        file.write(local + header)
        file.write(content.data)
        place += len(local) + size
    file.write(listed)
    many = (len(arrays), len(arrays), len(listed), place)
    end = place + len(listed)
    file.write(END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, *many, b"PK\x06\x07", 0, end, 1))
    file.write(END.pack(b"PK\x05\x06", 0, 0, SHORT, SHORT, ELSEWHERE, ELSEWHERE, 0))


@lru_cache(maxsize=4096)
def _npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    about = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)
    return header.getvalue()


def read_arrays(path: Path, shapes: Shapes) -> Arrays:
    """Read the arrays of a file as ``arrays_in``."""
    with opened(path) as file:
        return arrays_in(file, shapes)


def arrays_in(file: IO[bytes], shapes: Shapes) -> Arrays:
    """Read the arrays of an open file that have a shape here, and no others.

    Raises:
        Damaged: If it is no archive of such arrays.
        OSError: If it cannot be read.
    """
    size = require_archive(file)
    try:
        with ZipFile(file) as archive:
            members = dict(_members(archive, shapes, size))
            found = {name: _array(file, archive, name, e) for name, e in members.items()}
    except (
        BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, IndexError,
        OverflowError, struct.error, zlib.error,
    ) as error:  # fmt: skip
        raise Damaged(str(error)) from None
    except OSError as error:
        if error.errno != 22:  # what it makes of a place before the beginning
            raise
        raise Damaged("a place in it does not exist") from None
    return checked(found, shapes)


def require_archive(file: IO[bytes]) -> int:
    """Return the size of a file, which is Damaged if it does not begin and end as an archive."""
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(2) != b"PK":
        raise Damaged("it does not begin as an archive of arrays" if size else "it is empty")
    file.seek(max(size - 22, 0))  # where the end stands if there are no comments
    if file.read(4) != b"PK\x05\x06":
        raise Damaged("its end is missing, or something follows it")
    file.seek(0)
    return size


def checked(found: Arrays, shapes: Shapes) -> Arrays:
    """Return arrays as the types that they are to be read as; Damaged if shapes are others."""
    missing = [n for n, a in shapes.items() if a.needed and "*" not in n and n not in found]
    if missing:
        told = listed([f"'{name}'" for name in missing], 4)
        raise Damaged(f"{told} {'is' if len(missing) == 1 else 'are'} missing")
    lengths: dict[str, int] = {}
    for pattern in shapes:
        numbers = {_number(name) for name in found if _pattern(name) == pattern}
        if "*" in pattern and numbers != {str(i) for i in range(len(numbers))}:
            raise Damaged(f"of '{pattern}' not all are there")
    return {name: _checked(name, array, shapes, lengths) for name, array in found.items()}


def _checked(
    name: str, array: npt.NDArray[Any], shapes: Shapes, lengths: dict[str, int]
) -> npt.NDArray[Any]:
    wanted = shapes[_pattern(name)]
    if array.dtype.kind not in wanted.dtype[0] + wanted.kinds:
        raise Damaged(f"'{name}' holds {array.dtype.name}, not {NUMBERS[wanted.dtype]}")
    more = wanted.axes[-1:] == ("...",)
    axes = [axis.replace("*", _number(name)) for axis in wanted.axes[: -1 if more else None]]
    fits = array.ndim >= len(axes) if more else array.ndim == len(axes)
    if fits:
        for axis, length in zip(axes, array.shape, strict=False):
            known = int(axis) if axis.isdecimal() else lengths.setdefault(axis, length)
            fits &= known == length
    if not fits:
        shape = " x ".join(map(str, array.shape)) or "none"
        told = " x ".join(f"{a} ({lengths[a]})" if a in lengths else a for a in wanted.axes)
        raise Damaged(f"'{name}' has the shape {shape}, and should be {told}")
    return array if wanted.dtype == "U" else array.astype(wanted.dtype, copy=False)


def _members(archive: ZipFile, shapes: Shapes, size: int) -> Iterator[tuple[str, ZipInfo]]:
    """Yield the members that have a shape, once it is clear that they can be unpacked."""
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) < len(entries):
        raise Damaged("two arrays in it have one name")
    if min((entry.header_offset for entry in entries), default=0):
        raise Damaged("something stands before it in the file")
    chosen = {entry.filename.removesuffix(".npy"): entry for entry in entries}
    chosen = {name: entry for name, entry in chosen.items() if _pattern(name) in shapes}
    for name, entry in chosen.items():
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise Damaged(f"'{name}' is compressed as NumPy does not")
        stored = entry.compress_type == ZIP_STORED
        if entry.compress_size > size or (stored and entry.compress_size != entry.file_size):
            raise Damaged(f"'{name}' claims more than there is")
    packed = sum(entry.compress_size for entry in chosen.values())
    if packed > size or sum(e.file_size for e in chosen.values()) > max(PACKED, FOLD * packed):
        raise Damaged(f"it claims to unpack to more than {FOLD} times its size")
    yield from chosen.items()


def _array(file: IO[bytes], archive: ZipFile, name: str, entry: ZipInfo) -> npt.NDArray[Any]:
    """Read one array, whose header must claim what its member holds."""
    content = _content(file, archive, entry)
    dtype, fortran, shape, begun = _header(name, content)
    claimed, held = dtype.itemsize * math.prod(shape), len(content) - begun
    if claimed != held:
        raise Damaged(f"'{name}' claims {_bytes(claimed)} and holds {_bytes(held)}")
    return np.ndarray(shape, dtype, content, begun, order="F" if fortran else "C")


def _content(file: IO[bytes], archive: ZipFile, entry: ZipInfo) -> bytearray:
    """Return the bytes of a member; where they are stored as they are, without detours."""
    if entry.compress_type != ZIP_STORED:
        return bytearray(archive.read(entry))
    file.seek(entry.header_offset)
    head, content = file.read(30), bytearray(entry.file_size)
    name, extra = struct.unpack("<HH", head[26:])
    file.seek(name + extra, 1)
    if head[:4] != b"PK\x03\x04" or file.readinto(content) < len(content):  # type: ignore[attr-defined]
        raise Damaged("a place in it does not exist")
    if zlib.crc32(content) != entry.CRC:
        raise Damaged(f"Bad CRC-32 for file {entry.filename!r}")
    return content


def _header(name: str, content: bytearray) -> tuple[np.dtype[Any], bool, tuple[int, ...], int]:
    """Return type, order and shape of an array, and the bytes before its values."""
    no_array = Damaged(f"'{name}' is no array of plain numbers")
    if content[:6] != b"\x93NUMPY" or len(content) < 12 or content[6] not in (1, 2, 3):
        raise no_array
    begin = 10 if content[6] == 1 else 12
    length = int.from_bytes(content[8:begin], "little")
    found = HEADER.fullmatch(content[begin : begin + min(length, 10_000)].decode("latin1"))
    if not found:
        raise no_array
    order, kind, itemsize, fortran, shape = found.groups()
    if kind not in "biufcU" or not int(itemsize):
        raise no_array
    try:
        dtype = np.dtype(f"{order}{kind}{itemsize}")
        sizes = tuple(int(part) for part in shape.split(",") if part.strip())
    except (TypeError, ValueError):
        raise no_array from None
    return dtype, fortran == "True", sizes, begin + length


@lru_cache(maxsize=4096)
def _pattern(name: str) -> str:
    return re.sub(r"(?<=/)\d+(?=/|$)", "*", name, count=1)


@lru_cache(maxsize=4096)
def _number(name: str) -> str:
    found = re.search(r"(?<=/)\d+(?=/|$)", name)
    return found[0] if found else ""


def _bytes(count: int) -> str:
    """Write a number of bytes that may be absurd."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if count < 1024:
            return f"{count:,} {unit}"
        count //= 1024
    return f"more than {1024:,} PiB"
