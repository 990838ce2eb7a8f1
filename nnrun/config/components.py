"""Components and their sections of a configuration: entries of the registries, or a user's own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from nnrun import custom
from nnrun.config.schema import FIELD_HINT, build, plain
from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.network.activations import ACTIVATIONS, Activation
from nnrun.network.initializers import INITIALIZERS
from nnrun.network.losses import LOSSES
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import SCHEDULES
from nnrun.problem import (  # noqa: F401  (they fill registries)
    feature_sets,
    pattern_generators,
    planar_generators,
    split_tables,
    table,
)
from nnrun.problem.features import FEATURES
from nnrun.problem.problem import DATA
from nnrun.records import saved  # noqa: F401  (it fills a registry)
from nnrun.registry import Registry
from nnrun.text import listing

REGISTRIES: dict[str, Registry[Any]] = {
    "data": DATA,
    "features": FEATURES,
    "init": INITIALIZERS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
}
"""The groups whose options are components."""

Chosen = str | Activation
"""An activation of a network: the name of one with its usual fields, or the entry itself."""


def to_section(component: Any) -> dict[str, Any]:
    """Write a component as the section of a configuration that makes it.

    Args:
        component: An entry of a registry, or a user's own; or anything that such a one holds.

    Returns:
        ``name``, or for a user's own ``_target_``, and its fields; what a field holds likewise.

    Example:
        >>> from nnrun.network.activations import LeakyRelu
        >>> to_section(LeakyRelu(slope=0.3))
        {'name': 'leaky_relu', 'slope': 0.3}
        >>> from_section("activation", to_section(LeakyRelu(slope=0.3)))
        LeakyRelu(slope=0.3)
    """
    cls, named = type(component), {}
    if hasattr(component, "name"):
        named = {"name": component.name}
        if custom.is_custom(component):
            named = {custom.TARGET: f"{cls.__module__}.{cls.__qualname__}"}
    return {**named, **{f.name: _written(getattr(component, f.name)) for f in fields(component)}}


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_written, value))
    return to_section(value) if is_dataclass(value) else value


def from_section(kind: str, section: Mapping[str, Any]) -> Any:
    """Make the component of a section; the module of a user's own is imported already.

    Args:
        kind: A group of ``REGISTRIES``, or ``activation``.
        section: As from ``to_section``, whether it went through JSON or not.

    Raises:
        InputError: If there is no such component, or its fields are not these.
    """
    issues: list[Issue] = []
    entry = make(kind, plain(section), issues)
    if issues:
        raise InputError(*issues)
    return entry


def make(
    kind: str,
    section: Mapping[str, Any],
    issues: list[Issue],
    prefix: str = "",
    importing: bool = False,
) -> Any:
    """Make a component.

    Args:
        kind: A group of ``REGISTRIES``, or ``activation``.
        section: ``name`` or ``_target_``, and the component's own keys, in ``schema.plain`` form.
        issues: Broken rules are appended here.
        prefix: Where the section stands; the kind if empty.
        importing: Whether a user's module may be imported, see `nnrun.custom`.

    Returns:
        The component; None if a rule is broken.
    """
    prefix = prefix or kind
    options = dict(section)
    name, target = options.pop("name", None), options.pop(custom.TARGET, None)
    registry: Registry[Any] = ACTIVATIONS if kind == "activation" else REGISTRIES[kind]
    try:
        if target is None and name is None:
            raise InputError(Issue("name", None, f"needs a name, or a {custom.TARGET}"))
        if target is None:
            return _entry(registry, str(name), options, issues, prefix)
        cls = custom.component(kind, str(target), importing)
        return _own(kind, cls, str(target), options, issues, prefix)
    except InputError as error:
        key = custom.TARGET if target is not None else "name"
        issues += [Issue(f"{prefix}.{key}", i.value, i.rule, i.hint) for i in error.issues]
        return None


def _entry(
    registry: Registry[Any],
    name: str,
    options: Mapping[str, Any],
    issues: list[Issue],
    prefix: str,
) -> Any:
    """Make a registered component, as ``make`` does; say which others have a key that it lacks."""
    keys = {other: {f.name for f in fields(entry)} for other, entry in registry.items()}
    cls = registry[name]
    before = len(issues)
    for key in [key for key in options if key not in keys[name]]:
        if having := sorted(other for other in keys if key in keys[other]):
            issues.append(lacking(prefix, name, key, options[key], having))
    odd = {issue.key for issue in issues[before:]}
    rest = {key: value for key, value in options.items() if f"{prefix}.{key}" not in odd}
    made = build(cls, rest, issues, prefix + ".")
    return None if odd else made


def lacking(group: str, option: str, key: str, value: Any, having: Sequence[str]) -> Issue:
    """Say that the option chosen of a group has no such key."""
    verb = "has" if len(having) == 1 else "have"
    rule, hint = f"{group}={option} has no {key}", f"{listing(having, 8)} {verb}"
    return Issue(f"{group}.{key}", value, rule, hint)


def _own(
    kind: str, cls: Any, target: str, options: Mapping[str, Any], issues: list[Issue], prefix: str
) -> Any:
    """Make a user's own component and try it, as ``make`` does."""
    before = len(issues)
    with custom.naming(cls):
        whole = {**options, **_inner(cls, options, issues, prefix)}
        entry = build(cls, whole, issues, prefix + ".") if len(issues) == before else None
        if entry is None:
            return None
        values = {f.name: getattr(entry, f.name) for f in fields(entry)}
        odd = {name: type(v).__name__ for name, v in values.items() if not _can_be_kept(v)}
        if odd:
            rules = (f"its field '{name}' cannot be of type {kind}" for name, kind in odd.items())
            raise InputError(*(Issue(custom.TARGET, target, rule, FIELD_HINT) for rule in rules))
        hash(entry)
    custom.tried(kind, entry)
    return entry


def _inner(
    cls: Any, options: Mapping[str, Any], issues: list[Issue], prefix: str
) -> dict[str, Any]:
    """Make the components that a user's own is to hold in its fields."""
    hints, bases = get_type_hints(cls), {base: kind for kind, (base, _) in custom.BASES.items()}
    return {
        key: make(bases[hints[key]], part, issues, f"{prefix}.{key}")
        for key, part in options.items()
        if isinstance(part, Mapping) and hints.get(key) in bases
    }


def _can_be_kept(value: Any) -> bool:
    """Say whether settings can be told apart by a field's value and written with it."""
    try:
        hash(value)
        if isinstance(value, tuple):
            return all(map(_can_be_kept, value))
        if is_dataclass(value) and not isinstance(value, type):
            return all(_can_be_kept(getattr(value, f.name)) for f in fields(value))
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def activations(
    key: str, value: Any, issues: list[Issue], importing: bool = False
) -> Chosen | tuple[Chosen, ...] | None:
    """Read which activations a network is to have."""
    if isinstance(value, tuple) and key == "network.output":
        rule = "must be one activation"
        issues.append(Issue(key, value, rule, "for instance network.output=tanh"))
        return None
    if isinstance(value, tuple):
        several = [activations(key, one, issues, importing) for one in value]
        return None if None in several else tuple(several)  # type: ignore[arg-type]
    if isinstance(value, Mapping):
        made: Activation | None = make("activation", value, issues, key, importing)
        usual = made is not None and type(made) in ACTIVATIONS.values() and made == type(made)()
        return made.name if made is not None and usual else made
    if isinstance(value, str) and "." in value:
        section = {custom.TARGET: value}
        own: Activation | None = make("activation", section, issues, key, importing)
        return own
    if value in ("auto", *ACTIVATIONS) and not (value == "auto" and key != "network.output"):
        return str(value)
    hint = did_you_mean(value, ACTIVATIONS) if isinstance(value, str) else "a name, such as tanh"
    issues.append(Issue(key, "null" if value is None else value, "is not a known activation", hint))
    return None


def text_of(value: Any) -> Any:
    """Write a component as its name and fields, for display; anything else stays as it is.

    Example:
        >>> from nnrun.network.activations import LeakyRelu, Tanh
        >>> text_of(LeakyRelu(slope=0.2)), text_of(Tanh()), text_of(0.5)
        ('leaky_relu(slope=0.2)', 'tanh', 0.5)
    """
    if not is_dataclass(value):
        return value
    name = getattr(value, "name", type(value).__name__)
    settled = [f"{f.name}={getattr(value, f.name)}" for f in fields(value)]
    return f"{name}({', '.join(settled)})" if settled else str(name)


class _Itself:
    """A value that equals only itself: equal ones may be written otherwise, as 1, 1.0 and true."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def flat(key: str, value: Any) -> Mapping[str, Any]:
    """Give a section's keys their dotted names, for tables and labels; activations go by text."""
    return _flat(key, _Itself(value)) if is_dataclass(value) else _flattened(key, value)


@lru_cache(maxsize=1024)
def _flat(key: str, shared: _Itself) -> Mapping[str, Any]:
    """Flatten a value that many settings share once."""
    return _flattened(key, shared.value)


def _flattened(key: str, value: Any) -> dict[str, Any]:
    if not is_dataclass(value) or key in ("network.activation", "network.output"):
        return {key: [text_of(v) for v in value] if isinstance(value, tuple) else text_of(value)}
    named = {f"{key}.name": value.name} if hasattr(value, "name") else {}
    inner = (_flattened(f"{key}.{f.name}", getattr(value, f.name)) for f in fields(value))
    return {**named, **{k: v for part in inner for k, v in part.items()}}


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Put dotted keys back into sections.

    Example:
        >>> nested({"lr": 0.1, "data.name": "xor", "data.noise": 0.0})
        {'lr': 0.1, 'data': {'name': 'xor', 'noise': 0.0}}
    """
    sections: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        place = sections
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    return sections
