"""JSON in files, held against the fields that it must have: what a stranger wrote is data."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnrun.files.reading import Damaged, opened

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


def read_plain(path: Path, fields: Fields) -> dict[str, Any]:
    """Read a file with a JSON object in it.

    Args:
        path: Of the file.
        fields: What it must have.

    Raises:
        Damaged: If it is something else.
        OSError: If it cannot be read.
    """
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
            must be; or the fields of a mapping.
        place: Where the value stands, for messages.

    Raises:
        Damaged: If it is something else.
    """
    if isinstance(kind, Mapping):
        _require_fields(found, kind, place)
    elif isinstance(kind, list):
        _require_type(found, (list,), place)
        for number, entry in enumerate(found):
            require(entry, kind[0], f"{place}[{number}]")
    elif isinstance(kind, tuple) and any(not isinstance(one, type) for one in kind):
        # a value that may be null, or else is described
        if found is not None:
            require(found, kind[0], place)
    else:
        _require_type(found, kind if isinstance(kind, tuple) else (kind,), place)


def _require_fields(found: Any, fields: Fields, place: str) -> None:
    _require_type(found, (dict,), place)
    for key, kind in fields.items():
        name = key.removesuffix("?")
        where = f"{place}.{name}" if place else name
        if name in found:
            require(found[name], kind, where)
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
