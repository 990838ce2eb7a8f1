"""Composing thousands of jobs: Hydra once for each choice of groups, then values on a copy.

Hydra composes a job in two steps: it merges the chosen group options, which is slow, and then
applies the values, which is quick. The jobs of a sweep mostly share the first step.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from nnrun.errors import InputError
from nnrun.hydra_ext.complaints import in_our_words, wrong_keys
from nnrun.hydra_ext.loader import dirname
from nnrun.hydra_ext.shared_composition import SharedComposition, to_plain, without_hydra

MOST_KEPT = 128
"""Kept at once, less than 50 kB each."""


class Composed:
    """One job's configuration: in plain containers, and as OmegaConf's where that is asked for.

    Attributes:
        task: What the job's task is configured by; interpolations as written, enums as names.
        hydra: The node ``hydra`` likewise. Most of it is shared between jobs: to be read only.
    """

    def __init__(
        self,
        task: dict[str, Any],
        hydra: dict[str, Any],
        known: Mapping[str, Any],
        make: Callable[[dict[str, Any]], DictConfig],
    ) -> None:
        self.task, self.hydra = task, hydra
        self._known, self._make = known, make

    @cached_property
    def config(self) -> DictConfig:
        """All of it, as ``load_sweep_config`` returns it, with the job's id and number."""
        return self._make(self.hydra)

    def get(self, key: str) -> Any:
        """Return what stands under ``hydra``, its references followed; None if nothing does."""
        plain: Any = self.hydra
        for name in key.split("."):
            plain = plain.get(name) if isinstance(plain, dict) else None
        try:
            return followed(plain, {**self.task, "hydra": self.hydra}, self._known)
        except NotPlainError:
            found = OmegaConf.select(self.config, f"hydra.{key}")
            return OmegaConf.to_container(found, resolve=True) if type(plain) is not str else found


class Composer:
    """Composes the jobs of a sweep.

    What it returns equals what ``load_sweep_config`` composes, in any order of jobs, and shares
    nothing between jobs. Environment variables (``hydra.job.env_copy``) and the working directory
    are read when a choice of groups is first met.
    """

    def __init__(
        self, loader: ConfigLoader, master: DictConfig, most_kept: int = MOST_KEPT
    ) -> None:
        self._loader = loader
        self._master = master
        self._shared = lru_cache(maxsize=most_kept)(self._compose)
        self._is_group = lru_cache(maxsize=4096)(self._find_group)
        self._refusals: dict[tuple[Any, ...], InputError] = {}

    def values(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Compose a job's configuration without the ``hydra`` node.

        Raises:
            HydraException: Whatever ``load_sweep_config`` would raise.
            OmegaConfBaseException: If an interpolation leads nowhere.
        """
        return self._plain(*self._split(overrides), resolve=True)

    def job(self, overrides: Sequence[str], number: int) -> Composed:
        """Compose a job's whole configuration and number it, as a launcher does.

        Raises:
            HydraException: Whatever ``load_sweep_config`` would raise.
        """
        shared, values = self._split(overrides)
        own = [one for one in map(parsed, overrides) if not one.is_hydra_override()]
        words = shared.hydra["job"]["config"]["override_dirname"]
        if "$" in str(words):
            whole = self._whole(shared, values)
            node = whole.hydra.job.config.override_dirname
            words = OmegaConf.to_container(node, resolve=True)
        changed = {**dirname(own, words), "id": str(number), "num": number}
        task = [str(one.input_line) for one in own]
        hydra = {
            **shared.hydra,
            "overrides": {**shared.hydra["overrides"], "task": task},
            "job": {**shared.hydra["job"], **changed},
        }
        known = OmegaConf.get_cache(self._master)
        make = partial(self._whole, shared, values)
        return Composed(self._plain(shared, values, resolve=False), hydra, known, make)

    def refusal(self, overrides: Sequence[str], error: Exception) -> InputError:
        """Say in our words why a job cannot be composed or checked."""
        if not isinstance(error, HydraException):
            return in_our_words(error)
        try:
            shared, values = self._split(overrides)
        except HydraException:
            return in_our_words(error)
        # what thousands of jobs break alike is put into words once
        told = (shared, str(error).partition("\n")[0], *map(_named_by, values))
        if told not in self._refusals:
            self._refusals[told] = wrong_keys(error, values, shared.whole([]), self._loader)
        return self._refusals[told]

    def _plain(
        self, shared: SharedComposition, values: Sequence[Override], resolve: bool
    ) -> dict[str, Any]:
        literal = shared.literal(values, resolve)
        if literal is not None:
            return literal
        task = without_hydra(self._whole(shared, values))
        OmegaConf.copy_cache(from_config=self._master, to_config=task)
        return to_plain(task, enum_to_str=not resolve, resolve=resolve)

    def _whole(
        self,
        shared: SharedComposition,
        values: Sequence[Override],
        hydra: Mapping[str, Any] | None = None,
    ) -> DictConfig:
        """Compose a configuration, with what tells one job from another in its ``hydra`` node."""
        config = shared.whole(values)
        OmegaConf.copy_cache(from_config=self._master, to_config=config)
        if hydra is not None:
            config.hydra.overrides.task = hydra["overrides"]["task"]
            for key in ("override_dirname", "id", "num"):
                config.hydra.job[key] = hydra["job"][key]
        return config

    def _split(self, lines: Sequence[str]) -> tuple[SharedComposition, list[Override]]:
        """Find what a job shares with others, and the values that are to be applied to it."""
        overrides = [parsed(line) for line in lines]
        if any(_needs_whole(override) for override in overrides):
            return self._shared(tuple(str(o.input_line) for o in overrides)), []
        values = [override for override in overrides if self._is_value(override)]
        rest = [override for override in overrides if override not in values]
        return self._shared(tuple(str(o.input_line) for o in rest)), values

    def _compose(self, overrides: tuple[str, ...]) -> SharedComposition:
        return SharedComposition(self._loader.load_sweep_config(self._master, list(overrides)))

    def _is_value(self, override: Override) -> bool:
        """Say whether Hydra applies this override after it has merged the group options."""
        key = override.key_or_group
        if override.is_hydra_override() or key == "hydra":
            return False
        return isinstance(override.value(), dict) or not self._is_group(key)

    def _find_group(self, key: str) -> bool:
        if any(source.is_group(key) for source in self._loader.get_sources()):
            return True
        # hydra.searchpath may add sources that the loader does not list
        name = self._master.hydra.job.config_name
        # unresolved: they may refer to what only a job has
        overrides: Any = OmegaConf.to_container(self._master.hydra.overrides.hydra, resolve=False)
        return bool(
            self._loader.get_group_options(key, None, config_name=name, overrides=overrides)
        )


PLAIN_NUMBER = re.compile(
    r"([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)=(-?(?:0|[1-9]\d{0,17}))((?:\.\d+)?(?:e[+-]?\d+)?)", re.ASCII
)
"""An override that gives a key a number, as a sweep writes thousands of them."""


@lru_cache(maxsize=16384)
def parsed(line: str) -> Override:
    """Read an override as Hydra's grammar does."""
    number = PLAIN_NUMBER.fullmatch(line)
    if number is None:
        return _parser().parse_overrides([line])[0]
    key, whole, rest = number.groups()
    # what Hydra's grammar makes of it, which takes a millisecond
    return Override(
        type=OverrideType.CHANGE,
        key_or_group=key,
        value_type=ValueType.ELEMENT,
        _value=float(whole + rest) if rest else int(whole),
        input_line=line,
    )


@lru_cache(maxsize=1)
def _parser() -> OverridesParser:
    return OverridesParser.create()


def _named_by(override: Override) -> str:
    """Return what of an override its refusal depends on: its keys."""
    inner = isinstance(override.value(), dict)
    return str(override.input_line if inner else override.key_or_group)


def _needs_whole(override: Override) -> bool:
    """Say whether only Hydra itself can compose a job with this override, or refuse it."""
    illegal = override.value_type not in (None, ValueType.ELEMENT)
    # these two ask what is there already, which the job's values may have a say in
    asks = override.type in (OverrideType.ADD, OverrideType.DEL) and override.is_hydra_override()
    return illegal or asks or override.key_or_group.startswith("hydra.searchpath")


REFERENCE = re.compile(r"\$\{(?:([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(\w+):([^${}:,'\" ]+))\}")
"""``${a.b}``, neither relative nor nested, no brackets; or ``${resolver:one_argument}``."""


class NotPlainError(ValueError):
    """A string holds more than plain references."""


def followed(plain: Any, values: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    """Follow the references in plain containers, as OmegaConf does.

    Its own parser takes a quarter of a millisecond a string, each time anew.

    Raises:
        NotPlainError: If a string is one for OmegaConf's grammar.

    Example:
        >>> followed(["${a.b}/${c}.log", 3], {"a": {"b": "x"}, "c": 1}, {})
        ['x/1.log', 3]
    """
    if isinstance(plain, dict):
        return {key: followed(value, values, known) for key, value in plain.items()}
    if isinstance(plain, list):
        return [followed(value, values, known) for value in plain]
    if isinstance(plain, str) and "$" in plain:
        if "\\" in plain or "$" in REFERENCE.sub("", plain):
            raise NotPlainError(plain)
        return REFERENCE.sub(lambda found: _text(found, values, known), plain)
    return plain


def _text(found: re.Match[str], values: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    key, resolver, argument = found.groups()
    value: Any = values
    if resolver:
        value = known.get(resolver, {}).get((argument,))
    for name in key.split(".") if key else ():
        value = value.get(name) if isinstance(value, dict) else None
    # others are written in ways of their own, or keep their type if they stand alone
    if type(value) not in (str, int) or "$" in str(value) or value == "???":
        raise NotPlainError(found[0])
    return str(value)
