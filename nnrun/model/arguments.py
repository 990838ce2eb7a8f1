"""What ``NeuralNetwork`` is made of: its arguments, checked as a configuration is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from numbers import Integral, Real
from typing import Any, ClassVar, get_args

import numpy as np

from nnrun import custom
from nnrun.config.components import activations, make
from nnrun.config.rules import fitted
from nnrun.config.schema import build, plain
from nnrun.config.settings import Backprop, Network, Setting, Target
from nnrun.errors import InputError, Issue, as_typed, did_you_mean
from nnrun.model.samples import numbered
from nnrun.network.activations import ACTIVATIONS, Activation
from nnrun.network.losses import LOSSES, Loss
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.penalties import Clipping, Penalties
from nnrun.network.schedules import Schedule
from nnrun.problem.features import FEATURES
from nnrun.problem.problem import Data, Problem, Samples, Task

WHOLE = 10**15
"""Samples of a budget that nothing depends on."""

SAYS_CLASSES = ("auto", "sigmoid", "softmax")
"""Output activations that say classes whatever the loss is."""

OURS = {
    "lr": "learning_rate",
    "network.hidden": "hidden_layers",
    "network.activation": "activation",
    "network.output": "output_activation",
    "network": "hidden_layers",
}
"""Keys of a configuration that are arguments of another name."""


@dataclass(frozen=True)
class Fed(Data):
    """The problem where only a program knows the samples: names of numbers, and what they are."""

    name: ClassVar[str] = "fed"

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    task: str

    def problem(self) -> Problem:
        """Stand one sample of zeros, of the first class, in for those to come."""
        first = np.zeros((1, len(self.outputs)))
        first[0, 0] = self.task == Task.MULTICLASS
        zeros = Samples(np.zeros((1, len(self.inputs))), first)
        task = Task(self.task)
        return Problem(task, self.inputs, self.outputs, zeros, pool=zeros, n_train=1)


def setting_of(given: Mapping[str, Any]) -> Setting:
    """Make the setting of a network's arguments.

    It stands for steps of one sample; of what it says about budgets and batches, the budget alone
    counts, for schedules.

    Args:
        given: The arguments of ``NeuralNetwork`` by name, as they were given.

    Raises:
        InputError: With every argument that is not what it must be.
    """
    issues: list[Issue] = []
    inputs, outputs = (_names(key, given[key], issues) for key in ("inputs", "outputs"))
    hidden = _hidden(given["hidden_layers"], issues)
    _numbers(given, issues)
    made = {kind: _component(kind, given[kind], issues) for kind in KINDS}
    chosen = {
        "activation": _activation("activation", given["activation"], issues),
        "output": _activation("output_activation", given["output_activation"], issues),
    }
    parts = {
        "penalties": _part(Penalties, "penalties", given["penalties"], issues),
        "clip": _part(Clipping, "clip", given["clip"], issues),
        "network": _part(Network, "", {k: given[k] for k in SHAPE} | chosen, issues),
    }
    issues += _together(given, made["optimizer"], made["schedule"])
    if issues:
        raise InputError(*issues)
    usual = "raw_error" if _learns_as_the_seed_s(made, **chosen) else "exact"
    setting = of_steps(
        Fed(inputs, outputs, str(_task(made["loss"], chosen["output"], len(outputs)))),
        lr=float(given["learning_rate"]),
        budget=WHOLE if given["budget"] is None else int(given["budget"]),
        backprop=given["backprop"] or usual,
        **{**made, **parts, "network": replace(parts["network"], hidden=hidden)},
    )
    try:
        return fitted(setting)
    except InputError as error:
        issues = [replace(i, key=OURS.get(i.key, i.key)) for i in error.issues]
        raise InputError(*issues) from None


def _together(given: Mapping[str, Any], optimizer: Any, schedule: Any) -> Iterator[Issue]:
    """Check what arguments ask of each other, as far as they were made."""
    if given["backprop"] not in (None, *get_args(Backprop)):
        hint = did_you_mean(str(given["backprop"]), get_args(Backprop))
        rule = "must be raw_error or exact"
        yield Issue("backprop", as_typed(given["backprop"]), rule, hint)
    if optimizer and optimizer.full_batch and given["batch_size"] is not None:
        told = f"optimizer={optimizer.name} compares gradients of whole training sets"
        hint = "use batch_size=None, which makes one of all rows of a call"
        yield Issue("batch_size", given["batch_size"], told, hint)
    if schedule and given["budget"] is None and _spans_the_budget(schedule):
        told = f"is what schedule={schedule.name} goes by"
        yield Issue("budget", None, told, "give the samples of the whole training")


def _task(loss: Loss, output: Any, n_outputs: int) -> Task:
    """Say what the outputs are: classes if the loss or the output activation makes them so."""
    if loss.output is None and not loss.needs_classes and output not in SAYS_CLASSES:
        return Task.REGRESSION
    return Task.BINARY if n_outputs == 1 else Task.MULTICLASS


def of_steps(data: Fed, **parts: Any) -> Setting:
    """Return a setting for steps of one sample, which has nothing to be evaluated on."""
    features, target = FEATURES["terms"](), Target("test_loss", 0.0, 1)
    usual = {"batch_size": 1, "evals": 1, "engine": "auto"}
    return Setting(data=data, features=features, target=target, **{**usual, **parts})


KINDS = ("loss", "optimizer", "init", "schedule")
"""Arguments that are components of these kinds."""

SHAPE = ("shortcut", "bias", "dropout")
"""Arguments that are keys of a configuration's network."""


def _learns_as_the_seed_s(made: Mapping[str, Any], activation: Any, output: Any) -> bool:
    """Say whether a network is of the kind that the seed project's back-propagation is for."""
    usual = made["loss"] == LOSSES["squared_error"]() and made["optimizer"] == OPTIMIZERS["sgd"]()
    hidden = activation if isinstance(activation, tuple) else (activation,)
    return usual and set(hidden) <= {"sigmoid"} and output in ("auto", "sigmoid")


def _spans_the_budget(schedule: Schedule) -> bool:
    """Say whether a schedule goes by the budget, which not everybody knows ahead."""
    steps = np.geomspace(1, 5e8, 64).astype(np.int64)
    one, other = (schedule.factor(steps, n) for n in (10**9, 2 * 10**9))
    return not np.array_equal(one, other)


def _names(key: str, given: Any, issues: list[Issue]) -> tuple[str, ...]:
    """Return the names of inputs or outputs, made up where a number is given."""
    if is_whole(given, 1):
        return numbered("x" if key == "inputs" else "y", int(given))
    if isinstance(given, list | tuple) and given and all(isinstance(n, str) and n for n in given):
        if len(set(given)) == len(given):
            return tuple(given)
        issues.append(Issue(key, as_typed(given), "must have no name twice"))
        return ()
    rule = "must be a whole number of 1 or more, or a list of names"
    issues.append(Issue(key, as_typed(given), rule))
    return ()


def _hidden(given: Any, issues: list[Issue]) -> tuple[int, ...]:
    sizes = given
    if isinstance(given, Iterable) and not isinstance(given, str):
        sizes = tuple(given)
    if isinstance(sizes, tuple) and all(is_whole(size, 1) for size in sizes):
        return tuple(map(int, sizes))
    rule = "must be a list of whole numbers of 1 or more"
    hint = f"did you mean [{given}]?" if is_whole(given, 1) else "such as [2, 1]"
    issues.append(Issue("hidden_layers", as_typed(sizes), rule, hint))
    return ()


def _numbers(given: Mapping[str, Any], issues: list[Issue]) -> None:
    """Check the learning rate and the counts."""
    rate = given["learning_rate"]
    number = not isinstance(rate, bool) and isinstance(rate, Real)
    if not number or not 0 < float(rate) < inf:
        rule = "must be a finite number above 0"
        issues.append(Issue("learning_rate", as_typed(rate), rule, "such as 0.03"))
    for key, least, optional in (("seed", 0, False), ("batch_size", 1, True), ("budget", 1, True)):
        value = given[key]
        if not is_whole(value, least) and not (optional and value is None):
            rule = f"must be a whole number of {least} or more" + ", or None" * optional
            issues.append(Issue(key, as_typed(value), rule))


def is_whole(value: Any, least: int) -> bool:
    """Say whether a value is a whole number of at least so much."""
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def _component(kind: str, given: Any, issues: list[Issue]) -> Any:
    """Make a component of its name, of a mapping with its name and fields, or take an entry."""
    base, _ = custom.BASES[kind]
    if isinstance(given, base):
        if custom.is_custom(given):
            custom.tried(kind, given)
        return given
    if isinstance(given, str):
        given = {"name": given}
    if isinstance(given, Mapping):
        return make(kind, plain(given), issues)
    rule = "must be a name, a mapping of a name and fields, or an entry"
    issues.append(Issue(kind, as_typed(given), rule))
    return None


def _activation(key: str, given: Any, issues: list[Issue]) -> Any:
    if isinstance(given, Activation):
        usual = type(given) in ACTIVATIONS.values() and given == type(given)()
        return given.name if usual else _component("activation", given, issues)
    if key == "output_activation":
        if given is None:
            return "auto"
        if isinstance(given, list | tuple):
            issues.append(Issue(key, as_typed(given), "must be one activation", "such as tanh"))
            return None
    elif isinstance(given, list | tuple):
        return tuple(_activation(key, one, issues) for one in given)
    return activations(key, plain(given), issues)


def _part(cls: type, key: str, given: Any, issues: list[Issue]) -> Any:
    """Make a group of numbers of a mapping, or take the group itself."""
    if isinstance(given, cls):
        return given
    if given is None:
        given = {}
    if isinstance(given, Mapping):
        return build(cls, plain(given), issues, f"{key}." if key else "")
    issues.append(Issue(key, as_typed(given), "must be a mapping of numbers by name"))
    return None
