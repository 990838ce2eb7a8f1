"""What a sweep is asked for: its jobs, what is tuned for each, and what should be said of them.

A study has a grid of its own in ``hydra.sweeper.params`` and its own section ``sweep``. Of several
studies in one sweep each keeps its own: their jobs follow one another.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nnrun.config.read import SWEEP
from nnrun.errors import InputError, Issue, listed
from nnrun.hydra_ext.check import grid_options
from nnrun.hydra_ext.grid import MOST_JOBS, plan_grid, range_problem, rounding, too_many
from nnrun.layout import STUDIES
from nnrun.text import many

PARAMS = "hydra.sweeper.params"
"""The key of a study's grid."""

OWN = (PARAMS, "hydra.mode", "hydra.overrides", "hydra.runtime", "hydra.job.override_dirname")
"""What studies of one sweep may differ in, of what is Hydra's."""


@dataclass(frozen=True)
class Tuning:
    """What is tuned for each job of the grid: ``sweep.tune`` and its seeds.

    Attributes:
        keys: As written, for instance ``lr``.
        choices: Every combination of values: an override for each key.
        values: The same, as values.
        seeds: That choose.
        race: Whether choices that are far behind get no more of them.
    """

    keys: tuple[str, ...]
    choices: tuple[tuple[str, ...], ...]
    values: tuple[tuple[Any, ...], ...]
    seeds: range
    race: bool = True

    @property
    def named(self) -> list[dict[str, Any]]:
        """The values of each choice by key."""
        names = [key.lstrip("+") for key in self.keys]
        return [dict(zip(names, values, strict=True)) for values in self.values]


@dataclass(frozen=True)
class Plan:
    """The jobs of a sweep.

    Attributes:
        jobs: The overrides of each.
        tuning: What is chosen for each job first; None for nothing.
        notes: What a reader of the plan should know, in sentences.
    """

    jobs: list[list[str]]
    tuning: Tuning | None
    notes: tuple[str, ...] = ()


def plan_sweep(loader: ConfigLoader, master: DictConfig, arguments: Sequence[str]) -> Plan:
    """List the jobs of a sweep.

    Raises:
        InputError: With the rules that arguments and studies break.
    """
    parser = OverridesParser.create(config_loader=loader)
    given = parser.parse_overrides(list(arguments))
    masters = _masters(loader, master, given)
    plans: list[Plan] = []
    for study, composed in masters.items():
        chosen = [f"{STUDIES}={study}"] if study else []
        overrides = parser.parse_overrides([*grid_arguments(composed), *arguments, *chosen])
        options = grid_options(composed)
        jobs, tuning = plan_grid(overrides, options), read_tuning(overrides, options)
        _require_not_too_many(sum(len(plan.jobs) for plan in plans) + len(jobs), tuning)
        notes = tuple(filter(None, map(rounding, overrides)))
        plans.append(Plan(jobs, tuning, notes))
    if any(plan.tuning != plans[0].tuning for plan in plans):
        rule = "tune other values each"
        raise InputError(Issue(STUDIES, list(masters), rule, "start one sweep for each"))
    if plans[0].tuning is None:
        _require_no_rest(given)
    jobs = [job for plan in plans for job in plan.jobs]
    notes = tuple(dict.fromkeys(note for plan in plans for note in plan.notes))
    return Plan(jobs, plans[0].tuning, notes)


def _require_not_too_many(jobs: int, tuning: Tuning | None) -> None:
    """Check how many settings there are in all, those that are tried for tuning included.

    Raises:
        InputError: If a sweep has fewer.
    """
    issue = too_many(jobs)
    if tuning is not None and issue is None and (issue := too_many(jobs * len(tuning.choices))):
        rule = f"tries {many(len(tuning.choices))} choices for each of {many(jobs)} settings"
        rule += f", and a sweep tries at most {MOST_JOBS:,} in all"
        issue = Issue(f"{SWEEP}.tune", None, rule)
    if issue is not None:
        raise InputError(issue)


def _require_no_rest(given: Sequence[Override]) -> None:
    """Check that nobody says how to tune where nothing is tuned."""
    rule, hint = "says how values are chosen, and nothing is tuned", EXAMPLE
    rest = [one for one in given if one.key_or_group in HOW_TO_TUNE]
    if rest:
        raise InputError(*(Issue(str(one.input_line), None, rule, hint) for one in rest))


def grid_arguments(master: DictConfig) -> list[str]:
    """Write ``hydra.sweeper.params`` as arguments: a list in YAML is a list of values.

    Raises:
        InputError: If a key has no values.
    """
    params = _plain(OmegaConf.select(master, PARAMS))
    if STUDIES in params:
        rule, hint = "a study has no other studies in its grid", f"-m {STUDIES}=A,B"
        raise InputError(Issue(f"{PARAMS}.{STUDIES}", params[STUDIES], rule, hint))
    for key, value in params.items():
        if value in ([], {}):
            raise InputError(Issue(f"{PARAMS}.{key}", value, "must be one value or several"))
    return [f"{key}={_grid_text(str(key), value)}" for key, value in params.items()]


def _grid_text(key: str, value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return ",".join(one if isinstance(one, str) else value_text(key, one) for one in values)


def _masters(
    loader: ConfigLoader, master: DictConfig, given: Sequence[Override]
) -> Mapping[str, DictConfig]:
    """Compose the sweep of each study that has a grid of its own; else of all, without a name."""
    swept = [one for one in given if one.key_or_group == STUDIES and one.is_discrete_sweep()]
    if not swept:
        return {"": master}
    others = [str(one.input_line) for one in given if one.key_or_group != STUDIES]
    hydra = list(master.hydra.overrides.hydra)
    masters = {
        study: loader.load_configuration(
            master.hydra.job.config_name,
            [*hydra, *others, f"{STUDIES}={study}"],
            RunMode.MULTIRUN,
        )
        for study in swept[-1].sweep_string_iterator()
    }
    if all(_grid(composed) == _grid(master) for composed in masters.values()):
        return {"": master}
    _require_one_hydra(masters)
    return masters


def _grid(master: DictConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    return _plain(OmegaConf.select(master, PARAMS)), grid_options(master)


def _require_one_hydra(masters: Mapping[str, DictConfig]) -> None:
    """Check that studies differ in nothing that a sweep has once: its folder, its launcher."""
    flats = [
        {key: value for key, value in _dotted("hydra", _plain(master.hydra)) if key not in OWN}
        for master in masters.values()
    ]
    keys = dict.fromkeys(key for flat in flats for key in flat)
    odd = [key for key in keys if any(flat.get(key) != flats[0].get(key) for flat in flats)]
    if odd:
        rule = f"differ in what a sweep has once: {listed(odd)}"
        raise InputError(Issue(STUDIES, list(masters), rule, "start one sweep for each"))


def _dotted(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or not value or key in OWN:
        yield key, value
        return
    for name, one in value.items():
        yield from _dotted(f"{key}.{name}", one)


def _plain(node: Any) -> dict[str, Any]:
    if node is None:
        return {}
    plain = OmegaConf.to_container(node, resolve=False, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


EXAMPLE = "for instance 'sweep.tune={lr:[0.03,0.1,0.3]}'"
HOW_TO_TUNE = tuple(f"{SWEEP}.{key}" for key in ("tune_race", "tune_seeds", "tune_seed"))
NOT_TUNED = ("seed", "seeds", SWEEP, "hydra")
"""Keys of which each trial or launch has its own."""


def read_tuning(overrides: Sequence[Override], options: Mapping[str, Any]) -> Tuning | None:
    """Read what is to be tuned; None if nothing is.

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
    seeds, race = _seeds(options, issues), options.get("tune_race", True)
    if type(race) is not bool:
        issues.append(Issue(f"{SWEEP}.tune_race", race, "must be true or false"))
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
        race,
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
