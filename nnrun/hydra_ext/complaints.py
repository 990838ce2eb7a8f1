"""Hydra's composition errors, said in nnrun's words: the key, the value, the likely fix."""

import re
from collections.abc import Sequence
from shlex import quote
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig

from nnrun.config.components import lacking
from nnrun.config.read import known_keys
from nnrun.documents import FLAG
from nnrun.errors import InputError, Issue, did_you_mean, shortened
from nnrun.hydra_ext.arguments import TABLES, as_list, readable
from nnrun.hydra_ext.loader import HYDRAS_KEYS, MOST_SHOWN, applied
from nnrun.layout import STUDIES

BY_SHELL = "quote it for the shell and for Hydra, as in 'features.terms={}'"
"""How what Hydra's grammar refuses is mostly mended."""

PLACE = "Error when parsing index: "
"""How a line of Hydra's begins, from 1.4 on, that lists all that was typed."""


def in_our_words(error: Exception) -> InputError:
    """Turn an error of Hydra or OmegaConf into ours; an InputError stays what it is."""
    if isinstance(error, InputError):
        return error
    text, cause = _one_line(error), error.__cause__ or error.__context__
    if isinstance(error, MissingConfigException):
        return InputError(_missing(error, text))
    if isinstance(error, OverrideParseException):
        return InputError(_not_read(error, text))
    several = re.match(r"Ambiguous value for argument '(.+?)' 1\. To use", text)
    if several:
        hint = f"add -m before the overrides, as in: python -m nnrun -m {several[1]}"
        decimal = re.fullmatch(r"(.+=-?0),(\d+)", several[1])  # 1,2 is rather two values
        if decimal:
            hint += f"; a decimal number has a point: {decimal[1]}.{decimal[2]}"
        if several[1].lower().endswith(TABLES):
            key, _, value = several[1].partition("=")
            whole = quote(f'{key}="{value}"')
            hint += f"; one name with a comma in it: {whole}"
        return InputError(Issue(several[1], None, "several values need a sweep", hint))
    wrong_key = re.match(r"(?:In '[^']*': )?Could not override '([^']+)'", text) or re.search(
        r"No earlier Group Default for '([^']+)' exists", text
    )
    if isinstance(error, ConfigCompositionException) and wrong_key:
        key, at, package = wrong_key[1].partition("@")
        if key.startswith("hydra.") and cause is not None:
            return InputError(Issue(key, None, _first_line(cause), HYDRAS_KEYS))
        return InputError(_wrong_package(key, package) if at else _unknown(key))
    merging = re.fullmatch(r"Error merging override (.*)", text)
    if merging and cause is not None:
        return InputError(Issue(merging[1], None, _first_line(cause)))
    if cause is not None and not text:
        text = _first_line(cause)
    return InputError(Issue("configuration", None, text))


def wrong_keys(
    error: Exception, values: Sequence[Override], bare: DictConfig, loader: ConfigLoader
) -> InputError:
    """Turn an error of Hydra into ours where it is about keys that are not there: name them all."""
    if not isinstance(error, ConfigCompositionException):
        return in_our_words(error)
    chosen = bare.hydra.runtime.choices
    issues = []
    for override in values:
        there = bare.copy()
        if not applied(override, bare):
            issues += [
                _wrong_key(key, chosen.get(key.split(".")[0]), loader)
                for key in _keys(override.key_or_group, override.value())
                if not _has(there, key)
            ]
    return InputError(*issues) if issues else in_our_words(error)


def _keys(key: str, value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [inner for name, one in value.items() for inner in _keys(f"{key}.{name}", one)]
    return [key]


def _has(config: DictConfig, key: str) -> bool:
    """Say whether a configuration has a key, whatever its value."""
    *parents, last = key.split(".")
    node: Any = config
    for parent in parents:
        inner = isinstance(node, DictConfig)
        node = node._get_node(parent, validate_access=False) if inner else None
    return isinstance(node, DictConfig) and last in list(node)


def _first_line(error: BaseException) -> str:
    """Return the words of OmegaConf's error; lines below say where it looked."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _one_line(error: Exception) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    text = " ".join(line for line in lines if line and not line.startswith(PLACE))
    return re.split(r" (?:Config search|Search) path:", text)[0]


def _wrong_key(key: str, option: Any, loader: ConfigLoader) -> Issue:
    """Say that a key is none, or none of the option that was chosen of its group."""
    group, _, name = key.partition(".")
    having = _options_with(group, name, loader) if option and name else []
    return lacking(group, option, name, None, having) if having else _unknown(key)


def _unknown(key: str) -> Issue:
    return Issue(key, None, "is not a known key", _meant(key))


def _wrong_package(group: str, package: str) -> Issue:
    """Say that a group stands nowhere else than under its own name."""
    hint = f"write {group}=..."
    if group.startswith(f"{STUDIES}/"):
        hint = f"in a study: 'override /{group.partition('/')[2]}: ...'"
    if package.split(".")[0] == STUDIES:
        hint = "a study's file begins with '# @package _global_'"
    return Issue(f"{group}@{package}", None, "is not a known key", hint)


def _options_with(group: str, name: str, loader: ConfigLoader) -> list[str]:
    """Return the options of a group that have a key."""
    return [
        option
        for option in loader.get_group_options(group)
        if name in _keys_of(f"{group}/{option}", loader)
    ]


def _keys_of(path: str, loader: ConfigLoader) -> Sequence[str]:
    """Return the keys that an option's file gives its group."""
    for source in loader.get_sources():
        if source.is_config(path):
            config: Any = source.load_config(path).config
            inner = config.get(path.split("/")[0])  # where its package is the whole configuration
            return list(inner if isinstance(inner, DictConfig) else config)
    return []


def _meant(key: str) -> str:
    """Suggest a key; where none is close, list the top level rather than everything."""
    guess = did_you_mean(key, [*known_keys(), "hydra.run.dir", FLAG])
    if guess.startswith("did"):
        return guess
    return did_you_mean(key, [known for known in known_keys() if "." not in known])


def _not_read(error: OverrideParseException, text: str) -> Issue:
    reason = text.split(" See https", 1)[0]
    if "missing EQUAL" in reason:
        return _no_assignment(str(error.override))
    if "empty choice" in reason:
        key = error.override.partition("=")[0]
        return Issue(f"'{error.override}'", None, "has no values", f"give some: {key}=choice(A,B)")
    hint = BY_SHELL.format('[x,"sin(x)"]' if "Unknown function" in reason else "[x,y]")
    if "LexerNoViableAlt" in reason:
        reason = "it has characters that Hydra takes only in quotes"
    rewritten, meant = as_list(error.override), readable(error.override)
    if re.search(r"=\w+\([\d.e, +-]+\)$", error.override) and "Unknown function" in reason:
        hint = "give the values, a,b,c, or range(FROM,TO,STEP)"
    elif rewritten is not None:
        hint = f"did you mean {rewritten}?"
    elif meant is not None:
        hint = f"quote it for the shell and for Hydra: {quote(meant)}"
    typed = f"'{shortened(error.override)}'"
    reason = reason.replace(f"'{error.override}'", typed)
    return Issue(typed, None, f"cannot be read: {shortened(reason, MOST_SHOWN)}", hint)


def _no_assignment(typed: str) -> Issue:
    """Say how a key is set, of what has no equals sign."""
    hint = "without spaces around '=' and ','"
    colon = re.fullmatch(r"([A-Za-z_][\w.]*):(.+)", typed)
    if colon:
        hint = f"did you mean {colon[1]}={colon[2]}?"
    elif typed in known_keys():
        hint = f"{hint}, as in {typed}=VALUE"
    return Issue(f"'{typed}'", None, "must be written key=value", hint)


def _missing(error: MissingConfigException, text: str) -> Issue:
    path = error.missing_cfg_file or ""
    group, _, option = str(path).rpartition("/")
    if group.startswith("data/") and option.lower().endswith(TABLES):
        group, option = "data", str(path).removeprefix("data/")
    if group.startswith(f"{STUDIES}/") and option.lower().endswith((".yaml", ".yml")):
        group, option = STUDIES, str(path).removeprefix(f"{STUDIES}/")
    if group.startswith(f"{STUDIES}/"):
        hint = f"in a study: 'override /{group.partition('/')[2]}: {option}'"
        return Issue(str(path), None, "is no file of options", hint)
    if not group or not error.options:
        return Issue(str(path) or "configuration", None, text)
    hint = did_you_mean(option, error.options)
    if group == "data" and option.lower().endswith(TABLES):
        hint = f"did you mean data=table data.path={option} data.label=COLUMN?"
    if group == STUDIES and not hint.startswith("did"):
        hint += f"; yours: --config-dir FOLDER {STUDIES}=NAME for FOLDER/{STUDIES}/NAME.yaml"
    return Issue(group, option, f"is not an option of the group '{group}'", hint)
