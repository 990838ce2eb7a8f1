"""The rules that span several groups of a configuration, and what they leave open."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from nnrun import custom
from nnrun.config.components import text_of
from nnrun.config.evaluation_grid import n_evaluations
from nnrun.config.settings import Setting
from nnrun.errors import InputError, Issue
from nnrun.network.losses import CategoricalCrossEntropy
from nnrun.network.mlp import fans
from nnrun.network.optimizers import Rprop
from nnrun.network.schedules import Constant
from nnrun.problem.feature_sets import Terms
from nnrun.problem.features import FeatureSet, bare_problem
from nnrun.problem.problem import Problem, Task
from nnrun.records.record import Record
from nnrun.records.saved import Saved
from nnrun.text import things

MOST_COMPARED = 4096
"""Steps at which the schedules of a run and of its continuation are compared."""

NEVER_NEGATIVE = ("sigmoid", "softmax", "relu", "softplus")
"""Activations that say the same of every sample where 0 is the boundary between two classes."""

MOST_PARAMETERS = 2**25
"""Of one network; with gradients and optimizer state it takes about a gigabyte."""


def fitted(setting: Setting) -> Setting:
    """Check the rules that span several groups and resolve what they leave open.

    Raises:
        InputError: With every rule that is broken.
    """
    _raise(*_counts(setting), *_layers(setting))
    _raise(*_schedule(setting), *_without_effect(setting))
    bare = _attempt("data", setting.data, lambda: bare_problem(setting.data))
    problem = _attempt("features", setting.features, lambda: setting.problem)
    _raise(
        *_pool(setting, problem),
        *_full_batch(setting, problem),
        *_task(setting, problem),
        *_output(setting, problem),
        *_size(setting),
        *_init(setting, problem),
    )
    network = replace(setting.network, output=_output_name(setting, problem))
    whole = replace(setting, features=_features(setting, bare), network=network)
    if not network.hidden:  # these have no meaning without hidden layers
        plain = replace(network, activation="sigmoid", shortcut=False, dropout=0.0)
        whole = replace(whole, network=plain, backprop="exact")
    if whole.saved is None:
        return whole
    _raise(*_continued(whole, whole.saved))
    return replace(whole, engine=whole.saved.trials.engine)


def _raise(*issues: Issue) -> None:
    if issues:
        raise InputError(*issues)


def _attempt(group: str, entry: Any, make: Callable[[], Problem]) -> Problem:
    """Make a problem; what is wrong is said under the group's keys."""
    try:
        with custom.naming(entry) if custom.is_custom(entry) else nullcontext():
            return make()
    except InputError as error:
        raise error.within(group) from error.__cause__


def _counts(s: Setting) -> Iterator[Issue]:
    if s.batch_size > s.budget:
        yield Issue("batch_size", s.batch_size, f"must not exceed the budget of {s.budget} samples")


def _layers(s: Setting) -> Iterator[Issue]:
    network = s.network
    if len(network.hidden_activations) != len(network.hidden):
        rule = f"must be one name, or one for each of the {len(network.hidden)} hidden layers"
        yield Issue("network.activation", text_of(network.activation), rule)


def _without_effect(s: Setting) -> Iterator[Issue]:
    """Refuse what would be asked for in vain."""
    yield from _hold(s)
    if isinstance(s.optimizer, Rprop):
        rule = f"has no effect on optimizer={s.optimizer.name}, which follows signs alone"
        if not isinstance(s.schedule, Constant):
            yield Issue("schedule.name", s.schedule.name, rule, "use schedule=constant")
        elif s.schedule.warmup:
            told = f"would divide the one step that optimizer={s.optimizer.name} takes from lr"
            yield Issue("schedule.warmup", s.schedule.warmup, told, "use schedule.warmup=0")
        if not s.clip.none:
            yield Issue("clip", None, rule, "leave clip.value and clip.norm at null")
    bias = getattr(s.init, "bias", None)
    if not s.network.bias and bias:
        yield Issue("init.bias", bias, "has no effect without biases", "use network.bias=true")


def _hold(s: Setting) -> Iterator[Issue]:
    """Refuse a target that must hold for more evaluations than there are: it is never reached."""
    # equal points of a grid are merged, so there may be fewer than evals
    n = n_evaluations(s.budget, s.batch_size, s.evals)
    if s.target.hold > n and s.continue_from is not None:
        n = len(s.grid)
    if s.target.hold > n:
        some, made = things(n, "evaluation"), things(s.budget // s.batch_size, "update")
        rule = f"cannot be met with {some}, which is what evals={s.evals} gives over {made}"
        hint = "give evals more" if n == s.evals else "give a larger budget or a smaller batch_size"
        yield Issue("target.hold", s.target.hold, rule, f"{hint}, or target.hold={n}")


def _schedule(s: Setting) -> Iterator[Issue]:
    issue = s.schedule.problem_with(s.budget // s.batch_size)
    if issue is not None:
        yield replace(issue, key=f"schedule.{issue.key}")


def _features(s: Setting, bare: Problem) -> FeatureSet:
    """Give terms their one spelling, so that equal settings are equal however they are written."""
    if not isinstance(s.features, Terms):
        return s.features
    # the columns of a table may be hundreds
    return s.features.resolved(bare.inputs, spelt_out=s.data.planar)


def _continued(s: Setting, saved: Record) -> Iterator[Issue]:
    held = tuple(layer.weights.shape[1:] for layer in saved.trials.params)
    wanted = fans(len(s.problem.inputs), s.sizes, s.network.shortcut)
    if held != wanted:
        rule = f"holds layers of the shapes {_shapes(held)}, and this network has {_shapes(wanted)}"
        yield Issue("continue_from", s.continue_from, rule, "its record is damaged: train it again")
        return
    if s.budget // s.batch_size * s.batch_size <= s.seen:
        rule = f"must exceed the {s.seen} samples of the run that is continued"
        yield Issue("budget", s.budget, rule, "the budget counts those, too")
        return
    if s.engine not in ("auto", saved.trials.engine):
        rule = f"cannot go on with what the engine {saved.trials.engine} began"
        yield Issue("engine", s.engine, rule, f"use engine={saved.trials.engine}")
    past = s.seen // s.batch_size
    steps = np.unique(np.linspace(0, past - 1, min(past, MOST_COMPARED)).astype(np.int64))
    then, now = (
        s.schedule.factor(steps, budget // s.batch_size)
        for budget in (int(saved.meta["config"]["budget"]), s.budget)
    )
    if not np.array_equal(then, now):
        rule = "depends on the whole budget, which was another when training began"
        hint = "train with the final budget at once, or under a schedule that does not"
        yield Issue("schedule.name", s.schedule.name, rule, hint)


def _shapes(layers: Iterable[tuple[int, ...]]) -> str:
    return ", ".join(" x ".join(map(str, shape)) for shape in layers)


def _pool(s: Setting, problem: Problem) -> Iterator[Issue]:
    if problem.n_train is not None and s.batch_size > problem.n_train:
        rule = f"must not exceed the {problem.n_train} training samples of data={s.data.name}"
        yield Issue("batch_size", s.batch_size, rule)


def _full_batch(s: Setting, problem: Problem) -> Iterator[Issue]:
    if not s.optimizer.full_batch or s.batch_size == problem.n_train:
        return
    rule = f"optimizer={s.optimizer.name} compares gradients of whole training sets"
    if problem.n_train is None:
        hint = "give data a finite one, as data.n_train=200 batch_size=200"
    else:
        hint = f"use batch_size={problem.n_train}"
    yield Issue("batch_size", s.batch_size, rule, hint)


def _task(s: Setting, problem: Problem) -> Iterator[Issue]:
    regression = problem.task is Task.REGRESSION
    if regression and s.target.metric == "accuracy":
        hint = f"use target.metric=test_loss target.value=...{_or_classes(s)}"
        yield Issue("target.metric", "accuracy", "is not defined for regression", hint)
    if regression and (s.loss.output is not None or s.loss.needs_classes):
        hint = "use loss=squared_error"
        if s.loss.output is None:
            hint = "use loss.targets=zero_one"
        rule = "needs classes, and this is a regression"
        yield Issue("loss", s.loss.name, rule, hint + _or_classes(s))
    if isinstance(s.loss, CategoricalCrossEntropy) and len(problem.outputs) == 1 and not regression:
        hint = "use loss=binary_crossentropy"
        yield Issue("loss", s.loss.name, "needs an output for each of several classes", hint)


def _or_classes(s: Setting) -> str:
    """Suggest classes where it was left open what a table's numbers are."""
    if getattr(s.data, "task", None) != "auto":
        return ""
    return ", or data.task=classification if the label's numbers are classes"


def _init(s: Setting, problem: Problem) -> Iterator[Issue]:
    if isinstance(s.init, Saved):
        try:
            s.init.require_fit(problem.inputs, s.sizes, s.network.shortcut, s.network.bias)
        except InputError as error:
            yield from error.within("init").issues


def _size(s: Setting) -> Iterator[Issue]:
    if s.n_params > MOST_PARAMETERS:
        rule = f"makes {s.n_params:,} parameters, and nnrun trains at most {MOST_PARAMETERS:,}"
        yield Issue("network.hidden", s.network.hidden, rule)


def _output(s: Setting, problem: Problem) -> Iterator[Issue]:
    output = s.network.output
    if output not in ("auto", s.loss.output) and s.loss.output is not None:
        rule = f"loss={s.loss.name} needs the output activation {s.loss.output}"
        yield Issue("network.output", text_of(output), rule, "use network.output=auto")
    elif output in NEVER_NEGATIVE and s.loss.boundary <= 0 and len(problem.outputs) == 1:
        rule = f"is never negative, which loss={s.loss.name} asks of it for one of the classes"
        yield Issue("network.output", output, rule, "use network.output=auto")
    elif output == "softmax" and len(problem.outputs) == 1:
        yield Issue("network.output", output, "is always 1 for a single output", "use sigmoid")


def _output_name(s: Setting, problem: Problem) -> Any:
    if s.network.output != "auto":
        return s.network.output
    if s.loss.output is not None:
        return s.loss.output
    return "linear" if problem.task is Task.REGRESSION else s.loss.usual_output
