"""From a composed configuration to a job, with every broken rule found before anything trains.

Groups with a registry (data, features, init, optimizer, schedule, loss) hold a ``name`` and that
entry's own keys; the other groups and the top level have one dataclass each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen

from nnrun.config.components import REGISTRIES, activations, make
from nnrun.config.rules import fitted
from nnrun.config.schema import build, plain
from nnrun.config.settings import (
    Auto,
    Backprop,
    CacheUse,
    Count,
    Executor,
    Job,
    Network,
    Positive,
    Report,
    Setting,
    Target,
    Tracking,
)
from nnrun.errors import InputError, Issue, as_typed, did_you_mean, listed
from nnrun.layout import STUDIES
from nnrun.network.penalties import Clipping, Penalties
from nnrun.problem.problem import Task
from nnrun.text import things

MOST_TRIALS = 10_000_000
"""Of a sweep; what is kept of each while others train takes some hundred bytes."""

SWEEP = "sweep"
"""The section that tells the sweeper how to combine keys; no setting has a part in it."""

SWEEP_KEYS = ("zip", "random", "seed", "tune", "tune_race", "tune_seeds", "tune_seed")
"""Its keys."""


@dataclass(frozen=True)
class _TopLevel:
    """The keys that stand in no group."""

    lr: Positive
    seed: Annotated[int, Ge(0), Le(2**62)]
    seeds: Annotated[int, Ge(1), Le(1_000_000)] | Literal["auto"]
    budget: Count
    batch_size: Count
    evals: Annotated[int, Ge(1), Le(100_000)]
    target: Target
    engine: Literal["auto", "compiled", "reference"]
    name: Annotated[str, MinLen(1), MaxLen(200)]
    penalties: Penalties = field(default_factory=Penalties)
    clip: Clipping = field(default_factory=Clipping)
    backprop: Backprop = "exact"
    keep_state: bool = False
    continue_from: str | None = None
    cache: CacheUse = "use"
    plan_only: bool = False
    animate: bool | Annotated[int, Ge(0)] = False
    auto: Auto = field(default_factory=Auto)


CHOSEN = ("activation", "output")
"""Keys of the network whose values are components."""

SECTIONS: dict[str, type] = {
    "network": Network,
    "tracking": Tracking,
    "executor": Executor,
    "report": Report,
}

SUBSECTIONS: dict[str, type] = {
    "target": Target,
    "penalties": Penalties,
    "clip": Clipping,
    "auto": Auto,
}
"""Keys at the top that have keys of their own, but no group."""

ONCE = ("name", "tracking", "executor", "report", "cache", "plan_only", "animate", "auto")
"""Keys of a job that a sweep has once."""

GROUPS = (*SECTIONS, *REGISTRIES)
NOT_AT_TOP = frozenset((*GROUPS, SWEEP, STUDIES))
MOST_KNOWN = 1024
"""Sections that are remembered, some kilobytes each."""


Known = dict[tuple[str, str], Any]
"""What sections were made into, by their group and what they hold."""


def read(config: Mapping[str, Any], known: Known | None = None, importing: bool = False) -> Job:
    """Check a whole configuration and turn it into a job.

    Args:
        config: The composed configuration, in plain containers.
        known: Sections that other jobs of the same sweep have, too; new ones are added. Jobs share
            what is made of them, as it would be equal.
        importing: Whether it is the user's own, whose modules may be imported; not so that of a
            record.

    Returns:
        The job. Its problem was made (files were read) and fits its network and loss.

    Raises:
        InputError: With every rule that is broken.
    """
    try:
        return _read(config, {} if known is None else known, importing)
    except OSError as error:
        rule = f"a file that it names cannot be read: {error.strerror}"
        raise InputError(Issue("configuration", error.filename, rule)) from error


def _read(values: Mapping[str, Any], known: Known, importing: bool) -> Job:
    issues: list[Issue] = []
    others = {str(k): plain(v) for k, v in values.items() if k not in NOT_AT_TOP}
    issues += [_dotted(key, others.pop(key)) for key in list(others) if "." in key]
    if STUDIES in values:
        rule = "the keys of a study stand at the top, not below its group"
        issues.append(Issue(STUDIES, None, rule, "its file begins with '# @package _global_'"))
    top = build(_TopLevel, others, issues, also_known=GROUPS)
    parts = {key: _shared(key, values.get(key), issues, known, importing) for key in GROUPS}
    if issues or top is None:
        raise InputError(*issues)
    parts.update({f.name: getattr(top, f.name) for f in fields(top)})
    setting = Setting(**{f.name: parts[f.name] for f in fields(Setting)})
    rest = {f.name: parts[f.name] for f in fields(Job) if f.name in parts}
    if top.seeds == "auto":
        rest["seeds"] = top.auto.most
    else:
        rest["auto"] = None
    job = Job(setting=fitted(setting), **rest)
    _require_saved(job)
    _require_accuracy(job)
    _require_animated(job)
    return job


def _require_animated(job: Job) -> None:
    """Check that the seed that is to be animated is one of the job's."""
    asked, seeds = job.animate, job.sure_seeds
    if not isinstance(asked, bool) and asked not in seeds:
        rule = f"is not among the seeds, {seeds[0]} to {seeds[-1]}"
        rule += ", that all settings have" if job.auto else ""
        raise InputError(Issue("animate", asked, rule, "true takes the median one"))


def _dotted(key: str, value: Any) -> Issue:
    """Say how a key of the command line is written in a file."""
    group, _, name = key.partition(".")
    rule = "has a dot, which stands for a group on the command line only"
    return Issue(key, value, rule, f"in a file: '{group}: {{{name}: ...}}'")


def _require_saved(job: Job) -> None:
    """Check that a run that is continued has all the seeds."""
    saved = job.setting.saved
    missing = sorted(set(job.trial_seeds) - set(saved.seeds.tolist())) if saved else []
    if saved and missing:
        rule = f"asks for seed {missing[0]}, which the run that is continued has not"
        hint = f"it has {listed([str(seed) for seed in saved.seeds])}"
        raise InputError(Issue(_most(job), job.seeds, rule, hint))


def _most(job: Job) -> str:
    """Return the key that says how many seeds there are at most."""
    return "auto.most" if job.auto else "seeds"


def _require_accuracy(job: Job) -> None:
    """Check that networks have an accuracy where one is to be registered by it."""
    by = job.tracking.register_by if job.tracking.register else ""
    if by == "final_accuracy" and job.setting.problem.task is Task.REGRESSION:
        rule = "needs classes, and the data are a regression, which has no accuracy"
        hint = "use final_test_loss or time"
        raise InputError(Issue("tracking.register_by", by, rule, hint))


def _shared(key: str, section: Any, issues: list[Issue], known: Known, importing: bool) -> Any:
    """Make a group, or return what was made of an equal section; what is wrong is told anew."""
    held = key, repr(section)
    if held not in known:
        before = len(issues)
        made = _group(key, plain(section), issues, importing)
        if len(issues) > before or len(known) >= MOST_KNOWN:
            return made
        known[held] = made
    return known[held]


def _group(key: str, section: Any, issues: list[Issue], importing: bool) -> Any:
    if not isinstance(section, Mapping):
        rule = f"must be an option of the group '{key}'"
        hint = f"in a study: 'defaults: [override /{key}: {section}]'"
        hint = hint if isinstance(section, str) else ""
        issues.append(Issue(key, as_typed(section), rule, hint))
        return None
    if key not in SECTIONS:
        return make(key, section, issues, importing=importing)
    if key == "network":
        section = {
            k: activations(f"network.{k}", v, issues, importing) if k in CHOSEN else v
            for k, v in section.items()
        }
    return build(SECTIONS[key], section, issues, key + ".")


def require_one_sweep(jobs: Sequence[Job]) -> None:
    """Check what all jobs of a sweep must share.

    Raises:
        InputError: If they differ in what a sweep has once: its name, tracking, executor and so
            on; or if there are too many trials.
    """
    each = "start one sweep for each value"
    if len({job.auto is None for job in jobs}) > 1:
        raise InputError(Issue("seeds", None, "cannot be auto and a number within a sweep", each))
    for key in ONCE:
        if len({getattr(job, key) for job in jobs}) > 1:
            raise InputError(Issue(key, None, "cannot vary within a sweep", each))
    if jobs[0].auto and len({job.seed for job in jobs}) > 1:
        raise InputError(
            Issue("seed", None, "cannot vary with seeds=auto, which pairs seeds", each)
        )
    trials = sum(job.seeds for job in jobs)
    if trials > MOST_TRIALS:
        rule = f"makes {trials:,} trials of {things(len(jobs), 'setting')}"
        rule += f", and a sweep has at most {MOST_TRIALS:,}"
        fewer = "a lower auto.most" if jobs[0].auto else "fewer seeds"
        hint = f"use {fewer}, or start several sweeps"
        raise InputError(Issue(_most(jobs[0]), None, rule, hint))


def require_no_grid(config: Mapping[str, Any]) -> None:
    """Check that nothing is asked of the sweeper where another or none makes the jobs.

    Raises:
        InputError: If the section ``sweep`` says how to combine keys, or is none.
    """
    section = sweep_section(config)
    if unknown := unknown_sweep_keys(section):
        raise InputError(*unknown)
    for key in ("zip", "random", "tune"):
        if section.get(key):
            hint = "add -m, and leave hydra/sweeper as it is"
            raise InputError(Issue(f"{SWEEP}.{key}", section[key], "is for nnrun's sweeps", hint))


def sweep_section(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section that says how a sweep combines its keys.

    Raises:
        InputError: If it is no section.
    """
    section = config.get(SWEEP, {})
    if not isinstance(section, dict):
        rule = f"must be a group of the keys {listed(SWEEP_KEYS)}"
        raise InputError(Issue(SWEEP, as_typed(section), rule))
    return {str(key): value for key, value in section.items()}


def unknown_sweep_keys(section: Mapping[str, Any]) -> list[Issue]:
    """Return what the section ``sweep`` has no such key for."""
    return [
        Issue(f"{SWEEP}.{key}", section[key], "is not a known key", did_you_mean(key, SWEEP_KEYS))
        for key in section
        if key not in SWEEP_KEYS
    ]


def known_keys() -> list[str]:
    """List every key of the configuration, dotted, whichever options of the groups are chosen."""
    keys = [f.name for f in fields(_TopLevel)]
    for name, part in SUBSECTIONS.items():
        keys += [f"{name}.{f.name}" for f in fields(part)]
    for group, cls in SECTIONS.items():
        keys += [group, *(f"{group}.{f.name}" for f in fields(cls))]
    for group, registry in REGISTRIES.items():
        entries = [registry[name] for name in registry]
        names = dict.fromkeys(f.name for entry in entries for f in fields(entry))
        keys += [group, *(f"{group}.{name}" for name in names)]
    return [*keys, "experiments", *(f"{SWEEP}.{key}" for key in SWEEP_KEYS)]
