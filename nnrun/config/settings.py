"""What can be configured, as frozen dataclasses, and what makes a setting itself."""

import hashlib
import json
import re
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Lt, MinLen

from nnrun import custom
from nnrun.config.components import flat
from nnrun.config.evaluation_grid import evaluation_grid
from nnrun.errors import InputError, Issue
from nnrun.jinja import mistake
from nnrun.layout import DATABASE, study_template
from nnrun.masking import masked
from nnrun.network.activations import ACTIVATIONS, Activation
from nnrun.network.initializers import Initializer
from nnrun.network.losses import Loss
from nnrun.network.mlp import Architecture, count_parameters
from nnrun.network.optimizers import Optimizer
from nnrun.network.penalties import Clipping, Penalties
from nnrun.network.schedules import Schedule
from nnrun.problem.features import FeatureSet, make_problem
from nnrun.problem.problem import Data, Problem
from nnrun.records.continued import find_state
from nnrun.records.record import Record

Count = Annotated[int, Ge(1), Le(10**15)]
Positive = Annotated[float, Gt(0)]
CacheUse = Literal["use", "refresh", "off"]
Backprop = Literal["exact", "raw_error"]
Measure = Literal["final_test_loss", "final_accuracy", "time"]


@dataclass(frozen=True)
class Target:
    """What counts as converged, declared before training.

    Attributes:
        metric: What is watched.
        value: Reached at or above it for accuracy, at or below it for a loss.
        hold: Evaluations in a row that must stay there.
    """

    metric: Literal["accuracy", "test_loss", "train_loss"] = "accuracy"
    value: float = 0.95
    hold: Count = 4

    def __post_init__(self) -> None:
        if self.metric == "accuracy" and not 0 < self.value <= 1:
            rule = "must be a share in (0, 1] for accuracy"
            raise InputError(Issue("value", self.value, rule, "0.95 means 95%"))
        if self.metric != "accuracy" and not 0 <= self.value < float("inf"):
            raise InputError(Issue("value", self.value, "must be a loss of 0 or more"))


@dataclass(frozen=True)
class Network:
    """A dense network.

    Attributes:
        hidden: Units of each hidden layer, input side first; empty for a single perceptron.
        activation: Of the hidden layers: one, or one a layer; each a name, or an entry of the
            registry whose fields are not its defaults.
        output: Of the output layer, likewise; ``auto`` takes what the loss is fused with, else
            linear for regression and what the loss asks for with classes.
        shortcut: Whether every layer gets the network's inputs, too.
        bias: Whether there are biases.
        dropout: Share of each hidden layer's outputs that is left out at random in training; the
            others are scaled up by as much.
    """

    hidden: tuple[Annotated[int, Ge(1), Le(100_000)], ...] = (2, 1)
    activation: Any = "sigmoid"
    output: Any = "auto"
    shortcut: bool = False
    bias: bool = True
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0

    @property
    def hidden_activations(self) -> tuple[str | Activation, ...]:
        """Each hidden layer's activation."""
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * len(self.hidden)


@dataclass(frozen=True)
class Setting:
    """One resolved configuration without its seed: what a row of a comparison is.

    Attributes:
        lr: Learning rate.
        budget: Most training samples a trial may see.
        batch_size: Samples an update.
        evals: Points on the evaluation grid, at most.
        target: What counts as converged.
        engine: Requested engine.
        data: Where samples come from.
        features: What is made of the data's inputs for the network.
        network: The architecture, its output activation resolved.
        init: First parameters.
        optimizer: Update rule.
        schedule: Learning rate over the steps.
        loss: What is minimised.
        penalties: What is added to it.
        clip: Bounds on the gradients.
        backprop: How errors are handed down: ``exact``, or the seed project's ``raw_error``.
        keep_state: Whether the optimizer's state is kept, so that training can go on later.
        continue_from: A run, or a sweep with the same setting, that this one continues.
    """

    lr: float
    budget: int
    batch_size: int
    evals: int
    target: Target
    engine: str
    data: Data
    features: FeatureSet
    network: Network
    init: Initializer
    optimizer: Optimizer
    schedule: Schedule
    loss: Loss
    penalties: Penalties = field(default_factory=Penalties)
    clip: Clipping = field(default_factory=Clipping)
    backprop: Backprop = "exact"
    keep_state: bool = False
    continue_from: str | None = None

    @cached_property
    def saved(self) -> Record | None:
        """The record of the run that this one continues.

        Raises:
            InputError: If that run has no such setting.
        """
        if self.continue_from is None:
            return None
        return find_state(self.continue_from, self.flat, self.sources)

    @property
    def seen(self) -> int:
        """Samples that every trial has seen before its training begins here."""
        return 0 if self.saved is None else self.saved.trials.seen

    @property
    def grid(self) -> npt.NDArray[np.int64]:
        """Samples seen at each evaluation, shape (n_evals,); of a continued run, the past first."""
        grid = evaluation_grid(self.budget, self.batch_size, self.evals)
        if self.saved is None:
            return grid
        return np.concatenate([self.saved.samples, grid[grid > self.seen]])

    def __getstate__(self) -> dict[str, Any]:
        """Take along what was read from files, for where these are not; else nothing but fields."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**own, "problem": self.problem, "saved": self.saved}

    @cached_property
    def sources(self) -> dict[str, Any]:
        """What the setting reads from files, as hashes: its data, and a user's own components."""
        own = {str(type(c)): custom.digest(c) for c in self.components if custom.is_custom(c)}
        return {"data": self.problem.digest, "own": own}

    @cached_property
    def problem(self) -> Problem:
        """The problem with its features; made once for equal data and features."""
        return make_problem(self.data, self.features)

    @cached_property
    def flat(self) -> dict[str, Any]:
        """Every key that defines the setting, dotted, with plain values."""
        return {
            key: value
            for f in fields(self)
            for key, value in flat(f.name, getattr(self, f.name)).items()
        }

    @cached_property
    def id(self) -> str:
        """Ten hexadecimal digits that equal settings share, whatever wrote them."""
        text = json.dumps(self.flat, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that a trial's curve and parameters depend on, besides its seed and its engine.

        Settings that differ only in what counts as converged share it. Data of a fixed pool stand
        for themselves, whatever file they were read from; a user's own components for the source
        of their file.
        """
        fixed = self.problem.pool is not None
        left_out = ["target.", "engine", "continue_from", "init.path"]
        left_out += ["data.", "features."] if fixed else []
        kept = {k: v for k, v in self.flat.items() if not k.startswith(tuple(left_out))}
        saved = "" if self.saved is None else self.saved.trials.digest
        return {**kept, **self.sources, "init": self.init.digest, "saved": saved}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, outputs last."""
        return (*self.network.hidden, len(self.problem.outputs))

    @property
    def components(self) -> tuple[Any, ...]:
        """Everything that may be a user's own."""
        parts = (self.data, self.features, self.init, self.optimizer, self.schedule, self.loss)
        return (*parts, *self.architecture.activations)

    @property
    def n_params(self) -> int:
        """Weights and biases of the network that are trained."""
        network = self.network
        inputs = len(self.problem.inputs)
        return count_parameters(inputs, self.sizes, network.shortcut, network.bias)

    @property
    def architecture(self) -> Architecture:
        """What the network computes."""
        chosen = (*self.network.hidden_activations, self.network.output)
        return Architecture(
            tuple(ACTIVATIONS[c]() if isinstance(c, str) else c for c in chosen),
            self.network.shortcut,
            self.network.bias,
            self.backprop == "raw_error",
        )


@dataclass(frozen=True)
class Tracking:
    """Where runs are kept for comparison.

    Attributes:
        name: ``mlflow``, or ``off``.
        uri: Any MLflow tracking URI.
        artifacts: Folder or URI for the files of a new experiment; None for ``mlartifacts`` beside
            a local database, and for the server's own choice elsewhere.
        nested: Whether settings are runs below their sweep's run, rather than beside it.
        trials: Whether each trial is a run, too, below its setting's.
        models: Which trial's network a setting's run keeps as its model: the median one by time to
            target, the best, or none.
        register: Name in the model registry for the best network; None for none.
        register_by: By what it is the best: of the setting with the best median over its seeds the
            best trial. ``time`` is that to the target.
        wait: Seconds that a sweep which is otherwise done waits for a slow store; what is not sent
            by then is for ``python -m nnrun.sync``.
        required: Whether the exit code is 3 where the store did not take all.
    """

    name: Literal["mlflow", "off"] = "mlflow"
    uri: Annotated[str, MinLen(1)] = DATABASE
    artifacts: str | None = None
    nested: bool = False
    trials: bool = False
    models: Literal["median", "best", "off"] = "median"
    register: Annotated[str, MinLen(1)] | None = None
    register_by: Measure = "final_test_loss"
    wait: Annotated[float, Ge(0), Le(10**9)] = 120.0
    required: bool = False

    def __post_init__(self) -> None:
        name = self.register
        if name is not None and (not name.strip() or set(name) & {"/", ":"}):
            raise InputError(Issue("register", name, "must be a name without / and :"))
        if self.artifacts and masked(self.artifacts) != self.artifacts:
            rule = "holds a password, which MLflow would keep in its database for all to read"
            hint = "name it without, and give the password as the storage's own tools take it"
            raise InputError(Issue("artifacts", masked(self.artifacts), rule, hint))

    @property
    def kept(self) -> str:
        """Where runs go and what is kept of each; not how long that may take, or by which way."""
        plain = replace(self, uri=masked(self.uri), register=None, register_by="time")
        return str(replace(plain, wait=0.0, required=False))


@dataclass(frozen=True)
class Executor:
    """Who trains the shards.

    Attributes:
        name: ``threads`` of this process, or ``dask``: workers of a cluster.
        workers: Threads; or processes of a cluster that is started here. None for one a processor
            that this process may use.
        address: Of the scheduler of a Dask cluster, or the file that it wrote its address into;
            None for a cluster of processes that is started here.
    """

    name: Literal["threads", "dask"] = "threads"
    workers: Count | None = None
    address: Annotated[str, MinLen(1)] | None = None

    def __post_init__(self) -> None:
        if self.address is not None and self.name != "dask":
            rule = "is for a Dask cluster"
            raise InputError(Issue("address", self.address, rule, "add executor=dask"))
        place = self.address
        if place is not None and "://" not in place and not Path(place).is_file():
            rule = "is neither an address nor the file of a scheduler"
            raise InputError(Issue("address", place, rule, "as in tcp://HOST:8786"))
        if self.address is not None and self.workers is not None:
            rule = "is for workers that are started here, and executor.address names a cluster"
            raise InputError(Issue("workers", self.workers, rule, "leave one of them out"))


REQUIRED = {
    "sooner": ("sooner", "arrives"),
    "later": ("later", "fails"),
    "arrives": ("arrives",),
    "same": ("same",),
    "not_later": ("sooner", "arrives", "usually sooner", "same"),
}
"""Kinds of finding that meet a requirement, by its name."""

REQUIREMENT = re.compile(rf"({'|'.join(REQUIRED)})\(\s*(\S.*?)\s*\)")
"""A requirement: its name, and the setting or level it is required of."""


@dataclass(frozen=True)
class Report:
    """What is written about a sweep.

    Attributes:
        name: ``html``, or ``off``.
        study: A template in Markdown that is filled with the sweep's numbers, too: a file, or the
            name of one in experiments/.
        require: A finding without which the exit code is 4, as ``sooner(lr=0.1)``: of a setting
            or a level, against what it is compared with.
        handout: Whether handout.html is written, too: one sheet for print.
        within: The key within each of whose values the others are compared.
        facet: Likewise, with a panel for each of its values.
        margin: Share by which times may differ that count as the same: 0.1 for a ratio between
            1/1.1 and 1.1.
    """

    name: Literal["html", "off"] = "html"
    study: Annotated[str, MinLen(1)] | None = None
    require: Annotated[str, MinLen(1)] | None = None
    handout: bool = False
    within: Annotated[str, MinLen(1)] | None = None
    facet: Annotated[str, MinLen(1)] | None = None
    margin: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            meant = f"{self.margin / 100:g} for {self.margin:g}%" if 1 <= self.margin < 100 else ""
            rule, hint = "is a share, above 0 and below 1", meant or "0.1 for 10%"
            raise InputError(Issue("margin", self.margin, rule, hint))
        if self.require and not REQUIREMENT.fullmatch(self.require):
            rule = f"must be one of {', '.join(REQUIRED)}, and what it is required of"
            raise InputError(Issue("require", self.require, rule, "sooner(lr=0.1)"))
        path = study_template(self.study) if self.study else None
        if path and not path.is_file():
            rule = "is no file, neither as given nor in experiments/"
            raise InputError(Issue("study", self.study, rule, "for instance xor_product.md.j2"))
        if path and (wrong := mistake(path)):
            raise InputError(Issue("study", path, wrong))


@dataclass(frozen=True)
class Auto:
    """How many seeds there are where the results decide: ``seeds=auto``.

    Attributes:
        most: Seeds of a setting at most.
        block: Seeds that are trained between two looks at the results.
    """

    most: Annotated[int, Ge(2), Le(1_000_000)] = 1000
    block: Annotated[int, Ge(2)] = 10

    def __post_init__(self) -> None:
        if self.most < self.block:
            rule = f"must be at least auto.block, which is {self.block}"
            raise InputError(Issue("most", self.most, rule))

    def looks(self, seeds: int) -> list[int]:
        """List the numbers of seeds at which the results were looked at when there are so many."""
        return [*range(self.block, seeds, self.block), seeds]


@dataclass(frozen=True)
class Job:
    """A setting with its seeds, and what to do with the outcome: one Hydra job.

    Attributes:
        setting: What is trained.
        seed: First seed.
        seeds: Number of seeds: seed, seed + 1, ...; the most, where the results decide.
        name: The experiment's name.
        tracking: Where runs are kept.
        executor: Who trains.
        report: What is written.
        cache: Whether finished trials of earlier sweeps are used (``use``), trained again and
            replaced (``refresh``), or neither read nor kept (``off``).
        plan_only: Whether to stop when the plan is made.
        animate: Whether to draw how each setting's median trial learns, or the one of a seed.
        auto: How the results decide on the number of seeds; None where it is fixed.
    """

    setting: Setting
    seed: int
    seeds: int
    name: str
    tracking: Tracking
    executor: Executor
    report: Report
    cache: CacheUse = "use"
    plan_only: bool = False
    animate: bool | int = False
    auto: Auto | None = None

    @property
    def sure_seeds(self) -> range:
        """The seeds that are trained whatever the results are."""
        return self.trial_seeds if self.auto is None else self.trial_seeds[: self.auto.block]

    def part(self, first: int, last: int) -> "Job":
        """Return a job of a part of the trials: from one number of seeds up to another."""
        return replace(self, seed=self.seed + first, seeds=last - first)

    @property
    def trial_seeds(self) -> range:
        """The seeds of the job's trials."""
        return range(self.seed, self.seed + self.seeds)
