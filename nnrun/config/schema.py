"""Check plain mappings against frozen dataclasses, collecting every broken rule."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from itertools import chain
from math import isfinite
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from nnrun.errors import InputError, Issue, as_typed, did_you_mean

T = TypeVar("T")

MANDATORY = "???"
"""How a configuration file marks a value that the user must give."""

LARGEST = 1e100
"""Of any number: sums, differences and products of three of them are still numbers."""

FIELD_HINT = "use numbers, text, true or false, or tuples of them"
"""What the fields of a component can hold."""

COLLECTIONS = ("list_type", "set_type", "frozen_set_type")
"""What pydantic calls the refusal of a tuple where a field is declared as another collection."""


def plain(value: Any) -> Any:
    """Bring a configuration value to its one plain form.

    Lists become tuples, so that configurations can be hashed, and floats without a fraction
    become ints, because YAML reads ``1e6`` as a float where a count is meant; fields of type
    float take ints.
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def build(
    cls: type[T],
    values: Mapping[str, Any],
    issues: list[Issue],
    prefix: str = "",
    also_known: Iterable[str] = (),
) -> T | None:
    """Build a dataclass from a mapping, appending what is wrong to ``issues``.

    Args:
        cls: A dataclass; its annotations are the rules.
        values: Its fields, in ``plain`` form.
        issues: Broken rules are appended here, under dotted keys.
        prefix: Where ``values`` stand in the configuration, with a trailing dot if not empty.
        also_known: Keys that stand beside its fields, to be offered for a misspelt one.

    Returns:
        The instance; None if a rule is broken.
    """
    before = len(issues)
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    for key in [key for key in values if key not in known]:
        hint = did_you_mean(key, [*known, *also_known]) if known else "it has no keys"
        issues.append(Issue(prefix + key, values[key], "is not a known key", hint))
    arguments: dict[str, Any] = {}
    hints = _hints(cls)  # type: ignore[arg-type]
    for name, field in known.items():
        if name in values and values[name] != MANDATORY:
            arguments[name] = _checked(hints[name], values[name], issues, prefix + name)
        elif name in values or (field.default, field.default_factory) == (MISSING, MISSING):
            issues.append(Issue(prefix + name, None, "is required"))
    if len(issues) > before:
        return None
    try:
        return cls(**arguments)
    except InputError as error:
        issues += error.within(prefix.rstrip(".")).issues
    return None


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def _checked(hint: Any, value: Any, issues: list[Issue], key: str) -> Any:
    if is_dataclass(value) and hint in inspect.getmro(type(value)):
        return value
    if is_dataclass(hint):
        if isinstance(value, Mapping):
            return build(hint, value, issues, key + ".")  # type: ignore[arg-type]
        rule = f"must be a group of the keys {', '.join(f.name for f in fields(hint))}"
        issues.append(Issue(key, as_typed(value), rule))
        return None
    if isinstance(value, float) and not isfinite(value):
        issues.append(Issue(key, value, "must be a finite number"))
        return None
    try:
        checked = _adapter(hint).validate_python(value, strict=True)
        if _too_large(checked):
            rule, advice = f"must lie between {-LARGEST:g} and {LARGEST:g}", ""
        elif _is_none_in_words(hint, value):
            rule, advice = "is a word here, not the absence of one", "did you mean null?"
        else:
            return checked
    except ValidationError as error:
        rule = " or ".join(dict.fromkeys(_rule(e) for e in error.errors()))
        advice = _near(hint, value) or _otherwise(hint, value, key)
        if isinstance(value, tuple) and any(e["type"] in COLLECTIONS for e in error.errors()):
            rule, advice = _unfit(hint)
    except PydanticSchemaGenerationError:
        rule, advice = _unfit(hint)
    issues.append(Issue(key, as_typed(value), rule, advice))
    return None


def _too_large(value: Any) -> bool:
    """Say whether there is a number in a value that cannot be reckoned with."""
    if isinstance(value, tuple):
        return any(map(_too_large, value))
    return isinstance(value, float) and abs(value) > LARGEST


def _unfit(hint: Any) -> tuple[str, str]:
    """Say that a field is of a type that no field can have, and which it can."""
    return f"cannot be kept in a field of type {getattr(hint, '__name__', hint)}", FIELD_HINT


def _rule(error: Any) -> str:
    """Say pydantic's message as a rule on the key."""
    text = str(error["msg"])
    for old, new in (
        ("Input should be a valid", "must be a"),
        ("Input should", "must"),
        ("String should", "must"),
        ("must be a boolean", "must be true or false"),
        ("a integer", "a whole number"),
        ("a tuple", "a list"),
        ("a string", "text"),
        ("at least 1 character", "at least one character"),
    ):
        text = text.replace(old, new)
    place = [str(i + 1) for i in error["loc"] if isinstance(i, int)]
    return f"entry {place[0]} {text}" if place else text


def _near(hint: Any, value: Any) -> str:
    """Suggest the literal that a misspelt one was likely meant to be."""
    literals = [word for word in getattr(hint, "__args__", ()) if isinstance(word, str)]
    guess = did_you_mean(value, literals) if isinstance(value, str) and literals else ""
    return guess if guess.startswith("did") else ""


WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("none", "null", "nil", "~", ""), None),
    **dict.fromkeys(("true", "yes", "on", "y", "1"), True),
    **dict.fromkeys(("false", "no", "off", "n", "0"), False),
}
"""What stands for nothing, yes and no elsewhere."""

SUFFIXES = {"k": 1e3, "m": 1e6, "g": 1e9, "%": 0.01}


def _is_none_in_words(hint: Any, value: Any) -> bool:
    """Say whether an optional text is one that stands for none elsewhere."""
    if not isinstance(value, str) or value.casefold() not in ("none", "nil"):
        return False
    return _fits(hint, None)


def _otherwise(hint: Any, value: Any, key: str) -> str:
    """Suggest the value that fits a field, or the sweep, that the given value may be meant as."""
    readings = list(_readings(value))
    if (value is False or value is None) and "off" in get_args(hint):
        readings.append("off")
    lists = ((one,) for one in [value, *readings] if not isinstance(one, tuple))
    for reading in chain(readings, lists):
        if _fits(hint, reading):
            return f"did you mean {as_typed(reading)}?"
    for several in (value, *readings):
        if isinstance(several, tuple) and several and all(_fits(hint, one) for one in several):
            return f"for a sweep: -m {key}={','.join(map(as_typed, several))}"
    return ""


def _fits(hint: Any, value: Any) -> bool:
    try:
        _adapter(hint).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _readings(value: Any) -> Iterator[Any]:
    """Yield what a value may be meant as, likeliest first."""
    if isinstance(value, tuple) and len(value) == 1:
        yield value[0]
    if isinstance(value, str):
        yield from _readings_of_text(value.strip())
    elif str(value) in WORDS:
        yield WORDS[str(value)]


def _readings_of_text(text: str) -> Iterator[Any]:
    if text.casefold() in WORDS:
        yield WORDS[text.casefold()]
    number = re.fullmatch(r"([-+]?[\d_ ,']*\.?\d+(?:e[-+]?\d+)?) ?([kmg%]?)", text.casefold())
    if number:
        yield from _numbers(*number.groups())
    inner = re.fullmatch(r"[\[(]?\s*(.*?)\s*[\])]?", text)
    if inner and "," in inner[1]:
        yield tuple(_number(part) for part in re.split(r"\s*,\s*", inner[1]))


def _numbers(digits: str, suffix: str) -> Iterator[Any]:
    """Read a number whose commas part thousands, or stand for the decimal point."""
    grouped = re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", digits)
    point = digits.replace(",", "" if grouped else ".")
    value = _number(re.sub(r"[_ ']", "", point))
    if not isinstance(value, str):
        yield plain(round(value * SUFFIXES.get(suffix, 1), 15))


def _number(text: str) -> Any:
    try:
        return plain(float(text))
    except ValueError:
        return text
