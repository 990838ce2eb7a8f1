"""The samples that a component draws: traced for a kernel, and by NumPy, any of them at once."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.rows.draws import Draws
from nnrun.rows.trace import Graph, Node, Row, Untraceable, evaluate

BLOCK = 4096
"""Samples that a component which cannot be traced draws at once. Part of what a stream is."""

PIECE = 8 * BLOCK
"""Samples that are computed at once: few enough for the processor's cache."""

Floats = npt.NDArray[np.float64]

Draw = Callable[[Any, int], tuple[Any, Any]]
"""From a generator and n to inputs, shape (n, input), and targets, shape (n, output)."""


def traced(draw: Draw, seed: Row, places: Row, role: int) -> tuple[Row, Row]:
    """Let a component draw samples in rows; nothing of it is fused.

    Args:
        draw: Draws samples.
        seed: Of the trial, a row of one word.
        places: Of the samples, a row of words.
        role: What for.

    Returns:
        Inputs, shape (place, input), and targets, shape (place, output).

    Raises:
        Exception: Whatever the component does with what is no array; ``Untraceable`` as a rule.
    """
    graph = seed.cells.flat[0].graph
    fused, graph.fused = graph.fused, False
    try:
        parts = draw(Draws(seed, places, role), len(places))
    finally:
        graph.fused = fused
    inputs, targets = (part if isinstance(part, Row) else Row(part) for part in parts)
    return inputs, targets


class Record(NamedTuple):
    """What a component did to draw a sample.

    Attributes:
        seed: The leaf of the trial's seed.
        place: The leaf of the sample's place.
        inputs: Shape (input,).
        targets: Shape (output,).
    """

    seed: Row
    place: Row
    inputs: Row
    targets: Row

    @property
    def cells(self) -> list[Any]:
        """Those of inputs and targets."""
        return [*self.inputs.cells, *self.targets.cells]

    def evaluate(
        self, seeds: int | npt.NDArray[np.uint64], places: npt.NDArray[np.uint64]
    ) -> Floats:
        """Compute samples by NumPy, shape (as of seeds and places together, input and output)."""
        seeds = np.asarray(seeds, np.uint64)
        leaves = {self.seed.cells[0]: seeds, self.place.cells[0]: places}
        columns = evaluate(self.cells, leaves)
        table = np.empty((*np.broadcast_shapes(seeds.shape, places.shape), len(columns)))
        for i, column in enumerate(columns):
            table[..., i] = column
        return table


@lru_cache(maxsize=256)
def record_of(draw: Draw, role: int) -> Record | Exception:
    """Trace a component; return the error that says why it cannot be, if so.

    It draws some samples, to see that each one is made of its own numbers alone, and in one way.
    """
    graph = Graph(fused=False)
    seed, places = graph.leaves(["seed"], "u"), graph.leaves("abcd", "u")
    try:
        inputs, targets = traced(draw, seed, places, role)
        rows = range(len(places))
        first, *others = (Record(seed, places[i : i + 1], inputs[i], targets[i]) for i in rows)
        flaw = next(filter(None, (_beside(first, other) for other in others)), "")
    except Exception as error:  # of a user's own component, too
        return error
    return Untraceable(f"a sample depends on {flaw}") if flaw else first


def _beside(one: Record, other: Record) -> str:
    """Say on what samples depend beside numbers of their own; nothing if they are made alike."""
    pairs = [*zip(one.cells, other.cells, strict=True)]
    met = {(one.place.cells[0], other.place.cells[0]), (one.seed.cells[0],) * 2}
    while pairs:
        a, b = pairs.pop()
        if not (isinstance(a, Node) and isinstance(b, Node)):
            if repr(a) != repr(b):
                return "its row"
        elif (a, b) not in met:
            met.add((a, b))
            if "leaf" in (a.op, b.op):
                return "another one"
            if (a.op, a.kind, len(a.args)) != (b.op, b.kind, len(b.args)):
                return "its row"
            pairs += zip(a.args, b.args, strict=True)
    return ""


class Stream:
    """Samples of trials by NumPy, any of them at once.

    A component that cannot be traced draws whole blocks, each from a generator of its own; the
    last block of each seed is kept.

    Args:
        draw: Draws samples.
        role: What for.
    """

    def __init__(self, draw: Draw, role: int) -> None:
        self._draw, self._role, self._record = draw, role, record_of(draw, role)
        self._blocks = Latest(self.block)

    def take(self, seeds: Sequence[int], first: int, n: int) -> tuple[Floats, Floats]:
        """Return inputs and targets, shapes (seed, n, input) and (seed, n, output)."""
        record = self._record
        if isinstance(record, Exception):
            return self._of_blocks(seeds, first, n)
        n_inputs, shape = record.inputs.size, (len(seeds), n)
        inputs, targets = np.empty((*shape, n_inputs)), np.empty((*shape, record.targets.size))
        column = np.array(seeds, np.uint64)[:, None]
        places = np.arange(first, first + n, dtype=np.uint64)
        several = max(1, PIECE // n)
        for row in range(0, len(seeds), several):
            for begin in range(0, n, PIECE):
                at = slice(row, row + several), slice(begin, begin + PIECE)
                table = record.evaluate(column[at[0]], places[at[1]])
                inputs[at], targets[at] = table[..., :n_inputs], table[..., n_inputs:]
        return inputs, targets

    def sets(self, seeds: Sequence[int], n: int) -> tuple[Floats, Floats]:
        """Return the first n samples as finite sets, which who cannot be traced draws whole."""
        if not isinstance(self._record, Exception):
            return self.take(seeds, 0, n)
        several = [self.block(seed, 0, n) for seed in seeds]
        inputs, targets = (np.stack(part) for part in zip(*several, strict=True))
        return inputs, targets

    def _of_blocks(self, seeds: Sequence[int], first: int, n: int) -> tuple[Floats, Floats]:
        whole: list[Floats] = []
        for row, seed in enumerate(seeds):
            for number in range(first // BLOCK, -(-(first + n) // BLOCK)):
                block, start = self._blocks.of(seed, number), number * BLOCK - first
                begin, end = max(start, 0), min(start + BLOCK, n)
                whole = whole or [np.empty((len(seeds), n, *part.shape[1:])) for part in block]
                for several, part in zip(whole, block, strict=True):
                    several[row, begin:end] = part[begin - start : end - start]
        inputs, targets = whole
        return inputs, targets

    def block(self, seed: int, number: int, n: int = BLOCK) -> tuple[Any, Any]:
        """Draw n samples from NumPy's generator of that seed, role and number."""
        sequence = np.random.SeedSequence(seed, spawn_key=(self._role, number))
        inputs, targets = self._draw(np.random.Generator(np.random.PCG64(sequence)), n)
        return inputs, targets


def drawn(draw: Draw, seed: int, role: int, n: int) -> tuple[Floats, Floats]:
    """Draw a trial's finite set by NumPy, shapes (n, input) and (n, output)."""
    inputs, targets = Stream(draw, role).sets([seed], n)
    return inputs[0], targets[0]


class Latest:
    """What is made of a seed and a number, made again only where the number is another one."""

    def __init__(self, make: Callable[[int, int], Any]) -> None:
        self._make = make
        self._kept: dict[int, tuple[int, Any]] = {}

    def of(self, seed: int, number: int) -> Any:
        """Return it."""
        if self._kept.get(seed, (-1,))[0] != number:
            self._kept[seed] = number, self._make(seed, number)
        return self._kept[seed][1]
