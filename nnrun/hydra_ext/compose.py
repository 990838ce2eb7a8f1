"""Composing thousands of jobs: Hydra once for each choice of groups, then values on a copy.

Hydra composes a job in two steps: it merges the chosen group options, which is slow, and then
applies the values, which is quick. The jobs of a sweep mostly share the first step.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from nnrun.errors import InputError
from nnrun.hydra_ext.complaints import in_our_words, wrong_keys
from nnrun.hydra_ext.template import Template, Trees

MOST_TEMPLATES = 128
"""Kept at once, less than 50 kB each."""


class Composer:
    """Composes the jobs of a sweep.

    What it returns equals what ``load_sweep_config`` composes, in any order of jobs, and shares
    nothing between jobs. Environment variables (``hydra.job.env_copy``) and the working directory
    are read when a choice of groups is first met.

    Args:
        loader: Hydra's, which knows where the configuration files are.
        master: The composed configuration of the sweep.
        most_templates: How many choices of groups to remember.
    """

    def __init__(
        self, loader: ConfigLoader, master: DictConfig, most_templates: int = MOST_TEMPLATES
    ) -> None:
        self._loader = loader
        self._master = master
        self._template = lru_cache(maxsize=most_templates)(self._compose)
        self._is_group = lru_cache(maxsize=4096)(self._find_group)
        self._refusals: dict[tuple[Any, ...], InputError] = {}

    def values(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Compose a job's configuration without the ``hydra`` node.

        Args:
            overrides: The job's, as the sweeper wrote them.

        Returns:
            The values in plain containers of their own, interpolations resolved.

        Raises:
            HydraException: Whatever ``load_sweep_config`` would raise.
            OmegaConfBaseException: If an interpolation leads nowhere.
        """
        return self._plain(overrides, resolve=True)

    def unresolved(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Compose what ``values`` does, but with interpolations as written and enums as names."""
        return self._plain(overrides, resolve=False)

    def config(self, overrides: Sequence[str], number: int) -> DictConfig:
        """Compose a job's whole configuration and number it, as a launcher does.

        Args:
            overrides: The job's, as the sweeper wrote them.
            number: The job's number in the sweep.

        Returns:
            What ``load_sweep_config`` returns, with ``hydra.job.id`` and ``hydra.job.num``.

        Raises:
            HydraException: Whatever ``load_sweep_config`` would raise.
        """
        return self.trees(overrides, number).config

    def trees(self, overrides: Sequence[str], number: int) -> Trees:
        """Compose a job's whole configuration as ``config`` does, with its ``hydra`` node apart."""
        parsed = [_parsed(line) for line in overrides]
        template, values = self._split(parsed)
        trees = template.trees(values)
        OmegaConf.copy_cache(from_config=self._master, to_config=trees.config)
        return trees._replace(plain=_named(trees, parsed, number))

    def task(self, overrides: Sequence[str]) -> DictConfig:
        """Compose a job's configuration without the ``hydra`` node, as its task gets it."""
        template, values = self._split([_parsed(line) for line in overrides])
        task = template.task(values)
        OmegaConf.copy_cache(from_config=self._master, to_config=task)
        return task

    def refusal(self, overrides: Sequence[str], error: Exception) -> InputError:
        """Say in our words why a job cannot be composed or checked."""
        if not isinstance(error, HydraException):
            return in_our_words(error)
        try:
            template, values = self._split([_parsed(line) for line in overrides])
        except HydraException:
            return in_our_words(error)
        # what thousands of jobs break alike is put into words once
        told = (template, str(error).partition("\n")[0], *(_named_by(value) for value in values))
        if told not in self._refusals:
            bare = template.trees([]).config
            self._refusals[told] = wrong_keys(error, values, bare, self._loader)
        return self._refusals[told]

    def _plain(self, overrides: Sequence[str], resolve: bool) -> dict[str, Any]:
        template, values = self._split([_parsed(line) for line in overrides])
        literal = template.literal(values, resolve)
        if literal is not None:
            return literal
        plain = OmegaConf.to_container(
            self.task(overrides), resolve=resolve, enum_to_str=not resolve
        )
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}

    def _split(self, overrides: Sequence[Override]) -> tuple[Template, list[Override]]:
        """Find the template of a job, and the values that are to be applied to it."""
        if any(_needs_whole(override) for override in overrides):
            return self._template(tuple(str(o.input_line) for o in overrides)), []
        are_values = [self._is_value(override) for override in overrides]
        values = [o for o, is_value in zip(overrides, are_values, strict=True) if is_value]
        rest = [o for o, is_value in zip(overrides, are_values, strict=True) if not is_value]
        return self._template(tuple(str(o.input_line) for o in rest)), values

    def _compose(self, overrides: tuple[str, ...]) -> Template:
        return Template(self._loader.load_sweep_config(self._master, list(overrides)))

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
        job = self._master.hydra.job
        # unresolved: they may refer to what only a job has
        overrides = OmegaConf.to_container(self._master.hydra.overrides.hydra, resolve=False)
        assert isinstance(overrides, list)
        return bool(
            self._loader.get_group_options(
                key, None, config_name=job.config_name, overrides=overrides
            )
        )


PLAIN_NUMBER = re.compile(
    r"([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)=(-?(?:0|[1-9]\d{0,17}))((?:\.\d+)?(?:e[+-]?\d+)?)", re.ASCII
)
"""An override that gives a key a number, as a sweep writes thousands of them."""


@lru_cache(maxsize=16384)
def _parsed(line: str) -> Override:
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


def _named(trees: Trees, overrides: Sequence[Override], number: int) -> dict[str, Any]:
    """Write what tells one job from another into its ``hydra`` node; return that in plain."""
    node: Any = trees.config.hydra
    own = [override for override in overrides if not override.is_hydra_override()]
    task = [str(override.input_line) for override in own]
    dirname = get_overrides_dirname(overrides=own, **_dirname_words(trees))
    node.overrides.task = task
    job = node.job
    job.override_dirname, job.id, job.num = dirname, str(number), number
    changed = {"override_dirname": dirname, "id": str(number), "num": number}
    return {
        **trees.plain,
        "overrides": {**trees.plain["overrides"], "task": task},
        "job": {**trees.plain["job"], **changed},
    }


def _dirname_words(trees: Trees) -> dict[str, Any]:
    """Return the separators and the keys left out; plain, unless they refer to something."""
    plain: dict[str, Any] = trees.plain["job"]["config"]["override_dirname"]
    if "$" not in str(plain):
        return plain
    words: Any = OmegaConf.to_container(
        trees.config.hydra.job.config.override_dirname, resolve=True
    )
    return dict(words)


REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}")
"""``${a.b}``: neither relative nor nested, no resolver, no brackets."""


class NotPlainError(ValueError):
    """A string holds more than plain references."""


def resolved(plain: Any, config: DictConfig) -> Any:
    """Follow the references in plain containers, as OmegaConf does.

    Args:
        plain: Plain containers, interpolations as written.
        config: What they refer to.

    Returns:
        The same with references replaced.

    Raises:
        NotPlainError: If a string is one for OmegaConf's grammar.

    Example:
        >>> resolved(["${a.b}/${c}.log", 3], OmegaConf.create({"a": {"b": "x"}, "c": 1}))
        ['x/1.log', 3]
    """
    if isinstance(plain, dict):
        return {key: resolved(value, config) for key, value in plain.items()}
    if isinstance(plain, list):
        return [resolved(value, config) for value in plain]
    if isinstance(plain, str) and "$" in plain:
        if "\\" in plain or "$" in REFERENCE.sub("", plain):
            raise NotPlainError(plain)
        return REFERENCE.sub(lambda found: _text(found[1], config), plain)
    return plain


def _text(key: str, config: DictConfig) -> str:
    value = OmegaConf.select(config, key)
    # others are written in ways of their own, or keep their type if they stand alone
    if type(value) is not str and type(value) is not int:
        raise NotPlainError(key)
    return str(value)
