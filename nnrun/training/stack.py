"""Grouping trials of equal shape into stacks, and cutting stacks into shards."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from nnrun.config.settings import Setting
from nnrun.network.activations import Array
from nnrun.network.penalties import Penalties
from nnrun.rows.streams import BLOCK
from nnrun.training.sources import kind_of

T = TypeVar("T")

SHARD_SECONDS = 2.0
"""About what a shard of wide networks may take: what a crash loses, and how long the last worker
keeps the others waiting."""

SHARD_TRIALS = 512
"""Most trials a shard of an engine that has no width of its own: enough to make the cost of a call
negligible, few enough for memory."""

FEWEST = 8
"""Least trials for which a shard of an engine with a width is cut: fewer train no faster."""

TOGETHER, TRIALS_TOGETHER = 32, 2**16
"""Most settings whose trials are trained side by side, and about how many trials these may have:
all wait in memory for the last seed of their setting."""

HELD = 2**29
"""Bytes of results that may wait for whoever takes them, of all shards that are handed out."""

AT_WORK = 2**26
"""Bytes that the samples of a shard may take while it is trained."""


class Trial(NamedTuple):
    """A setting with one seed: one network to train."""

    setting: Setting
    seed: int


@dataclass(frozen=True)
class Stack:
    """Trials of equal shape, trained together; a shard is a stack, too.

    Trials of a stack may differ in seed, in learning rate, in penalties and in the float fields of
    their optimizer, never in the shape of an array.
    """

    trials: tuple[Trial, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle each setting once, and of a trial two numbers."""
        number: dict[int, int] = {}
        which = [number.setdefault(id(trial.setting), len(number)) for trial in self.trials]
        settings = {id(trial.setting): trial.setting for trial in self.trials}
        arrays = np.array(which, dtype=np.int32), np.array(self.seeds, dtype=np.int64)
        return _stack_of, (tuple(settings.values()), *arrays)

    @property
    def setting(self) -> Setting:
        """A setting that stands for the others in all that they share."""
        return self.trials[0].setting

    @property
    def seeds(self) -> list[int]:
        """The seed of each trial."""
        return [trial.seed for trial in self.trials]

    @property
    def learning_rate(self) -> Array:
        """The learning rate of each trial, shape (trial, 1, 1)."""
        return _column([t.setting.lr for t in self.trials])

    @property
    def optimizer(self) -> Any:
        """The optimizer, its float fields stacked to shape (trial, 1, 1) where they differ."""
        return stacked([t.setting.optimizer for t in self.trials])

    @property
    def penalties(self) -> Penalties:
        """The penalties, their rates stacked to shape (trial, 1, 1) where they differ."""
        return stacked([t.setting.penalties for t in self.trials])

    @property
    def grid(self) -> npt.NDArray[np.int64]:
        """Samples seen at each evaluation, shape (n_evals,); of a continued run, the past first."""
        return self.setting.grid

    @property
    def samples(self) -> int:
        """Training samples that all trials together have yet to see."""
        return len(self.trials) * (int(self.grid[-1]) - self.setting.seen)

    def part(self, rows: Sequence[int]) -> "Stack":
        """Return the trials at some places."""
        return Stack(tuple(self.trials[row] for row in rows))

    def cut(self, size: int) -> Iterator["Stack"]:
        """Cut the stack into pieces of at most ``size`` trials, some settings after the other.

        Trials of one seed share a stream of samples, so they belong side by side; but then the last
        seed of any setting comes last, and a setting is done, saved and shown only when all its
        seeds are.
        """
        place = {key: i for i, key in enumerate(dict.fromkeys(t.setting.id for t in self.trials))}
        some = max(1, min(TOGETHER, TRIALS_TOGETHER * len(place) // len(self.trials)))
        trials = sorted(self.trials, key=lambda t: (place[t.setting.id] // some, t.seed))
        for start in range(0, len(trials), size):
            yield Stack(tuple(trials[start : start + size]))


def _stack_of(
    settings: Sequence[Setting], which: npt.NDArray[np.int32], seeds: npt.NDArray[np.int64]
) -> Stack:
    trials = zip(which.tolist(), seeds.tolist(), strict=True)
    return Stack(tuple(Trial(settings[number], seed) for number, seed in trials))


def group(trials: Iterable[Trial]) -> list[Stack]:
    """Group trials into stacks, in order of first appearance."""
    stacks: dict[Any, list[Trial]] = {}
    of_setting: dict[str, list[Trial]] = {}
    for trial in trials:
        key = trial.setting.id
        if key not in of_setting:
            of_setting[key] = stacks.setdefault(shape_key(trial.setting), [])
        of_setting[key].append(trial)
    return [Stack(tuple(members)) for members in stacks.values()]


def shape_key(setting: Setting) -> Any:
    """Return what two settings must share for their trials to be stacked."""
    s = setting
    same = (s.data, s.features, s.network, s.loss, s.schedule, s.clip, s.backprop, s.engine)
    # without any penalty a faster kernel trains them
    ways = (s.penalties.none, s.keep_state, tuple(s.saved.samples.tolist()) if s.saved else None)
    counts = (s.budget, s.batch_size, s.evals)
    return (*same, *ways, *counts, type(s.optimizer), rigid(s.optimizer))


def stacked(entries: Sequence[T]) -> T:
    """Join entries of one class into one whose differing float fields are columns.

    Columns have shape (trial, 1, 1), so that they broadcast against stacked parameters.
    """
    first = entries[0]
    assert is_dataclass(first)
    columns = {}
    for field in fields(first):
        values = [getattr(entry, field.name) for entry in entries]
        if any(value != values[0] for value in values):
            columns[field.name] = _column(values)
    return replace(first, **columns) if columns else first  # type: ignore[type-var]


def _column(values: Sequence[float]) -> Array:
    return np.array(values, dtype=np.float64)[:, None, None]


def rigid(entry: Any) -> tuple[Any, ...]:
    """Return the fields of an entry that cannot differ within a stack: all but floats."""
    values = (getattr(entry, f.name) for f in fields(entry))
    return tuple(v for v in values if not isinstance(v, float))


class Pace(NamedTuple):
    """How shards are wanted by those who train them.

    Attributes:
        workers: To be kept busy.
        length: Seconds that a shard should take at least, where there is enough to do, so that
            what it costs besides is little.
        room: Most shards that are handed out at once.
        apart: Whether each worker is a process of its own: threads wait for each other in NumPy's
            small steps.
    """

    workers: int
    length: float = 0.25
    room: int = 64
    apart: bool = False


def seconds(setting: Setting, n_trials: int, engine: str) -> float:
    """Estimate the seconds that one core takes to train and evaluate trials side by side.

    The constants were measured on one core of a processor with AVX-512 (see README's table) and
    hold within a factor of two or three elsewhere; a quick calibration corrects them.
    """
    weights, batch, samples = setting.n_params, setting.batch_size, setting.budget - setting.seen
    held_out = len(setting.problem.held_out.inputs) * int((setting.grid > setting.seen).sum())
    if engine == "compiled":
        each = samples * (5e-9 + 0.3e-9 * weights) + held_out * (5e-9 + 0.1e-9 * weights)
        return n_trials * each
    step = 35e-6 + n_trials * (0.2e-6 + 0.2e-9 * weights * batch)
    return samples / batch * step + n_trials * held_out * (50e-9 + 0.5e-9 * weights)


def shards(stack: Stack, engine: str, width: int, pace: Pace) -> Iterator[Stack]:
    """Cut a stack into shards: as long as they should be, and one a worker at least.

    Args:
        stack: The trials.
        engine: Name of the engine that trains them.
        width: Trials that it handles at once. 1 for an engine that gains from as many as possible.
        pace: How shards are wanted.
    """
    setting, n_trials = stack.setting, len(stack.trials)
    total, one_each = seconds(setting, n_trials, engine), -(-n_trials // pace.workers)
    if width > 1:
        rounds = max(1, round(total / pace.workers / pace.length))
        size = max(-(-one_each // rounds), min(width, one_each), FEWEST)
        if size > width:  # whole blocks
            blocks = -(-size // width) if rounds == 1 else round(size / width)
            size = width * max(1, min(blocks, _fitting(setting, pace.room) // width))
        return stack.cut(size)
    # a copy of their parameters takes 256 MiB at most, and an engine keeps a handful
    most = max(1, min(SHARD_TRIALS, 2**25 // setting.n_params))
    # from that many parameters x samples a step on NumPy spends its time in BLAS, where threads do
    # not wait for each other
    if setting.n_params * setting.batch_size < 2**16:
        return stack.cut(min(most, one_each) if pace.apart else most)
    each, length = total / n_trials, max(SHARD_SECONDS, pace.length)
    several = max(1, min(n_trials // (3 * pace.workers), int(length / each)))
    # short work is not worth cutting finer than one piece a worker
    if several * each < length / 20:
        several = one_each
    return stack.cut(min(most, several))


def _fitting(setting: Setting, room: int) -> int:
    """Return how many trials of a setting a shard may have for the memory that they take."""
    problem, slots = setting.problem, setting.optimizer.slots
    kept = setting.n_params * (1 + slots if setting.keep_state else 1) + 3 * len(setting.grid)
    fitting = HELD // (room * 8 * kept)
    if kind_of(problem) != "drawn":  # each seed's are made, a chunk at once, or all
        columns = len(problem.inputs) + len(problem.outputs) + 1
        drawn = 0 if problem.pool else problem.n_train or 0
        fitting = min(fitting, AT_WORK // (8 * columns * max(BLOCK, drawn)))
    return max(1, fitting)
