"""The kernels of one structure: forward, loss, backward and update of many networks side by side.

The components are those that NumPy calls: here they are called with rows, once, and what they did
is written down as machine code. A component that treats each unit by itself is applied to some
units at a time; one that does not (softmax) to all of a layer.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import Loss
from nnrun.network.mlp import Architecture, fans
from nnrun.network.optimizers import Optimizer
from nnrun.network.penalties import SMALL, Clipping, Penalties
from nnrun.network.randomness import Role
from nnrun.problem.problem import Task
from nnrun.rows.draws import Draw, Draws, traced
from nnrun.rows.functions import require_float
from nnrun.rows.trace import Graph, Node, Row, Untraceable, in_order
from nnrun.training.compiled.emit import Code, Memory, Place, Rows, function, module, named
from nnrun.training.sources import Kind

TILE = 4
"""Rows that a loop handles at once, so that loads are shared."""

UNROLLED = 20
"""Most parameters of a network whose loops are written out: beyond, it gains nothing."""

PARAMETERS = (
    "p", "slots", "fields", "streams", "factors", "inputs", "targets", "order", "grads", "losses",
)  # fmt: skip
"""Pointers that ``train`` gets, before the number of samples seen and that of steps."""

SEED, INPUTS, TARGETS, ORDER = range(4)
"""Rows of ``streams``: a lane's seed, and where what is its own begins in what is handed over."""


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


def called(method: Callable[..., Any], *rows: Any, n: int | None = None) -> Row:
    """Call a component with rows of shape (unit,), which it sees as (1, 1, unit)."""
    shaped = [r.reshape(1, 1, -1) if isinstance(r, Row) else r for r in rows]
    result = require_float(method(*shaped))
    if n is not None and result.size != n:
        raise Untraceable(f"it returns {result.size} values of {n} units")
    return result.ravel()


def unit_by_unit(method: Callable[..., Any], n_rows: int) -> bool:
    """Say whether a method of rows, of equal shape, treats each unit by itself."""
    graph = Graph(fused=True)
    rows = [graph.leaves(f"{i}.{unit}" for unit in range(2)) for i in range(n_rows)]
    result = called(method, *rows, n=2).cells[0]
    return not leaves_of([result]) & {row.cells[1] for row in rows}


def leaves_of(cells: Sequence[Any]) -> set[Node]:
    """Return the leaves that cells are made of."""
    return {node for node in in_order(cells, {}) if node.op == "leaf"}


class Network:
    """A structure's networks within the code of one function.

    Attributes:
        p: Their parameters.
        x: Inputs of the sample at hand.
        z, a: Pre-activations and outputs of each layer.
        out: Outputs behind the masks of dropout.
    """

    def __init__(self, code: Code, made: Structure, p: Rows, masked: bool) -> None:
        self.code, self.made, self.p = code, made, p
        self.x = code.room(made.n_inputs)
        self.z, self.a, self.masks = ([code.room(n) for n in made.sizes] for _ in range(3))
        self.masked = masked
        self.out = [code.room(n) for n in made.sizes[:-1]] if masked else self.a[:-1]

    def sources(self, k: int) -> list[tuple[Rows, int, int]]:
        """List what layer k gets: rows, their number, and the first of their weights."""
        span, made = self.made.spans[k], self.made
        if not k:
            return [(self.x, made.n_inputs, span.weights)]
        below = made.sizes[k - 1]
        found = [(self.out[k - 1], below, span.weights)]
        if made.network.shortcut:
            found.append((self.x, made.n_inputs, span.weights + below * span.fan_out))
        return found

    def layerwise(
        self, method: Callable[..., Any], n: int, sources: Sequence[Rows], target: Rows
    ) -> None:
        """Apply a method of rows to all units of a layer, at once or some at a time."""

        def some(at: Sequence[Place]) -> None:
            target.put(at, called(method, *(s.rows(at) for s in sources), n=len(at)))

        if unit_by_unit(method, len(sources)):
            self.code.tiles(n, TILE, some)
        else:
            some(list(range(n)))

    def forward(self, x: Row, kept: Row | None = None) -> None:
        """Run one sample through the networks.

        Args:
            x: Its inputs, shape (input,).
            kept: Factors on the hidden outputs of all layers, one after the other.
        """
        code, first = self.code, 0
        self.x.put(list(range(x.size)), x)
        for k, (span, activation) in enumerate(
            zip(self.made.spans, self.made.network.activations, strict=True)
        ):
            code.tiles(span.fan_out, TILE, lambda js, k=k: self._sums(k, js))  # type: ignore[misc]
            self.layerwise(activation.forward, span.fan_out, [self.z[k]], self.a[k])
            if kept is not None and k + 1 < len(self.made.spans):
                units = list(range(span.fan_out))
                self.masks[k].put(units, kept[first : first + span.fan_out])
                first += span.fan_out

                def mask(at: Sequence[Place], k: int = k) -> None:
                    self.out[k].put(at, self.a[k].rows(at) * self.masks[k].rows(at))

                code.tiles(span.fan_out, TILE, mask)

    def _sums(self, k: int, js: Sequence[Place]) -> None:
        """Compute pre-activations of some units of layer k: from the bias on, input by input."""
        span = self.made.spans[k]
        total = self.p.rows([j + span.bias for j in js])
        for rows, n, start in self.sources(k):

            def add(i: Place, total: Row, rows: Rows = rows, start: int = start) -> Row:
                weights = self.p.rows([i * span.fan_out + j + start for j in js])
                result: Row = rows.rows([i]) * weights + total
                return result

            total = self.code.fold(n, total, add)
        self.z[k].put(js, total)


class Update:
    """The optimizer's step within the code of one function, for some parameters at a time."""

    def __init__(self, code: Code, made: Structure, p: Rows) -> None:
        self.code, self.made, self.p = code, made, p
        rows = Memory(code, "%fields").rows(range(4 + len(made.field_names)))
        self.base = rows[0:1]
        rates: list[Any] = [rows[i : i + 1] for i in (1, 2, 3)]
        self.penalties: Any = Penalties(*rates) if made.penalised else None
        self.rule = made.rule([_shaped(rows[i : i + 1]) for i in range(4, rows.size)])
        n, n_slots = made.n_params, self.rule.slots
        self.slots = [Memory(code, "%slots", start=i * n) for i in range(n_slots)]
        self.products = Memory(code, "%slots", start=n_slots * n)
        self._require_one_by_one()

    def _require_one_by_one(self) -> None:
        """Check that what becomes of a parameter depends on itself alone."""
        made, graph = self.made, Graph(fused=True)
        if type(made.optimizer).step is not Optimizer.step:
            raise Untraceable("the optimizer looks at several parameters at once")
        names = ("p", "g", *(f"slot {i}" for i in range(self.rule.slots)))
        rows = [graph.leaves(f"{name}.{i}" for i in range(2)) for name in names]
        numbers = [_shaped(graph.leaves([f"number {i}"])) for i in range(1 + self.rule.products)]
        rule = made.rule([_shaped(graph.leaves([name])) for name in made.field_names])
        self.rate, _ = rule.begin(numbers[0], tuple(numbers[1:]))
        both, one = (_updated(rule, [row[:n] for row in rows], self.rate) for n in (2, 1))
        first = [part.cells[0] for part in both]
        if leaves_of(first) & {row.cells[1] for row in rows}:
            raise Untraceable("the optimizer looks at several parameters at once")
        if first != [part.cells[0] for part in one]:
            raise Untraceable("an update depends on how many parameters there are, or on the call")

    def begin(self, rate: Row) -> None:
        """Begin a step."""
        self.learning_rate = rate
        kept = self.products.rows(range(self.rule.products))
        products = tuple(_shaped(kept[i : i + 1]) for i in range(kept.size))
        self.rate, grown = self.rule.begin(_shaped(rate), products)
        self.grown = [require_float(product).ravel().cells[0] for product in grown]

    def penalised(self, w: Row, g: Row, biases: bool) -> Row:
        """Add the slopes of the penalties to gradients."""
        if self.penalties is None:
            return g
        # fixed, so that what follows is fused as it is without penalties
        return self.code.fixed(g if biases else self.penalties.gradient(w, g))

    def step(self, at: Sequence[Place], w: Row, g: Row, biases: bool) -> None:
        """Update some parameters, whose gradients are those that the optimizer gets."""
        if self.penalties is not None:
            w = self.code.fixed(w if biases else self.penalties.decayed(w, self.learning_rate))
        arrays = [w, g, *(slot.rows(at) for slot in self.slots)]
        updated = _updated(self.rule, arrays, self.rate)
        for memory, part in zip((self.p, *self.slots), updated, strict=True):
            memory.put(at, part)

    def finish(self) -> None:
        """Keep the running products, once all parameters are updated."""
        if self.grown:
            self.products.put(range(len(self.grown)), Row(self.grown))


def _shaped(row: Row) -> Any:
    """Return a row as an optimizer sees it: shape (1, 1, number)."""
    return row.reshape(1, 1, -1)


def _updated(rule: Any, arrays: Sequence[Row], rate: Any) -> list[Row]:
    """Return some parameters and their slots, each of shape (number,), after an update."""
    p, g, *slots = map(_shaped, arrays)
    stepped, after = rule.update(p, g, tuple(slots), rate)
    if len(after) != rule.slots:
        raise Untraceable("the optimizer's state changes its form from step to step")
    return [require_float(part).ravel() for part in (stepped, *after)]


class Training:
    """The function that trains: step by step, sample by sample."""

    def __init__(self, made: Structure, width: int, unroll: bool | None = None) -> None:
        unroll = made.n_params <= UNROLLED if unroll is None else unroll
        self.made, self.code = made, Code(width, unroll)
        self.p: Rows = Memory(self.code, "%p")
        self.network = Network(self.code, made, self.p, made.masked)
        self.d = [self.code.room(n) for n in made.sizes]
        self.slopes = [self.code.room(n) for n in made.sizes] if made.network.raw_error else self.d
        self.grads = Memory(self.code, "%grads")
        self.at_once = made.batch == 1 and made.clip.norm is None
        self.update = Update(self.code, made, self.p)

    def text(self, flush: bool) -> str:
        """Write it."""
        losses = Memory(self.code, "%losses")
        losses.put([0], self.code.loop("%steps", losses.rows([0]), self._step))
        pointers = ", ".join(f"ptr noalias %{name}" for name in PARAMETERS)
        return function("train", self.code, f"{pointers}, i64 %first, i64 %steps", flush)

    def _step(self, index: Place, total: Row) -> Row:
        made, code = self.made, self.code
        rate = self.update.base * Memory(code, "%factors").scalar(index)
        self.update.begin(code.fixed(rate))
        if made.batch == 1:
            total = self._sample(index, total)
        else:
            total = code.loop(
                str(made.batch), total, lambda s, total: self._sample(index * made.batch + s, total)
            )
        if not self.at_once:
            self._step_by_sums()
        self.update.finish()
        return total

    def _sample(self, index: Place, total: Row) -> Row:
        """Learn from a sample; return the sum of losses with its own."""
        made, code = self.made, self.code
        streams = Memory(code, "%streams", "u").rows(range(4))
        seen = code.splat(named(code.whole("%first") + index))
        if made.source == "drawn":
            assert made.draw is not None
            parts = traced(made.draw, streams[SEED : SEED + 1], [seen], Role.DATA)
            x, targets = (code.fixed(part.ravel()) for part in parts)
        else:
            place = code.splat(named(code.whole(index)))
            if made.source == "pool":
                place = code.gather("%order", streams[ORDER : ORDER + 1] + place, "u")
            x = self._loaded("%inputs", streams[INPUTS : INPUTS + 1], place, made.n_inputs)
            targets = self._loaded(
                "%targets", streams[TARGETS : TARGETS + 1], place, made.sizes[-1]
            )
        kept = None
        if made.masked:
            rng = Draws(streams[SEED : SEED + 1], [seen], Role.NOISE)
            kept = rng.kept(sum(made.sizes[:-1]), made.kept).ravel()
        self.network.forward(x, kept)
        return total + self._backward(targets)

    def _loaded(self, pointer: str, first: Row, place: Row, n: int) -> Row:
        """Load a sample's numbers, shape (n,), each lane from its own stream."""
        start = first + place * n
        cells = [self.code.gather(pointer, start + i).cells[0] for i in range(n)]
        return Row(cells)

    def _learn(self, at: Sequence[Place], w: Row, g: Row, biases: bool) -> None:
        """Use gradients of one sample: for a step, or for a sum over the batch."""
        if self.at_once:
            self.update.step(at, w, self._clipped(self.update.penalised(w, g, biases)), biases)
        else:
            self.grads.put(at, self.grads.rows(at) + g)

    def _clipped(self, g: Row) -> Row:
        bound = self.made.clip.value
        clipped: Any = g if bound is None else np.minimum(np.maximum(g, -bound), bound)
        return clipped

    def _backward(self, targets: Row) -> Row:
        """Take the error of a sample back through all layers; return its loss."""
        made, net = self.made, self.network
        last = len(made.sizes) - 1
        outputs = list(range(made.sizes[-1]))
        z, a = net.z[-1].rows(outputs), net.a[-1].rows(outputs)
        raw = made.network.raw_error
        top = ACTIVATIONS["linear"]() if raw else made.network.activations[-1]
        loss = called(made.loss.value, z, a, targets)
        error = called(made.loss.gradient, z, a, targets, top, n=len(outputs))
        self.d[-1].put(outputs, error * (1.0 / made.batch) if made.batch > 1 else error)
        for k in range(last, -1, -1):
            if raw and not (k == last and made.loss.output is not None):
                self._take_back(k, self.slopes[k])
            elif raw:
                self.slopes[k].put(outputs, self.d[k].rows(outputs))
            self._layer(k)
        return loss

    def _take_back(self, k: int, target: Rows) -> None:
        net, activation = self.network, self.made.network.activations[k]
        sources = [self.d[k], net.z[k], net.a[k]]
        net.layerwise(activation.backward, self.made.sizes[k], sources, target)

    def _layer(self, k: int) -> None:
        """Learn from a layer's slopes, and hand its errors down."""
        made, net, code, span = self.made, self.network, self.code, self.made.spans[k]
        (below, n_below, start), *shortcut = net.sources(k)

        def units(at: Sequence[Place]) -> None:
            x = below.rows(at)

            def outgoing(j: Place, error: Row) -> Row:
                places = [i * span.fan_out + j + start for i in at]
                w = self.p.rows(places)
                error = self.d[k].rows([j]) * w + error if k else error
                self._learn(places, w, x * self.slopes[k].rows([j]), biases=False)
                return error

            error = code.fold(span.fan_out, Row([0.0] * len(at) if k else []), outgoing)
            if k:
                self.d[k - 1].put(at, error)

        code.tiles(n_below, TILE, units)
        for rows, n, first in shortcut:
            self._shortcut(k, rows, n, first)
        if made.network.bias:

            def biases(at: Sequence[Place]) -> None:
                places = [j + span.bias for j in at]
                self._learn(places, self.p.rows(places), self.slopes[k].rows(at), biases=True)

            code.tiles(span.fan_out, TILE, biases)
        if k and net.masked:

            def masked(at: Sequence[Place]) -> None:
                self.d[k - 1].put(at, self.d[k - 1].rows(at) * net.masks[k - 1].rows(at))

            code.tiles(n_below, TILE, masked)
        if k and not made.network.raw_error:
            self._take_back(k - 1, self.d[k - 1])

    def _shortcut(self, k: int, rows: Rows, n: int, first: int) -> None:
        """Learn the weights that lead from the network's inputs into a later layer."""
        fan_out = self.made.spans[k].fan_out

        def units(at: Sequence[Place]) -> None:
            x = rows.rows(at)

            def outgoing(j: Place, nothing: Row) -> Row:
                places = [i * fan_out + j + first for i in at]
                g = x * self.slopes[k].rows([j])
                self._learn(places, self.p.rows(places), g, biases=False)
                return nothing

            self.code.fold(fan_out, Row([]), outgoing)

        self.code.tiles(n, TILE, units)

    def _step_by_sums(self) -> None:
        """Update all parameters by their sums of gradients, which become 0 again."""
        factor = None if self.made.clip.norm is None else self._factor()

        def some(at: Sequence[Place], biases: bool) -> None:
            w, g = self.p.rows(at), self.grads.rows(at)
            bounded = self._clipped(self.update.penalised(w, g, biases))
            self.update.step(at, w, bounded if factor is None else g * factor, biases)
            self.grads.put(at, Row([0.0] * len(at)))

        self._all(some)

    def _all(self, do: Callable[[Sequence[Place], bool], None]) -> None:
        """Do something to all parameters that are trained, weights and biases in turn."""
        for span in self.made.spans:
            parts = [(span.weights, span.bias, False), (span.bias, span.bias + span.fan_out, True)]
            for first, end, biases in parts[: 1 + self.made.network.bias]:

                def some(at: Sequence[Place], first: int = first, biases: bool = biases) -> None:
                    do([i + first for i in at], biases)

                self.code.tiles(end - first, TILE, some)

    def _factor(self) -> Row:
        """Add the penalties to all sums of gradients; return what brings their length to a norm."""
        squares = self.code.room(2)  # of the gradients, and of them in another unit
        squares.put([0, 1], Row([0.0, 0.0]))

        def some(at: Sequence[Place], biases: bool) -> None:
            g = self.update.penalised(self.p.rows(at), self.grads.rows(at), biases)
            self.grads.put(at, g)
            small = g * SMALL
            added = np.stack([(g * g).sum(), (small * small).sum()])
            squares.put([0, 1], squares.rows([0, 1]) + added)

        self._all(some)
        total = squares.rows([0, 1])
        return self.code.fixed(self.made.clip.factor(total[:1], total[1:]))


def evaluation(made: Structure, width: int, flush: bool, unroll: bool | None = None) -> str:
    """Write the function that measures: losses, and how many samples are classified right."""
    code = Code(width, made.n_params <= UNROLLED if unroll is None else unroll)
    net = Network(code, made, Memory(code, "%p"), masked=False)
    given, wanted = Memory(code, "%inputs"), Memory(code, "%targets")

    def one(index: Place, sums: Row) -> Row:
        x = [given.scalar(index * made.n_inputs + i).cells[0] for i in range(made.n_inputs)]
        n = made.sizes[-1]
        targets = Row([wanted.scalar(index * n + i).cells[0] for i in range(n)])
        net.forward(Row(x))
        outputs = list(range(n))
        z, a = net.z[-1].rows(outputs), net.a[-1].rows(outputs)
        loss = called(made.loss.value, z, a, targets)
        right = _right(made, a, targets)
        return Row([(sums[0:1] + loss).cells[0], (sums[1:2] + right).cells[0]])

    scores = Memory(code, "%scores")
    scores.put([0, 1], code.loop("%n", Row([0.0, 0.0]), one))
    pointers = "ptr noalias %p, ptr noalias %inputs, ptr noalias %targets, ptr noalias %scores"
    return function("evaluate", code, f"{pointers}, i64 %n", flush)


def _right(made: Structure, a: Row, targets: Row) -> Row:
    """Return 1 where a sample is classified right, shape (1,); 0 in a regression."""
    if made.task is Task.REGRESSION:
        return Row([0.0])
    if made.task is Task.BINARY:
        right = (a >= made.loss.boundary) == (targets >= 0.5)
    else:
        right = (a.argmax() == targets.argmax()).reshape(1)
    result: Row = right.astype(np.float64)
    return result


def kernels(made: Structure, width: int, flush: bool, unroll: bool | None = None) -> str:
    """Write the module of a structure: the functions ``train`` and ``evaluate``."""
    training = Training(made, width, unroll).text(flush)
    return module(width, [training, evaluation(made, width, flush, unroll)], flush)
