"""From a composed configuration to a job, with every broken rule found before anything trains.

Groups with a registry (data, init, optimizer, schedule, loss) hold a ``name`` and that entry's own
keys; the other groups and the top level have one dataclass each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen

from nnrun.config import (
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
from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.network.activations import ACTIVATIONS
from nnrun.network.initializers import INITIALIZERS
from nnrun.network.losses import LOSSES
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import SCHEDULES
from nnrun.problem import bundled, generators, table  # noqa: F401  (they fill DATA)
from nnrun.problem.features import Features
from nnrun.problem.problem import DATA, Problem, Task
from nnrun.registry import Registry
from nnrun.schema import build, plain

SWEEP = "sweep"
"""The section that tells the sweeper how to combine keys; no setting has a part in it."""

MOST_PARAMETERS = 2**25
"""Of one network; with gradients and optimizer state it takes about a gigabyte."""


@dataclass(frozen=True)
class _TopLevel:
    """The keys that stand in no group."""

    lr: Positive
    seed: Annotated[int, Ge(0), Le(2**62)]
    seeds: Annotated[int, Ge(1), Le(1_000_000)]
    budget: Count
    batch_size: Count
    evals: Annotated[int, Ge(1), Le(100_000)]
    target: Target
    engine: Literal["auto", "lanes", "reference"]
    name: Annotated[str, MinLen(1), MaxLen(200)]
    cache: CacheUse = "use"
    plan_only: bool = False


SECTIONS: dict[str, type] = {
    "features": Features,
    "network": Network,
    "tracking": Tracking,
    "executor": Executor,
    "report": Report,
}
REGISTRIES: dict[str, Registry[Any]] = {
    "data": DATA,
    "init": INITIALIZERS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
}


def read(config: Mapping[str, Any]) -> Job:
    """Check a whole configuration and turn it into a job.

    Args:
        config: The composed configuration, in plain containers.

    Returns:
        The job. Its problem was made (files were read) and fits its network and loss.

    Raises:
        InputError: With every rule that is broken.
    """
    values = plain(config)
    issues: list[Issue] = []
    groups = [*SECTIONS, *REGISTRIES]
    others = {k: v for k, v in values.items() if k not in (*groups, SWEEP)}
    top = build(_TopLevel, others, issues, also_known=groups)
    parts = {key: _group(key, values.get(key), issues) for key in groups}
    if issues or top is None:
        raise InputError(*issues)
    parts.update({f.name: getattr(top, f.name) for f in fields(top)})
    setting = Setting(**{f.name: parts[f.name] for f in fields(Setting)})
    rest = {f.name: parts[f.name] for f in fields(Job) if f.name in parts}
    return Job(setting=_fitted(setting), **rest)


def _group(key: str, section: Any, issues: list[Issue]) -> Any:
    if not isinstance(section, Mapping):
        rule = f"must be an option of the group '{key}'"
        issues.append(Issue(key, "null" if section is None else section, rule))
        return None
    if key in SECTIONS:
        return build(SECTIONS[key], section, issues, key + ".")
    options = dict(section)
    name = options.pop("name", None)
    try:
        entry = REGISTRIES[key][name]
    except InputError as error:
        issues += [Issue(f"{key}.name", i.value, i.rule, i.hint) for i in error.issues]
        return None
    return build(entry, options, issues, key + ".")


def _fitted(setting: Setting) -> Setting:
    """Check the rules that span several groups and resolve what they leave open."""
    issues = [*_counts(setting), *_layers(setting.network)]
    if setting.features.terms is not None:
        issues += _terms(setting)
    if issues:
        raise InputError(*issues)
    try:
        problem = setting.problem
    except InputError as error:
        # a term's rule names "terms", all others name a key of the data section
        of_terms = error.issues[0].key == "terms"
        raise error.within("features" if of_terms else "data") from None
    issues = [*_pool(setting, problem), *_task(setting, problem), *_output(setting, problem)]
    issues += _size(setting)
    if issues:
        raise InputError(*issues)
    features = Features(problem.inputs) if setting.data.planar else setting.features
    network = replace(setting.network, output=_output_name(setting, problem))
    return replace(setting, features=features, network=network)


def _counts(s: Setting) -> Iterator[Issue]:
    if s.batch_size > s.budget:
        yield Issue("batch_size", s.batch_size, f"must not exceed the budget of {s.budget} samples")


def _layers(network: Network) -> Iterator[Issue]:
    names = network.hidden_activations
    if len(names) != len(network.hidden):
        rule = f"must be one name, or one for each of the {len(network.hidden)} hidden layers"
        yield Issue("network.activation", network.activation, rule)
    for name in dict.fromkeys(names):
        if name not in ACTIVATIONS:
            hint = did_you_mean(name, ACTIVATIONS)
            yield Issue("network.activation", name, "is not a known activation", hint)
    if network.output not in ("auto", *ACTIVATIONS):
        hint = did_you_mean(network.output, ("auto", *ACTIVATIONS))
        yield Issue("network.output", network.output, "is not a known activation", hint)


def _terms(s: Setting) -> Iterator[Issue]:
    terms = s.features.terms or ()
    if not s.data.planar:
        rule = f"terms combine the coordinates x and y, which data={s.data.name} does not have"
        yield Issue("features.terms", terms, rule, "use features=raw")
    elif not terms:
        yield Issue("features.terms", terms, "needs at least one term", "for instance [x,y]")
    for term in dict.fromkeys(t for t in terms if terms.count(t) > 1):
        yield Issue("features.terms", terms, f"lists {term} more than once")


def _pool(s: Setting, problem: Problem) -> Iterator[Issue]:
    if problem.n_train is not None and s.batch_size > problem.n_train:
        rule = f"must not exceed the {problem.n_train} training samples of data={s.data.name}"
        yield Issue("batch_size", s.batch_size, rule)


def _task(s: Setting, problem: Problem) -> Iterator[Issue]:
    regression = problem.task is Task.REGRESSION
    if regression and s.target.metric == "accuracy":
        hint = "use target.metric=test_loss target.value=..."
        yield Issue("target.metric", "accuracy", "is not defined for regression", hint)
    if regression and s.loss.output is not None:
        hint = "use loss=squared_error"
        yield Issue("loss", s.loss.name, "needs classes, and this is a regression", hint)
    if s.loss.name == "categorical_crossentropy" and len(problem.outputs) == 1 and not regression:
        hint = "use loss=binary_crossentropy"
        yield Issue("loss", s.loss.name, "needs an output for each of several classes", hint)


def _size(s: Setting) -> Iterator[Issue]:
    if s.n_params > MOST_PARAMETERS:
        rule = f"makes {s.n_params:,} parameters, and nnrun trains at most {MOST_PARAMETERS:,}"
        yield Issue("network.hidden", s.network.hidden, rule)


def _output(s: Setting, problem: Problem) -> Iterator[Issue]:
    output = s.network.output
    if output not in ("auto", s.loss.output) and s.loss.output is not None:
        rule = f"loss={s.loss.name} needs the output activation {s.loss.output}"
        yield Issue("network.output", output, rule, "use network.output=auto")
    elif output == "softmax" and len(problem.outputs) == 1:
        yield Issue("network.output", output, "is always 1 for a single output", "use sigmoid")


def _output_name(s: Setting, problem: Problem) -> str:
    if s.network.output != "auto":
        return s.network.output
    return s.loss.output or ("linear" if problem.task is Task.REGRESSION else "sigmoid")


def require_one_sweep(jobs: Sequence[Job]) -> None:
    """Check what all jobs of a sweep must share.

    Raises:
        InputError: If they differ in what a sweep has once: its name, tracking, executor and so on.
    """
    for key in ("name", "tracking", "executor", "report", "cache", "plan_only"):
        values = list(dict.fromkeys(getattr(job, key) for job in jobs))
        if len(values) > 1:
            rule = "cannot vary within a sweep"
            raise InputError(Issue(key, None, rule, "start one sweep for each value"))


def require_no_grid(config: Mapping[str, Any]) -> None:
    """Check that nothing is asked of the sweeper where another or none makes the jobs.

    Raises:
        InputError: If the section ``sweep`` says how to combine keys.
    """
    section = config.get(SWEEP) or {}
    for key in ("zip", "random"):
        if section.get(key):
            hint = "add -m, and leave hydra/sweeper as it is"
            raise InputError(Issue(f"{SWEEP}.{key}", section[key], "is for nnrun's sweeps", hint))


def known_keys() -> list[str]:
    """List every key of the configuration, dotted, whichever options of the groups are chosen."""
    keys = [f.name for f in fields(_TopLevel)] + [f"target.{f.name}" for f in fields(Target)]
    for group, cls in SECTIONS.items():
        keys += [group, *(f"{group}.{f.name}" for f in fields(cls))]
    for group, registry in REGISTRIES.items():
        entries = [registry[name] for name in registry]
        names = dict.fromkeys(f.name for entry in entries for f in fields(entry))
        keys += [group, *(f"{group}.{name}" for name in names)]
    return [*keys, "experiments", *(f"{SWEEP}.{key}" for key in ("zip", "random", "seed"))]
