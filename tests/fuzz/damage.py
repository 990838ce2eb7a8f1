"""Ways to damage a file: its bytes, what stands in its place, its arrays, its JSON, its columns."""

import io
import json
import os
import random
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

Bytes = Callable[[random.Random, bytes], bytes]


class Way(NamedTuple):
    """A way to damage a file.

    Attributes:
        name: In words.
        endings: Of the files that can be damaged so; empty for all.
        damage: Does it.
    """

    name: str
    endings: tuple[str, ...]
    damage: Callable[[random.Random, Path], None]

    def fits(self, file: Path) -> bool:
        """Tell whether a file can be damaged so."""
        return not self.endings or file.suffix in self.endings


def _of_bytes(change: Bytes) -> Callable[[random.Random, Path], None]:
    def damage(rng: random.Random, file: Path) -> None:
        file.write_bytes(change(rng, file.read_bytes()))

    return damage


def _flip(rng: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 8))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def _zeros(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    length = min(rng.choice((16, 512, 10**6)), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.choice((0, 1, 3, 100, len(content) // 2, len(content) - 1))]


def _garbage(rng: random.Random, content: bytes) -> bytes:
    return rng.choice((b"\xff\xfe\x00hello", b"hello", b"PK\x03\x04", bytes(500), b"\x80" * 99))


def _swap(rng: random.Random, file: Path) -> None:
    home = next(path for path in file.parents if (path / "truth").exists())
    others = [p for p in sorted(home.rglob("*")) if p.is_file() and p != file]
    other = rng.choice([p for p in others if p.suffix == file.suffix] or others)
    mine, theirs = file.read_bytes(), other.read_bytes()
    file.write_bytes(theirs)
    other.write_bytes(mine)


def _instead(make: Callable[[Path], object]) -> Callable[[random.Random, Path], None]:
    def damage(rng: random.Random, file: Path) -> None:
        file.unlink()
        make(file)

    return damage


def _socket(file: Path) -> None:
    here = Path.cwd()
    os.chdir(file.parent)  # the path of a socket may have 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(file.name)
    finally:
        os.chdir(here)


def _full(file: Path) -> None:
    file.mkdir()
    (file / "inside").write_text("x")


Members = dict[str, bytes]


def _of_members(
    change: Callable[[random.Random, Members], Any], how: int = zipfile.ZIP_STORED
) -> Callable[[random.Random, Path], None]:
    def damage(rng: random.Random, file: Path) -> None:
        with zipfile.ZipFile(file) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(rng, members)
        with zipfile.ZipFile(file, "w", how) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return damage


def _array(values: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, values, allow_pickle=True)
    return content.getvalue()


def _claim(rng: random.Random, members: Members) -> None:
    name = rng.choice(sorted(members))
    shape = rng.choice(((2**50,), (10**400,), (3, 10**18), (-5,), (2,), (1,) * 70, (0, 10**30)))
    header = {"descr": rng.choice(("<f8", "|O", "<U9", "<f8")), "fortran_order": False}
    text = str({**header, "shape": shape}).encode() + b"\n"
    members[name] = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(16)


ODD = (
    np.array(3.0), np.array(7), np.array([], dtype=np.float64), np.array([1 + 2j] * 2),
    np.array(["a", "b"]), np.array([{"a": 1}], dtype=object), np.zeros((1, 1, 1, 1)),
    np.array([-1, -1]), np.array([5, 5]), np.array([0, 2**62]), np.array([np.nan, np.inf]),
    np.array([True, False]), np.arange(50), np.array([[1.5, 2.5]] * 2), np.array(b"abc"),
    np.array(["2020-01-01"], dtype="datetime64[D]"), np.zeros(3, dtype=[("a", "f8")]),
)  # fmt: skip


def _odd(rng: random.Random, members: Members) -> None:
    members[rng.choice(sorted(members))] = _array(rng.choice(ODD))


def _without(rng: random.Random, members: Members) -> None:
    del members[rng.choice(sorted(members))]


def _bomb(rng: random.Random, members: Members) -> None:
    members[rng.choice(sorted(members))] = _array(np.zeros((3, 10**7)))


def _spoiled(rng: random.Random, members: Members) -> None:
    name = rng.choice(sorted(n for n in members if not n.startswith(("meta", "setup"))))
    values = np.load(io.BytesIO(members[name]))
    if values.dtype.kind == "f":
        values = values + rng.choice((np.nan, np.inf))
    members[name] = _array(rng.choice((values, values[:1], values[None], values.T)))


def _meta(rng: random.Random, members: Members) -> None:
    if "meta.npy" not in members:
        return _odd(rng, members)
    text = np.load(io.BytesIO(members["meta.npy"])).tobytes()
    members["meta.npy"] = _array(np.frombuffer(_json(rng, text), dtype=np.uint8))
    return None


DEEP = 100_000
VALUES = (
    None, "word", "", -1, 5, 2**63, 10**400, 1e308, float("nan"), float("inf"), True, [], {}, [[]],
    [None], {"a": {}}, "\x1b]0;title\x07", "\ud800", [1, 2, 3], "../../x", [10**18, -5], 999,
)  # fmt: skip


def _json(rng: random.Random, content: bytes) -> bytes:
    """Change one place of some JSON, or all of it."""
    if rng.random() < 0.15:
        return rng.choice((
            b"[]", b"3", b"null", b'"x"', b"{}", b"[" * DEEP, b"[" * DEEP + b"]" * DEEP,
            b'{"a":' * DEEP + b"1" + b"}" * DEEP, b"1" * 5000, b"\xff{}", b'{"schema": 2}',
            content.replace(b'"schema": 1', b'"schema": 7'), content.replace(b'"', b"'"),
        ))  # fmt: skip
    found = json.loads(content)
    place = rng.choice(_places(found))
    holder = found
    for key in place[:-1]:
        holder = holder[key]
    if rng.random() < 0.35:
        del holder[place[-1]]
    else:
        holder[place[-1]] = rng.choice(VALUES)
    return json.dumps(found).encode()


def _places(found: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = list(found) if isinstance(found, dict) else range(min(len(found), 5))
    places = []
    for key in keys:
        # the upper ones are as likely as the many below
        places += [(*above, key)] * max(1, 8 >> 2 * len(above))
        if isinstance(found[key], dict | list):
            places += _places(found[key], (*above, key))
    return places


def _column(rng: random.Random, file: Path) -> None:
    table = pd.read_parquet(file)
    name = rng.choice(list(table.columns))
    what = rng.randrange(6)
    if what == 0:
        table = table.drop(columns=name)
    elif what == 1:
        table = table.rename(columns={name: "other"})
    elif what == 2:
        table[name] = [[1, 2]] * len(table)
    elif what == 3:
        table[name] = "word"
    elif what == 4:
        table[name] = np.arange(len(table))
    else:
        table = table.assign(setting="other")
    table.to_parquet(file, index=False)


def _line(rng: random.Random, content: bytes) -> bytes:
    lines = content.decode().splitlines()
    lines[rng.randrange(len(lines))] = rng.choice(("", "a,b", '"', "x" * 9999, "\x00", "1," * 99))
    return "\n".join(lines).encode()


def _rename(rng: random.Random, file: Path) -> None:
    start = rng.choice(("0-999999999999999999", "0-1", "5-2", "0-99", f"0-{2**63}"))
    if "cache" in file.parts:
        file.rename(file.with_name(f"{start}.{file.name.split('.', 1)[1]}"))
    else:
        file.rename(file.with_name(f"{file.name}.old"))


NPZ = (".npz",)
BOMB = b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)
)
WAYS = (
    Way("flipped bits", (), _of_bytes(_flip)),
    Way("zeros within", (), _of_bytes(_zeros)),
    Way("cut short", (), _of_bytes(_cut)),
    Way("doubled", (), _of_bytes(lambda rng, content: content * 2)),
    Way("zeros behind", (), _of_bytes(lambda rng, content: content + bytes(5000))),
    Way("other content", (), _of_bytes(_garbage)),
    Way("swapped with another", (), _swap),
    Way("a folder instead", (), _instead(Path.mkdir)),
    Way("a full folder instead", (), _instead(_full)),
    Way("a pipe instead", (), _instead(os.mkfifo)),
    Way("a socket instead", (), _instead(_socket)),
    Way("a link to itself", (), _instead(lambda file: file.symlink_to(file.name))),
    Way("a link to nothing", (), _instead(lambda file: file.symlink_to("nowhere"))),
    Way("a link to a device", (), _instead(lambda file: file.symlink_to("/dev/zero"))),
    Way("gone", (), _instead(lambda file: None)),
    Way("no permission", (), lambda rng, file: file.chmod(0)),
    Way("another name", (), _rename),
    Way("a header that claims", NPZ, _of_members(_claim)),
    Way("an odd array", NPZ, _of_members(_odd)),
    Way("an array less", NPZ, _of_members(_without)),
    Way("a zip bomb", NPZ, _of_members(_bomb, zipfile.ZIP_DEFLATED)),
    Way("another compression", NPZ, _of_members(lambda rng, members: None, zipfile.ZIP_BZIP2)),
    Way("spoiled values", NPZ, _of_members(_spoiled)),
    Way("other meta", NPZ, _of_members(_meta)),
    Way("other meta again", NPZ, _of_members(_meta)),
    Way("other JSON", (".json",), _of_bytes(_json)),
    Way("other JSON again", (".json",), _of_bytes(_json)),
    Way("other JSON once more", (".json",), _of_bytes(_json)),
    Way("other columns", (".parquet",), _column),
    Way("another line", (".csv", ".yaml"), _of_bytes(_line)),
    Way("references upon references", (".yaml",), _of_bytes(lambda rng, content: BOMB)),
)
