"""Networks that a program feeds: what they are made of, and the setting that they are trials of."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self, get_args

import numpy as np

from nnrun.config import Backprop, Network, Setting, Target
from nnrun.errors import InputError, Issue, did_you_mean, shown
from nnrun.fit import MOST_PARAMETERS
from nnrun.network.initializers import Uniform
from nnrun.network.losses import LOSSES
from nnrun.network.mlp import count_parameters
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import SCHEDULES
from nnrun.problem import terms  # noqa: F401  (it fills a registry)
from nnrun.problem.features import FEATURES
from nnrun.problem.problem import Data, Problem, Samples, Task


class Made(NamedTuple):
    """What a network was made of: see ``NeuralNetwork``."""

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    learning_rate: float
    backprop: Backprop
    seed: int

    @classmethod
    def of(
        cls, inputs: Any, hidden: Any, outputs: Any, learning_rate: Any, backprop: Any, seed: Any
    ) -> Self:
        """Check what anybody may have given, and bring it to its one form.

        Raises:
            InputError: With every rule that is broken.
        """
        if isinstance(hidden, Iterable) and not isinstance(hidden, str):
            hidden = tuple(hidden)
        issues = _issues(inputs, hidden, outputs, learning_rate, backprop, seed)
        if issues:
            raise InputError(*issues)
        sizes = int(inputs), tuple(map(int, hidden)), int(outputs)
        made = cls(*sizes, float(learning_rate), backprop, int(seed))
        n_params = count_parameters(made.inputs, (*made.hidden, made.outputs))
        if n_params > MOST_PARAMETERS:
            rule = f"makes {n_params:,} parameters, and nnrun trains at most {MOST_PARAMETERS:,}"
            raise InputError(Issue("hidden_layers", hidden, rule))
        return made

    @property
    def setting(self) -> Setting:
        """The setting, which stands for one step, however many follow."""
        return Setting(
            lr=self.learning_rate,
            budget=1,
            batch_size=1,
            evals=1,
            target=Target("test_loss", 0.0, 1),
            engine="auto",
            data=Fed(self.inputs, self.outputs),  # type: ignore[abstract]  # mypy sees no dataclass's hash
            features=FEATURES["terms"](),
            network=Network(self.hidden, "sigmoid", "sigmoid"),
            init=Uniform(),
            optimizer=OPTIMIZERS["sgd"](),
            schedule=SCHEDULES["constant"](),
            loss=LOSSES["squared_error"](),
            # without hidden layers both are the same, and the exact one is quicker
            backprop=self.backprop if self.hidden else "exact",
        )


@dataclass(frozen=True)
class Fed(Data):
    """The problem where only a program knows the samples: so many numbers make so many."""

    name: ClassVar[str] = "fed"

    n_inputs: int
    n_outputs: int

    def problem(self) -> Problem:
        """Stand one sample of zeros in for those to come."""
        zeros = Samples(np.zeros((1, self.n_inputs)), np.zeros((1, self.n_outputs)))
        inputs = tuple(f"x{i}" for i in range(self.n_inputs))
        outputs = tuple(f"y{i}" for i in range(self.n_outputs))
        return Problem(Task.REGRESSION, inputs, outputs, zeros, pool=zeros, n_train=1)


def _issues(
    inputs: Any, hidden: Any, outputs: Any, learning_rate: Any, backprop: Any, seed: Any
) -> list[Issue]:
    """Say what is wrong; ``hidden`` is a tuple if it was a list of any kind."""
    issues = [
        Issue(key, shown(value), f"must be a whole number of {least} or more")
        for key, value, least in (("inputs", inputs, 1), ("outputs", outputs, 1), ("seed", seed, 0))
        if not _whole(value, least)
    ]
    if not isinstance(hidden, tuple) or not all(_whole(size, 1) for size in hidden):
        rule = "must be a list of whole numbers of 1 or more"
        hint = f"did you mean [{hidden}]?" if _whole(hidden, 1) else "such as [2, 1]"
        issues.append(Issue("hidden_layers", shown(hidden), rule, hint))
    number = not isinstance(learning_rate, bool) and isinstance(learning_rate, Real)
    if not number or not 0 < learning_rate < inf:
        rule = "must be a finite number above 0"
        issues.append(Issue("learning_rate", shown(learning_rate), rule, "such as 0.03"))
    if backprop not in get_args(Backprop):
        hint = did_you_mean(str(backprop), get_args(Backprop))
        issues.append(Issue("backprop", shown(backprop), "must be raw_error or exact", hint))
    return issues


def _whole(value: Any, least: int) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least
