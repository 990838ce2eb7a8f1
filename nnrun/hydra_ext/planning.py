"""What a sweep is asked for: its jobs, what is tuned for each, and what should be said of them.

A study has a grid of its own in ``hydra.sweeper.params`` and its own section ``sweep``. Of several
studies in one sweep each keeps its own: their jobs follow one another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nnrun.errors import InputError, Issue, listed
from nnrun.hydra_ext.check import grid_options
from nnrun.hydra_ext.grid import MOST_JOBS, plan_grid, too_many
from nnrun.hydra_ext.ranges import rounding
from nnrun.hydra_ext.tune_keys import Tuning, read_tuning, value_text
from nnrun.layout import STUDIES
from nnrun.validate import SWEEP
from nnrun.words import many

PARAMS = "hydra.sweeper.params"
"""The key of a study's grid."""

OWN = (PARAMS, "hydra.mode", "hydra.overrides", "hydra.runtime", "hydra.job.override_dirname")
"""What studies of one sweep may differ in, of what is Hydra's."""


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

    Args:
        loader: Hydra's.
        master: The composed configuration of the sweep.
        arguments: As given on the command line.

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
