"""Rows: arrays of numbers to come, which record what NumPy code does to them.

A cell is one number a lane: a ``Node`` of the recorded expression, or a plain number. A ``Row`` is
an array of cells with NumPy's shapes, indexing and broadcasting, so that a component that was
written for arrays is called as it is. Equal operations are one node. What a row cannot follow (a
Python branch on values, a library that wants the numbers themselves) raises ``Untraceable``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

Kind = Literal["f", "u", "b"]
"""Of a cell: float64, uint64, or true or false."""

COMPOSED: dict[Any, Callable[..., Any]] = {}
"""NumPy's functions that are made of others, in rows: ``functions`` fills it."""


class Untraceable(TypeError):
    """A call that a row cannot follow, as a sentence."""


class Node:
    """An operation on cells, or a leaf: what a graph begins with.

    Attributes:
        graph: What it belongs to.
        op: The operation, of those of ``evaluate``; or ``leaf``.
        kind: Of its result.
        args: The cells that it is done to; of a leaf its name.
    """

    __slots__ = ("args", "graph", "kind", "op")

    def __init__(self, graph: "Graph", op: str, kind: Kind, args: tuple[Any, ...]) -> None:
        self.graph, self.op, self.kind, self.args = graph, op, kind, args


class Graph:
    """The nodes of one trace.

    Attributes:
        fused: Whether ``a * b + c`` becomes one operation, rounded once. Where numbers must be
            those of NumPy to the last bit it does not.
    """

    def __init__(self, fused: bool) -> None:
        self.fused = fused
        self._nodes: dict[Any, Node] = {}

    def node(self, op: str, kind: Kind, *args: Any) -> Node:
        """Return the one node of an operation."""
        # a number by its digits: 0.0 and -0.0, 1 and 1.0 are not the same
        key = (op, kind, *[a if type(a) is Node else repr(a) for a in args])
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Node(self, op, kind, args)
        return found

    def leaves(self, names: Iterable[str], kind: Kind = "f") -> "Row":
        """Return a row of leaves, shape (name,)."""
        return Row([self.node("leaf", kind, name) for name in names])


PLAIN: Mapping[str, type] = {"f": float, "u": int, "b": bool}


def lift(cell: Any, kind: Kind) -> Any:
    """Return a cell as one of another kind: truth becomes 1 or 0."""
    if type(cell) is not Node:
        return PLAIN[kind](cell)
    if cell.kind == kind:
        return cell
    if cell.kind == "b":
        return cell.graph.node("select", kind, cell, PLAIN[kind](1), PLAIN[kind](0))
    raise Untraceable(f"it mixes {NAMES[cell.kind]} with {NAMES[kind]}: say .astype")


NAMES: Mapping[str, str] = {"f": "float64", "u": "uint64", "b": "bool"}


def shared_kind(*cells: Any) -> Kind:
    """Return the kind in which cells meet; float64 for plain numbers, which fit any kind."""
    kinds = [c.kind for c in cells if type(c) is Node]
    if "f" in kinds:
        return "f"
    if "u" in kinds:
        return "u"
    return "b" if all(isinstance(c, Node | bool | np.bool_) for c in cells) else "f"


def graph_of(*cells: Any) -> Graph:
    """Return the graph of the first node among cells."""
    return next(c.graph for c in cells if type(c) is Node)


def alike(op: str, *cells: Any) -> Node:
    """Return an operation on cells of one kind, whose result is of that kind."""
    kind = shared_kind(*cells)
    return graph_of(*cells).node(op, kind, *[lift(c, kind) for c in cells])


def arithmetic(op: str, a: Any, b: Any) -> Any:
    """Add, subtract, multiply or divide; the one place that decides what is fused."""
    graph, kind = (a if type(a) is Node else b).graph, shared_kind(a, b)
    kind = "f" if kind == "b" or op == "div" else kind
    a, b = lift(a, kind), lift(b, kind)
    if op in ("mul", "div") and type(b) is not Node and b == 1:
        return a
    if op == "mul" and type(a) is not Node and a == 1:
        return b
    if graph.fused and kind == "f" and op in ("add", "sub"):
        # the first product, else the second
        if type(a) is Node and a.op == "mul":
            return graph.node("fma", "f", *a.args, negative(b) if op == "sub" else b)
        if type(b) is Node and b.op == "mul":
            x, y = b.args
            return graph.node("fma", "f", negative(x) if op == "sub" else x, y, a)
    return graph.node(op, kind, a, b)


def negative(cell: Any) -> Any:
    """Return a float64 cell with the other sign."""
    return cell.graph.node("neg", "f", cell) if isinstance(cell, Node) else -cell


def compare(sign: str, a: Any, b: Any) -> Node:
    """Compare two cells; of NaN nothing holds but ``ne``."""
    kind = shared_kind(a, b)
    if kind == "b" and sign in ("eq", "ne"):
        different = alike("xor", a, b)
        return different if sign == "ne" else alike("xor", different, True)
    kind = "f" if kind == "b" else kind
    return graph_of(a, b).node(sign, "b", lift(a, kind), lift(b, kind))


def select(condition: Any, yes: Any, no: Any) -> Any:
    """Choose between two cells."""
    if not isinstance(condition, Node):
        return yes if condition else no
    kind = shared_kind(yes, no)
    choice = lift(condition, "b")
    return condition.graph.node("select", kind, choice, lift(yes, kind), lift(no, kind))


def extreme(sign: str, a: Any, b: Any) -> Any:
    """Return the larger (``lt``) or smaller (``gt``) of both; NaN of either passes."""
    if not isinstance(a, Node):
        a, b = b, a
    result = select(compare(sign, a, b), b, a)  # NaN in a: a
    return select(compare("ne", b, b), b, result) if isinstance(b, Node) else result


def of_float(op: str, cell: Any) -> Node:
    """Return a function of one float64 cell."""
    return graph_of(cell).node(op, "f", lift(cell, "f"))


def inverted(cell: Node) -> Node:
    """Turn truth, or all bits, around."""
    return alike("xor", cell, True if cell.kind == "b" else 2**64 - 1)


def _lifted(ufunc: Any, function: Callable[..., Any]) -> Any:
    """Lift a function of cells over arrays; plain numbers among themselves are NumPy's affair."""

    def one(a: Any) -> Any:
        return function(a) if type(a) is Node else ufunc(a)

    def two(a: Any, b: Any) -> Any:
        return function(a, b) if type(a) is Node or type(b) is Node else ufunc(a, b)

    return np.frompyfunc(one if ufunc.nin == 1 else two, ufunc.nin, 1)


_OPERATIONS: dict[Any, Callable[..., Any]] = {
    np.add: partial(arithmetic, "add"),
    np.subtract: partial(arithmetic, "sub"),
    np.multiply: partial(arithmetic, "mul"),
    np.true_divide: partial(arithmetic, "div"),
    np.negative: lambda a: negative(lift(a, "f")),
    np.positive: lambda a: a,
    np.sqrt: partial(of_float, "sqrt"),
    np.absolute: partial(of_float, "fabs"),
    np.fabs: partial(of_float, "fabs"),
    np.floor: partial(of_float, "floor"),
    np.maximum: partial(extreme, "lt"),
    np.minimum: partial(extreme, "gt"),
    np.bitwise_and: partial(alike, "and"),
    np.bitwise_or: partial(alike, "or"),
    np.bitwise_xor: partial(alike, "xor"),
    np.invert: inverted,
    np.left_shift: partial(alike, "shl"),
    np.right_shift: partial(alike, "shr"),
}
_SIGNS = {
    np.less: "lt", np.less_equal: "le", np.greater: "gt", np.greater_equal: "ge",
    np.equal: "eq", np.not_equal: "ne",
}  # fmt: skip
_OPERATIONS |= {ufunc: partial(compare, sign) for ufunc, sign in _SIGNS.items()}
_OPERATIONS |= {
    np.logical_and: _OPERATIONS[np.bitwise_and],
    np.logical_or: _OPERATIONS[np.bitwise_or],
    np.logical_xor: _OPERATIONS[np.bitwise_xor],
    np.logical_not: inverted,
}
CELLS = {ufunc: _lifted(ufunc, function) for ufunc, function in _OPERATIONS.items()}
SELECT = np.frompyfunc(select, 3, 1)

STRUCTURAL = {
    np.concatenate, np.stack, np.broadcast_to, np.reshape, np.swapaxes, np.expand_dims, np.squeeze,
    np.transpose, np.ravel, np.moveaxis, np.column_stack, np.hstack, np.vstack, np.tile, np.repeat,
    np.roll, np.flip, np.copy,
}  # fmt: skip
"""What moves cells and does not look at them."""

ALIASES: dict[Any, str] = {
    np.sum: "sum", np.mean: "mean", np.max: "max", np.min: "min", np.amax: "max", np.amin: "min",
    np.argmax: "argmax", np.prod: "prod", np.any: "any", np.all: "all",
}  # fmt: skip


def bare(value: Any) -> npt.NDArray[Any]:
    """Return the cells of a row, or of plain numbers."""
    return value.cells if isinstance(value, Row) else np.asarray(value, dtype=object)


def _refused(*args: Any, **rest: Any) -> NoReturn:
    raise Untraceable("a Python branch or loop on values cannot be traced: say np.where")


class Row(NDArrayOperatorsMixin):
    """An array of cells, used like NumPy's arrays of float64."""

    dtype = np.dtype(np.float64)

    def __init__(self, cells: Any) -> None:
        self.cells = np.asarray(cells, dtype=object)

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **rest: Any
    ) -> "Row":
        result: Any = None
        if method == "__call__" and not rest and (ufunc in COMPOSED or ufunc in CELLS):
            composed = COMPOSED.get(ufunc)
            result = composed(*inputs) if composed else Row(CELLS[ufunc](*map(bare, inputs)))
        elif method == "reduce" and ufunc in CELLS and rest.keys() <= {"axis", "keepdims"}:
            result = inputs[0]._reduced(ufunc, rest.get("axis", 0), rest.get("keepdims", False))
        elif method == "accumulate" and ufunc in CELLS:
            result = Row(CELLS[ufunc].accumulate(bare(inputs[0]), **rest))
        if result is None:
            raise Untraceable(f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method}")
        if out is not None:  # a += b
            out[0].cells[...] = bare(result)
            return out[0]
        return result if isinstance(result, Row) else Row(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in COMPOSED:
            return COMPOSED[function](*args, **kwargs)
        if function in ALIASES:
            return getattr(args[0], ALIASES[function])(*args[1:], **kwargs)
        if function is np.where and len(args) == 3:
            return Row(SELECT(*map(bare, args)))
        if function in STRUCTURAL:
            several = isinstance(args[0], tuple | list)
            first = [bare(a) for a in args[0]] if several else bare(args[0])
            return Row(function(first, *args[1:], **kwargs))
        raise Untraceable(f"np.{function.__name__}")

    def __array__(self, *args: Any, **rest: Any) -> NoReturn:
        raise Untraceable("its numbers are handed to another library")

    __bool__ = __float__ = __int__ = __index__ = _refused

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return self.cells.shape

    @property
    def ndim(self) -> int:
        """As of an array."""
        return self.cells.ndim

    @property
    def size(self) -> int:
        """As of an array."""
        return self.cells.size

    @property
    def T(self) -> "Row":  # noqa: N802
        """As of an array."""
        return Row(self.cells.T)

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, where: Any) -> "Row":
        _require_places(where)
        return Row(self.cells[where])

    def __setitem__(self, where: Any, value: Any) -> None:
        _require_places(where)
        self.cells[where] = bare(value)

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Row":
        """As of an array; one after the other."""
        return self._reduced(np.add, axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> "Row":
        """As of an array; one after the other."""
        return self._reduced(np.multiply, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> "Row":
        """As of an array."""
        total = self.sum(axis, keepdims)
        result: Row = total / (self.size // max(total.size, 1))
        return result

    def max(self, axis: Any = None, keepdims: bool = False) -> "Row":
        """As of an array; NaN passes."""
        return self._reduced(np.maximum, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> "Row":
        """As of an array; NaN passes."""
        return self._reduced(np.minimum, axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> "Row":
        """As of an array."""
        return self.astype(np.bool_)._reduced(np.logical_or, axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> "Row":
        """As of an array."""
        return self.astype(np.bool_)._reduced(np.logical_and, axis, keepdims)

    def _reduced(self, ufunc: Any, axis: Any, keepdims: bool) -> "Row":
        cells = self.cells
        if not isinstance(axis, int):  # of several axes in a row, in the order of their cells
            axes = range(self.ndim) if axis is None else sorted(a % self.ndim for a in axis)
            left = [a for a in range(self.ndim) if a not in axes]
            shape = [1 if a in axes else n for a, n in enumerate(self.shape)]
            cells = cells.transpose(*left, *axes).reshape(*(self.shape[a] for a in left), -1)
            found = CELLS[ufunc].reduce(cells, axis=-1)
            return Row(np.asarray(found, dtype=object).reshape(shape) if keepdims else found)
        return Row(CELLS[ufunc].reduce(cells, axis=axis, keepdims=keepdims))

    def argmax(self, axis: int = -1) -> "Row":
        """Return the first place of the largest, as float64."""
        cells = np.moveaxis(self.cells, axis, 0)
        best = Row(cells[0])
        place = Row(np.zeros(best.shape))
        for i, row in enumerate(map(Row, cells[1:]), 1):
            larger = row > best
            best, place = (
                Row(SELECT(larger.cells, *pair))
                for pair in ((row.cells, best.cells), (float(i), place.cells))
            )
        return place

    def reshape(self, *shape: Any) -> "Row":
        """As of an array."""
        return Row(self.cells.reshape(*shape))

    def swapaxes(self, a: int, b: int) -> "Row":
        """As of an array."""
        return Row(self.cells.swapaxes(a, b))

    def ravel(self) -> "Row":
        """As of an array."""
        return Row(self.cells.ravel())

    def copy(self) -> "Row":
        """As of an array."""
        return Row(self.cells.copy())

    def view(self, kind: Any) -> "Row":
        """Return the same bits as float64 or uint64."""
        return Row(_MAPPED["bits", "f" if kind is np.float64 else "u"](self.cells))

    def astype(self, kind: Any, copy: bool = True) -> "Row":
        """Return numbers as float64, bool, uint64 (of 0 and more), or whole ones in float64."""
        wanted = np.dtype(kind).kind
        if wanted == "i":
            return Row(_MAPPED["whole", "f"](self.astype(np.float64).cells))
        return Row(_MAPPED["convert", wanted](self.cells))


def _require_places(where: Any) -> None:
    parts = where if isinstance(where, tuple) else (where,)
    if any(isinstance(part, Row) for part in parts):
        raise Untraceable("values choose places of an array: say np.where")


def _converted(kind: Kind, cell: Any) -> Any:
    if not isinstance(cell, Node):
        return PLAIN[kind](cell)
    if kind == "b":
        return compare("ne", cell, 0)
    if cell.kind in (kind, "b"):
        return lift(cell, kind)
    return cell.graph.node("convert", kind, cell)


def _whole(kind: Kind, cell: Any) -> Any:
    """Cut what is behind the point off."""
    if not isinstance(cell, Node):
        return float(np.trunc(cell))
    up, down = (of_float("floor", c) for c in (negative(cell), cell))
    return select(compare("lt", cell, 0.0), negative(up), down)


def _bits(kind: Kind, cell: Any) -> Any:
    return cell if cell.kind == kind else cell.graph.node("bits", kind, cell)


_MAPPED: dict[tuple[str, str], Any] = {
    (name, kind): np.frompyfunc(partial(function, kind), 1, 1)
    for name, function in (("bits", _bits), ("convert", _converted), ("whole", _whole))
    for kind in ("f", "u", "b")
}

_NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "sqrt": np.sqrt, "fabs": np.fabs, "floor": np.floor, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "shl": np.left_shift, "shr": np.right_shift,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal, "select": np.where,
}  # fmt: skip
_TYPES: Mapping[str, Any] = {"f": np.float64, "u": np.uint64, "b": np.bool_}


def operands(node: Node) -> list[tuple[Any, Kind]]:
    """List the cells that a node is done to, each with its kind: a plain number has none."""
    args, kind = node.args, node.kind
    if node.op == "select":
        return [(args[0], "b"), (args[1], kind), (args[2], kind)]
    kind = next((a.kind for a in args if type(a) is Node), kind)
    return [(a, kind) for a in args]


def in_order(cells: Sequence[Any], known: Mapping[Node, Any]) -> list[Node]:
    """List the nodes that cells are made of, each behind those that it needs."""
    order: dict[Node, None] = {}
    waiting = [cell for cell in reversed(cells) if isinstance(cell, Node)]
    while waiting:
        top = waiting[-1]
        if top in order or top in known:
            waiting.pop()
            continue
        missing = [a for a in top.args if isinstance(a, Node) and a not in order and a not in known]
        if missing:
            waiting += missing
        else:
            order[waiting.pop()] = None
    return list(order)


def evaluate(cells: Sequence[Any], leaves: Mapping[Node, Any]) -> list[Any]:
    """Compute cells by NumPy, from the values of their leaves: arrays that broadcast.

    Of a graph that fuses nothing, these are the very numbers that a kernel computes.
    """
    values: dict[Node, Any] = dict(leaves)
    order = in_order(cells, values)
    waiting = Counter(a for n in order for a in n.args if type(a) is Node)
    waiting.update(c for c in cells if isinstance(c, Node))
    with np.errstate(all="ignore"):
        for node in order:
            args = [
                values[a] if isinstance(a, Node) else _TYPES[kind](a) for a, kind in operands(node)
            ]
            values[node] = _computed(node, args)
            for a in node.args:  # the room of what nobody waits for is in the processor's cache
                if type(a) is Node:
                    waiting[a] -= 1
                    if not waiting[a]:
                        del values[a]
    return [values[c] if isinstance(c, Node) else c for c in cells]


def _computed(node: Node, args: list[Any]) -> Any:
    if node.op == "fma":
        return args[0] * args[1] + args[2]
    if node.op == "bits":
        return args[0].view(_TYPES[node.kind])
    if node.op == "convert":
        return args[0].astype(_TYPES[node.kind])
    return _NUMPY[node.op](*args)
