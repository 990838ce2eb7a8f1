"""What the kernels of a stack are made for."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

from nnrun.network.losses import Loss
from nnrun.network.mlp import Architecture, fans
from nnrun.network.penalties import Clipping
from nnrun.problem.problem import Task
from nnrun.rows.streams import Draw
from nnrun.training.sources import Kind


class Span(NamedTuple):
    """The rows of a layer's parameters: weights by input, then biases."""

    weights: int
    bias: int
    fan_in: int
    fan_out: int


@dataclass(frozen=True)
class Structure:
    """What a kernel is made for: all that trials of a stack share but their numbers.

    Attributes:
        n_inputs: Of the network.
        sizes: Units of each layer.
        network: What they compute.
        loss: What is minimised.
        optimizer: The rule; its float fields are rows of their own, one a trial.
        penalised: Whether there are penalties.
        clip: Bounds on gradients.
        batch: Samples of a step.
        kept: Share of hidden outputs that is not dropped at random.
        task: How accuracy is counted.
        source: How samples come: see `nnrun.training.sources.Source`.
        draw: Draws them, if they are drawn.
    """

    n_inputs: int
    sizes: tuple[int, ...]
    network: Architecture
    loss: Loss
    optimizer: Any
    penalised: bool
    clip: Clipping
    batch: int
    kept: float
    task: Task
    source: Kind
    draw: Draw | None

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The rows of each layer's parameters."""
        start, spans = 0, []
        for fan_in, fan_out in fans(self.n_inputs, self.sizes, self.network.shortcut):
            bias = start + fan_in * fan_out
            spans.append(Span(start, bias, fan_in, fan_out))
            start = bias + fan_out
        return tuple(spans)

    @property
    def masked(self) -> bool:
        """Whether hidden outputs are dropped."""
        return self.kept < 1 and len(self.sizes) > 1

    @property
    def n_params(self) -> int:
        """Rows of parameters; biases that are not trained have some, too."""
        return self.spans[-1].bias + self.spans[-1].fan_out

    @property
    def field_names(self) -> tuple[str, ...]:
        """What the rows of ``fields`` hold, after the learning rate and the three penalties."""
        rule = self.optimizer
        numbers = (f.name for f in fields(rule) if isinstance(getattr(rule, f.name), float))
        return (*numbers, *rule.derived)

    def rule(self, numbers: Sequence[Any]) -> Any:
        """Return the optimizer with other numbers for its fields."""
        rule = copy.copy(self.optimizer)
        for name, number in zip(self.field_names, numbers, strict=True):
            object.__setattr__(rule, name, number)
        return rule
