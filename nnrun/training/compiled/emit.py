"""LLVM's text of recorded expressions, loops and memory: what a kernel is written with.

A value is a vector: one number of each of ``width`` trials. What stays the same in a loop is
computed ahead of it; nothing is left to LLVM's optimiser.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from nnrun.rows.trace import Graph, Kind, Node, Row, operands

SCALARS = {"f": "double", "u": "i64", "b": "i1"}
SHORT = {"f": "f64", "u": "i64"}
FLOATS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
WORDS = {
    "add": "add", "sub": "sub", "mul": "mul", "shl": "shl", "shr": "lshr", "and": "and",
    "or": "or", "xor": "xor",
}  # fmt: skip
SIGNS = {
    "lt": ("olt", "ult"), "le": ("ole", "ule"), "gt": ("ogt", "ugt"), "ge": ("oge", "uge"),
    "eq": ("oeq", "eq"), "ne": ("une", "ne"),
}  # fmt: skip
"""Of float64, where nothing holds of NaN but ``ne``, and of words."""

CALLS = {"fma": 3, "sqrt": 1, "fabs": 1, "floor": 1}
"""What LLVM knows as functions, with the number of their arguments."""

Lines = list[Any]
"""Text, line by line, or lists of it that may still grow."""


class Index:
    """A whole number that is known when the kernel runs; like an int in sums and products."""

    def __init__(self, code: "Code", name: str) -> None:
        self._code, self.name = code, name

    def __add__(self, other: "Place") -> "Index":
        if isinstance(other, int) and not other:
            return self
        return Index(self._code, self._code.put(f"add i64 {self.name}, {named(other)}"))

    def __mul__(self, other: "Place") -> "Index":
        return Index(self._code, self._code.put(f"mul i64 {self.name}, {named(other)}"))

    __radd__, __rmul__ = __add__, __mul__


Place = Index | int


def named(place: Place) -> str:
    """Write a place as LLVM's operand."""
    return place.name if isinstance(place, Index) else str(place)


def literal(value: Any, kind: Kind) -> str:
    """Write a plain number as a vector of it."""
    if kind == "f":
        return f"splat (double 0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X})"
    return f"splat ({SCALARS[kind]} {int(value)})"


class Code:
    """The body of one function.

    Attributes:
        width: Numbers in a vector.
        unroll: Whether loops with literal bounds are written out, and rooms kept in registers.
        graph: The expressions.
        lines: What is emitted.
        rooms: What stands ahead of it: where its rooms begin behind ``%rooms``, a pointer that the
            function gets if it has any.
        rows: Rows of all rooms.
    """

    def __init__(self, width: int, unroll: bool) -> None:
        self.width, self.unroll = width, unroll
        self.graph = Graph(fused=True)
        self.lines: Lines = []
        self.rooms: list[str] = []
        self.rows = 0
        # names of the values known here, and the innermost open loop that each depends on
        self._names: dict[Node, str] = {}
        self._depths: dict[Node, int] = {}
        # of each open loop, the outermost first: what is known in it alone, and lines ahead of it
        self._own: list[list[Node]] = [[]]
        self._ahead: list[Lines] = [[]]
        self._block, self._count = "entry", 0

    def fresh(self, letter: str = "v") -> str:
        """Return a name that nothing has."""
        self._count += 1
        return f"{letter}{self._count}"

    def put(self, text: str, lines: Lines | None = None) -> str:
        """Emit an instruction; return the name of its result."""
        name = "%" + self.fresh()
        (self.lines if lines is None else lines).append(f"{name} = {text}")
        return name

    def leaf(self, name: str, kind: Kind = "f") -> Node:
        """Return a cell for a value that is computed."""
        leaf, depth = self.graph.node("leaf", kind, name), len(self._own) - 1
        self._names[leaf] = name
        self._depths[leaf] = min(depth, self._depths.get(leaf, depth))
        return leaf

    def value(self, cell: Any, kind: Kind = "f") -> str:
        """Emit what a cell is made of, as far as it is not known here; return its name.

        What stays the same in a loop is computed ahead of it.
        """
        if type(cell) is not Node:
            return literal(cell, kind)
        names, depths, inner, waiting = self._names, self._depths, len(self._own) - 1, [cell]
        while waiting:
            top = waiting[-1]
            nodes = [a for a in top.args if type(a) is Node]
            missing = [a for a in nodes if a not in names]
            if missing and top not in names:
                waiting += missing
                continue
            waiting.pop()
            if top not in names:
                depth = min(inner, max([depths[a] for a in nodes]))
                lines = self._ahead[depth + 1] if depth < inner else self.lines
                names[top], depths[top] = self.put(self._text(top), lines), depth
                self._own[depth].append(top)
        return names[cell]

    def _text(self, node: Node) -> str:
        """Write the instruction of a node whose operands are known."""
        pairs = operands(node)
        args = [self._names[a] if type(a) is Node else literal(a, kind) for a, kind in pairs]
        typed = ", ".join(f"%{kind} {arg}" for (_, kind), arg in zip(pairs, args, strict=True))
        if node.op in SIGNS:
            of_floats, of_words = SIGNS[node.op]
            kind = pairs[0][1]
            how = f"fcmp {of_floats}" if kind == "f" else f"icmp {of_words}"
            return f"{how} %{kind} {', '.join(args)}"
        if node.op in CALLS:
            return f"call %f @llvm.{node.op}.v{self.width}f64({typed})"
        if node.op == "select":
            return f"select {typed}"
        if node.op == "neg":
            return f"fneg {typed}"
        if node.op in ("bits", "convert"):
            to_float = "uitofp" if node.kind == "f" else "fptoui"
            return f"{'bitcast' if node.op == 'bits' else to_float} {typed} to %{node.kind}"
        names = FLOATS if node.kind == "f" else WORDS
        return f"{names[node.op]} %{node.kind} {', '.join(args)}"

    def fixed(self, row: Row) -> Row:
        """Compute a row's values here: what is done to them is fused with nothing before."""
        cells = [
            self.leaf(self.value(c, c.kind), c.kind) if isinstance(c, Node) else c
            for c in row.cells.flat
        ]
        return Row(cells).reshape(row.shape)

    def whole(self, place: "Place | str") -> "Index":
        """Return a place, or an operand's name, as what is known when the kernel runs."""
        return place if isinstance(place, Index) else Index(self, str(place))

    def splat(self, scalar: str, kind: Kind = "u") -> Row:
        """Return a row of one cell: a scalar in every lane."""
        one = self.put(f"insertelement %{kind} poison, {SCALARS[kind]} {scalar}, i64 0")
        mask = f"<{self.width} x i32> zeroinitializer"
        every = self.put(f"shufflevector %{kind} {one}, %{kind} poison, {mask}")
        return Row([self.leaf(every, kind)])

    def gather(self, pointer: str, places: Row, kind: Kind = "f") -> Row:
        """Load a number for each lane, from places of words, shape (1,): they count numbers."""
        w, place = self.width, self.value(places.cells[0], "u")
        at = self.put(f"getelementptr {SCALARS[kind]}, ptr {pointer}, %u {place}")
        call = f"@llvm.masked.gather.v{w}{SHORT[kind]}.v{w}p0(<{w} x ptr> {at}, i32 8"
        found = self.put(f"call %{kind} {call}, <{w} x i1> splat (i1 true), %{kind} poison)")
        return Row([self.leaf(found, kind)])

    def fold(self, n: int, first: Row, body: Callable[[Place, Row], Row]) -> Row:
        """Return ``first = body(i, first)`` for i from 0 to n - 1, n at least 1."""
        if not (self.unroll or n == 1):
            return self.loop(str(n), first, body)
        for i in range(n):
            first = body(i, first)
        return first

    def loop(self, n: str, first: Row, body: Callable[[Place, Row], Row]) -> Row:
        """The same as a loop, of a number of rounds that may be known only when it runs."""
        starts = [self.value(cell) for cell in first.cells.flat]
        before, loop, after = self._block, self.fresh("loop"), self.fresh("after")
        ahead: Lines = []
        self.lines += [ahead, f"br label %{loop}", f"{loop}:"]
        place, self._block = len(self.lines), loop
        self._ahead.append(ahead)
        self._own.append([])
        i, names = "%" + self.fresh("i"), ["%" + self.fresh("s") for _ in starts]
        result = body(Index(self, i), Row([self.leaf(s) for s in names]))
        ends = [self.value(cell) for cell in result.cells.flat]
        for node in self._own.pop():
            del self._names[node]
        self._ahead.pop()
        more = self.put(f"add i64 {i}, 1")
        phis = [f"{i} = phi i64 [ 0, %{before} ], [ {more}, %{self._block} ]"]
        phis += [
            f"{s} = phi %f [ {a}, %{before} ], [ {b}, %{self._block} ]"
            for s, a, b in zip(names, starts, ends, strict=True)
        ]
        self.lines[place:place] = phis
        again = self.put(f"icmp ult i64 {more}, {n}")
        self.lines += [f"br i1 {again}, label %{loop}, label %{after}", f"{after}:"]
        self._block = after
        return Row([self.leaf(end) for end in ends])

    def tiles(self, n: int, size: int, body: Callable[[Sequence[Place]], None]) -> None:
        """Call ``body`` with all places from 0 to n - 1, ``size`` at a time."""
        if self.unroll or n <= size:
            if n:
                body(list(range(n)))
            return

        def tile(k: Place, nothing: Row) -> Row:
            body([k * size + i for i in range(size)])
            return nothing

        self.fold(n // size, Row([]), tile)
        if n % size:
            body(list(range(n - n % size, n)))

    def room(self, n: int) -> "Rows":
        """Return room for n rows of this function's own."""
        if self.unroll:
            return Registers(self)
        name = "%" + self.fresh("room")
        self.rooms.append(f"{name} = getelementptr %f, ptr %rooms, i64 {self.rows}")
        self.rows += n
        return Memory(self, name)


class Memory:
    """Rows behind a pointer."""

    def __init__(self, code: Code, pointer: str, kind: Kind = "f", start: Place = 0) -> None:
        self._code, self._pointer, self._kind, self._start = code, pointer, kind, start

    def rows(self, places: Sequence[Place]) -> Row:
        """Load rows, shape (place,)."""
        loads = [f"load %{self._kind}, ptr {self._at(i)}, align 64" for i in places]
        return Row([self._code.leaf(self._code.put(load), self._kind) for load in loads])

    def put(self, places: Sequence[Place], row: Row) -> None:
        """Store rows; all are computed before one is written."""
        names = [self._code.value(cell, self._kind) for cell in row.cells.flat]
        for i, name in zip(places, names, strict=True):
            self._code.lines.append(f"store %{self._kind} {name}, ptr {self._at(i)}, align 64")

    def scalar(self, place: Place) -> Row:
        """Load one number and give it to every lane; places count numbers, not rows."""
        kind = SCALARS[self._kind]
        at = self._code.put(f"getelementptr {kind}, ptr {self._pointer}, i64 {named(place)}")
        return self._code.splat(self._code.put(f"load {kind}, ptr {at}"), self._kind)

    def _at(self, i: Place) -> str:
        at = i if isinstance(self._start, int) and not self._start else i + self._start
        return self._code.put(f"getelementptr %{self._kind}, ptr {self._pointer}, i64 {named(at)}")


class Registers:
    """The same without memory: rows at literal places."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._rows: dict[Place, Any] = {}

    def rows(self, places: Sequence[Place]) -> Row:
        """Return rows, shape (place,)."""
        return Row([self._rows[i] for i in places])

    def put(self, places: Sequence[Place], row: Row) -> None:
        """Keep rows."""
        self._rows |= dict(zip(places, self._code.fixed(row).cells.flat, strict=True))


Rows = Memory | Registers


def function(name: str, code: Code, parameters: str, flush: bool = True) -> str:
    """Write a function of a module.

    Args:
        name: Its name.
        code: Its body.
        parameters: As LLVM writes them.
        flush: Whether numbers below 2^-1022 are taken for 0 while it runs: with them a processor
            is ten times slower. Only on x86, where the mode is a register of the thread's.
    """
    head, tail = list(code.rooms), ["ret void"]
    if flush:  # bits 15 and 6 of MXCSR
        head += [
            "%old = alloca i32", "%new = alloca i32", "call void @llvm.x86.sse.stmxcsr(ptr %old)",
            "%m0 = load i32, ptr %old", "%m1 = or i32 %m0, 32832", "store i32 %m1, ptr %new",
            "call void @llvm.x86.sse.ldmxcsr(ptr %new)",
        ]  # fmt: skip
        tail = ["call void @llvm.x86.sse.ldmxcsr(ptr %old)", *tail]
    text = [f'define void @{name}({parameters}) "prefer-vector-width"="512" {{', "entry:"]
    return "\n".join([*text, *head, *_flat(code.lines), *tail, "}"])


def module(width: int, functions: Sequence[str], flush: bool = True) -> str:
    """Write a module of functions whose vectors have this width."""
    text = [f"%{kind} = type <{width} x {scalar}>" for kind, scalar in SCALARS.items()]
    for call, n in CALLS.items():
        text.append(f"declare %f @llvm.{call}.v{width}f64({', '.join(['%f'] * n)})")
    for kind, short in SHORT.items():
        gather = f"@llvm.masked.gather.v{width}{short}.v{width}p0"
        text.append(f"declare %{kind} {gather}(<{width} x ptr>, i32, <{width} x i1>, %{kind})")
    if flush:
        text += [f"declare void @llvm.x86.sse.{way}mxcsr(ptr)" for way in ("st", "ld")]
    return "\n".join([*text, *functions]) + "\n"


def _flat(lines: Lines) -> list[str]:
    return [text for line in lines for text in ([line] if isinstance(line, str) else _flat(line))]
