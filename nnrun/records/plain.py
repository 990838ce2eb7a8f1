"""Files opened with care, and JSON held against the fields it must have: whoever wrote it."""

import errno
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nnrun.errors import InputError, Issue

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What may stand in the place of a file."""

REFUSALS = {
    errno.ENOENT: ("does not exist", ""),
    errno.EACCES: ("may not be read by this user", "ask its owner for permission to read it"),
    errno.EPERM: ("may not be read by this user", "ask its owner for permission to read it"),
    errno.ELOOP: ("is a link that leads to itself", "delete the link"),
}
"""What the system's refusals mean for a file that is to be read, and what helps."""


DEEPEST = 32
"""Most levels of lists and mappings within each other; nnrun itself writes fewer than ten."""

LONG = re.compile(r"\d{19}")
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

Fields = Mapping[str, Any]
"""What a mapping must have: for each key what its value must be, as ``require`` has it.

A key that ends in a question mark may be missing."""

NAMES = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false",
    dict: "a mapping", list: "a list", type(None): "null",
}  # fmt: skip

NUMBER = (int, float)
TEXT = (str, type(None))


class Damaged(Exception):
    """A file holds something else than what was written; the words say what."""


class OtherVersion(Exception):
    """A file was written by another version, whose files this one does not read."""

    def __init__(self, rule: str, remedy: str) -> None:
        super().__init__(rule, remedy)
        self.rule, self.remedy = rule, remedy


@contextmanager
def reading(key: str, path: Path, kind: str, remedy: str) -> Iterator[None]:
    """Say what keeps the ``with`` block from reading a file, and what helps.

    Args:
        key: What the file was named by.
        path: Of the file.
        kind: What it should be, for instance ``record``.
        remedy: How it is made anew if it is damaged.

    Raises:
        InputError: If it cannot be read, is damaged, or was written by another version.
    """
    try:
        yield
        return
    except Damaged as why:
        rule = f"is not a readable {kind}: {why}"
    except OtherVersion as other:
        rule, remedy = other.rule, other.remedy
    except OSError as error:
        words = f"cannot be read: {error.strerror or error}"
        rule, remedy = REFUSALS.get(error.errno or 0, (words, ""))
    raise InputError(Issue(key, path, rule, remedy))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file; what only looks like one, such as a pipe, is never waited for.

    Raises:
        Damaged: If something else stands in its place.
        OSError: If it cannot be opened.
    """
    require_file(path)
    with path.open("rb") as file:
        yield file


def require_file(path: Path) -> os.stat_result:
    """Return what the system knows of a file; Damaged if something else stands in its place."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise Damaged(f"it is {KINDS.get(stat.S_IFMT(about.st_mode), 'no file')}")
    return about


def is_itself(path: Path) -> bool:
    """Say whether a file, or all in a folder, is there itself: a link may lead anywhere."""
    mode = os.lstat(path).st_mode if os.path.lexists(path) else 0
    if stat.S_ISDIR(mode):
        return all(map(is_itself, path.iterdir()))
    return stat.S_ISREG(mode)


def require_version(found: Any, known: int, of: Any = None) -> None:
    """Check that a file has the known version; ``of`` names those of the packages that wrote it.

    Raises:
        Damaged: If it says none.
        OtherVersion: If it is another one.
    """
    if type(found) is not int:
        raise Damaged("it does not say its version")
    if found == known:
        return
    name = of.get("nnrun") if isinstance(of, dict) else None
    author = f"nnrun {name}" if isinstance(name, str) else "another version of nnrun"
    rule = f"has schema {found}, written by {author}, and this one reads {known}"
    older = "read it with the nnrun that wrote it, or train again"
    raise OtherVersion(rule, "update nnrun" if found > known else older)


def read_plain(path: Path, fields: Fields) -> dict[str, Any]:
    """Read the JSON object that a file holds, as ``parse_plain``."""
    with opened(path) as file:
        return parse_plain(file.read(), fields)


def parse_plain(content: bytes, fields: Fields) -> dict[str, Any]:
    """Return the JSON object that some bytes hold: UTF-8, of moderate depth and numbers.

    Raises:
        Damaged: If they hold something else, or not the fields that it must have.
    """
    try:
        text = content.decode("utf-8")
        found = json.loads(text)
        if SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise Damaged("it is no UTF-8 text") from None
    except RecursionError:
        raise Damaged("it is nested too deeply") from None
    except ValueError as error:  # also of a number of thousands of digits
        raise Damaged(f"it is no JSON: {str(error).partition(';')[0]}") from None
    _require_moderate(found, long=LONG.search(text) is not None)
    require(found, fields)
    assert isinstance(found, dict)
    return found


def require(found: Any, kind: Any, place: str = "") -> None:
    """Check what a value is.

    Args:
        found: As JSON has it.
        kind: A type; several, any of which will do; a list of the one that all entries of a list
            must be; or the fields of a mapping. A description beside None may be null.
        place: Where the value stands, for messages.

    Raises:
        Damaged: If it is something else.
    """
    if isinstance(kind, tuple) and any(not isinstance(one, type) for one in kind):
        if found is None:
            return
        kind = kind[0]
    if isinstance(kind, list):
        _require_type(found, (list,), place)
        for number, entry in enumerate(found):
            require(entry, kind[0], f"{place}[{number}]")
        return
    if not isinstance(kind, Mapping):
        _require_type(found, kind if isinstance(kind, tuple) else (kind,), place)
        return
    _require_type(found, (dict,), place)
    for key, inner in kind.items():
        name = key.removesuffix("?")
        where = f"{place}.{name}" if place else name
        if name in found:
            require(found[name], inner, where)
        elif name == key:
            raise Damaged(f"'{where}' is missing")


def _require_type(found: Any, kinds: Sequence[type], place: str) -> None:
    kind = type(found)
    if kind in kinds or (kind is int and float in kinds):
        return
    what = f"'{place}'" if place else "it"
    wanted = " or ".join(NAMES[one] for one in kinds)
    raise Damaged(f"{what} is {NAMES[kind]}, and should be {wanted}")


def _require_moderate(found: Any, long: bool) -> None:
    """Check the depth and, if there may be long numbers, that each fits 64 bits."""
    level = [found]
    for _ in range(DEEPEST):
        if long and any(type(one) is int and not -(2**63) <= one < 2**63 for one in level):
            raise Damaged("a number in it has too many digits")
        level = [
            inner
            for one in level
            if type(one) is dict or type(one) is list
            for inner in (one.values() if type(one) is dict else one)
        ]
        if not level:
            return
    raise Damaged("it is nested too deeply")
