"""The optimizer's step of a structure, written down for some parameters at a time."""

from collections.abc import Sequence
from typing import Any

from nnrun.network.optimizers import Optimizer
from nnrun.network.penalties import Penalties
from nnrun.rows.functions import require_float
from nnrun.rows.trace import Graph, Node, Row, Untraceable, in_order
from nnrun.training.compiled.emit import Code, Memory, Place, Rows
from nnrun.training.compiled.structure import Structure


def leaves_of(cells: Sequence[Any]) -> set[Node]:
    """Return the leaves that cells are made of."""
    return {node for node in in_order(cells, {}) if node.op == "leaf"}


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
