"""What is chosen of a group: the name of one of its options, and what was likely meant if not."""

from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Override, Sweep, ValueType

from nnrun.errors import Issue, did_you_mean, listed, shown

OWN_KEY = {"network": "hidden", "features": "terms", "executor": "workers"}
"""The key of a group for which its own name is easily taken."""

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".txt", ".gz")
"""Endings of files that are taken for options of ``data``."""


def option_issues(override: Override, options: Sequence[str]) -> Iterator[Issue]:
    """Yield the rules that the value of a group breaks, before Hydra looks for its file.

    Args:
        override: Of a group; not a deletion.
        options: The group's.
    """
    group, value = override.key_or_group, override.value()
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        yield from glob_issues(override, options)
        return
    for plain in _choices(override):
        if isinstance(value, Sweep) and not isinstance(value, ChoiceSweep):
            plain = str(override.input_line).partition("=")[2]
        elif _can_be_chosen(plain, group):
            continue
        meant = _meant(group, plain, override, options)
        yield Issue(group, shown(plain), _rule(group, plain, options), meant)
        return


def glob_issues(override: Override, options: Sequence[str]) -> Iterator[Issue]:
    """Yield the rule that a pattern breaks, if it stands for nothing.

    Args:
        override: Its value is a pattern.
        options: Those of its group; none if its key is no group.
    """
    pattern: Any = override.value()
    if pattern.filter(list(options)):
        return
    written = str(override.input_line).partition("=")[2]
    key = override.get_key_element()
    hint = f"known: {listed(sorted(options))}" if options else f"'{key}' is no group of options"
    yield Issue(key, written, "stands for no option", hint)


def _choices(override: Override) -> list[Any]:
    """Return the values that a group is given, in plain containers."""
    value: Any = override.value()
    choices = value.list if isinstance(value, ChoiceSweep) else [value]
    return [Override._convert_value(choice) for choice in choices]


def _can_be_chosen(value: Any, group: str) -> bool:
    if isinstance(value, list):  # Hydra merges them: of several, the last one counts
        return len(value) == 1 and isinstance(value[0], str) and "/" not in group
    if isinstance(value, dict):  # values of the group's keys
        return group != "experiments" and "/" not in group
    return isinstance(value, str) and value.strip() != ""


def _rule(group: str, value: Any, options: Sequence[str]) -> str:
    if isinstance(value, list) and len(value) > 1 and all(one in options for one in value):
        return "takes one option, and of several the last would count"
    return f"must be the name of an option of the group '{group}'"


def _meant(group: str, value: Any, override: Override, options: Sequence[str]) -> str:
    """Say how the thing that a value looks like is written."""
    parts = value if isinstance(value, list) else [value]
    if value is None and group == "experiments":
        return "leave it out for no study"
    if parts and all(isinstance(one, str) and one in options for one in parts):
        return f"for a sweep over them: -m {group}={','.join(parts)}"
    if group in OWN_KEY and value is not None and not isinstance(value, bool):
        return f"did you mean {group}.{OWN_KEY[group]}={_own_value(group, override)}?"
    if isinstance(value, bool) or value is None:
        return did_you_mean(shown(value), options)
    return f"known: {listed(sorted(options))}"


def _own_value(group: str, override: Override) -> str:
    """Write what a group was given as its own key takes it: layers and terms are lists."""
    plain = _choices(override)
    if group != "executor":
        plain = [one if isinstance(one, list) else [one] for one in plain]
    return ",".join(shown(one) for one in plain)
