"""The kernels of one structure: forward, loss, backward and update of many networks side by side.

The components are those that NumPy calls: here they are called with rows, once, and what they did
is written down as machine code. A component that treats each unit by itself is applied to some
units at a time; one that does not (softmax) to all of a layer.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nnrun.network.activations import ACTIVATIONS, Activation
from nnrun.network.penalties import SMALL
from nnrun.network.randomness import Role
from nnrun.problem.problem import Task
from nnrun.rows.draws import Draws
from nnrun.rows.functions import require_float
from nnrun.rows.streams import traced
from nnrun.rows.trace import Graph, Row, Untraceable
from nnrun.training.compiled.emit import Code, Memory, Place, Rows, function, module, named
from nnrun.training.compiled.structure import Structure
from nnrun.training.compiled.update import Update, leaves_of

TILE = 4
"""Rows that a loop handles at once, so that loads are shared."""

UNROLLED = 20
"""Most parameters of a network whose loops are written out: beyond, it gains nothing."""

TOGETHER = 32
"""Most lanes x samples of a batch that are handled at once, so that a weight is loaded once."""

PARAMETERS = (
    "p", "slots", "fields", "streams", "factors", "inputs", "targets", "order", "grads", "losses",
    "rooms",
)  # fmt: skip
"""Pointers that ``train`` gets, before the number of samples seen and that of steps."""

SEED, INPUTS, TARGETS, ORDER = range(4)
"""Rows of ``streams``: a lane's seed, and where what is its own begins in what is handed over."""


def called(method: Callable[..., Any], *rows: Any, n: int | None = None) -> Row:
    """Call a component with rows of shape (unit,), which it sees as (1, 1, unit)."""
    shaped = [r.reshape(1, 1, -1) if isinstance(r, Row) else r for r in rows]
    result = require_float(method(*shaped))
    if n is not None and result.size != n:
        raise Untraceable(f"it returns {result.size} values of {n} units")
    return result.ravel()


@lru_cache(maxsize=256)
def unit_by_unit(activation: Activation, way: str, n_rows: int) -> bool:
    """Say whether a method of rows, of equal shape, treats each unit by itself."""
    graph = Graph(fused=True)
    rows = [graph.leaves(f"{i}.{unit}" for unit in range(2)) for i in range(n_rows)]
    result = called(getattr(activation, way), *rows, n=2).cells[0]
    return not leaves_of([result]) & {row.cells[1] for row in rows}


class Network:
    """A structure's networks within the code of one function, for some samples at once.

    Rows of units are numbered sample by sample: unit i of n of sample s is row s * n + i.

    Attributes:
        p: Their parameters.
        x: Inputs.
        z, a: Pre-activations and outputs of each layer.
        masks: Factors of dropout on the outputs of each layer.
        out: Outputs behind them.
    """

    def __init__(
        self, code: Code, made: Structure, p: Rows, together: int = 1, masked: bool = False
    ) -> None:
        self.code, self.made, self.p, self.together = code, made, p, together
        self.x = self.room(made.n_inputs)
        self.z, self.a, self.masks = ([self.room(n) for n in made.sizes] for _ in range(3))
        self.masked = masked
        self.out = [self.room(n) for n in made.sizes[:-1]] if masked else self.a[:-1]

    def room(self, n: int) -> Rows:
        """Return room for n rows of each sample."""
        return self.code.room(self.together * n)

    def places(self, units: Sequence[Place], n: int) -> list[Place]:
        """Return the rows of some of n units, of every sample."""
        return [i + s * n for s in range(self.together) for i in units]

    def of_samples(self, rows: Rows, units: Sequence[Place], n: int) -> Row:
        """Load some of n units of every sample, shape (sample, unit)."""
        return rows.rows(self.places(units, n)).reshape(self.together, -1)

    def each(self, body: Callable[[Place, Row], Row], first: Row | None = None) -> Row:
        """Return ``first = body(s, first)`` for every sample s."""
        return self.code.fold(self.together, Row([]) if first is None else first, body)

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

    def drop(self, s: Place, kept: Row) -> None:
        """Take in sample s's factors on the hidden outputs of all layers, one after the other."""
        first = 0
        for masks, n in zip(self.masks, self.made.sizes[:-1], strict=False):
            masks.put([s * n + i for i in range(n)], kept[first : first + n])
            first += n

    def forward(self) -> None:
        """Run the samples through the networks."""
        last = len(self.made.sizes) - 1
        for k, activation in enumerate(self.made.network.activations):
            n = self.made.sizes[k]
            self.code.tiles(n, TILE, lambda js, k=k: self._sums(k, js))  # type: ignore[misc]
            self.layerwise(activation, "forward", n, [self.z[k]], self.a[k])
            if self.masked and k < last:
                self.mask(self.a[k], k, self.out[k])

    def _sums(self, k: int, js: Sequence[Place]) -> None:
        """Compute pre-activations of some units of layer k: from the bias on, input by input."""
        span, many = self.made.spans[k], self.together
        bias = self.p.rows([j + span.bias for j in js])
        total = Row([*bias.cells] * many)
        for rows, n, start in self.sources(k):

            def add(i: Place, total: Row, rows: Rows = rows, n: int = n, start: int = start) -> Row:
                weights = self.p.rows([i * span.fan_out + j + start for j in js])
                sums = self.of_samples(rows, [i], n) * weights + total.reshape(many, -1)
                result: Row = sums.ravel()
                return result

            total = self.code.fold(n, total, add)
        self.z[k].put(self.places(js, span.fan_out), total)

    def mask(self, rows: Rows, k: int, target: Rows) -> None:
        """Multiply rows of layer k's units by the factors of dropout."""

        def some(at: Sequence[Place]) -> None:
            target.put(at, rows.rows(at) * self.masks[k].rows(at))

        self.code.tiles(self.together * self.made.sizes[k], TILE, some)

    def layerwise(
        self, activation: Activation, way: str, n: int, sources: Sequence[Rows], target: Rows
    ) -> None:
        """Apply a method of rows to all of a layer's n units, at once or some at a time."""
        method = getattr(activation, way)

        def some(at: Sequence[Place]) -> None:
            target.put(at, called(method, *(s.rows(at) for s in sources), n=len(at)))

        def whole(s: Place, nothing: Row) -> Row:
            some([s * n + i for i in range(n)])
            return nothing

        if unit_by_unit(activation, way, len(sources)):
            self.code.tiles(self.together * n, TILE, some)
        else:
            self.each(whole)


class Training:
    """The function that trains: step by step, some samples of a batch at a time."""

    def __init__(
        self, made: Structure, width: int, unroll: bool | None = None, together: int | None = None
    ) -> None:
        unroll = made.n_params <= UNROLLED if unroll is None else unroll
        self.made, self.code = made, Code(width, unroll)
        self.together = together or together_of(made.batch, width)
        self.p: Rows = Memory(self.code, "%p")
        self.network = net = Network(self.code, made, self.p, self.together, made.masked)
        self.targets = net.room(made.sizes[-1])
        self.d = [net.room(n) for n in made.sizes]
        self.slopes = [net.room(n) for n in made.sizes] if made.network.raw_error else self.d
        self.grads = Memory(self.code, "%grads")
        self.at_once = made.batch == 1 and made.clip.norm is None
        self.update = Update(self.code, made, self.p)

    def text(self, flush: bool) -> str:
        """Write it."""
        losses = Memory(self.code, "%losses")
        losses.put([0], self.code.loop("%steps", losses.rows([0]), self._step))
        assert self.code.rows <= room_of(self.made, self.code.width)
        pointers = ", ".join(f"ptr noalias %{name}" for name in PARAMETERS)
        return function("train", self.code, f"{pointers}, i64 %first, i64 %steps", flush)

    def _step(self, index: Place, total: Row) -> Row:
        made, code = self.made, self.code
        rate = self.update.base * Memory(code, "%factors").scalar(index)
        self.update.begin(code.fixed(rate))
        groups = made.batch // self.together

        def some(group: Place, total: Row) -> Row:
            return self._samples(index * made.batch + group * self.together, total)

        total = code.loop(str(groups), total, some) if groups > 1 else some(0, total)
        if not self.at_once:
            self._step_by_sums()
        self.update.finish()
        return total

    def _samples(self, first: Place, total: Row) -> Row:
        """Learn from some samples; return the sum of losses with theirs."""

        def take(s: Place, nothing: Row) -> Row:
            self._take(s, first + s)
            return nothing

        self.network.each(take)
        self.network.forward()
        total = self.network.each(self._error, total)
        self._backward()
        return total

    def _take(self, s: Place, index: Place) -> None:
        """Draw or load a sample, by its place in this call, as the s-th of those at hand."""
        made, code, net = self.made, self.code, self.network
        streams = Memory(code, "%streams", "u").rows(range(4))
        seen = code.splat(named(code.whole("%first") + index))
        inputs, targets = (net.x, made.n_inputs), (self.targets, made.sizes[-1])
        if made.source == "drawn":
            assert made.draw is not None
            parts = traced(made.draw, streams[SEED : SEED + 1], seen, Role.DATA)
            for (rows, n), part in zip((inputs, targets), parts, strict=True):
                rows.put([s * n + i for i in range(n)], code.fixed(part.ravel()))
        else:
            place = code.splat(named(code.whole(index)))
            if made.source == "pool":
                place = code.gather("%order", streams[ORDER : ORDER + 1] + place, "u")
            self._load(s, "%inputs", streams[INPUTS : INPUTS + 1] + place * made.n_inputs, *inputs)
            first = streams[TARGETS : TARGETS + 1] + place * made.sizes[-1]
            self._load(s, "%targets", first, *targets)
        if made.masked:
            rng = Draws(streams[SEED : SEED + 1], seen, Role.NOISE)
            net.drop(s, rng.kept(sum(made.sizes[:-1]), made.kept).ravel())

    def _load(self, s: Place, pointer: str, first: Row, rows: Rows, n: int) -> None:
        """Load n numbers of sample s, each lane from its own place."""
        code, first = self.code, self.code.fixed(first)

        def some(at: Sequence[Place]) -> None:
            places = [first + (i if isinstance(i, int) else code.splat(named(i))) for i in at]
            cells = [code.gather(pointer, place).cells[0] for place in places]
            rows.put([s * n + i for i in at], Row(cells))

        code.tiles(n, TILE, some)

    def _error(self, s: Place, total: Row) -> Row:
        """Compute the error of sample s; return the sum of losses with its own."""
        made, net, n = self.made, self.network, self.made.sizes[-1]
        outputs = [s * n + i for i in range(n)]
        z, a, targets = (rows.rows(outputs) for rows in (net.z[-1], net.a[-1], self.targets))
        top = ACTIVATIONS["linear"]() if made.network.raw_error else made.network.activations[-1]
        loss = called(made.loss.value, z, a, targets)
        error = called(made.loss.gradient, z, a, targets, top, n=n)
        self.d[-1].put(outputs, error * (1.0 / made.batch) if made.batch > 1 else error)
        return total + loss

    def _backward(self) -> None:
        """Take the errors back through all layers."""
        made, net = self.made, self.network
        raw, last = made.network.raw_error, len(made.sizes) - 1
        for k in range(last, -1, -1):
            if raw and not (k == last and made.loss.output is not None):
                self._take_back(k, self.slopes[k])
            elif raw:
                outputs = net.places(range(made.sizes[k]), made.sizes[k])
                self.slopes[k].put(outputs, self.d[k].rows(outputs))
            self._layer(k)
            if k and net.masked:
                net.mask(self.d[k - 1], k - 1, self.d[k - 1])
            if k and not raw:
                self._take_back(k - 1, self.d[k - 1])

    def _take_back(self, k: int, target: Rows) -> None:
        net, activation = self.network, self.made.network.activations[k]
        sources = [self.d[k], net.z[k], net.a[k]]
        net.layerwise(activation, "backward", self.made.sizes[k], sources, target)

    def _layer(self, k: int) -> None:
        """Learn from a layer's slopes, and hand its errors down."""
        made, net, span = self.made, self.network, self.made.spans[k]
        for rows, n, first in net.sources(k):
            self._weights(k, rows, n, first, below=k > 0 and rows is net.out[k - 1])
        if made.network.bias:

            def biases(at: Sequence[Place]) -> None:
                places = [j + span.bias for j in at]
                slopes = net.of_samples(self.slopes[k], at, span.fan_out)
                self._learn(places, self.p.rows(places), slopes, biases=True)

            self.code.tiles(span.fan_out, TILE, biases)

    def _weights(self, k: int, rows: Rows, n: int, first: int, below: bool) -> None:
        """Learn layer k's weights of n rows; hand errors down if these are of the layer below."""
        net, fan_out, many = self.network, self.made.spans[k].fan_out, self.together

        def units(at: Sequence[Place]) -> None:
            x = net.of_samples(rows, at, n)

            def outgoing(j: Place, error: Row) -> Row:
                places = [i * fan_out + j + first for i in at]
                w, slopes = self.p.rows(places), net.of_samples(self.slopes[k], [j], fan_out)
                if below:
                    raw = self.made.network.raw_error
                    d = net.of_samples(self.d[k], [j], fan_out) if raw else slopes
                    error = (d * w + error.reshape(many, -1)).ravel()
                self._learn(places, w, x * slopes, biases=False)
                return error

            zeros = Row([0.0] * many * len(at) if below else [])
            error = self.code.fold(fan_out, zeros, outgoing)
            if below:
                self.d[k - 1].put(net.places(at, n), error)

        self.code.tiles(n, TILE, units)

    def _learn(self, at: Sequence[Place], w: Row, each: Row, biases: bool) -> None:
        """Use gradients of shape (sample, parameter): for a step, or for sums over the batch."""
        if self.at_once:
            g = self.update.penalised(w, each.ravel(), biases)
            self.update.step(at, w, self._clipped(g), biases)
            return
        total = self.grads.rows(at)
        for s in range(self.together):
            total = total + each[s]
        self.grads.put(at, total)

    def _clipped(self, g: Row) -> Row:
        bound = self.made.clip.value
        clipped: Any = g if bound is None else np.clip(g, -bound, bound)
        return clipped

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


def together_of(batch: int, width: int) -> int:
    """Return how many samples of a batch are handled at once: a divisor of their number."""
    return max(n for n in range(1, max(1, TOGETHER // width) + 1) if batch % n == 0)


def room_of(made: Structure, width: int) -> int:
    """Return how many rows both functions need at most for what they compute on their way."""
    return max(1, TOGETHER // width) * (made.n_inputs + 7 * sum(made.sizes)) + 2


def evaluation(
    made: Structure,
    width: int,
    flush: bool,
    unroll: bool | None = None,
    together: int | None = None,
) -> str:
    """Write the function that measures: losses, and how many samples are classified right.

    Samples are handled ``together``: there must be a multiple of that many to be read, of which
    the first ``n`` count.
    """
    code = Code(width, made.n_params <= UNROLLED if unroll is None else unroll)
    together = together or max(1, TOGETHER // width)
    net = Network(code, made, Memory(code, "%p"), together)
    given, wanted = Memory(code, "%inputs"), Memory(code, "%targets")
    n = made.sizes[-1]

    def some(group: Place, sums: Row) -> Row:
        def take(s: Place, nothing: Row) -> Row:
            start = code.whole((group * together + s) * made.n_inputs)

            def inputs(at: Sequence[Place]) -> None:
                cells = [given.scalar(start + i).cells[0] for i in at]
                net.x.put([s * made.n_inputs + i for i in at], Row(cells))

            code.tiles(made.n_inputs, TILE, inputs)
            return nothing

        def measure(s: Place, sums: Row) -> Row:
            place = code.whole(group * together + s)
            outputs = [s * n + i for i in range(n)]
            z, a = net.z[-1].rows(outputs), net.a[-1].rows(outputs)
            targets = Row([wanted.scalar(place * n + i).cells[0] for i in range(n)])
            loss, right = called(made.loss.value, z, a, targets), _right(made, a, targets)
            more: Any = Row([(sums[0:1] + loss).cells[0], (sums[1:2] + right).cells[0]])
            if together > 1:
                more = np.where(code.splat(named(place)) < code.splat("%n"), more, sums)
            return more

        net.each(take)
        net.forward()
        return net.each(measure, sums)

    groups = code.put(f"add i64 %n, {together - 1}")
    groups = code.put(f"udiv i64 {groups}, {together}")
    scores = Memory(code, "%scores")
    scores.put([0, 1], code.loop(groups, Row([0.0, 0.0]), some))
    assert code.rows <= room_of(made, width)
    names = ("p", "inputs", "targets", "scores", "rooms")
    pointers = ", ".join(f"ptr noalias %{name}" for name in names)
    return function("evaluate", code, f"{pointers}, i64 %n", flush)


def _right(made: Structure, a: Row, targets: Row) -> Row:
    """Return 1 where a sample is classified right, shape (1,); 0 in a regression."""
    if made.task is Task.REGRESSION:
        return Row([0.0])
    shaped = a.reshape(1, -1), targets.reshape(1, -1)
    right: Row = made.task.right(*shaped, made.loss.boundary).astype(np.float64)
    return right


def kernels(made: Structure, width: int, flush: bool, unroll: bool | None = None) -> str:
    """Write the module of a structure: the functions ``train`` and ``evaluate``."""
    training = Training(made, width, unroll).text(flush)
    return module(width, [training, evaluation(made, width, flush, unroll)], flush)
