"""Training a shard from its first sample to its budget, measuring on the way."""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import numpy as np

from nnrun.custom import is_custom, reason_of
from nnrun.network.mlp import Params
from nnrun.network.randomness import Role
from nnrun.records.trials import Curves, Trials, join
from nnrun.rows.streams import record_of
from nnrun.training.blas import one_thread
from nnrun.training.engine import Engine, Past, Reference, first_params
from nnrun.training.sources import Source
from nnrun.training.stack import Stack


class Trained(NamedTuple):
    """What training a shard leaves.

    Attributes:
        trials: In the order of the shard's.
        train_seconds: Wall time in training.
        evaluate_seconds: Wall time in evaluations.
    """

    trials: Trials
    train_seconds: float
    evaluate_seconds: float


class TrainingStopped(Exception):
    """Training was asked to stop before its budget ended; its shard has no result."""


@one_thread()
def train(
    shard: Stack,
    engine: Engine,
    advance: Callable[[int], None] = lambda samples: None,
    stopped: Callable[[], bool] = lambda: False,
    watch: Callable[[int, Params], None] | None = None,
) -> Trained:
    """Train every trial of a shard to its budget.

    Args:
        shard: The trials.
        engine: A new one, which supports them.
        advance: Called with the number of samples trained since the last call, over all trials.
        stopped: Asked between chunks, every few milliseconds as a rule.
        watch: Called with samples seen and every trial's parameters, before the first step and
            at every evaluation.

    Returns:
        The trained trials, and seconds spent.

    Raises:
        TrainingStopped: If ``stopped`` said so.
    """
    problem, grid = shard.setting.problem, shard.grid
    network = shard.setting.network
    source = Source(problem, shard.seeds, sum(network.hidden), network.dropout)
    batch_size = shard.setting.batch_size
    columns = len(problem.inputs) + len(problem.outputs)
    columns += sum(network.hidden) if network.dropout else 0
    chunk = chunk_samples(columns, batch_size)
    shape = (len(shard.trials), len(grid))
    train_loss, test_loss, accuracy = (np.empty(shape) for _ in range(3))
    if shard.setting.saved is None:
        n_past = seen = 0
        run = engine.begin(shard, source, first_params(shard))
    else:
        saved = [(trial.setting.saved, trial.seed) for trial in shard.trials]
        past = join([record.trials.take([seed]) for record, seed in saved if record is not None])
        n_past, seen = len(past.curves.samples), past.seen
        for metric, before in zip((train_loss, test_loss, accuracy), past.curves[1:], strict=True):
            metric[:, :n_past] = before
        run = engine.begin(shard, source, past.params, Past(past.memory, seen))
    first = seen
    if watch is not None:
        watch(seen, run.params())
    evaluate_seconds, started = 0.0, perf_counter()
    for index in range(n_past, len(grid)):
        due = grid[index]
        total, since = np.zeros(shape[0]), seen
        while seen < due:
            if stopped():
                raise TrainingStopped
            n = min(chunk, int(due) - seen)
            total += run.train(n // batch_size)
            seen += n
            advance(n * shape[0])
        train_loss[:, index] = total / (seen - since)
        paused = perf_counter()
        test_loss[:, index], accuracy[:, index] = run.evaluate()
        if watch is not None:
            watch(seen, run.params())
        evaluate_seconds += perf_counter() - paused
    curves = end_at_divergence(Curves(grid, train_loss, test_loss, accuracy))
    seconds = perf_counter() - started - evaluate_seconds
    memory = run.memory() if shard.setting.keep_state else ()
    cost = np.full(shape[0], 1e9 * seconds / (shape[0] * (int(grid[-1]) - first)))
    seeds = np.array(shard.seeds, dtype=np.int64)
    trials = Trials(seeds, curves, run.params(), cost, engine.name, memory)
    return Trained(trials, seconds, evaluate_seconds)


def chunk_samples(columns: int, batch_size: int) -> int:
    """Return how many samples to hand over at once: a whole number of batches.

    It depends on nothing but one trial's shape, so that sums over a chunk are the same in every
    stack.
    """
    rows = min(4096, 16_384 // columns)
    return max(1, rows // batch_size) * batch_size


def end_at_divergence(curves: Curves) -> Curves:
    """Blank every metric of a trial from its first non-finite loss on."""
    finite = np.isfinite(curves.train_loss) & np.isfinite(curves.test_loss)
    gone = np.logical_or.accumulate(~finite, axis=1)
    blanked = (np.where(gone, np.nan, metric) for metric in curves[1:])
    return Curves(curves.samples, *blanked)


def choose_engine(stack: Stack) -> Engine:
    """Return a new engine: the one of that name."""
    if engine_of(stack).name == "compiled":
        from nnrun.training.compiled.run import CompiledEngine

        return CompiledEngine(stack)
    return Reference()


class Choice(NamedTuple):
    """The engine that trains a stack.

    Attributes:
        name: As records name it.
        slower: What NumPy has to do, and why, where compiled code was meant to; else empty.
    """

    name: str
    slower: str = ""


def engine_of(stack: Stack) -> Choice:
    """Choose a stack's engine: the one its setting asks for, or by shape if it says auto.

    A stack with a component that cannot be traced goes to the reference engine even if its setting
    asks for the compiled one; the record says which engine it was.

    BLAS gets faster with wide layers and batches, compiled code stays as it is. Measured on two
    cores with AVX-512, reference time over compiled time, 20 trials: 7 for 9,610 parameters one by
    one, 2 in batches of 32; for 85,002 parameters 11 one by one, 1.1 in batches of 10, 0.8 of 32.
    """
    setting, n_params = stack.setting, stack.setting.n_params
    small = n_params <= 2**15 or n_params * setting.batch_size <= 2**18
    if not (setting.engine == "compiled" or (setting.engine == "auto" and small)):
        return Choice("reference")
    from nnrun.training.compiled.library import refusal

    if reason := refusal(stack):
        return Choice("reference", f"NumPy trains, which is slower: {reason}")
    draw = setting.problem.draw
    if draw is not None and (is_custom(setting.data) or is_custom(setting.features)):
        found = record_of(draw, Role.DATA)
        if isinstance(found, Exception):
            return Choice(
                "compiled", f"NumPy draws the samples, which is slower: {reason_of(found)}"
            )
    return Choice("compiled")
