"""One composition of Hydra's, and copies of it that differ in their values."""

import copy
import io
import pickle
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import ConfigCompositionException
from omegaconf import AnyNode, DictConfig, ListConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

ENVIRONMENT = re.compile(r"\$\{oc\.env:[^${}]*\}")
"""A reference to a variable of the environment, and to nothing else."""


_LOAD = OmegaConf.load


def parsed(file: Any) -> DictConfig | ListConfig:
    """Read YAML as ``OmegaConf.load`` does; the same text of the same file is parsed once.

    A sweep is composed from fifty files, and several times.
    """
    if not hasattr(file, "read"):
        return _LOAD(file)
    found: DictConfig | ListConfig = pickle.loads(_pickled(file.read(), getattr(file, "name", "")))
    return found


@lru_cache(maxsize=1024)
def _pickled(text: str, name: object) -> bytes:
    stream = io.StringIO(text)
    stream.name = name  # an error says where it is
    return pickle.dumps(_LOAD(stream))


class SharedComposition:
    """What the jobs with the same group choices share: Hydra's composition without values.

    Attributes:
        hydra: The ``hydra`` node in plain containers, interpolations as written and enums as
            names; shared between jobs: to be read only.
    """

    def __init__(self, config: DictConfig) -> None:
        OmegaConf.clear_cache(config)
        self.hydra = to_plain(config.hydra, enum_to_str=True)
        self._whole = _Copies(config)
        task = without_hydra(config)
        written = to_plain(task)
        resolved = _of_environment(task, written)
        self._literal = None if resolved is None else (_Copies(written), _Copies(resolved))
        self._free = frozenset(_free_keys(task))

    def whole(self, values: Sequence[Override]) -> DictConfig:
        """Return a copy with values; it shares nothing with any other."""
        config: DictConfig = self._whole.another()
        try:
            for override in values:
                if not (self._replaces(override) and _set(override, config)):
                    ConfigLoaderImpl._apply_overrides_to_config([override], config)
        except OmegaConfBaseException as error:
            # as load_configuration does
            raise ConfigCompositionException().with_traceback(error.__traceback__) from error
        return config

    def literal(self, values: Sequence[Override], resolve: bool) -> dict[str, Any] | None:
        """Return a copy without ``hydra`` in plain containers; None where that is not plain to see.

        It is where only the environment is referred to, and each value replaces one that has no
        declared type.
        """
        if self._literal is None or not all(self._replaces(value) for value in values):
            return None
        plain: dict[str, Any] = self._literal[resolve].another()
        for override in values:
            place = plain
            *parents, last = override.key_or_group.split(".")
            for parent in parents:
                place = place[parent]
            place[last] = override.value()
        return plain

    def _replaces(self, override: Override) -> bool:
        return (
            override.type is OverrideType.CHANGE
            and override.package is None
            and override.key_or_group in self._free
            and not isinstance(override.value(), dict)
            and _is_literal(override.value())
        )


class _Copies:
    """Copies of an object, by way of its pickle where it has one: five times as fast."""

    def __init__(self, original: Any) -> None:
        self._original = original
        try:
            self._pickle = pickle.dumps(original, protocol=pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError):
            self._pickle = b""

    def another(self) -> Any:
        return pickle.loads(self._pickle) if self._pickle else copy.deepcopy(self._original)


def to_plain(
    config: DictConfig, enum_to_str: bool = False, resolve: bool = False
) -> dict[str, Any]:
    """Return a configuration in plain containers."""
    plain = OmegaConf.to_container(config, resolve=resolve, enum_to_str=enum_to_str)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def without_hydra(config: DictConfig) -> DictConfig:
    """Return a copy of a composed configuration as its task gets it."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _set(override: Override, config: DictConfig) -> bool:
    """Set an undeclared value, which for lists takes half as long as merging it."""
    try:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=False)
    except OmegaConfBaseException:  # another override deleted it: the error is Hydra's to word
        return False
    return True


def _of_environment(task: DictConfig, written: dict[str, Any]) -> dict[str, Any] | None:
    """Resolve a configuration in which nothing refers to anything but the environment."""
    if not _is_literal(written, ENVIRONMENT):
        return None
    try:
        return to_plain(task, resolve=True)
    except OmegaConfBaseException:  # a variable is missing: the job's own composition says it
        return None


def _free_keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys whose value may be replaced by any other."""
    for key in config:
        node = config._get_node(key)
        if not isinstance(key, str) or not isinstance(node, Node) or OmegaConf.is_readonly(node):
            continue
        if isinstance(node, DictConfig):
            if not (node._is_none() or node._is_missing() or node._is_interpolation()):
                yield from _free_keys(node, f"{prefix}{key}.")
        elif isinstance(node, ListConfig):
            if node._metadata.element_type in (Any, None) and not node._metadata.flags:
                yield prefix + key
        elif type(node) is AnyNode:
            yield prefix + key


def _is_literal(plain: Any, known: re.Pattern[str] | None = None) -> bool:
    """Say whether plain values interpolate nothing but what may look like ``known``."""
    if isinstance(plain, dict):
        return all(_is_literal(value, known) for value in plain.values())
    if isinstance(plain, list):
        return all(_is_literal(value, known) for value in plain)
    if isinstance(plain, str):
        literal = "$" not in plain or (known is not None and known.fullmatch(plain) is not None)
        return literal and type(plain) is str
    return plain is None or type(plain) in (bool, int, float)
