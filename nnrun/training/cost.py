"""What training costs, estimated from shapes: to cut stacks into shards, and to plan.

The constants were measured on one core of a processor with AVX-512 (see README's table) and hold
within a factor of two or three elsewhere; ``sweep.plan`` corrects them by a quick calibration.
"""

from collections.abc import Iterator

from nnrun.config.settings import Setting
from nnrun.training.stack import Stack

SHARD_SECONDS = 2.0
"""About what a shard may cost: what a crash loses, and how long the last worker keeps the others
waiting."""

SHARD_TRIALS = 512
"""Most trials a shard of an engine that has no width of its own: enough to make the cost of a call
negligible, few enough for memory."""

SHARD_PARAMETERS = 2**25
"""Most parameters of such a shard: a copy of them is 256 MiB, and an engine keeps a handful."""

THREAD_WORK = 2**16
"""Parameters x samples of a trial's step from which NumPy spends its time in BLAS, where threads do
not wait for each other."""

SHARDS_EACH = 3
"""Shards a worker, at least, where cutting costs nothing."""

LANES_SAMPLE, LANES_WEIGHT = 9e-9, 0.9e-9
CALL, TRIAL_STEP, BLAS_WEIGHT = 35e-6, 0.2e-6, 0.2e-9


def seconds(setting: Setting, n_trials: int, engine: str) -> float:
    """Estimate the seconds that one core takes to train trials side by side.

    Args:
        setting: Of the trials.
        n_trials: How many.
        engine: ``lanes`` or ``reference``.
    """
    weights, batch = setting.n_params, setting.batch_size
    if engine == "lanes":
        return n_trials * (setting.budget - setting.seen) * (LANES_SAMPLE + LANES_WEIGHT * weights)
    step = CALL + n_trials * (TRIAL_STEP + BLAS_WEIGHT * weights * batch)
    return (setting.budget - setting.seen) / batch * step


def shards(stack: Stack, engine: str, width: int, workers: int) -> Iterator[Stack]:
    """Cut a stack into pieces of a few seconds, several a worker where that costs nothing.

    Args:
        stack: The trials.
        engine: Name of the engine that trains them.
        width: Trials that it handles at once, which makes a shard: their samples stay in the
            processor's cache from drawing to training. 1 for an engine that gains from as many as
            possible.
        workers: Threads to keep busy.
    """
    yield from stack.cut(width if width > 1 else _many(stack, engine, workers))


def _many(stack: Stack, engine: str, workers: int) -> int:
    """Return the trials of a shard for an engine without a width of its own."""
    setting, n_trials = stack.setting, len(stack.trials)
    most = max(1, min(SHARD_TRIALS, SHARD_PARAMETERS // setting.n_params))
    if setting.n_params * setting.batch_size < THREAD_WORK:
        return most
    each = seconds(setting, n_trials, engine) / n_trials
    several = max(1, min(n_trials // (SHARDS_EACH * workers), int(SHARD_SECONDS / each)))
    # short work is not worth cutting finer than one piece a worker
    if several * each < SHARD_SECONDS / 20:
        several = -(-n_trials // workers)
    return min(most, several)
