"""Gathering trained trials until their settings are done, and finding the settings that raise."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple

from nnrun.sweep.block import Block, joined
from nnrun.sweep.cache import Cache
from nnrun.training.engines import choose_engine
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import Trained, TrainingStopped, train

KEEP_EVERY = 2.0
"""Seconds after which trained trials are kept even if their setting is not done."""


class Failure(NamedTuple):
    """A setting whose training raised an error, with the traceback."""

    setting: str
    error: str


@contextmanager
def gathering(trials: Iterable[Trial], cache: Cache) -> Iterator["Gathered"]:
    """Gather trials while the ``with`` block runs; however it ends, what is trained is kept."""
    gathered = Gathered(trials, cache)
    try:
        yield gathered
    finally:
        gathered.keep()


class Gathered:
    """Trained trials until their settings are done; kept in the cache early enough.

    Args:
        trials: All that will be trained.
        cache: Where they are kept.
    """

    def __init__(self, trials: Iterable[Trial], cache: Cache) -> None:
        self._cache = cache
        self._left: dict[str, int] = {}
        for trial in trials:
            self._left[trial.setting.id] = self._left.get(trial.setting.id, 0) + 1
        self._settings = {trial.setting.id: trial.setting for trial in trials}
        self._blocks: dict[str, list[Block]] = {}
        self._fresh: dict[str, list[Block]] = {}
        self._kept = monotonic()

    def add(self, shard: Stack, trained: Trained) -> Iterator[tuple[str, Block]]:
        """Take in a shard's result; yield the settings that it completes."""
        done = []
        for key, block in _blocks(shard, trained):
            self._fresh.setdefault(key, []).append(block)
            if key in self._left:
                self._blocks.setdefault(key, []).append(block)
                self._left[key] -= len(block.seeds)
                if not self._left[key]:
                    done.append(key)
        for key in done:
            self._keep(key)
        if monotonic() - self._kept > KEEP_EVERY:
            self.keep()
        for key in done:
            del self._left[key]
            # in the order of their seeds, in which the record has them
            yield key, joined(sorted(self._blocks.pop(key), key=lambda block: block.seeds[0]))

    def fail(self, failure: Failure) -> Iterator[tuple[str, Failure]]:
        """Give a setting up, once."""
        if self._left.pop(failure.setting, 0):
            self._blocks.pop(failure.setting, None)
            yield failure.setting, failure

    def keep(self) -> None:
        """Keep what is trained, whether its setting is done or not."""
        for key in list(self._fresh):
            self._keep(key)
        self._kept = monotonic()

    def _keep(self, key: str) -> None:
        self._cache.keep(self._settings[key], joined(self._fresh.pop(key)))


def train_apart(
    shard: Stack, advance: Callable[[int], None], stopped: Callable[[], bool]
) -> list[tuple[Stack, Trained] | Failure]:
    """Train a shard; if that raises, train each of its settings alone to find the guilty ones.

    Args:
        shard: The trials.
        advance: Called with samples trained; with a negative number where they are trained again.
        stopped: Asked between chunks.

    Returns:
        What was trained, in pieces, and the settings that raised.

    Raises:
        TrainingStopped: If ``stopped`` said so.
    """
    counted = [0]

    def count(samples: int) -> None:
        counted[0] += samples
        advance(samples)

    try:
        return [(shard, train(shard, choose_engine(shard), count, stopped))]
    except TrainingStopped:
        raise
    except Exception as error:
        settings = {trial.setting.id for trial in shard.trials}
        if len(settings) == 1:
            return [Failure(settings.pop(), "".join(traceback.format_exception(error)))]
    advance(-counted[0])
    alone = [
        Stack(tuple(t for t in shard.trials if t.setting.id == key)) for key in sorted(settings)
    ]
    return [result for part in alone for result in train_apart(part, advance, stopped)]


def _blocks(shard: Stack, trained: Trained) -> Iterator[tuple[str, Block]]:
    """Split a shard's result by setting."""
    rows: dict[str, list[int]] = {}
    for row, trial in enumerate(shard.trials):
        rows.setdefault(trial.setting.id, []).append(row)
    samples = len(shard.trials) * (int(trained.curves.samples[-1]) - shard.setting.seen)
    cost = 1e9 * trained.train_seconds / samples
    for key, mine in rows.items():
        yield key, Block.of(trained, mine, [shard.trials[row].seed for row in mine], cost)
