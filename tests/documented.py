"""Documents of ``--json`` held against the list of fields that `nnrun.documents` prints."""

import json
import re
from typing import Any

from nnrun import documents

FIELD = re.compile(r"  (\S+) +(text|integer|number|boolean|object|list|any)(\|null)?(?: |$)")
TYPES = {"text": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict,
         "list": list, "any": object}  # fmt: skip

Fields = dict[str, tuple[str, bool]]


def fields(kind: str | None) -> Fields:
    """Return the type of each field of a kind by its path, and whether it may be null."""
    found: Fields = {}
    mine = True
    for line in documents.__doc__.splitlines():
        if line.startswith("kind "):
            mine = line.split()[1] == kind
        field = FIELD.match(line)
        if field and mine:
            found[field[1]] = (field[2], bool(field[3]))
    return found


def read_document(text: str) -> dict[str, Any]:
    """Read a document as a stranger does, and check that it is what is promised."""
    assert text.isascii()
    document = json.loads(text, parse_constant=_no_number)
    known = fields(document["kind"])
    _require(document, "", known, _children("", known))
    return document


def _no_number(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def _children(path: str, known: Fields) -> dict[str, bool]:
    """Return the names below a path, and whether each must be there."""
    prefix = f"{path}." if path else ""
    below = [one.removeprefix(prefix) for one in known if one.startswith(prefix)]
    names = (re.match(r"\w+\??", one)[0] for one in below)
    return {name.removesuffix("?"): not name.endswith("?") for name in names}


def _require(value: Any, path: str, known: Fields, names: dict[str, bool]) -> None:
    kind, nullable = known.get(path) or known.get(f"{path}?") or (None, False)
    if value is None and (nullable or kind == "any"):
        return
    if kind is not None:
        assert isinstance(value, TYPES[kind]), f"{path} is {value!r}, no {kind}"
        assert kind in ("boolean", "any") or not isinstance(value, bool), path
    if isinstance(value, list) and any(one.startswith(f"{path}[]") for one in known):
        for one in value:
            _require(one, f"{path}[]", known, _children(f"{path}[]", known))
    elif isinstance(value, dict) and names:
        assert {name for name, must in names.items() if must} <= value.keys() <= names.keys(), path
        for name, one in value.items():
            below = f"{path}.{name}" if path else name
            _require(one, below, known, _children(below, known))
