"""Sections of a configuration as dotted keys with plain values."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any


def text_of(value: Any) -> Any:
    """Write a component as its name and fields; anything else stays as it is.

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


def flattened(key: str, value: Any) -> dict[str, Any]:
    """Give a section's keys their dotted names; an entry of a registry shows its name, too."""
    if not is_dataclass(value) or key in ("network.activation", "network.output"):
        return {key: [text_of(v) for v in value] if isinstance(value, tuple) else text_of(value)}
    named = {f"{key}.name": value.name} if hasattr(value, "name") else {}
    nested = (flattened(f"{key}.{f.name}", getattr(value, f.name)) for f in fields(value))
    return {**named, **{k: v for part in nested for k, v in part.items()}}


class _Itself:
    """A value that equals only itself: equal ones may be written otherwise, as 1, 1.0 and true."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def section(key: str, value: Any) -> Mapping[str, Any]:
    """Do what ``flattened`` does, once for a value that many settings share."""
    return _section(key, _Itself(value)) if is_dataclass(value) else flattened(key, value)


@lru_cache(maxsize=1024)
def _section(key: str, shared: _Itself) -> Mapping[str, Any]:
    return flattened(key, shared.value)


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
