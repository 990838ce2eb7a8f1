"""What is tuned for each job of a sweep: the node ``sweep.tune``, read and checked."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.errors import HydraException

from nnrun.errors import InputError, Issue
from nnrun.hydra_ext.grid import MOST_JOBS, too_many
from nnrun.hydra_ext.ranges import range_problem
from nnrun.validate import SWEEP

EXAMPLE = "for instance 'sweep.tune={lr:[0.03,0.1,0.3]}'"
NOT_TUNED = ("seed", "seeds", SWEEP, "hydra")
"""Keys of which each trial or launch has its own."""


@dataclass(frozen=True)
class Tuning:
    """What is tuned for each job of the grid: ``sweep.tune`` and its seeds.

    Attributes:
        keys: As written, for instance ``lr``.
        choices: Every combination of values: an override for each key.
        values: The same, as values.
        seeds: That choose.
    """

    keys: tuple[str, ...]
    choices: tuple[tuple[str, ...], ...]
    values: tuple[tuple[Any, ...], ...]
    seeds: range

    @property
    def named(self) -> list[dict[str, Any]]:
        """The values of each choice by key."""
        names = [key.lstrip("+") for key in self.keys]
        return [dict(zip(names, values, strict=True)) for values in self.values]


def read_tuning(overrides: Sequence[Override], options: Mapping[str, Any]) -> Tuning | None:
    """Read what is to be tuned; None if nothing is.

    Args:
        overrides: The sweep's arguments, parsed.
        options: The node ``sweep``, in plain containers.

    Raises:
        InputError: With every rule that the node breaks.
    """
    asked = options.get("tune") or {}
    if not isinstance(asked, Mapping):
        rule = "must be keys with the values to try"
        raise InputError(Issue(f"{SWEEP}.tune", asked, rule, EXAMPLE))
    if not asked:
        return None
    issues: list[Issue] = []
    seeds = _seeds(options, issues)
    given = {override.key_or_group for override in overrides}
    rows = []
    for key, values in asked.items():
        problem = _key_problem(str(key), given) or _range_issue(str(key), values)
        row = [] if problem else _row(str(key), values)
        if problem or not row:
            rule = "must be a list of the values to try"
            issues.append(problem or Issue(f"{SWEEP}.tune.{key}", values, rule, EXAMPLE))
        rows.append(row)
    if issues:
        raise InputError(*issues)
    if problem := too_many(math.prod(map(len, rows))):
        raise InputError(replace(problem, key=f"{SWEEP}.tune", hint=""))
    choices = list(itertools.product(*rows))
    return Tuning(
        tuple(str(key) for key in asked),
        tuple(tuple(text for text, _ in choice) for choice in choices),
        tuple(tuple(value for _, value in choice) for choice in choices),
        seeds,
    )


def _seeds(options: Mapping[str, Any], issues: list[Issue]) -> range:
    n, first = options.get("tune_seeds", 20), options.get("tune_seed", 1_000_000)
    if type(n) is not int or not 1 <= n <= 1_000_000:
        rule = "must be a whole number of seeds, from 1 to 1,000,000"
        issues.append(Issue(f"{SWEEP}.tune_seeds", n, rule))
        n = 1
    if type(first) is not int or not 0 <= first <= 2**62:
        issues.append(Issue(f"{SWEEP}.tune_seed", first, "must be a whole number, at least 0"))
        first = 0
    return range(first, first + n)


def _key_problem(key: str, given: set[str]) -> Issue | None:
    name, where = key.lstrip("+"), f"{SWEEP}.tune"
    if name.split(".")[0] in NOT_TUNED:
        return Issue(where, name, "cannot be tuned", "tune what a setting is made of")
    if name in given:
        hint = f"leave '{name}=' out, or write {SWEEP}.tune=null"
        return Issue(where, name, "is tuned, so it cannot be given values besides", hint)
    return None


def _range_issue(key: str, values: Any) -> Issue | None:
    """Return what is wrong with a range of values, if it is one."""
    try:
        override = OverridesParser.create().parse_overrides([f"{key}={values}"])[0]
    except HydraException:
        return None
    found = range_problem(override, MOST_JOBS)
    return found and replace(found, key=f"{SWEEP}.tune.{key}", hint="")


def _row(key: str, values: Any) -> list[tuple[str, Any]]:
    """Return the override and the value of each of a key's choices; none if it is no list."""
    if isinstance(values, str):  # as the command line takes it: a,b,c or range(1,4)
        override = OverridesParser.create().parse_overrides([f"{key}={values}"])[0]
        if not override.is_discrete_sweep():
            return []
        values = [Override._convert_value(one) for one in override.sweep_iterator()]
    if not isinstance(values, list):
        return []
    return [(f"{key}={value_text(key, value)}", value) for value in values]


def value_text(key: str, value: Any) -> str:
    """Write a value as Hydra's command line takes it."""
    override = Override(
        type=OverrideType.CHANGE, key_or_group=key, value_type=ValueType.ELEMENT, _value=value
    )
    return override.get_value_element_as_str()
