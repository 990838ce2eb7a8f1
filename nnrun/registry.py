"""Named components: one table a kind, filled where the components are written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform

from nnrun.errors import InputError, Issue, did_you_mean

T = TypeVar("T", bound="Component")


@dataclass_transform(frozen_default=True)
class Component:
    """A class that is configured: the base of each kind's base class.

    ``class Round(Shape, name="round")`` is a frozen dataclass without a decorator, and an entry of
    its kind's registry. Its fields are its configuration keys, its field types and their
    ``annotated_types`` bounds are the rules that the configuration is checked by, and being
    registered puts it into the test matrix that runs over every entry.
    """

    name: ClassVar[str]
    registry: ClassVar["Registry[Any]"]

    def __init_subclass__(cls, name: str = "", kw_only: bool = False) -> None:
        super().__init_subclass__()
        if name:
            dataclass(frozen=True, kw_only=kw_only)(cls)
            cls.name = name
            cls.registry.enter(name, cls)


class Registry(Mapping[str, type[T]], Generic[T]):
    """Component classes of one kind by name.

    Example:
        >>> class Shape(Component): ...
        >>> shapes: Registry[Shape] = Registry("shape", Shape)
        >>> class Round(Shape, name="round"):
        ...     radius: float = 1.0
        >>> list(shapes), Round(2.0)
        (['round'], Round(radius=2.0))
        >>> shapes["rund"]
        Traceback (most recent call last):
        nnrun.errors.InputError: shape=rund: is not a known shape (did you mean 'round'?)
    """

    def __init__(self, kind: str, base: type[T]) -> None:
        self.kind = kind
        self._entries: dict[str, type[T]] = {}
        base.registry = self

    def enter(self, name: str, entry: type[T]) -> None:
        """Enter a class under a name; ValueError if there is one."""
        if name in self._entries:
            raise ValueError(f"{self.kind} '{name}' is registered twice")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> type[T]:
        try:
            return self._entries[name]
        except KeyError:
            hint = did_you_mean(str(name), self._entries)
            raise InputError(Issue(self.kind, name, f"is not a known {self.kind}", hint)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
