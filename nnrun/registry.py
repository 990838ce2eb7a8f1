"""Named components: one table a kind, filled where the components are written."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from nnrun.errors import InputError, Issue, did_you_mean

T = TypeVar("T")


class Registry(Mapping[str, type[T]], Generic[T]):
    """Component classes of one kind by name.

    A component is a frozen dataclass. Its fields are its configuration keys, its field types
    and their ``annotated_types`` bounds are the rules that the configuration is checked by, and
    being registered puts it into the test matrix that runs over every entry.

    Example:
        >>> shapes: Registry[object] = Registry("shape")
        >>> @shapes.register("round")
        ... class Round: ...
        >>> list(shapes)
        ['round']
        >>> shapes["rund"]
        Traceback (most recent call last):
        nnrun.errors.InputError: shape=rund: is not a known shape (did you mean 'round'?)
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type], type]:
        """Enter the decorated class under ``name`` and leave the name on it as ``name``."""

        def enter(entry: type) -> type:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            entry.name = name  # type: ignore[attr-defined]
            self._entries[name] = entry
            return entry

        return enter

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
